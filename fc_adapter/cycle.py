"""One request in the event loop: the app, the tasks that it leaves behind, and the limits of time on both."""

from __future__ import annotations

import asyncio
import time
from logging import getLogger
from typing import Any, Callable, NamedTuple

from .errors import DeadlineError
from .exchange import Exchange
from .invocation import Invocation
from .lifespan import Lifespan
from .loop import RequestTasks, describe_task, format_stack, take_exception

TYPE_CHECKING = False
if TYPE_CHECKING:
    Scope = dict[str, Any]

_logger = getLogger("fc_adapter")
_RESERVE = 0.5  # seconds of the function's timeout that waiting for background work leaves to the way of the response


class Limits(NamedTuple):
    """How long a request may take.

    - ``background`` (seconds): for the tasks that it has started, once the app has returned.
    - ``latest``: when they are waited for no longer, whatever ``background`` says.
    - ``deadline``: when the app is cancelled; ``margin`` (seconds): what is left of the function's timeout then.

    Times are on the monotonic clock, and None where there is no limit.
    """

    background: float
    latest: float | None = None
    deadline: float | None = None
    margin: float = 0.0


def read_limits(context: Any, *, background: float, margin: float | None) -> Limits:
    """The limits of a request that begins now, which depend on the function's timeout in ``context``."""
    try:
        timeout = float(context.function.timeout)  # some runtimes have it as a string
    except (AttributeError, TypeError, ValueError):
        return Limits(background)
    now = time.monotonic()
    if margin is None:
        return Limits(background, now + timeout - _RESERVE)
    if margin >= timeout:
        _logger.warning("deadline_margin is %s s, but the function's timeout %s s: no deadline", margin, timeout)
        return Limits(background, now + timeout - _RESERVE)
    deadline = now + timeout - margin
    return Limits(background, deadline, deadline, margin)


class Cycle:
    """Runs one request. ``left_running`` is where tasks are held that go on when it is over."""

    def __init__(
        self,
        app: Callable[..., Any],
        scope: Scope,
        exchange: Exchange,
        *,
        lifespan: Lifespan,
        invocation: Invocation,
        limits: Limits,
        left_running: set[asyncio.Task[Any]],
    ) -> None:
        self._app = app
        self._scope = scope
        self._exchange = exchange
        self._lifespan = lifespan
        self._request_id = invocation.request_id or "(no id)"
        self._limits = limits
        self._left_running = left_running

    async def run(self) -> None:
        """Run the app, after its startup if it is the first time, and wait for the tasks that it has started.

        Raises what the app raises, and DeadlineError.
        """
        self._tasks = RequestTasks(asyncio.get_running_loop())
        if self._limits.deadline is None:
            await self._run_app()
        else:
            await self._run_app_until(self._limits.deadline)

    async def _run_app(self) -> None:
        await self._lifespan.startup()
        self._scope["state"] = self._lifespan.state.copy()
        self._tasks.begin()
        try:
            await self._app(self._scope, self._exchange.receive, self._exchange.send)
        except Exception:
            await self._wait_for_tasks()
            raise
        await self._wait_for_tasks()

    async def _wait_for_tasks(self) -> None:
        """Wait for the request's tasks: once the handler returns, the platform freezes them."""
        self._exchange.disconnect()
        # A task for each async generator that was left open begins only now.
        await asyncio.sleep(0)
        if not self._tasks.running:
            return
        seconds = self._limits.background
        if self._limits.latest is not None:
            seconds = min(seconds, max(self._limits.latest - time.monotonic(), 0.0))
        if await self._tasks.wait(seconds):
            return
        for task in self._tasks.running:
            self._leave_running(task)
        if self._limits.background:
            _logger.warning(
                "request %s left tasks running after %.2g s, which stand still until the next request: %s",
                self._request_id,
                seconds,
                ", ".join(map(describe_task, self._tasks.running)),
            )

    async def _run_app_until(self, deadline: float) -> None:
        """Run the app in a task of its own, which can be left behind: a thread that it waits for cannot be stopped."""
        task = asyncio.get_running_loop().create_task(self._run_app())
        try:
            # A little later, so that waiting for the request's own tasks ends first.
            await asyncio.wait([task], timeout=deadline - time.monotonic() + 0.001)
        except asyncio.CancelledError:
            # The app has left by an exit, which is on its way out already.
            task.add_done_callback(take_exception)
            raise
        if task.done():
            return await task
        _logger.error(
            "request %s has run into its deadline, %s s before the function's timeout. It was here:\n%s",
            self._request_id,
            self._limits.margin,
            "".join([f"{describe_task(each)}:\n{format_stack(each)}" for each in (task, *self._tasks.running)]),
        )
        self._leave_running(task)
        if self._exchange.is_complete:
            return None
        task.cancel()
        # Half of the margin to clean up in, half to answer in.
        await asyncio.wait([task], timeout=self._limits.margin / 2)
        raise DeadlineError("the app was cancelled, since the function's timeout was close")

    def _leave_running(self, task: asyncio.Task[Any]) -> None:
        """Hold on to a task that goes on at the next invocation; the event loop itself does not."""
        self._left_running.add(task)
        task.add_done_callback(self._left_running.discard)
