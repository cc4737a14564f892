"""Which threads, and which work of executors, belong to a request: what was not there when it began.

A thread does not tell who has started it, and nothing is patched so that it would. So what runs at a request's begin is
compared with what runs at its end. Daemon threads do not count: they say themselves that they may be cut off.

The threads of a ``ThreadPoolExecutor`` live on when they are idle, so there its work items count instead: those in its
queue, and those that its workers run, which are a local variable of theirs. Since Python 3.13 the queue hands an item
to a waiting worker directly, and until that wakes up the item is nowhere to be seen; but then the executor knows of
fewer idle workers than it has. None of these names is public; ``tests/test_threads.py`` has them all. Where they are
missing, work of executors is not waited for.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
import weakref
from typing import Any

from .background import describe, name_call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from .background import Background, Names

_WAKING = 0.25  # seconds within which a worker wakes up for the item that it was handed

_detached: weakref.WeakSet[Any] = weakref.WeakSet()
_waking_since: weakref.WeakKeyDictionary[Any, float] = weakref.WeakKeyDictionary()
_miscounted: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()


class Work:
    """A thread, a work item of an executor, or an executor whose worker is about to take one: its ``key``.

    ``names`` has the code that it runs, where that is known yet.
    """

    def __init__(self, key: Any, names: Names, place: str) -> None:
        self.key = key
        self.names = names
        self._place = place

    def __str__(self) -> str:
        return describe(f"thread {self._place}", self.names)

    def join(self, seconds: float) -> None:
        """Wait until it has ended, for so many seconds at most, or for a moment where its end cannot be waited for."""
        future = getattr(self.key, "future", None)
        if future is not None and not future.done():
            from concurrent.futures import wait

            wait([future], timeout=seconds)
        elif isinstance(self.key, threading.Thread) and self.key.ident is not None:
            self.key.join(seconds)
        else:
            time.sleep(min(seconds, 0.001))


def begin() -> frozenset[Any]:
    """What runs now, as keys: a request that begins has started none of it."""
    _waking_since.clear()
    threads = threading.enumerate()
    return frozenset([*threads, *[work.key for work in _find(threads) if work.names]])


def find(before: frozenset[Any], background: Background) -> list[Work]:
    """What runs now and is waited for: not there ``before``, not detached, and not known to be endless."""
    return [
        work
        for work in _find(threading.enumerate())
        if work.key not in before and work.key not in _detached and not background.is_endless(work.names)
    ]


def find_left(background: Background) -> list[Work]:
    """What requests have left running, and still runs."""
    return [work for work in _find(threading.enumerate()) if work.key in background.left]


def join_all(find: Callable[[], list[Work]], seconds: float) -> list[Work]:
    """Wait until ``find()`` finds nothing, for so many seconds at most, and return what it finds then."""
    end = time.monotonic() + seconds
    while True:
        found = find()
        remaining = end - time.monotonic()
        if not found or remaining <= 0:
            return found
        found[0].join(remaining)


def detach(before: frozenset[Any]) -> None:
    """Let what runs now, and was not there ``before``, belong to no request."""
    while not all(work.names for work in _find(threading.enumerate())):
        time.sleep(0.001)  # pragma: no cover - only while a thread is about to take its work
    _detached.update(begin() - before)


def _find(threads: list[threading.Thread]) -> list[Work]:
    """The background work of these threads."""
    threads = [thread for thread in threads if not _is_idle_by_nature(thread)]
    if not threads:
        return []
    executors = {thread: _executor_of(thread) for thread in threads}
    if not any(executors.values()) and all(thread.daemon and not _is_manager(thread) for thread in threads):
        return []  # as nearly always: telemetry and drivers have daemons
    # The queues before the frames: an item that is taken in between is seen twice, and not missed.
    found = {}
    for executor in {*executors.values()} - {None}:
        for item in _queued_items(executor):
            found[item] = Work(item, _name_item(item), f"{executor._thread_name_prefix} (in its queue)")
    frames = sys._current_frames()
    del frames[threading.get_ident()]  # It would hold itself, and so the request, until a garbage collection.
    running: dict[Any, int] = {}
    for thread, executor in executors.items():
        if thread is threading.current_thread():
            running[executor] = running.get(executor, 0) + 1
            continue
        frame = frames.get(thread.ident or 0)
        item = _running_item(thread, frame)
        if executor is not None:
            running[executor] = running.get(executor, 0) + (item is not None)
        if _is_serving(frame):
            continue
        if executor is not None:
            if item is not None:
                found[item] = Work(item, _name_item(item), thread.name)
        elif _is_manager(thread):
            for item in [*getattr(thread, "pending_work_items", {}).values()]:
                found[item] = Work(item, _name_item(item), thread.name)
        elif not thread.daemon and thread is not threading.main_thread():
            found[thread] = Work(thread, _name_thread(thread) if item is None else _name_item(item), thread.name)
    return [*found.values(), *[_waking(each) for each, count in running.items() if each and _is_waking(each, count)]]


def _is_idle_by_nature(thread: threading.Thread) -> bool:
    """Whether no look at a thread is needed: the main one, and AnyIO's workers, whose calls are awaited by tasks.

    Most instances have only these, and the workers live as long as the instance.
    """
    return thread is threading.main_thread() or type(thread).__module__ == "anyio._backends._asyncio"


def _is_manager(thread: threading.Thread) -> bool:
    """Whether a thread is that of a ProcessPoolExecutor."""
    return type(thread).__name__ == "_ExecutorManagerThread"


def _is_serving(frame: FrameType | None) -> bool:
    """Whether a thread serves a request, which may be another one: its work is in the foreground."""
    while frame is not None:
        if frame.f_globals.get("__name__") in _SERVING:
            return True
        frame = frame.f_back
    return False


_SERVING = (f"{__package__}.handler", f"{__package__}.asgi.loop")


def _name_thread(thread: threading.Thread) -> Names:
    target = getattr(thread, "_target", None) or getattr(thread, "function", None)  # the latter of a Timer
    names = () if target and type(thread) is threading.Thread else name_call(type(thread))
    return names + name_call(target, getattr(thread, "_args", ())) if target else names


# ---- executors -------------------------------------------------------------------------------------------------------


def _is_worker(thread: threading.Thread) -> bool:
    worker = getattr(sys.modules.get("concurrent.futures.thread"), "_worker", None)
    return worker is not None and getattr(thread, "_target", None) is worker


def _executor_of(thread: threading.Thread) -> Any:
    """The executor whose worker ``thread`` is, or None. The worker of an executor that is gone ends with its work."""
    arguments = getattr(thread, "_args", None)
    executor = arguments[0]() if arguments and _is_worker(thread) else None
    return executor if all(hasattr(executor, name) for name in _OF_EXECUTORS) else None


_OF_EXECUTORS = ("_work_queue", "_idle_semaphore", "_threads", "_thread_name_prefix")


def _queued_items(executor: Any) -> list[Any]:
    """The work items in an executor's queue, which gives nobody a look but the garbage collector."""
    items = []
    for referent in gc.get_referents(executor._work_queue):
        items.extend(referent if type(referent) is list else [referent])
    return [item for item in items if hasattr(item, "future")]


