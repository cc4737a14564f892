"""The last invocations, in memory, with the large bodies of requests on disk.

The request path puts references into an inbox, and that is all, unless a body is large: that is cut at once. Whoever
wants to know, or the inbox's own bound, makes entries of them.

When there are too many, good ones go first: of those that are kept, up to half may be failures, however long ago. What
is pinned stays.
"""

from __future__ import annotations

import re
import threading
import time
from collections import OrderedDict, deque
from typing import NamedTuple

from ..messages import Request
from ..runner.gateway import Exchange
from ..runner.observer import Sent
from .entry import KEPT, Begun, Entry, Line, cut, find_failure
from .spool import Spool

_TOTAL = 64 * 1024 * 1024  # bytes of all that is kept
_LINE = 8 * 1024  # bytes of each line of the log
_EARLY_LINES = 500  # of an instance that has not been called yet
_INSTANCES = 100  # whose logs are told apart
_INBOX, _NEWS = 1000, 8  # limit of the inbox: `_INBOX` plus `_NEWS` for each kept entry
_LARGE = 16 * 1024  # bytes of an exchange that does not wait

_MARK = re.compile(rb"FC Invoke (Start|End) RequestId: (\S+)\r?\n")


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
        self.spool = Spool()
        self._inbox: deque[Begun | _Ended | _Logged] = deque()
        self._inbox_limit = _NEWS * limit + _INBOX
        self._changed = threading.Condition()
        self._listeners = 0
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        # Those that may go, oldest first: what is pinned is in neither.
        self._good: OrderedDict[str, Entry] = OrderedDict()
        self._failed: OrderedDict[str, Entry] = OrderedDict()
        self._logs: OrderedDict[str, _InstanceLog] = OrderedDict()
        self._passed_over: set[str] = set()  # ids of requests in the inbox that are not kept
        self._origins: dict[str, str] = {}
        self._number = 0
        self._version = 0
        self._cost = 0

    # ---- what the runner tells ----

    def begin(self, request: Request, request_id: str, sent: Sent | None = None) -> None:
        """A request has come."""
        at, began, size = time.time(), time.perf_counter(), len(request.body)
        if size > KEPT:
            self.spool.keep(request_id, request.body)
            request = request._replace(body=request.body[:KEPT])
        self._put(Begun(request, request_id, at, began, sent, size))

    def end(self, exchange: Exchange) -> None:
        """An exchange is over."""
        size = len(exchange.request.body) + len(exchange.response.body)
        if exchange.reply is not None:
            size += len(exchange.reply.data)
        if size > _LARGE:
            self._put(_Ended(*cut(exchange)))
            self.find(exchange.request_id)  # so that the inbox holds nothing large
        else:
            self._put(_Ended(exchange, None))

    def log(self, instance_id: str, data: bytes) -> None:
        """An instance has written a line. Which invocation it belongs to is told by the platform's own marks."""
        self._put(_Logged(instance_id, data[:_LINE], len(data), time.perf_counter()))

    def _put(self, news: Begun | _Ended | _Logged) -> None:
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

    def body(self, entry: Entry) -> bytes | None:
        """The whole body of a request, or None where it is not kept."""
        return self.spool.read(entry.request_id) if entry.is_cut("request") else entry.request.body

    def can_repeat(self, entry: Entry) -> bool:
        """Whether the request can be sent again."""
        return entry.is_whole and (not entry.is_cut("request") or self.spool.has(entry.request_id))

    def pin(self, entry: Entry, *, is_pinned: bool) -> bool:
        """Keep an entry until it is unpinned. Returns False where half of what is kept is pinned already."""
        with self._changed:
            pinned = len(self._entries) - len(self._good) - len(self._failed)
            if entry.request_id not in self._entries or (is_pinned and pinned >= max(1, self.limit // 2)):
                return False
            entry.is_pinned = is_pinned
            self._touch(entry)
            self._changed.notify_all()
        return True

    def clear(self) -> None:
        """Forget all that are over and not pinned."""
        for entry in self.entries():
            with self._changed:
                if entry.exchange is not None and not entry.is_pinned and entry.request_id in self._entries:
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
        """Make entries of what is in the inbox, passing over good invocations that would have to go at once."""
        news = [self._inbox.popleft() for _ in range(len(self._inbox))]
        surplus = sum(isinstance(each, Begun) for each in news) - self.limit
        failed = _find_failed(news) if surplus > 0 else set()
        for each in news:
            if isinstance(each, Begun):
                surplus -= 1
                if surplus >= 0 and each.request_id not in failed:
                    self._number += 1
                    self._passed_over.add(each.request_id)
                    self.spool.forget(each.request_id)
                else:
                    self._take_begin(each)
            elif isinstance(each, _Ended):
                self._take_end(each)
            else:
                self._take_line(each)
        self._passed_over.clear()

    def _take_begin(self, news: Begun) -> None:
        self._number += 1
        entry = Entry(self._number, news, self._origins.pop(news.request_id, None))
        self._entries[news.request_id] = entry
        self._touch(entry)

    def _take_end(self, news: _Ended) -> None:
        entry = self._entries.get(news.exchange.request_id)
        if entry is None:
            return  # So many came meanwhile that it is kept no longer.
        if news.sizes is None:
            entry.end(*cut(news.exchange))
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
            request_id = mark[2].decode("ascii", "replace")
            if request_id in self._entries or request_id in self._passed_over:  # otherwise the function printed it
                log.begin(self._entries.get(request_id))
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
        self._sort(entry)
        while len(self._entries) > self.limit or (self._cost > _TOTAL and len(self._entries) > 1):
            victim = self._find_victim(entry)
            if victim is None:
                break
            self._forget(victim)

    def _sort(self, entry: Entry) -> None:
        """Put an entry among those that may go, if it may."""
        right = None if entry.is_pinned else self._failed if entry.failure else self._good
        for entries in (self._good, self._failed):
            if entries is right:
                entries.setdefault(entry.request_id, entry)
            else:
                entries.pop(entry.request_id, None)

    def _find_victim(self, newest: Entry) -> Entry | None:
        """Which one goes: the oldest good one, unless half of all are failures; not the one that has just changed."""
        good, failed = (
            next((each for each in entries.values() if each is not newest), None)
            for entries in (self._good, self._failed)
        )
        return failed or good if len(self._failed) > self.limit // 2 else good or failed

    def _forget(self, entry: Entry) -> None:
        del self._entries[entry.request_id]
        self._good.pop(entry.request_id, None)
        self._failed.pop(entry.request_id, None)
        self._cost -= entry.counted
        self.spool.forget(entry.request_id)

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
        if log is not None and log.is_new:
            log.begin(entry)
            log.phase = "after"


class _InstanceLog:
    """The log of one instance: whose line the next one is. ``entry`` is None where nobody's is kept."""

    def __init__(self) -> None:
        self.entry: Entry | None = None
        self.is_new = True
        self.phase = "start"
        self._early: deque[Line] = deque(maxlen=_EARLY_LINES)

    def begin(self, entry: Entry | None) -> None:
        self.entry, self.phase = entry, "run"
        self.is_new = False
        if entry is not None:
            for line in self._early:
                entry.log(line)
        self._early.clear()

    def end(self, request_id: str) -> None:
        if self.entry is not None and self.entry.request_id == request_id:
            self.phase = "after"

    def add(self, line: Line) -> None:
        if self.is_new:
            self._early.append(line)
        elif self.entry is not None:
            self.entry.log(line._replace(phase=self.phase))


def _find_failed(news: list[Begun | _Ended | _Logged]) -> set[str]:
    """The ids of the exchanges among ``news`` that failed."""
    exchanges = [each.exchange for each in news if isinstance(each, _Ended)]
    return {exchange.request_id for exchange in exchanges if find_failure(exchange)}
