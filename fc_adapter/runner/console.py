"""What ``fc-adapter serve`` prints: a line for each request, and the function's own log lines as they come."""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import Any

from .gateway import Exchange

_COLOURS = {2: "32", 3: "36", 4: "33", 5: "31"}


class Console:
    """Writes whole lines from many threads. Colours are used on a terminal only."""

    def __init__(self, stream: Any = None) -> None:
        self._stream = stream or sys.stderr
        self._lock = threading.Lock()
        self._is_terminal = self._stream.isatty()

    def say(self, text: str) -> None:
        """Write one line of the runner's own. What cannot be written is lost: requests go on when a disk is full."""
        with self._lock, contextlib.suppress(OSError):
            print(text, file=self._stream, flush=True)

    def log(self, instance_id: str, line: bytes) -> None:
        """Write one line of the function's log, as it is."""
        text = line.decode("utf-8", "backslashreplace").rstrip("\r\n")
        self.say(self._paint(text, "2"))

    def report(self, exchange: Exchange) -> None:
        """Write the line of a request, and what went wrong if it has no result."""
        request, response, reply = exchange.request, exchange.response, exchange.reply
        target = f"{request.raw_path}?{request.query_string}" if request.query_string else request.raw_path
        parts = [
            f"{request.method} {target[:200]}",
            self._paint(str(response.status), _COLOURS.get(response.status // 100, "0")),
            f"{exchange.seconds * 1000:.0f} ms",
        ]
        if reply is not None:
            if reply.start_seconds is not None:
                parts.append(self._paint(f"cold start {reply.start_seconds * 1000:.0f} ms", "35"))
            if reply.init_seconds is not None:
                parts.append(f"init {reply.init_seconds * 1000:.0f} ms")
            parts.append(reply.instance_id)
        parts.append(exchange.request_id)
        self.say("  ".join(parts))
        if reply is not None and reply.kind != "result":
            self.say(self._paint(reply.describe_error(), "31"))

    def _paint(self, text: str, code: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self._is_terminal else text
