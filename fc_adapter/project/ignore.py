"""The patterns of ``.fcignore``, which are git's but for the letter case."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from pathspec import GitIgnoreSpec


def read_ignored(directory: Path) -> Callable[[str], bool]:
    """Whether ``s deploy`` leaves out a file (``"tests/app.py"``) or directory (``"tests/"``) of the code directory.

    A pattern that is none leaves nothing out, as in ``gitignore(5)``.
    """
    path = directory / ".fcignore"
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines() if path.is_file() else []
    # As the deployment tool reads them: a leading "./" is the code directory, which git does not know.
    patterns = (re.sub(r"^(!?)\./", r"\1/", line.lower()) for line in lines)
    spec = GitIgnoreSpec.from_lines(pattern for pattern in patterns if _is_pattern(pattern))
    return lambda name: spec.match_file(name.lower())


def _is_pattern(line: str) -> bool:
    try:
        GitIgnoreSpec.from_lines([line])
    except (re.error, ValueError):
        return False
    return True


def archived_files(directory: Path) -> Iterator[Path]:
    """The files of the code directory that ``s deploy`` uploads, relative to it. Links to directories are left out."""
    is_ignored = read_ignored(directory)
    for parent, directories, names in os.walk(directory):
        place = Path(parent).relative_to(directory)
        directories[:] = sorted(name for name in directories if not is_ignored(f"{(place / name).as_posix()}/"))
        yield from (place / name for name in sorted(names) if not is_ignored((place / name).as_posix()))
