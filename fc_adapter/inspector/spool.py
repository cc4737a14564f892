"""Large bodies of requests on disk, so that they can be sent again."""

from __future__ import annotations

import tempfile
import threading
import weakref
from collections import OrderedDict
from typing import IO

_TOTAL = 256 * 1024 * 1024  # bytes of all that is kept
_FILES = 64


class Spool:
    """Keeps bodies by the ids of their requests, the last ones within a limit. Any thread may call anything.

    The files have no names, so nothing is left of them however the runner ends.
    """

    def __init__(self, *, total: int = _TOTAL) -> None:
        self._total = total
        self._lock = threading.Lock()
        self._files: OrderedDict[str, tuple[IO[bytes], int]] = OrderedDict()
        self._used = 0
        weakref.finalize(self, _close, self._files)

    def keep(self, request_id: str, body: bytes) -> None:
        """Keep a body, if there is room for it."""
        if len(body) > self._total:
            return
        try:
            file = tempfile.TemporaryFile()  # noqa: SIM115 - it stays open
        except OSError:
            return  # Without a place for it, it cannot be sent again: that is all.
        try:
            file.write(body)
            file.flush()
        except OSError:
            file.close()
            return
        with self._lock:
            self._files[request_id] = (file, len(body))
            self._used += len(body)
            while self._used > self._total or len(self._files) > _FILES:
                self._drop(next(iter(self._files)))

    def has(self, request_id: str) -> bool:
        """Whether the body of this request is kept."""
        with self._lock:
            return request_id in self._files

    def read(self, request_id: str) -> bytes | None:
        """The body of this request, or None where it is not kept."""
        with self._lock:
            if request_id not in self._files:
                return None
            file, _ = self._files[request_id]
            file.seek(0)
            return file.read()

    def forget(self, request_id: str) -> None:
        """Let go of the body of this request, if it is kept."""
        with self._lock:
            if request_id in self._files:
                self._drop(request_id)

    def _drop(self, request_id: str) -> None:
        file, size = self._files.pop(request_id)
        self._used -= size
        file.close()


def _close(files: OrderedDict[str, tuple[IO[bytes], int]]) -> None:
    for file, _ in files.values():
        file.close()
