"""The instances of one function: started when needed, reused, and let go.

Theory of operation: an instance is in one of three collections, which one lock guards.

    (made) ─▶ _busy ◀─▶ _idle ─▶ _leaving ─▶ (ended)

A request takes an idle instance, or makes one while there are fewer than ``limit``, or waits for ``_changed``. What it
gives back is idle again, unless it has ended, or is ``_stale`` (renewed or asked to end meanwhile) and so leaves.
Leaving takes a thread of its own, since a PreStop hook may take long. What an instance does by itself is in `life`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from .life import AnyInstance, Reply, Span

_CLOSE_SECONDS = 0.8  # seconds that instances have for their request and their PreStop hook when the runner ends


def always() -> bool:
    """A client that waits for its response, whatever happens."""
    return True


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
        self._busy: set[AnyInstance] = set()  # includes those that are starting
        self._stale: set[AnyInstance] = set()  # busy instances to stop after their request
        self._leaving: set[AnyInstance] = set()
        self._aborted: set[AnyInstance] = set()
        self._closed = False
        # An instance's process ends with the thread that made it, so that is one that lives as long as the pool.
        self._maker = ThreadPoolExecutor(1, thread_name_prefix="fc-adapter-instances")
        self._closing = threading.Event()
        self._reaper = threading.Thread(target=self._reap, daemon=True)
        self._reaper.start()

    def warm_up(self) -> Reply | None:
        """Start one instance ahead of the first request. Returns None, or the error when that failed."""
        try:
            instance, error, _ = self._take(always)
        except _RefusedError as refused:
            return Reply.aborted(str(refused))
        self._give_back(instance)
        return error

    def run(self, event: bytes, request_id: str, is_wanted: Callable[[], bool] = always) -> Reply:
        """Run one event on a free instance, or on a new one.

        ``is_wanted()`` tells, when its turn comes after a wait, whether anybody still waits for the reply.
        """
        try:
            instance, error, waits = self._take(is_wanted)
        except _RefusedError as refused:
            return Reply.aborted(str(refused))._replace(spans=refused.waits)
        try:
            reply = error or instance.invoke(event, request_id)
        finally:
            self._give_back(instance)
        if instance in self._aborted and reply.kind == "error":
            return Reply.aborted("The runner was stopped while the function ran", instance.id)
        return reply._replace(spans=(*waits, *reply.spans)) if waits else reply

    def renew(self) -> None:
        """Let all instances go, those that are busy once they are done: what comes next runs on new ones."""
        with self._changed:
            self._let_go(self._idle, "renewed")
            for instance in self._busy:
                self._make_stale(instance, "renewed")

    def end(self, instance_id: str, *, now: bool = False) -> bool:
        """Let one instance go, once it is done when it is busy; ``now``: kill it, whatever it does.

        Returns whether there is such an instance.
        """
        with self._changed:
            for instance in (*self._idle, *self._busy, *self._leaving):
                if instance.id == instance_id:
                    break
            else:
                return False
            if instance in self._busy:
                self._make_stale(instance, "asked")
            elif instance in self._idle:
                self._let_go([instance], "asked")
        if now:
            instance.kill()
        return True

    def close(self) -> None:
        """End all instances within a second, with their PreStop hook as far as they have finished their request."""
        with self._changed:
            self._closed = True
            self._let_go(self._idle, "closed")
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._busy and not self._leaving, _CLOSE_SECONDS)
            self._aborted.update(self._busy)
            late = [*self._busy, *self._leaving]
        for instance in late:
            instance.kill()
        with self._changed:
            self._changed.wait_for(lambda: not self._leaving, 1.0 - _CLOSE_SECONDS)
        self._closing.set()
        self._reaper.join()
        self._maker.shutdown()

    def _take(self, is_wanted: Callable[[], bool]) -> tuple[AnyInstance, Reply | None, list[Span]]:
        """An instance that is free, or a new one and the error when it could not be loaded; and when it waited."""
        waits: list[Span] = []
        while True:
            with self._changed:
                has_waited = not self._can_take()
                if has_waited:
                    began = time.perf_counter()
                    self._changed.wait_for(self._can_take)
                    waits.append(("wait", began, time.perf_counter()))
                if self._closed:
                    raise _RefusedError("The runner has been stopped")
                if has_waited and not is_wanted():
                    self._changed.notify()  # pass the turn to the next waiting request
                    raise _RefusedError("The client left before its turn came", waits)
                is_new = not self._idle
                instance = self._start_process() if is_new else self._idle.pop()
                self._busy.add(instance)
            if is_new:
                return instance, instance.start(), waits
            if not instance.has_ended():
                return instance, None, waits
            instance.kill()
            self._give_back(instance)

    def _start_process(self) -> AnyInstance:
        try:
            return self._maker.submit(self._make).result()
        except OSError as error:
            self._changed.notify()
            raise _RefusedError(f"No instance could be started: {error}") from error

    def _can_take(self) -> bool:
        return self._closed or bool(self._idle) or len(self._busy) < self._limit

    def _give_back(self, instance: AnyInstance) -> None:
        with self._changed:
            self._busy.discard(instance)
            if instance.life.is_alive:
                instance.idle_since = time.monotonic()
                if self._closed or instance in self._stale:
                    self._let_go([instance], "closed")
                else:
                    self._idle.append(instance)
            self._stale.discard(instance)
            self._changed.notify()

    def _reap(self) -> None:
        """Let go of instances that have been idle for long."""
        while not self._closing.wait(max(0.02, min(self._idle_seconds / 4, 1.0))):
            with self._changed:
                limit = time.monotonic() - self._idle_seconds
                self._let_go([instance for instance in self._idle if instance.idle_since < limit], "idle")

    def _make_stale(self, instance: AnyInstance, reason: str) -> None:
        self._stale.add(instance)
        instance.life.end_reason = reason

    def _let_go(self, instances: Iterable[AnyInstance], reason: str) -> None:
        """Stop instances, each in a thread of its own, since their PreStop hooks may take long. Needs the lock."""
        for instance in list(instances):
            instance.life.end_reason = instance.life.end_reason or reason
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


class _RefusedError(Exception):
    """An event gets no instance. The message says why, ``waits`` for how long it waited."""

    def __init__(self, message: str, waits: Iterable[Span] = ()) -> None:
        super().__init__(message)
        self.waits = tuple(waits)
