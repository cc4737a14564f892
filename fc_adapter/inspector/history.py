"""The last invocations, in memory.

The request path puts references into an inbox, and that is all, unless a body is large: that is cut at once. Whoever
wants to know, or the inbox's own bound, makes entries of them.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import OrderedDict, deque
from typing import Any, NamedTuple

from ..messages import Request
from ..runner.gateway import Exchange

KEPT = 256 * 1024  # bytes of each body; a multiple of 4, for Base64
_TOTAL = 64 * 1024 * 1024  # bytes of all that is kept
_OVERHEAD = 4 * 1024  # bytes, roughly, of an entry without its bodies
_LINE = 8 * 1024  # bytes of each line of the log
_LOG = 256 * 1024  # bytes of the log of an invocation
_LINES = 2000
_EARLY_LINES = 500  # of an instance that has not been called yet
_INSTANCES = 100  # whose logs are told apart
_INBOX, _NEWS = 1000, 8  # limit of the inbox: `_INBOX` plus `_NEWS` for each kept entry
_LARGE = 16 * 1024  # bytes of an exchange that does not wait

_MARK = re.compile(rb"FC Invoke (Start|End) RequestId: (\S+)\r?\n")


class Line(NamedTuple):
    """A line of the log: ``phase`` is ``"start"`` (before the handler was called), ``"run"`` or ``"after"``.

    ``time`` is that of its arrival, on ``time.perf_counter()``; ``size`` its length before it was cut.
    """

    phase: str
    time: float
    data: bytes
    size: int


class Entry:
    """One invocation. ``exchange`` is None while it runs. Bodies longer than KEPT are cut.

    - ``number``: counts all invocations; ``version``: when it last changed, in the history's own count.
    - ``at``: when it came (seconds since 1970); ``began``: the same on ``time.perf_counter()``.
    - ``origin``: the id of the invocation that it repeats, ``""`` for a request from the page, None for any other.
    - ``sizes``: the true lengths of the bodies of ``"request"``, ``"event"``, ``"response"``, and of the ``"result"``.
    - ``lines``: of the log; ``lost_lines``: how many there were before those.
    - ``cost``: the memory that it takes, roughly, in bytes; ``counted``: what the history has counted of that.
    - ``has_masked_response``: whether this is a copy with secrets masked in the response's body.
    """

    def __init__(self, number: int, news: _Begun, origin: str | None) -> None:
        request, request_id, self.at, self.began = news
        self.number = number
        self.version = 0
        self.request = request
        self.request_id = request_id
        self.origin = origin
        self.exchange: Exchange | None = None
        self.sizes: dict[str, int] = {"request": len(request.body)}
        self.lines: deque[Line] = deque()
        self.lost_lines = 0
        self._log_bytes = 0
        if len(request.body) > KEPT:
            self.request = request._replace(body=request.body[:KEPT])
        self.cost = _OVERHEAD + len(self.request.body)
        self.counted = 0
        self.has_masked_response = False

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


class _Begun(NamedTuple):
    request: Request
    request_id: str
    at: float
    began: float


class _Ended(NamedTuple):
    exchange: Exchange
    sizes: dict[str, int] | None  # where it is cut already


class _Logged(NamedTuple):
    instance_id: str
    data: bytes
    size: int
    time: float


class History:
    """Keeps the last ``limit`` invocations, fewer when they are large. Any thread may call anything."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._inbox: deque[_Begun | _Ended | _Logged] = deque()
        self._inbox_limit = _NEWS * limit + _INBOX
        self._changed = threading.Condition()
        self._listeners = 0
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._logs: OrderedDict[str, _InstanceLog] = OrderedDict()
        self._origins: dict[str, str] = {}
        self._number = 0
        self._version = 0
        self._cost = 0

    # ---- what the runner tells ----

    def begin(self, request: Request, request_id: str) -> None:
        """A request has come."""
        self._put(_Begun(request, request_id, time.time(), time.perf_counter()))

    def end(self, exchange: Exchange) -> None:
        """An exchange is over."""
        size = len(exchange.request.body) + len(exchange.response.body)
        if exchange.reply is not None:
            size += len(exchange.reply.data)
        if size > _LARGE:
            self._put(_Ended(*_cut(exchange)))
            self.find(exchange.request_id)  # so that the inbox holds nothing large
        else:
            self._put(_Ended(exchange, None))

    def log(self, instance_id: str, data: bytes) -> None:
        """An instance has written a line. Which invocation it belongs to is told by the platform's own marks."""
        self._put(_Logged(instance_id, data[:_LINE], len(data), time.perf_counter()))

    def _put(self, news: _Begun | _Ended | _Logged) -> None:
        self._inbox.append(news)
        if self._listeners or len(self._inbox) > self._inbox_limit:
            with self._changed:
                self._settle()
                self._changed.notify_all()

    # ---- what the page asks ----

    def expect(self, request_id: str, origin: str) -> None:
        """A request with this id is about to come from the page. ``origin``: which invocation it repeats, or ``""``."""
        with self._changed:
            self._origins[request_id] = origin

    def find(self, request_id: str) -> Entry | None:
        """The invocation with this id, if it is kept."""
        with self._changed:
            self._settle()
            return self._entries.get(request_id)

    def entries(self) -> list[Entry]:
        """All that are kept, oldest first."""
        with self._changed:
            self._settle()
            return list(self._entries.values())

    def clear(self) -> None:
        """Forget all that are over."""
        for entry in self.entries():
            with self._changed:
                if entry.exchange is not None and entry.request_id in self._entries:
                    self._forget(entry)
        self.wake()

    def wait(self, version: int, seconds: float) -> int:
        """Wait until there is something newer than ``version``, but no longer than so; return the version there is."""
        with self._changed:
            self._listeners += 1
            try:
                self._settle()
                self._changed.wait_for(lambda: self._version > version, seconds)
            finally:
                self._listeners -= 1
            return self._version

    def wake(self) -> None:
        """Let those who wait look again."""
        with self._changed:
            self._version += 1
            self._changed.notify_all()

    # ---- what becomes of the news; all of this needs the lock ----

    def _settle(self) -> None:
        """Make entries of what is in the inbox, passing over invocations that would have to go at once."""
        news = [self._inbox.popleft() for _ in range(len(self._inbox))]
        begun = [index for index, each in enumerate(news) if isinstance(each, _Begun)]
        surplus = len(begun) - self.limit
        if surplus > 0:
            self._number += surplus
            del news[: begun[surplus]]
        for each in news:
            if isinstance(each, _Begun):
                self._take_begin(each)
            elif isinstance(each, _Ended):
                self._take_end(each)
            else:
                self._take_line(each)

    def _take_begin(self, news: _Begun) -> None:
        self._number += 1
        entry = Entry(self._number, news, self._origins.pop(news.request_id, None))
        self._entries[news.request_id] = entry
        self._touch(entry)

    def _take_end(self, news: _Ended) -> None:
        entry = self._entries.get(news.exchange.request_id)
        if entry is None:
            return  # So many came meanwhile that it is kept no longer.
        if news.sizes is None:
            entry.end(*_cut(news.exchange))
        else:
            entry.end(news.exchange, news.sizes)
        if news.exchange.reply is not None:
            self._take_early_lines(news.exchange.reply.instance_id, entry)
        self._touch(entry)

    def _take_line(self, news: _Logged) -> None:
        line = Line("start", news.time, news.data, news.size)
        mark = _MARK.fullmatch(line.data) if line.data.startswith(b"FC Invoke ") else None
        log = self._instance_log(news.instance_id)
        if mark is not None and mark[1] == b"Start":
            entry = self._entries.get(mark[2].decode("ascii", "replace"))
            if entry is not None:
                log.begin(entry)
        log.add(line)
        if mark is not None and mark[1] == b"End":
            log.end(mark[2].decode("ascii", "replace"))
        if log.entry is not None and log.entry.request_id in self._entries:
            self._touch(log.entry)

    def _touch(self, entry: Entry) -> None:
        """Note a change, and let go of what is too much."""
        self._version += 1
        entry.version = self._version
        self._cost += entry.cost - entry.counted
        entry.counted = entry.cost
        while len(self._entries) > self.limit or (self._cost > _TOTAL and len(self._entries) > 1):
            self._forget(next(iter(self._entries.values())))

    def _forget(self, entry: Entry) -> None:
        del self._entries[entry.request_id]
        self._cost -= entry.counted

    def _instance_log(self, instance_id: str) -> _InstanceLog:
        log = self._logs.get(instance_id)
        if log is None:
            log = self._logs[instance_id] = _InstanceLog()
            if len(self._logs) > _INSTANCES:
                self._logs.popitem(last=False)
        return log

    def _take_early_lines(self, instance_id: str, entry: Entry) -> None:
        """What an instance wrote that never came to call its handler belongs to the request it was started for."""
        log = self._logs.get(instance_id)
        if log is not None and log.entry is None:
            log.begin(entry)
            log.phase = "after"


class _InstanceLog:
    """The log of one instance: whose line the next one is."""

    def __init__(self) -> None:
        self.entry: Entry | None = None
        self.phase = "start"
        self._early: deque[Line] = deque(maxlen=_EARLY_LINES)

    def begin(self, entry: Entry) -> None:
        self.entry, self.phase = entry, "run"
        for line in self._early:
            entry.log(line)
        self._early.clear()

    def end(self, request_id: str) -> None:
        if self.entry is not None and self.entry.request_id == request_id:
            self.phase = "after"

    def add(self, line: Line) -> None:
        if self.entry is None:
            self._early.append(line)
        else:
            self.entry.log(line._replace(phase=self.phase))


def _cut(exchange: Exchange) -> tuple[Exchange, dict[str, int]]:
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
