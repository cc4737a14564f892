"""What an instance tells the inspector of a wrapped app: its own response, and when that was complete."""

from __future__ import annotations

import time
from typing import Any

from ..handler import Handler
from ..messages import Response

_HEADER_BYTES = 64 * 1024  # Larger headers are not reported; the platform refuses far less.


class Tap:
    """Watches a handler of this package, one invocation at a time, until ``close()``."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._response: Response | None = None
        self._completed: float | None = None
        self._is_told_of_completion = handler._set_watcher(self)

    def begin(self) -> None:
        """Forget the invocation before."""
        self._response = self._completed = None

    def responded(self, response: Response) -> None:
        """The app, or the page for an error of it, has made a response."""
        self._response = response

    def completed(self) -> None:
        """The response of an ASGI app is complete, and its background work may go on."""
        self._completed = time.perf_counter()

    def report(self) -> dict[str, Any] | None:
        """What the app answered, before the adapter made a result of it, or None where it answered nothing.

        ``status``, ``headers`` (pairs), ``size`` (bytes of the body), and ``background``: the seconds that passed since
        the response was complete (None for WSGI).
        """
        if self._response is None or (self._is_told_of_completion and self._completed is None):
            return None  # an ASGI app's server also returns the page for an app that has failed
        status, headers, body = self._response
        if sum([len(name) + len(value) for name, value in headers]) > _HEADER_BYTES:
            return None
        background = None if self._completed is None else time.perf_counter() - self._completed
        return {"status": status, "headers": headers, "size": len(body), "background": background}

    def close(self) -> None:
        """Leave the handler as it was."""
        self._handler._set_watcher(None)
