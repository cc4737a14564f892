"""The lifespan protocol of ASGI: startup once per instance, shutdown at its end, and the state in between."""

from __future__ import annotations

import asyncio
from contextvars import Context, copy_context
from logging import getLogger
from typing import Any, Callable

from ..errors import AppError, shorten
from .loop import close_loops_at_exit
from .tasks import take_exception, without_request

TYPE_CHECKING = False
if TYPE_CHECKING:
    Message = dict[str, Any]


_logger = getLogger("fc_adapter")


class Lifespan:
    """The lifespan of one app.

    ``mode`` is ``"auto"`` (an app that ends before its startup is complete does not support lifespan), ``"on"`` (it
    must), or ``"off"``. ``state`` is what the app's startup put there, for the scope of each request.
    """

    def __init__(self, app: Callable[..., Any], mode: str) -> None:
        self._app = app
        self._mode = mode
        self._conversation: _Conversation | None = None
        self.state: dict[str, Any] = {}
        self.is_started = mode == "off"

    async def startup(self) -> None:
        """Start the app's lifespan, unless it is started already.

        Raises AppError with the app's own message when its startup fails; then the next call tries again.
        """
        if self.is_started:
            return
        conversation = _Conversation(self._app)
        try:
            failure = await conversation.hear("startup")
            if failure is not None:
                raise AppError(f"the app's startup failed: {failure}")
            if not conversation.has_replied:
                self._refuse_or_ignore(take_exception(conversation.task))
        except BaseException as error:
            conversation.task.cancel()
            await asyncio.wait([conversation.task])
            cause = take_exception(conversation.task)
            if isinstance(error, AppError):
                raise conversation.add_origin(error, cause) from cause
            raise
        if conversation.has_replied:
            self._conversation = conversation
            conversation.task.add_done_callback(conversation.report_early_end)
            close_loops_at_exit()
        self.state = conversation.state
        self.is_started = True

    async def shutdown(self) -> None:
        """Run the app's shutdown, if it has started.

        Raises AppError with the app's own message when it fails, or when there was no lifespan left to shut down.
        """
        conversation, self._conversation = self._conversation, None
        self.is_started = self._mode == "off"
        if conversation is None:
            return
        conversation.task.remove_done_callback(conversation.report_early_end)
        early_end = conversation.early_end
        if early_end is not None:
            failed = f"the app's shutdown did not run, as its lifespan failed while the app was serving: {early_end}"
            error = take_exception(conversation.task)
            raise conversation.add_origin(AppError(failed), error) from error
        failure = await conversation.hear("shutdown")
        await asyncio.wait([conversation.task])
        error = take_exception(conversation.task)
        if failure is not None or error is not None:
            failed = f"the app's shutdown failed: {failure if failure is not None else repr(error)}"
            raise conversation.add_origin(AppError(failed), error) from error

    def forget(self) -> None:
        """Start anew at the next request: the app has closed the event loop in which its lifespan was."""
        self._conversation = None
        self.is_started = self._mode == "off"

    def _refuse_or_ignore(self, error: BaseException | None) -> None:
        """Decide about an app that ended, perhaps with ``error``, instead of living on after its startup."""
        how = "returned" if error is None else f"raised {error!r}"
        if self._mode == "on":
            raise AppError(f"the app {how} before its startup was complete, but lifespan is 'on'") from error
        _logger.info("the app does not support lifespan: it %s", how)


class _Conversation:
    """One run of the app's lifespan, in a task that outlives the request that happens to come first."""

    def __init__(self, app: Callable[..., Any]) -> None:
        self.state: dict[str, Any] = {}
        self._asked = False
        self._phase = "startup"
        self._early_failure: str | None = None
        self._stop = asyncio.Event()
        self._reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        create_task: Callable[..., asyncio.Task[Any]] = asyncio.get_running_loop().create_task
        self._context: Context | None = None
        self.task = without_request(create_task, self._run(app, scope))

    @property
    def has_replied(self) -> bool:
        """Whether the app has replied to the current phase."""
        return self._reply.done()

    @property
    def early_end(self) -> str | None:
        """Why the lifespan failed before it was asked for its shutdown, if it did."""
        if not self.task.done():
            return None
        if self.task.cancelled():
            return "it was cancelled"
        error = self.task.exception()
        return self._early_failure if error is None else repr(error)

    def report_early_end(self, task: asyncio.Task[Any]) -> None:
        """Log that the lifespan failed; otherwise that would show at the end of the instance only."""
        reason = self.early_end
        if reason is not None:
            (self._context or copy_context()).run(
                _logger.error,
                "the app's lifespan failed while the app was serving, and requests go on without it: %s",
                reason,
                exc_info=take_exception(task),
            )

    def add_origin(self, failure: AppError, error: BaseException | None) -> AppError:
        """``failure``, with what it takes for its log record to be known as the app's ``error``."""
        failure.app_error, failure.app_context = error, self._context
        return failure

    async def hear(self, phase: str) -> str | None:
        """Ask for ``phase`` and wait for the app's reply, or its end: None, or why it failed."""
        if phase == "shutdown":
            self._phase = phase
            self._reply = asyncio.get_running_loop().create_future()
            self._stop.set()
        await asyncio.wait([self.task, self._reply], return_when=asyncio.FIRST_COMPLETED)
        reply: str | None = self._reply.result() if self._reply.done() else None
        return reply

    async def _run(self, app: Callable[..., Any], scope: dict[str, Any]) -> None:
        try:
            await app(scope, self._receive, self._send)
        except BaseException:
            self._context = copy_context()
            raise

    async def _receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "lifespan.startup"}
        await self._stop.wait()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Message) -> None:
        kind = message.get("type")
        if self._phase == "startup" and self._reply.done() and kind == "lifespan.shutdown.failed":
            # Starlette sends this message for any error after the startup, and then raises the error.
            self._early_failure = message.get("message") or "it gave no reason"
            return
        if kind not in (f"lifespan.{self._phase}.complete", f"lifespan.{self._phase}.failed") or self._reply.done():
            raise AppError(f"the app sent {shorten(kind)} during its {self._phase}, out of turn")
        self._reply.set_result(None if kind.endswith("complete") else message.get("message") or "it gave no reason")
