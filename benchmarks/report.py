"""Tables of results, for people and for programs."""

from __future__ import annotations

from typing import Any, NamedTuple


class Column(NamedTuple):
    """A column of a table: the ``key`` of its values in a row, its ``heading``, and how a value is written."""

    key: str
    heading: str
    form: str = "{}"
    factor: float = 1.0

    def write(self, row: dict[str, Any]) -> str:
        """The text of one cell; a value that is missing or None gives none."""
        value = row.get(self.key)
        if value is None:
            return ""
        return self.form.format(value if self.factor == 1.0 else value * self.factor)


SUBJECT = Column("subject", "")
MICROSECONDS = Column("median", "median, µs", "{:.1f}", 1e6)
SPREAD = Column("spread", "spread", "{:.0f} %", 100)
OWN_MICROSECONDS = Column("own", "own, µs", "{:.1f}", 1e6)
SHARE = Column("share", "own share", "{:.0f} %", 100)
RATIO = Column("ratio", "fc_adapter over it", "{:.2f}")


class Table(NamedTuple):
    """Rows (each a dict) under a title. The first column is written to the left, the others to the right."""

    title: str
    columns: tuple[Column, ...]
    rows: list[dict[str, Any]]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        cells = [[column.heading for column in self.columns]]
        cells += [[column.write(row) for column in self.columns] for row in self.rows]
        widths = [max(map(len, column)) for column in zip(*cells)]
        lines = [self.title]
        for first, *others in cells:
            rest = "".join(f"  {cell:>{width}}" for cell, width in zip(others, widths[1:]))
            lines.append(f"  {first:<{widths[0]}}{rest}".rstrip())
        return "\n".join([*lines, *[f"  {note}" for note in self.notes]])

    def as_dict(self) -> dict[str, Any]:
        """What ``--json`` writes: times in seconds, ratios and spreads as fractions."""
        return {"title": self.title, "rows": self.rows, "notes": list(self.notes)}