def _running_item(thread: threading.Thread, frame: FrameType | None) -> Any:
    """The work item that an executor's worker runs, or None."""
    if not _is_worker(thread):
        return None
    code = thread._target.__code__  # type: ignore[attr-defined]
    while frame is not None and frame.f_code is not code:
        frame = frame.f_back
    return None if frame is None else frame.f_locals.get("work_item")


def _is_waking(executor: Any, running: int) -> bool:
    """Whether the executor knows of fewer idle workers than those that run none of its items.

    Its count can be too low for good: when an item that was meant for one worker went to another.
    """
    missing = len(executor._threads) - executor._idle_semaphore._value - running
    miscounted = _miscounted.get(executor, 0)
    if missing < miscounted:
        _miscounted[executor] = miscounted = max(missing, 0)
    if missing <= miscounted:
        _waking_since.pop(executor, None)
        return False
    if time.monotonic() - _waking_since.setdefault(executor, time.monotonic()) < _WAKING:
        return True
    _miscounted[executor] = missing
    return False


def _waking(executor: Any) -> Work:
    return Work(executor, (), f"{executor._thread_name_prefix} (about to begin)")


def _name_item(item: Any) -> Names:
    if hasattr(item, "fn"):
        return name_call(item.fn, item.args)
    return _name_task(getattr(item, "task", None)) or (type(item).__qualname__,)  # pragma: no cover - see below


def _name_task(task: Any) -> Names:  # pragma: no cover - since Python 3.14
    """Names of an item's task; a subclass may make what it wants of it."""
    return name_call(task[0], task[1]) if isinstance(task, tuple) and len(task) == 3 else ()
