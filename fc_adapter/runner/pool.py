"""The instances of one function: started when needed, reused, and let go."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Union

from .in_process import LocalInstance
from .instance import Instance, Reply

AnyInstance = Union[Instance, LocalInstance]

_PATIENCE = 0.8  # seconds that instances have for their PreStop hook when the runner ends


class Pool:
    """Runs events on instances, one at a time on each.

    ``make`` gives a new instance, which is not started yet. A request that finds none free starts another one, up to
    ``limit``, and then waits. ``idle_seconds`` is how long an instance is kept without work.
    """

    def __init__(self, make: Callable[[], AnyInstance], *, limit: int, idle_seconds: float) -> None:
        self._make = make
        self._limit = limit
        self._idle_seconds = idle_seconds
        self._changed = threading.Condition()
        self._idle: list[AnyInstance] = []
        self._busy: set[AnyInstance] = set()  # and those that are starting
        self._stale: set[AnyInstance] = set()  # those of the busy ones that are not wanted any more
        self._leaving: set[AnyInstance] = set()
        self._closed = False
        # An instance's process ends with the thread that made it, so that is one that lives as long as the pool.
        self._maker = ThreadPoolExecutor(1, thread_name_prefix="fc-adapter-instances")
        self._closing = threading.Event()
        self._reaper = threading.Thread(target=self._reap, daemon=True)
        self._reaper.start()

    def warm_up(self) -> Reply | None:
        """Start one instance ahead of the first request. Returns None, or the error when that failed."""
        instance, error = self._take()
        self._give_back(instance)
        return error

    def run(self, event: bytes, request_id: str) -> Reply:
        """Run one event on a free instance, or on a new one."""
        try:
            instance, error = self._take()
        except _ClosedError:
            return Reply("error", b'{"errorMessage": "The runner has been stopped"}', "-")
        try:
            return error or instance.invoke(event, request_id)
        finally:
            self._give_back(instance)

    def renew(self) -> None:
        """Let all instances go, those that are busy once they are done: what comes next runs on new ones."""
        with self._changed:
            self._let_go(self._idle)
            self._stale |= self._busy

    def close(self) -> None:
        """End all instances within a second: the idle ones with their PreStop hook, the busy ones without."""
        with self._changed:
            self._closed = True
            self._let_go(self._idle)
            busy = list(self._busy)
            self._changed.notify_all()
        for instance in busy:
            instance.kill()
        with self._changed:
            self._changed.wait_for(lambda: not self._leaving, _PATIENCE)
            late = list(self._leaving)
        for instance in late:
            instance.kill()
        with self._changed:
            self._changed.wait_for(lambda: not self._leaving, 1.0 - _PATIENCE)
        self._closing.set()
        self._reaper.join()
        self._maker.shutdown()

    def _take(self) -> tuple[AnyInstance, Reply | None]:
        """An instance that is free, or a new one and the error when it could not be started."""
        while True:
            with self._changed:
                self._changed.wait_for(self._can_take)
                if self._closed:
                    raise _ClosedError
                is_new = not self._idle
                instance = self._maker.submit(self._make).result() if is_new else self._idle.pop()
                self._busy.add(instance)
            if is_new:
                return instance, instance.start()
            if not instance.has_ended():
                return instance, None
            instance.kill()
            self._give_back(instance)

    def _can_take(self) -> bool:
        return self._closed or bool(self._idle) or len(self._busy) < self._limit

    def _give_back(self, instance: AnyInstance) -> None:
        with self._changed:
            self._busy.discard(instance)
            if instance.is_alive:
                instance.idle_since = time.monotonic()
                if self._closed or instance in self._stale:
                    self._let_go([instance])
                else:
                    self._idle.append(instance)
            self._stale.discard(instance)
            self._changed.notify()

    def _reap(self) -> None:
        """Let go of instances that have been idle for long."""
        while not self._closing.wait(max(0.02, min(self._idle_seconds / 4, 1.0))):
            with self._changed:
                limit = time.monotonic() - self._idle_seconds
                self._let_go([instance for instance in self._idle if instance.idle_since < limit])

    def _let_go(self, instances: Iterable[AnyInstance]) -> None:
        """Stop instances, each in a thread of its own, since their PreStop hooks may take long. Needs the lock."""
        for instance in list(instances):
            if instance in self._idle:
                self._idle.remove(instance)
            self._leaving.add(instance)
            threading.Thread(target=self._see_off, args=(instance,), daemon=True).start()

    def _see_off(self, instance: AnyInstance) -> None:
        try:
            instance.stop()
        finally:
            with self._changed:
                self._leaving.discard(instance)
                self._changed.notify_all()


class _ClosedError(Exception):
    """There are no instances any more."""
