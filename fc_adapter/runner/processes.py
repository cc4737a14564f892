"""Which processes are below another one, as far as Linux tells."""

from __future__ import annotations

import os
import re
import threading


class Descendants:
    """The processes below ``root``, which itself is not one of them. May be used from several threads.

    ``is_certain`` tells whether the last look missed none: nothing ended while it was looked at. What ended may have
    started another, whose id is higher; ids are listed in ascending order, so at least one link of a chain is seen.
    """

    def __init__(self, root: int) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._found: set[int] = set()
        self._others: set[int] = set()
        self._newest = 0
        self.is_certain = False

    def find(self, *, anew: bool = False) -> set[int]:
        """Their ids.

        The system is looked through only if there is a process, or a thread, since the last time.
        That leaves out a process that has its id, but was not there yet at the last time, unless it is done ``anew``.
        """
        with self._lock:
            newest = newest_process()
            if anew or newest != self._newest or newest == 0 or not self.is_certain:
                if newest < self._newest:
                    self._others.clear()  # Ids are given anew.
                self._look()
                self._newest = newest
            return set(self._found)

    def _look(self) -> None:
        everything = {int(name) for name in os.listdir("/proc") if name.isdecimal()}
        self._others &= everything
        parents = {pid: parent for pid in everything - self._others for _, parent in read_stat(pid)}
        self.is_certain = len(parents) == len(everything - self._others)
        self._found = _below({self._root}, parents)
        # What has a parent that is gone already may be either.
        self._others |= _below({0, *self._others}, {pid: up for pid, up in parents.items() if pid != self._root})


def _below(level: set[int], parents: dict[int, int]) -> set[int]:
    """Those of ``parents`` (of each process its parent) that are below one of ``level``."""
    found: set[int] = set()
    while level:
        level = {pid for pid, parent in parents.items() if parent in level}
        found |= level
    return found


def newest_process() -> int:
    """The id that was given last, to a process or a thread; 0 where the system does not tell."""
    with open("/proc/loadavg", "rb") as file:
        return int(file.read().split()[4])


def read_stat(pid: int) -> list[tuple[str, int]]:
    """The state of a process (``"T"`` is stopped, ``"Z"`` ended) and its parent, or nothing when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, parent, group = file.read().rpartition(b")")[2].split()[:3]
    except OSError:
        return []
    # Of a process that is being removed, Linux says that its parent is 0 and its group -1.
    return [] if group == b"-1" else [(state.decode("ascii"), int(parent))]


def read_memory(pid: int) -> tuple[int, int]:
    """The most memory that a process has held, and what it holds (bytes); 0 where the system does not tell."""
    status = _read(f"/proc/{pid}/status")
    return _field(status, b"VmHWM"), _field(status, b"VmRSS")


def read_share(pid: int) -> int:
    """The memory that a process holds (bytes), with its part only of what it shares with others; 0 if not told."""
    return _field(_read(f"/proc/{pid}/smaps_rollup"), b"Pss")


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _field(text: bytes, name: bytes) -> int:
    found = re.search(name + rb":\s*(\d+) kB", text)
    return int(found[1]) * 1024 if found else 0
