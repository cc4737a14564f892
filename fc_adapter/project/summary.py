"""What a build ends with: its largest packages, its size beside the platform's limits, the time of its import."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from importlib.metadata import distributions
from pathlib import Path, PurePosixPath

from .archive import API_LIMIT, LIMIT, MB, Size, pack
from .import_time import measure_import

_LARGEST = 10
_SLOWEST = 5
_OWN = "your code"


def describe_sizes(directory: Path, target: Path, files: Sequence[tuple[str, Path]]) -> list[str]:
    """A table of the largest packages and of all, as lines."""
    with tempfile.TemporaryFile() as file:
        members = pack(file, files)
        archive = file.tell()
    owners = _owners(target)
    inner = f"{target.relative_to(directory).as_posix()}/"
    sizes: dict[str, Size] = {}
    for name, size in members.items():
        owner = owners.get(_source_of(name[len(inner) :]), "other files") if name.startswith(inner) else _OWN
        before = sizes.get(owner, Size(0, 0))
        sizes[owner] = Size(before.unpacked + size.unpacked, before.packed + size.packed)
    largest = sorted(sizes.items(), key=lambda item: -item[1].unpacked)
    rows = [(name, megabytes(size.unpacked), megabytes(size.packed)) for name, size in largest[:_LARGEST]]
    if len(largest) > _LARGEST:
        rest = [size for _, size in largest[_LARGEST:]]
        total = Size(sum(each.unpacked for each in rest), sum(each.packed for each in rest))
        rows.append((f"{len(rest)} others", megabytes(total.unpacked), megabytes(total.packed)))
    rows.append(("all", megabytes(sum(size.unpacked for size in sizes.values())), megabytes(archive)))
    limits = f"{LIMIT // MB} MB by s deploy or in the console, {API_LIMIT // MB} MB in an API call"
    lines = _table([("", "unpacked", "archive"), *rows])
    is_too_large = f"; this is too large by {megabytes(archive - LIMIT)}" if archive > LIMIT else ""
    return [*lines, f"limits of the archive: {limits}{is_too_large}"]


def describe_import(python: str, path: Sequence[Path], module: str, environment: dict[str, str]) -> list[str]:
    """How long the import of the handler's module takes and what it goes into, as lines."""
    found = measure_import(python, path, module, environment)
    if found.problem:
        return [
            f"The import of {module} was not timed: {found.problem}",
            "fc-adapter doctor says where, and what to do",
        ]
    lines = [
        f"import of {module}: {found.with_bytecode * 1000:.0f} ms, without bytecode {found.without * 1000:.0f} ms "
        "(on this machine, the files in its page cache)"
    ]
    slowest = [
        (share.name, f"{share.seconds * 1000:.0f} ms", f"{share.modules} module{'s' * (share.modules > 1)}")
        for share in found.shares[:_SLOWEST]
    ]
    return [*lines, "the slowest, each without what it imports of the others:", *_table(slowest)]


def megabytes(size: int) -> str:
    """A number of bytes, for people."""
    return f"{size / MB:.1f} MB" if size >= MB / 10 else f"{size / 1000:.0f} KB"


def _owners(target: Path) -> dict[str, str]:
    """To which package each file belongs, by its name below ``target``."""
    owners = {}
    for package in distributions(path=[str(target)]):
        name = f"{package.metadata['Name']} {package.version}"
        owners.update({file.as_posix(): name for file in package.files or []})
    return owners


def _source_of(name: str) -> str:
    """The source of a bytecode file; any other name as it is."""
    path = PurePosixPath(name)
    if path.suffix == ".pyc" and path.parent.name == "__pycache__":
        return str(path.parent.parent / f"{path.name.partition('.')[0]}.py")
    return name


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as aligned lines: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return [
        "  " + "  ".join([row[0].ljust(widths[0]), *(text.rjust(width) for text, width in zip(row[1:], widths[1:]))])
        for row in rows
    ]
