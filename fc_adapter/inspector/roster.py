"""The instances, as the inspector's panel shows them: those that live, and the last ones that have ended."""

from __future__ import annotations

import threading
from typing import Any

from ..runner.life import AnyInstance, State
from .reasons import find_reason

_ENDED = 20  # that are remembered


class Roster:
    """Remembers instances. Any thread may call anything."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._instances: list[AnyInstance] = []

    def add(self, instance: AnyInstance) -> None:
        """A new instance has been made."""
        with self._lock:
            ended = [each for each in self._instances if not each.life.is_alive]
            forgotten = set(ended[: max(0, len(ended) - _ENDED)])
            self._instances = [each for each in self._instances if each not in forgotten] + [instance]

    def latest(self) -> AnyInstance | None:
        """The newest one."""
        with self._lock:
            return self._instances[-1] if self._instances else None

    def find(self, instance_id: str) -> AnyInstance | None:
        """The newest one with this id: in this process all have the same."""
        with self._lock:
            return next((each for each in reversed(self._instances) if each.id == instance_id), None)

    def describe(self) -> list[dict[str, Any]]:
        """All of them as JSON, newest first; times are seconds since 1970, sizes bytes (0 where they are not known).

        ``reason`` is as ``Life.end_reason`` has it; for a sentence, ``because`` is what ``find_reason`` says of it.
        """
        with self._lock:
            instances = self._instances[::-1]
        return [_describe(each) for each in instances]


def _describe(instance: AnyInstance) -> dict[str, Any]:
    life = instance.life
    state = life.state
    if state is not State.ENDED and instance.has_gone():
        state = State.ENDED
    is_alive = state is not State.ENDED
    return {
        "id": instance.id,
        "state": state.value,
        "requests": life.requests,
        "held": instance.held_bytes() if is_alive else 0,
        "peak": instance.peak_bytes() if is_alive else 0,
        "began": life.began,
        "ended": life.ended,
        "reason": life.end_reason,
        "because": find_reason(life.end_reason),
    }
