"""The functions of ``wrap(flush=[...])``, which send what libraries have collected before the instance is frozen."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextvars import copy_context
from logging import getLogger

from .invocation import enter, function_timeout, leave
from .report import log_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .invocation import Invocation, Mark
    from .options import FlushFunction

    _Mark = tuple[Mark, Invocation, float]

_logger = getLogger("fc_adapter")
_RESERVE = 0.2  # seconds of the function's timeout that are kept back for returning the result
_LIMIT = 10.0  # seconds, when the timeout is not known: in a hook, or without the platform's context


class Flush:
    """Calls functions in their order, in a thread of their own: one that does not return is left behind there."""

    def __init__(self, functions: Iterable[FlushFunction]) -> None:
        self._calls = [_Call(function) for function in functions]
        self._lock = threading.Lock()

    def enter(self, invocation: Invocation) -> _Mark:
        """Begin an invocation: as ``invocation.enter()``, with a mark for this class's own ``leave()``."""
        return enter(invocation), invocation, time.monotonic()

    def leave(self, mark: _Mark) -> None:
        """End an invocation: as ``invocation.leave()``, then call the functions."""
        outer, invocation, began = mark
        leave(outer)
        self.run(invocation, began)

    def run(self, invocation: Invocation | None = None, began: float = 0.0) -> None:
        """Call the functions, and return when they have returned or the time is up. Logs what they raise.

        - ``invocation``: the one that ends here; None in a hook.
        - ``began``: the value of ``time.monotonic()`` when it began.
        """
        timeout = function_timeout(invocation.context) if invocation is not None else None
        now = time.monotonic()
        end = now + _LIMIT if timeout is None else max(began + timeout - _RESERVE, now)
        # Several threads may call the handler: one flushes after the other.
        if self._lock.acquire(timeout=end - now):
            try:
                problems = self._run_until(end, invocation)
            finally:
                self._lock.release()
        else:
            problems = [f"{call.name} was not called" for call in self._calls]
        if problems:
            request_id = (invocation is not None and invocation.request_id) or "(no id)"
            limit = f" had {end - now:.2g} s" if time.monotonic() >= end else ""  # otherwise nothing has waited
            _logger.warning("request %s: flush%s: %s", request_id, limit, ", ".join(problems))

    def _run_until(self, end: float, invocation: Invocation | None) -> list[str]:
        """Call the functions until ``end``. Returns what is to be said of those that have not been called or returned.

        A function that has cost one request its time, and still runs, is neither waited for nor called again.
        """
        busy = [call for call in self._calls if call.is_running]
        due = deque(call for call in self._calls if not call.is_running)
        thread = threading.Thread(
            target=copy_context().run, args=(_work, due, end, invocation), name="fc_adapter-flush", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:
            return [f"no thread could be started ({error})"]
        thread.join(max(end - time.monotonic(), 0.0))
        return [
            *(f"{call.name} still runs since an earlier request" for call in busy if call.is_running),
            *(f"{call.name} has not returned" for call in self._calls if call.is_running and call not in busy),
            *(f"{call.name} was not called" for call in due),
        ]


def _work(due: deque[_Call], end: float, invocation: Invocation | None) -> None:
    """Take the functions out of ``due`` and call them, as long as it is not ``end``."""
    if invocation is not None:
        enter(invocation)
    while due and time.monotonic() < end:
        due.popleft().run()


class _Call:
    """One of the functions, and whether it runs."""

    def __init__(self, function: FlushFunction) -> None:
        self._function = function
        self.name = _describe(function)
        self.is_running = False

    def run(self) -> None:
        """Call the function. Logs what it raises, be it an exit: the client's response is complete."""
        self.is_running = True
        try:
            result = self._function()
            if hasattr(result, "__await__"):
                _refuse_awaitable(self.name, result)
        except BaseException as error:
            log_error(error, "flush: %s failed with %s: %s", self.name, type(error).__name__, error)
        finally:
            self.is_running = False


def _refuse_awaitable(name: str, awaitable: Any) -> None:
    """Log that nothing of it has been run."""
    if hasattr(awaitable, "close"):
        awaitable.close()  # else Python would warn, too, that it was never awaited
    _logger.error(
        "flush: %s has sent nothing: it returned a %s, which must be awaited, and flush awaits nothing. Give wrap() a "
        "function that does the work, such as lambda: asyncio.run(send())",
        name,
        type(awaitable).__name__,
    )


def _describe(function: FlushFunction) -> str:
    """``sentry_sdk.api.flush``, or what a callable object says of itself."""
    qualname = getattr(function, "__qualname__", "")
    return ".".join(filter(None, (getattr(function, "__module__", ""), qualname))) if qualname else repr(function)
