"""The instances of one function: started when needed, reused, and let go."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Union

from .instance import Instance, LocalInstance, Reply

AnyInstance = Union[Instance, LocalInstance]


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
        self._size = 0  # instances that are starting, busy or idle
        self._idle: list[AnyInstance] = []
        self._busy: set[AnyInstance] = set()
        self._stale: set[AnyInstance] = set()
        self._closed = False
        threading.Thread(target=self._reap, daemon=True).start()

    def warm_up(self) -> bytes | None:
        """Start one instance ahead of the first request. Returns None, or the error object when that failed."""
        instance, error = self._take()
        self._give_back(instance)
        return error

    def run(self, event: bytes, request_id: str) -> Reply:
        """Run one event on a free instance, or on a new one."""
        instance, error = self._take()
        try:
            return instance.invoke(event, request_id) if error is None else Reply("error", error, instance.id)
        finally:
            self._give_back(instance)

    def renew(self) -> None:
        """Let all instances go, those that are busy once they are done: what comes next runs on new ones."""
        with self._changed:
            gone, self._idle = self._idle, []
            self._size -= len(gone)
            self._stale |= self._busy
        _stop(gone)

    def close(self) -> None:
        """End all instances: the idle ones with their PreStop hook, those in the middle of a request without."""
        with self._changed:
            self._closed = True
            gone, self._idle = self._idle, []
            busy = list(self._busy)
            self._changed.notify_all()
        for instance in busy:
            instance.kill()
        _stop(gone)

    def _take(self) -> tuple[AnyInstance, bytes | None]:
        """An instance that is free, or a new one and the error object when it could not be started."""
        with self._changed:
            while True:
                while self._idle:
                    instance = self._idle.pop()
                    self._busy.add(instance)
                    if not instance.has_ended():
                        return instance, None
                    self._forget(instance)
                if self._closed:
                    raise RuntimeError("the runner is closed")
                if self._size < self._limit:
                    break
                self._changed.wait()
            self._size += 1
            instance = self._make()
            self._busy.add(instance)
        return instance, instance.start()

    def _give_back(self, instance: AnyInstance) -> None:
        with self._changed:
            if instance.is_alive and instance not in self._stale and not self._closed:
                self._busy.discard(instance)
                self._idle.append(instance)
                self._changed.notify()
                return
            self._forget(instance)
        _stop([instance])

    def _forget(self, instance: AnyInstance) -> None:
        self._busy.discard(instance)
        self._stale.discard(instance)
        self._size -= 1
        self._changed.notify()

    def _reap(self) -> None:
        """Let go of instances that have been idle for long."""
        while True:
            with self._changed:
                self._changed.wait(min(self._idle_seconds / 4, 1.0))
                if self._closed:
                    return
                limit = time.monotonic() - self._idle_seconds
                gone = [instance for instance in self._idle if instance.idle_since < limit]
                self._idle = [instance for instance in self._idle if instance not in gone]
                self._size -= len(gone)
            _stop(gone)


def _stop(instances: list[AnyInstance]) -> None:
    """Stop all of them at the same time."""
    if instances:
        with ThreadPoolExecutor(len(instances)) as executor:
            list(executor.map(lambda instance: instance.stop(), instances))
