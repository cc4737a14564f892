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
    """The files of the code directory that ``.fcignore`` does not leave out, relative to it.

    Links are followed, but not to a directory that contains them.
    """
    is_ignored = read_ignored(directory)
    above = {str(directory): frozenset(directory.resolve().parents)}
    for parent, directories, names in os.walk(directory, followlinks=True):
        real = Path(parent).resolve()
        ancestors = above.pop(parent) | {real}
        place = Path(parent).relative_to(directory)
        directories[:] = sorted(
            name
            for name in directories
            if not is_ignored(f"{(place / name).as_posix()}/") and Path(parent, name).resolve() not in ancestors
        )
        above.update({os.path.join(parent, name): ancestors for name in directories})
        for name in sorted(names):
            if Path(parent, name).is_file() and not is_ignored((place / name).as_posix()):
                yield place / name
