"""The life of an instance: its states, what may follow what, and what is known of it.

    starting ─▶ idle ─▶ running ─▶ idle ...        one request at a time
                idle ─▶ frozen  ─▶ running ...     where the system can stop processes
                idle or frozen  ─▶ stopping ─▶ ended

``kill()`` ends an instance in any state and from any thread, so whatever else is going on, an instance that has ended
stays so: `Life.enter` leaves it as it is and says so. Everything else that is not in the table is an error of ours.
"""

from __future__ import annotations

import json
import threading
import time
from enum import Enum
from typing import Any, NamedTuple, Protocol

Span = tuple[str, float, float]


class State(str, Enum):
    """What an instance does."""

    STARTING = "starting"
    IDLE = "idle"
    RUNNING = "running"
    FROZEN = "frozen"
    STOPPING = "stopping"
    ENDED = "ended"


_NEXT = {
    State.STARTING: {State.IDLE, State.STOPPING, State.ENDED},
    State.IDLE: {State.RUNNING, State.FROZEN, State.STOPPING, State.ENDED},
    State.RUNNING: {State.IDLE, State.ENDED},
    State.FROZEN: {State.RUNNING, State.STOPPING, State.ENDED},
    State.STOPPING: {State.ENDED},
    State.ENDED: {State.ENDED},
}


class Life:
    """The state of an instance, for whoever watches it from other threads.

    - ``began``, ``ended``: when it was made and when it ended (seconds since 1970; ``ended`` is None until then).
    - ``frozen_at``: when it was last frozen, a time of ``time.perf_counter()``.
    - ``requests``: how many it has been given.
    - ``end_reason``: why it ends: ``"idle"``, ``"renewed"``, ``"asked"``, ``"closed"``, ``"start"`` and ``"init"`` for
      what failed, or a sentence; ``""`` where it is not known.
    - ``handler_kind``: see ``Runtime.handler_kind``.
    """

    def __init__(self) -> None:
        self.state = State.STARTING
        self.began = time.time()
        self.ended: float | None = None
        self.frozen_at = 0.0
        self.requests = 0
        self.end_reason = ""
        self.handler_kind = ""
        self._lock = threading.Lock()

    @property
    def is_alive(self) -> bool:
        """Whether the instance has not ended."""
        return self.state is not State.ENDED

    def enter(self, state: State) -> bool:
        """Go on to ``state``. Returns whether that is so: an instance that has ended stays so."""
        with self._lock:
            before = self.state
            if before is State.ENDED:
                return False
            assert state in _NEXT[before], f"an instance that is {before.value} cannot be {state.value}"
            self.state = state
            if state is State.RUNNING:
                self.requests += 1
            elif state is State.FROZEN:
                self.frozen_at = time.perf_counter()
            elif state is State.ENDED:
                self.ended = time.time()
            return True


class Reply(NamedTuple):
    """What came of an invocation.

    ``kind`` is ``"result"`` (``data``: what the handler returned, after the JSON step), ``"error"`` (``data``: the
    platform's error object as JSON), or ``"aborted"`` (``data``: such an object) when the runner stopped it before it
    finished. ``start_seconds`` and ``init_seconds`` are those of a cold start, else None. ``traceback`` is that of an
    exception, as Python prints it. ``spans`` are what happened when: the request had to ``wait`` for an instance,
    which had been ``frozen``, or its ``start``; then ``init`` and ``handler``; each from and to a time of
    ``time.perf_counter()``. ``report`` is what a Tap reports.
    """

    kind: str
    data: bytes
    instance_id: str
    start_seconds: float | None = None
    init_seconds: float | None = None
    traceback: str | None = None
    spans: tuple[Span, ...] = ()
    report: dict[str, Any] | None = None

    @classmethod
    def aborted(cls, reason: str, instance_id: str = "-") -> Reply:
        """The reply to an event that the runner itself did not run, or not to its end."""
        return cls("aborted", json.dumps({"errorMessage": reason}).encode("ascii"), instance_id)

    def describe_error(self) -> str:
        """What went wrong, for people."""
        return self.traceback or str(json.loads(self.data)["errorMessage"])


class AnyInstance(Protocol):
    """What a pool needs of an instance. One thread at a time uses it, but ``kill`` may come from any."""

    id: str
    life: Life
    idle_since: float

    def start(self) -> Reply | None:
        """Load the function. Returns None, or the error when that failed; then the instance has ended."""
        ...

    def invoke(self, event: bytes, request_id: str) -> Reply:
        """Run one event, after the Initializer if it is the first."""
        ...

    def stop(self) -> None:
        """Run the PreStop hook, and end."""

    def kill(self) -> None:
        """End at once."""

    def has_ended(self) -> bool:
        """Whether it has ended by itself, or can take no further event."""
        ...

    def has_gone(self) -> bool:
        """Whether its process is no longer there, whoever has noticed it."""
        ...

    def held_bytes(self) -> int:
        """The memory that it holds now; 0 where that is not known."""
        ...

    def peak_bytes(self) -> int:
        """The most memory that it has held; 0 where that is not known."""
        ...
