"""Noticing that the code has changed."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from importlib.util import cache_from_source
from pathlib import Path

_INTERVAL = 0.3  # seconds
_PASSED_OVER = {"__pycache__", "node_modules", "site-packages"}


def watch(directory: Path, on_change: Callable[[list[str]], None]) -> threading.Event:
    """Call ``on_change(names)`` whenever files below ``directory`` have changed, until the returned event is set.

    Hidden files and directories, byte code and installed packages are passed over. The bytecode of a file that has
    changed is removed: by the second and the size, which are all that Python looks at, it may still pass for valid.
    """
    stopped = threading.Event()
    before = _snapshot(directory)

    def look() -> None:
        nonlocal before
        while not stopped.wait(_INTERVAL):
            now = _snapshot(directory)
            changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
            before = now
            if changed:
                for name in changed:
                    _remove_bytecode(name)
                on_change([os.path.relpath(name, directory) for name in sorted(changed)])

    threading.Thread(target=look, daemon=True).start()
    return stopped


def _remove_bytecode(name: str) -> None:
    if name.endswith(".py"):
        for level in ("", "1", "2"):
            with contextlib.suppress(OSError):
                os.remove(cache_from_source(name, optimization=level))


def _snapshot(directory: Path) -> dict[str, int]:
    """The time of the last change (ns) of each file."""
    times = {}
    for parent, directories, files in os.walk(directory):
        directories[:] = [name for name in directories if name not in _PASSED_OVER and not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and not name.endswith((".pyc", "~", ".swp", ".sqlite3", ".db", ".log")):
                path = os.path.join(parent, name)
                try:
                    times[path] = os.stat(path).st_mtime_ns
                except OSError:
                    pass  # It went away meanwhile.
    return times
