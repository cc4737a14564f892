"""The patterns of ``.fcignore``, which are those of ``.gitignore`` but for the letter case."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

_WILDCARDS = {"/**/": "/(?:.*/)?", "**/": "(?:.*/)?", "/**": "/.*", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def read_ignored(directory: Path) -> Callable[[str], bool]:
    """Whether ``s deploy`` leaves out a file or directory of the code directory, named as in ``"tests/app.py"``.

    What is in an ignored directory is not asked for. The last pattern that matches decides, as in ``gitignore(5)``.
    """
    path = directory / ".fcignore"
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    rules = [_compile(line.strip()) for line in lines if line.strip() and not line.strip().startswith("#")]

    def is_ignored(name: str) -> bool:
        ignored = False
        for pattern, is_negated in rules:
            if pattern.fullmatch(name):
                ignored = not is_negated
        return ignored

    return is_ignored


def _compile(line: str) -> tuple[re.Pattern[str], bool]:
    text = line.removeprefix("!").removeprefix("./").rstrip("/")
    anchor = "" if "/" in text else "(?:.*/)?"
    parts = re.split(r"(/\*\*/|\*\*/|/\*\*|\*\*|\*|\?)", text.removeprefix("/"))
    pattern = "".join(_WILDCARDS.get(part, re.escape(part)) for part in parts)
    return re.compile(anchor + pattern, re.IGNORECASE), line.startswith("!")
