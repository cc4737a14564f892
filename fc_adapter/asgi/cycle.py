"""One request in the event loop: the app, the background work that it starts, and the limits of time on both.

Theory of operation:

    startup (once) ─▶ app ─▶ response complete ─▶ its tasks and threads ─▶ the handler returns, the platform freezes

The app's coroutine is awaited to its end, however long that takes, since Starlette's background tasks run in it. What
it has left behind (tasks, threads, work of executors) is waited for until `Background.patience()` is over; what is
still running then is logged, and goes on at the next invocation, so references to it are kept in ``left_running``.
With a ``deadline_margin``, the app runs in a task of its own, which is cancelled that long before the function's
timeout; half of the margin is for the app to clean up in, half for returning the response.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from logging import getLogger
from typing import Any, Callable

from ..background import RESERVE, Background
from ..errors import AppError, DeadlineError
from ..invocation import ACTIVE_THREADS, Invocation, context_variable, function_timeout
from .channel import Channel
from .lifespan import Lifespan
from .loop import is_quiet
from .tasks import RequestTasks, describe_task, format_stack, name_task, take_exception, wait_for_work

TYPE_CHECKING = False
if TYPE_CHECKING:
    Scope = dict[str, Any]

_logger = getLogger("fc_adapter")


class Cycle:
    """Runs one request.

    - ``background``: how long to wait for the tasks and threads that it has started, once the app has returned.
    - ``deadline_margin`` (seconds or None): how much of the function's timeout is left when the app is cancelled.
    - ``left_running``: holds references to tasks that go on after it.

    ``context`` is the context in which the app, or its startup, has raised an error, or None.
    """

    def __init__(
        self,
        app: Callable[..., Any],
        scope: Scope,
        channel: Channel,
        *,
        lifespan: Lifespan,
        invocation: Invocation,
        background: Background,
        deadline_margin: float | None,
        left_running: set[asyncio.Task[Any]],
    ) -> None:
        self._app = app
        self._scope = scope
        self._channel = channel
        self._lifespan = lifespan
        self._invocation = invocation
        self._background = background
        self._deadline_margin = deadline_margin
        self._left_running = left_running
        self._reserve = RESERVE
        self._began = time.monotonic()
        self._tasks = RequestTasks()
        self.context: contextvars.Context | None = None

    async def run(self) -> None:
        """Run the app, after its startup if it is the first time, and wait for what it has started.

        Raises what the app raises, and DeadlineError.
        """
        margin = self._deadline_margin
        if margin is None:
            return await self._run_app()
        timeout = function_timeout(self._invocation.context)
        if timeout is None:
            return await self._run_app()
        if margin >= timeout:
            _logger.warning("deadline_margin is %s s, but the function's timeout %s s: no deadline", margin, timeout)
            return await self._run_app()
        self._reserve = margin
        return await self._run_app_until(self._began + timeout - margin)

    async def _run_app(self) -> None:
        lifespan, channel = self._lifespan, self._channel
        if not lifespan.is_started:
            try:
                await lifespan.startup()
            except AppError as error:
                self.context = context = error.app_context or contextvars.copy_context()
                context.run(context_variable().set, self._invocation)
                raise
        self._scope["state"] = lifespan.state.copy()
        self._tasks.begin()
        before = None if len(ACTIVE_THREADS) == 1 else self._background.begin()
        try:
            await self._app(self._scope, channel.receive, channel.send)
        except (asyncio.CancelledError, GeneratorExit, SystemExit, KeyboardInterrupt):
            # Cancelled or exiting: do not wait, but keep references to running tasks.
            self._channel.disconnect()
            self._leave_running(*self._tasks.running)
            raise
        except BaseException:
            self.context = contextvars.copy_context()
            await self._wait_for_work(before)
            raise
        channel.disconnect()
        if self._tasks.running or not is_quiet(self._tasks.loop) or not self._background.is_alone(before):
            await self._wait_for_work(before)

    async def _wait_for_work(self, before: frozenset[Any] | None) -> None:
        """Wait for the request's tasks and threads: once the handler returns, the platform freezes them."""
        self._channel.disconnect()
        if not is_quiet(self._tasks.loop):
            # Tasks that close unfinished async generators start only now.
            await asyncio.sleep(0)
        background = self._background
        seconds = background.patience(self._began, self._invocation.context, self._reserve)
        tasks, threads = await wait_for_work(
            lambda: self._tasks.pending(background), lambda: background.find_threads(before), seconds
        )
        self._leave_running(*self._tasks.running)
        if tasks or threads:
            found = [(name_task(task), describe_task(task)) for task in tasks]
            background.give_up(self._invocation, seconds, found, threads)

    async def _run_app_until(self, deadline: float) -> None:
        """Run the app in a task of its own, which can be left behind: a thread that it waits for cannot be stopped."""
        task = asyncio.get_running_loop().create_task(self._run_app())
        try:
            # A little later than the limit for the request's own tasks, so that this one ends second.
            await asyncio.wait([task], timeout=deadline - time.monotonic() + 0.001)
        except asyncio.CancelledError:
            # The app raised SystemExit or KeyboardInterrupt, which is propagating already.
            task.add_done_callback(take_exception)
            raise
        if task.done():
            return await task
        _logger.error(
            "request %s has run into its deadline, %s s before the function's timeout. It was here:\n%s",
            self._request_id,
            self._reserve,
            "".join([f"{describe_task(each)}:\n{format_stack(each)}" for each in (task, *self._tasks.running)]),
        )
        self._leave_running(task)
        if self._channel.is_complete:
            return None
        task.cancel()
        # Half of the margin to clean up in, half to answer in.
        await asyncio.wait([task], timeout=self._reserve / 2)
        raise DeadlineError("the app was cancelled, since the function's timeout was close")

    @property
    def _request_id(self) -> str:
        return self._invocation.request_id or "(no id)"

    def _leave_running(self, *tasks: asyncio.Task[Any]) -> None:
        """Keep references to tasks that go on at the next invocation; the event loop keeps none."""
        self._left_running.update(tasks)
        for task in tasks:
            task.add_done_callback(self._left_running.discard)
