"""``with fc_adapter.detached():``, for tasks and threads that belong to no request."""

from __future__ import annotations

import sys

from . import invocation, threads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import ContextVar
    from typing import Any


class detached:  # noqa: N801 - it is called like a function
    """A context manager: no request waits for asyncio tasks and threads that are started within it.

    It is for work that lives as long as the instance: a client's heartbeat, a cache that renews itself. What its tasks
    start in turn belongs to no request either, and ``current_invocation()`` is None within it and for its tasks.

    Tasks are told by their context, so other tasks may run meanwhile, and it may contain an ``await``. Of threads and
    of work for executors all that begins during the block counts, whoever begins it: keep the block short.
    """

    def __enter__(self) -> None:
        self._threads = threads.begin()
        self._outer: list[tuple[ContextVar[Any], Any]] = []
        if invocation._variable is not None:
            self._set_none(invocation._variable, invocation._UNSET)
        tasks: Any = sys.modules.get(f"{__package__}.asgi.tasks")  # there is none where no ASGI app is served
        if tasks is not None:
            self._set_none(tasks.current_tasks, None)

    def __exit__(self, *_: object) -> None:
        threads.detach(self._threads)
        for variable, value in self._outer:
            variable.set(value)

    def _set_none(self, variable: ContextVar[Any], default: Any) -> None:
        self._outer.append((variable, variable.get(default)))
        variable.set(None)
