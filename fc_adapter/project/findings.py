"""What the checks of ``fc-adapter doctor`` find."""

from __future__ import annotations

from typing import NamedTuple

# What --ignore takes.
CHECKS = (
    *("build", "database", "environment", "files", "flush", "handler", "headers", "hooks", "hosts", "import", "lists"),
    *("packages", "properties", "request", "requirements", "secrets", "size", "streaming", "syntax", "template"),
    *("threads", "timeout", "wheels"),
)


class Finding(NamedTuple):
    """Something to mend or to know. ``level`` is ``"error"``, ``"warning"`` or ``"note"``.

    ``why`` says what comes of it, ``todo`` what to do; a note has neither. ``details`` is a traceback or a log.
    """

    level: str
    check: str
    message: str
    why: str = ""
    todo: str = ""
    details: str = ""
