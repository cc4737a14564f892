"""One invocation as the history keeps it: its stations, cut to what is kept, and its log."""

from __future__ import annotations

import json
from collections import deque
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ..messages import Request
from ..runner.gateway import Exchange
from ..runner.observer import Sent

KEPT = 256 * 1024  # bytes of each body; a multiple of 4, for Base64
_OVERHEAD = 4 * 1024  # bytes, roughly, of an entry without its bodies
_LOG = 256 * 1024  # bytes of the log of an invocation
_LINES = 2000


class Line(NamedTuple):
    """A line of the log: ``phase`` is ``"start"`` (before the handler was called), ``"run"`` or ``"after"``.

    ``time`` is that of its arrival, on ``time.perf_counter()``; ``size`` its length before it was cut.
    """

    phase: str
    time: float
    data: bytes
    size: int


class Begun(NamedTuple):
    """A request has come: ``at`` is in seconds since 1970, ``began`` the same on ``time.perf_counter()``.

    ``size`` is the length of its body, of which KEPT bytes are here.
    """

    request: Request
    request_id: str
    at: float
    began: float
    sent: Sent | None
    size: int


class Entry:
    """One invocation. ``exchange`` is None while it runs. Bodies longer than KEPT are cut.

    - ``target``: what the client wrote on the request line; ``is_whole``: whether the request is all that it sent.
    - ``number``: counts all invocations; ``version``: when it last changed, in the history's own count.
    - ``at``: when it came (seconds since 1970); ``began``: the same on ``time.perf_counter()``.
    - ``origin``: the id of the invocation that it repeats, ``""`` for a request from the page, None for any other.
    - ``sizes``: the true lengths of the bodies of ``"request"``, ``"event"``, ``"response"``, and of the ``"result"``.
    - ``lines``: of the log; ``lost_lines``: how many there were before those.
    - ``is_pinned``: whether it is kept until somebody says otherwise.
    - ``cost``: the memory that it takes, roughly, in bytes; ``counted``: what the history has counted of that.
    - ``has_masked_response``: whether this is a copy with secrets masked in the response's body.
    """

    def __init__(self, number: int, news: Begun, origin: str | None) -> None:
        self.request, self.request_id, self.at, self.began, sent, size = news
        self.target = sent.target if sent is not None else self.request.target
        self.is_whole = sent is None or sent.is_whole
        self.number = number
        self.version = 0
        self.origin = origin
        self.exchange: Exchange | None = None
        self.sizes: dict[str, int] = {"request": size}
        self.lines: deque[Line] = deque()
        self.lost_lines = 0
        self._log_bytes = 0
        self.is_pinned = False
        self.cost = _OVERHEAD + len(self.request.body)
        self.counted = 0
        self.has_masked_response = False

    @property
    def path(self) -> str:
        """``target`` as a path with its query, also where it is a URL."""
        if not self.target.startswith(("http://", "https://")):
            return self.target
        parts = urlsplit(self.target)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    @property
    def failure(self) -> str | None:
        """See ``find_failure``."""
        return find_failure(self.exchange) if self.exchange is not None else None

    def is_cut(self, station: str) -> bool:
        """Whether the body at ``station`` is not kept whole."""
        return self.sizes.get(station, 0) > KEPT

    def end(self, exchange: Exchange, sizes: dict[str, int]) -> None:
        """Take what came of it, cut to what is kept."""
        self.exchange = exchange._replace(request=self.request)
        self.sizes.update(sizes)
        self.cost += sum(min(size, KEPT) for size in sizes.values())

    def log(self, line: Line) -> None:
        """Take a line of the log, and let go of the first ones when there are too many."""
        before = self._log_bytes
        self.lines.append(line)
        self._log_bytes += len(line.data)
        while len(self.lines) > _LINES or self._log_bytes > _LOG:
            self._log_bytes -= len(self.lines.popleft().data)
            self.lost_lines += 1
        self.cost += self._log_bytes - before


def find_failure(exchange: Exchange) -> str | None:
    """How an exchange failed, if it did.

    ``"function"``, ``"refused"`` (by the gateway), ``"aborted"`` (by the runner), ``"status"`` (5xx), or None.
    """
    reply = exchange.reply
    if reply is None:
        return "refused"
    if reply.kind != "result":
        return "function" if reply.kind == "error" else "aborted"
    return "status" if exchange.response.status >= 500 else None


def cut(exchange: Exchange) -> tuple[Exchange, dict[str, int]]:
    """``exchange`` with its bodies cut to what is kept, and their true lengths."""
    response, event, reply = exchange.response, exchange.event, exchange.reply
    sizes = {"response": len(response.body)}
    if len(response.body) > KEPT:
        response = response._replace(body=response.body[:KEPT])
    if event is not None:
        body = event["body"]
        sizes["event"] = len(body)
        if len(body) > KEPT:
            event = {**event, "body": body[:KEPT]}
    if reply is not None:
        sizes["result"] = len(reply.data)
        if len(reply.data) > KEPT:
            reply = reply._replace(data=_cut_result(reply.data))
    return exchange._replace(response=response, event=event, reply=reply), sizes


def _cut_result(data: bytes) -> bytes:
    """A result with a shorter body, and otherwise whole if it is an envelope that is otherwise short."""
    try:
        envelope: Any = json.loads(data)
    except (ValueError, RecursionError):
        return data[:KEPT]
    if not isinstance(envelope, dict) or "statusCode" not in envelope:
        return data[:KEPT]
    body = envelope.get("body")
    try:
        if body is not None:
            text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
            envelope["body"] = text[:KEPT]
        kept = json.dumps(envelope).encode("ascii")
    except RecursionError:  # pragma: no cover - on some Pythons reading the JSON comes to its limit before
        return data[:KEPT]
    # A text of 256 Ki characters can take six times as many bytes as escapes.
    return kept if len(kept) <= 7 * KEPT else data[:KEPT]
