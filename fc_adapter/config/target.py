"""From what a user types, ``index:handler``, to where the handler is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

from ..application import NotFoundError


class Target(NamedTuple):
    """Where a handler is: ``directory`` is the code directory, ``module`` and ``attribute`` are names in it."""

    directory: Path
    module: str
    attribute: str

    def __reduce__(self) -> tuple[Any, ...]:
        """A Path that Python 3.13 has pickled is unknown to others, and an instance may run another Python."""
        return _unpickle, (str(self.directory), self.module, self.attribute)

    def check_directory(self) -> None:
        """Raise NotFoundError unless the code directory is there."""
        if not self.directory.is_dir():
            name = f"{self.module}.{self.attribute}"
            raise NotFoundError(f"cannot load {name}: no directory {str(self.directory)!r}")


def _unpickle(directory: str, module: str, attribute: str) -> Target:
    return Target(Path(directory), module, attribute)


def parse_target(text: str) -> Target:
    """Read ``index:handler``, FC's own ``index.handler``, or ``path/to/index.py:handler``.

    The code directory is that of the path, or the current one. Raises NotFoundError for anything else.
    """
    place, colon, attribute = text.rpartition(":")
    if text.endswith(".py"):
        place, attribute = text, "handler"
    elif not colon:
        place, _, attribute = text.rpartition(".")
    directory, name = os.path.split(place)
    if place.endswith(".py"):
        if not Path(place).is_file():
            raise NotFoundError(f"cannot load {text!r}: there is no file {place!r}")
        name = name[: -len(".py")]
    if name and not name.replace(".", "").isidentifier():
        raise NotFoundError(f"cannot load {text!r}: {name!r} is not a valid Python module name; rename the file")
    if not name or not attribute:
        raise NotFoundError(f"cannot load {text!r}: expected index:handler, index.handler or path/to/index.py:handler")
    return Target(Path(directory or ".").resolve(), name, attribute)
