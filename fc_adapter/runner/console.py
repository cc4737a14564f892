"""What ``fc-adapter serve`` prints: a line for each request, and the function's own log lines as they come."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections import deque
from typing import Any, Union

from ..contract.rules import LIMITS
from ..terminal import printable
from .gateway import Exchange
from .in_process import IN_PROCESS
from .life import Reply
from .observer import Observer

_COLOURS = {2: "32", 3: "36", 4: "33", 5: "31"}
_BACKLOG = 4 * 1024 * 1024  # characters that wait to be written
_STALL_SECONDS = 0.5  # seconds without progress after which a terminal counts as one that nobody reads

Part = Union[str, "tuple[str, str]"]


class Console(Observer):
    """Writes whole lines from many threads, in the order in which they come.

    Colours are used on a terminal only, and not where the variable NO_COLOR is set (https://no-color.org).

    A thread of its own does the writing, since a terminal may take nothing for long: in a pager, or after Ctrl-S. Lines
    then wait until there are too many of them; further ones are dropped, and a note tells how many.
    """

    def __init__(self, stream: Any = None) -> None:
        self._stream = stream or sys.stderr
        self._has_colours = self._stream.isatty() and not os.environ.get("NO_COLOR")
        self._has_noted_size = self._has_noted_wait = False
        self._changed = threading.Condition()
        self._lines: deque[str] = deque()
        self._size = 0  # characters of those lines, and of the one that is being written
        self._dropped = 0
        self._written = 0  # lines
        self._is_writing = False
        self._is_stuck = False
        threading.Thread(target=self._write_lines, daemon=True).start()

    def __enter__(self) -> Console:
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.flush()

    def say(self, text: str) -> None:
        """Write one line of the runner's own, or several; see ``printable()`` for what becomes of them."""
        self._put(text)

    def logged(self, instance_id: str, line: bytes, *, label: str = "") -> None:
        """Write one line of the function's log, as it is, after ``label``."""
        text = label + line.decode("utf-8", "backslashreplace").rstrip("\r\n")
        self._append(self._paint(text, "2"))

    def ended(self, exchange: Exchange, *, label: str = "") -> None:
        """Write the line of a request, after ``label``, and what went wrong if it has no result."""
        request, response, reply = exchange.request, exchange.response, exchange.reply
        parts: list[Part] = [
            f"{label}{request.method} {request.target[:200]}",
            (str(response.status), _COLOURS.get(response.status // 100, "0")),
            f"{exchange.seconds * 1000:.0f} ms",
        ]
        if reply is not None:
            waited = _waited_seconds(reply)
            if waited:
                parts.append((f"waited {waited * 1000:.0f} ms", "33"))
            if reply.start_seconds is not None:
                parts.append((f"cold start {reply.start_seconds * 1000:.0f} ms", "35"))
            if reply.init_seconds is not None:
                parts.append(f"init {reply.init_seconds * 1000:.0f} ms")
            parts.append(reply.instance_id)
        parts.append(exchange.request_id)
        self._put(*parts)
        if exchange.refusal:
            self._put((exchange.refusal, "33"))
        if reply is not None:
            if reply.kind != "result":
                self._put((reply.describe_error(), "31"))
            self._note(reply)

    def _note(self, reply: Reply) -> None:
        """Tell what is worth a note, the first time that it happens."""
        is_result = reply.kind == "result"
        if is_result and len(reply.data) > LIMITS["body"] and not self._has_noted_size:
            self._has_noted_size = True
            self._put(
                f"note: this result has {len(reply.data) / 2**20:.0f} MB. The platform takes requests of up to "
                f"{LIMITS['body'] // 2**20} MB and does not say how large a result may be: try it there"
            )
        waited = _waited_seconds(reply)
        if waited and not self._has_noted_wait:
            self._has_noted_wait = True
            advice = (
                "with --in-process there is only one" if reply.instance_id == IN_PROCESS else "allow more: --instances"
            )
            self._put(
                f"note: this request waited {waited * 1000:.0f} ms, since all instances were busy. The platform would "
                f"have started another; {advice}"
            )

    def flush(self) -> None:
        """Wait until all lines are written, unless nobody reads them."""
        with self._changed:
            end = self._written + len(self._lines) + self._is_writing
            while self._written < end and self._makes_progress():
                pass

    def _makes_progress(self) -> bool:
        """Wait until a further line has been written. Returns whether that was so in time. Needs the lock."""
        written = self._written
        return self._changed.wait_for(lambda: self._written > written, _STALL_SECONDS)

    def _put(self, *parts: Part) -> None:
        """Write the parts of a line, each a text or a text and its colour: all but the function's log."""
        pairs = [(part, "") if isinstance(part, str) else part for part in parts]
        self._append("  ".join([self._paint(printable(text), code) for text, code in pairs]))

    def _append(self, line: str) -> None:
        line += "\n"
        with self._changed:
            if not self._changed.wait_for(lambda: self._size < _BACKLOG or self._is_stuck, _STALL_SECONDS):
                self._is_stuck = True
            if self._size >= _BACKLOG:
                self._dropped += 1
                return
            self._tell_dropped()
            self._enqueue(line)

    def _enqueue(self, line: str) -> None:
        self._lines.append(line)
        self._size += len(line)
        self._changed.notify_all()

    def _tell_dropped(self) -> None:
        if self._dropped:
            self._enqueue(f"note: {self._dropped} lines are missing here: nobody read them\n")
            self._dropped = 0

    def _write_lines(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._lines)
                line = self._lines.popleft()
                self._is_writing = True
            with contextlib.suppress(OSError, ValueError):  # Requests go on when a disk is full or the stream closed.
                self._write(line)
            with self._changed:
                self._size -= len(line)
                self._written += 1
                self._is_writing = False
                self._is_stuck = False
                if not self._lines:
                    self._tell_dropped()
                self._changed.notify_all()

    def _write(self, line: str) -> None:
        """Write ``line`` in one piece, and past Python's buffer: its lock, held for long, would abort the exit."""
        buffer = getattr(self._stream, "buffer", None)
        if buffer is None:
            self._stream.write(line)
            return
        raw = getattr(buffer, "raw", buffer)
        rest = memoryview(line.encode(self._stream.encoding, self._stream.errors or "strict"))
        while rest:
            written = raw.write(rest)
            if written is None:  # not blocking, and full
                time.sleep(0.01)
            else:
                rest = rest[written:]

    def _paint(self, text: str, code: str) -> str:
        return f"\033[{code}m{text}\033[0m" if code and self._has_colours else text


def _waited_seconds(reply: Reply) -> float:
    """How long a request waited for an instance that was free."""
    return sum([end - began for name, began, end in reply.spans if name == "wait"])


class Labelled(Observer):
    """One of several functions on a console: its lines begin with its name."""

    def __init__(self, console: Console, name: str) -> None:
        self._console = console
        self._label = f"[{name}] "

    def logged(self, instance_id: str, line: bytes) -> None:
        """Write one line of the function's log."""
        self._console.logged(instance_id, line, label=self._label)

    def ended(self, exchange: Exchange) -> None:
        """Write the line of a request."""
        self._console.ended(exchange, label=self._label)
