"""The lifespan protocol of ASGI: startup once per instance, shutdown at its end, and the state in between."""

from __future__ import annotations

import asyncio
from typing import Any, Callable

from .errors import AppError
from .loop import without_request

TYPE_CHECKING = False
if TYPE_CHECKING:
    Message = dict[str, Any]


class Lifespan:
    """The lifespan of one app.

    ``mode`` is ``"auto"`` (an app that ends before its startup is complete does not support lifespan), ``"on"`` (it
    must), or ``"off"``. ``state`` is what the app's startup put there, for the scope of each request.
    """

    def __init__(self, app: Callable[..., Any], mode: str) -> None:
        self._app = app
        self._mode = mode
        self._task: asyncio.Task[None] | None = None
        self._asked = False
        self.state: dict[str, Any] = {}
        self.is_started = mode == "off"

    async def startup(self) -> None:
        """Start the app's lifespan, unless it is started already.

        Raises AppError with the app's own message when its startup fails; then the next call tries again.
        """
        if self.is_started:
            return
        loop = asyncio.get_running_loop()
        self.state = {}
        self._asked = False
        self._stop = asyncio.Event()
        self._reply: asyncio.Future[Any] = loop.create_future()
        # It outlives the request that happens to come first.
        task = without_request(loop.create_task, self._run())
        try:
            await asyncio.wait([task, self._reply], return_when=asyncio.FIRST_COMPLETED)
            if not self._reply.done():
                self._refuse_or_ignore(task)
            elif self._reply.result() is None:
                self._task = task
            else:
                raise AppError(f"the app's startup failed: {self._reply.result()}")
        except BaseException:
            task.cancel()
            await asyncio.wait([task])
            _take_exception(task)
            raise
        self.is_started = True

    async def shutdown(self) -> None:
        """Run the app's shutdown, if it has started. Raises AppError with the app's own message when it fails."""
        task, self._task = self._task, None
        self.is_started = self._mode == "off"
        if task is None:
            return
        self._reply = asyncio.get_running_loop().create_future()
        self._stop.set()
        await asyncio.wait([task, self._reply], return_when=asyncio.FIRST_COMPLETED)
        failure = self._reply.result() if self._reply.done() else None
        await asyncio.wait([task])
        error = _take_exception(task)
        if failure is not None or error is not None:
            raise AppError(f"the app's shutdown failed: {failure if failure is not None else repr(error)}") from error

    def _refuse_or_ignore(self, task: asyncio.Task[None]) -> None:
        """Decide about an app that ended without a word on its startup."""
        from logging import getLogger

        error = _take_exception(task)
        how = "returned" if error is None else f"raised {error!r}"
        if self._mode == "on":
            raise AppError(f"the app {how} before its startup was complete, but lifespan is 'on'") from error
        getLogger("fc_adapter").info("the app does not support lifespan: it %s", how)

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        await self._app(scope, self._receive, self._send)

    async def _receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "lifespan.startup"}
        await self._stop.wait()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Message) -> None:
        phase = "shutdown" if self._stop.is_set() else "startup"
        kind = message.get("type")
        if kind not in (f"lifespan.{phase}.complete", f"lifespan.{phase}.failed") or self._reply.done():
            raise AppError(f"the app sent {kind!r} during its {phase}, out of turn")
        self._reply.set_result(None if kind.endswith("complete") else message.get("message") or "it gave no reason")


def _take_exception(task: asyncio.Task[None]) -> BaseException | None:
    """The exception that ended ``task``, so that asyncio does not report it too; None for a cancellation."""
    return None if task.cancelled() else task.exception()
