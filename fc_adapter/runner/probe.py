"""What an instance tells the inspector of a wrapped app: its own response, and when that was complete.

It is put in from outside, so that the function side carries nothing of it into the cloud.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from ..handler import Handler
from ..invocation import Invocation
from ..messages import Request, Response

_HEADER_BYTES = 64 * 1024  # Headers beyond that are not told; the platform refuses far less.


class Probe:
    """Watches a handler of this package from here on, one invocation at a time."""

    def __init__(self, handler: Handler) -> None:
        asgi: Any = sys.modules.get("fc_adapter.asgi")
        self._is_asgi = asgi is not None and isinstance(handler._server, asgi.Server)
        handler._server = _Watched(handler._server, self)  # type: ignore[assignment]
        self._completion = _watch_completion()
        self.response: Response | None = None

    def begin(self) -> None:
        """Forget the invocation before."""
        self.response = None
        self._completion.time = None

    def report(self) -> dict[str, Any] | None:
        """What the app answered, before the adapter made a result of it, or None where it answered nothing.

        ``status``, ``headers`` (pairs), ``size`` (bytes of the body), and ``background``: the seconds that passed since
        the response was complete (None for WSGI).
        """
        if self.response is None or (self._is_asgi and self._completion.time is None):
            return None  # an ASGI app's server also returns the page for an app that has failed
        status, headers, body = self.response
        if sum([len(name) + len(value) for name, value in headers]) > _HEADER_BYTES:
            return None
        completed = self._completion.time
        background = None if completed is None else time.perf_counter() - completed
        return {"status": status, "headers": headers, "size": len(body), "background": background}


class _Watched:
    """A Handler's server, whose responses the probe gets to see."""

    def __init__(self, server: Any, probe: Probe) -> None:
        self._server = server
        self._probe = probe

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)

    def __repr__(self) -> str:
        return repr(self._server)

    def respond(self, request: Request, invocation: Invocation) -> Response:
        """Run one request."""
        response: Response = self._server.respond(request, invocation)
        self._probe.response = response
        return response


class _Completion:
    """When the response was complete, on ``time.perf_counter()``."""

    time: float | None = None


def _watch_completion() -> _Completion:
    """Have ASGI channels note when their response is complete. WSGI has no such moment before the app returns."""
    completion = _Completion()
    asgi: Any = sys.modules.get("fc_adapter.asgi")
    if asgi is not None:
        from ..asgi import channel

        class TimedChannel(channel.Channel):
            def disconnect(self) -> None:
                if completion.time is None and self.is_complete:
                    completion.time = time.perf_counter()
                super().disconnect()

        asgi.Channel = TimedChannel
    return completion
