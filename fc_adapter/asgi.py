"""The server side of ASGI: a Request becomes a scope, and the messages that the app sends become a Response."""

from __future__ import annotations

import asyncio
import time
import weakref
from logging import getLogger
from typing import Any, Callable, NamedTuple, cast

from .contract.rules import decode_header
from .errors import AppError, DeadlineError
from .invocation import Invocation, context_variable
from .lifespan import Lifespan
from .loop import PrivateLoop, RequestTasks, describe_task, format_stack
from .messages import Request, Response

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from .messages import Pairs

    Scope = dict[str, Any]
    Message = dict[str, Any]
    Application = Callable[..., Any]

_logger = getLogger("fc_adapter")
context_variable()  # from now on the current invocation follows into tasks and threads


class Server:
    """Serves one ASGI 3 application, on an event loop of its own.

    - ``base_path`` (str): the prefix under which the platform mounts the app, for ``root_path``.
    - ``lifespan`` (str): ``"auto"``, ``"on"`` or ``"off"``.
    - ``background_timeout`` (seconds): how long to wait for tasks that a request has started.
    - ``deadline_margin`` (seconds or None): how long before the function's timeout a request is answered with 504.
    - ``raise_errors`` (bool): whether an error after a complete response is raised, rather than logged.
    """

    def __init__(
        self,
        app: Application,
        *,
        base_path: str = "",
        lifespan: str = "auto",
        background_timeout: float = 10.0,
        deadline_margin: float | None = None,
        raise_errors: bool = False,
    ) -> None:
        self._app = app
        self._base_path = base_path
        self._background_timeout = background_timeout
        self._deadline_margin = deadline_margin
        self._raise_errors = raise_errors
        self._loop = PrivateLoop()
        self._lifespan = Lifespan(app, lifespan)
        self._left_running: set[asyncio.Task[Any]] = set()
        # Runs at the end of the process, unless the handler ends before or pre_stop() has done it.
        weakref.finalize(self, _stop_at_exit, self._loop, self._lifespan)

    def __repr__(self) -> str:
        return f"the ASGI app {self._app!r}"

    def respond(self, request: Request, invocation: Invocation) -> Response:
        """Run one request. Raises what the app raises, AppError, and DeadlineError when time runs out."""
        return self._respond(build_scope(request), request.body, invocation)

    def respond_wsgi(
        self, environ: dict[str, Any], start_response: Callable[..., Any], invocation: Invocation
    ) -> Iterable[bytes]:
        """Serve a call that is WSGI, as FC 2.0 makes it. The response is complete when this returns."""
        from http import HTTPStatus

        from a2wsgi.asgi import build_scope as build_scope_of_environ

        stream = environ.get("wsgi.input")
        body = stream.read(int(environ.get("CONTENT_LENGTH") or 0)) if stream else b""
        scope: Any = build_scope_of_environ(cast("Any", environ))
        scope.setdefault("client", (environ["REMOTE_ADDR"], 0) if environ.get("REMOTE_ADDR") else None)
        response = self._respond(scope, body, invocation)
        reasons = {status.value: status.phrase for status in HTTPStatus}
        headers = [(name, value.encode("utf-8").decode("latin-1")) for name, value in response.headers]
        start_response(f"{response.status} {reasons.get(response.status, 'Unknown')}", headers)
        return [response.body]

    def _respond(self, scope: Scope, body: bytes, invocation: Invocation) -> Response:
        limits = self._limits(invocation.context)
        exchange = Exchange(body)
        scope["root_path"] = self._root_path(scope["path"])
        scope["fc.event"], scope["fc.context"], scope["fc.request_id"] = invocation
        error: Exception
        try:
            self._loop.run(lambda: self._serve(scope, exchange, invocation, limits))
            return exchange.response()
        except asyncio.CancelledError as cancellation:
            error = AppError("the app was cancelled, by itself or by what it awaited")
            error.__cause__ = cancellation
        except Exception as raised:
            error = raised
        if self._raise_errors or not exchange.is_complete:
            raise error
        _logger.error(
            "request %s: the app failed after its response was complete, which the client gets: %s: %s",
            invocation.request_id or "(no id)",
            type(error).__name__,
            error,
            exc_info=error,
        )
        return exchange.response()

    def initialize(self) -> None:
        """Run the app's startup. Raises AppError with the app's own message when it fails."""
        self._loop.run(self._lifespan.startup)

    def pre_stop(self) -> None:
        """Run the app's shutdown and close the loop. Raises AppError, after logging it, when the shutdown fails."""
        try:
            self._loop.close(self._lifespan.shutdown)
        except AppError as error:
            _logger.error("%s", error, exc_info=error)
            raise

    async def _serve(self, scope: Scope, exchange: Exchange, invocation: Invocation, limits: Limits) -> None:
        tasks = RequestTasks(asyncio.get_running_loop())
        run = self._run_app(scope, exchange, tasks, invocation, limits)
        if limits.deadline is None:
            await run
        else:
            await self._run_until(limits.deadline, run, exchange, tasks, invocation)

    async def _run_app(
        self, scope: Scope, exchange: Exchange, tasks: RequestTasks, invocation: Invocation, limits: Limits
    ) -> None:
        """Run the app, after its startup if it is the first time, and then wait for the tasks that it has started."""
        await self._lifespan.startup()
        scope["state"] = self._lifespan.state.copy()
        tasks.begin()
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except Exception:
            await self._wait_for(tasks, invocation, limits)
            raise
        await self._wait_for(tasks, invocation, limits)

    async def _wait_for(self, tasks: RequestTasks, invocation: Invocation, limits: Limits) -> None:
        """Wait for the request's tasks: once the handler returns, the platform freezes them."""
        if not tasks.running:
            return
        seconds = self._background_timeout
        if limits.latest is not None:
            seconds = min(seconds, max(limits.latest - time.monotonic(), 0.0))
        if await tasks.wait(seconds):
            return
        for task in tasks.running:
            self._leave_running(task)
        if self._background_timeout:
            _logger.warning(
                "request %s left tasks running after %.2g s, which stand still until the next request: %s",
                invocation.request_id or "(no id)",
                seconds,
                ", ".join(map(describe_task, tasks.running)),
            )

    async def _run_until(
        self,
        deadline: float,
        run: Coroutine[Any, Any, None],
        exchange: Exchange,
        tasks: RequestTasks,
        invocation: Invocation,
    ) -> None:
        """Run the app in a task of its own, which can be left behind: a thread that it waits for cannot be stopped."""
        task = asyncio.get_running_loop().create_task(run)
        # A little later, so that waiting for the request's own tasks ends first.
        await asyncio.wait([task], timeout=deadline - time.monotonic() + 0.001)
        if task.done():
            return await task
        _logger.error(
            "request %s has run into its deadline, %s s before the function's timeout. It was here:\n%s",
            invocation.request_id or "(no id)",
            self._deadline_margin,
            "".join([f"{describe_task(each)}:\n{format_stack(each)}" for each in (task, *tasks.running)]),
        )
        self._leave_running(task)
        if exchange.is_complete:
            return None
        task.cancel()
        # Half of the margin to clean up in, half to answer in.
        await asyncio.wait([task], timeout=(self._deadline_margin or 0.0) / 2)
        raise DeadlineError("the app was cancelled, since the function's timeout was close")

    def _root_path(self, path: str) -> str:
        """``/api`` is the root of ``/api/x``, not of ``/apix``."""
        base_path = self._base_path
        return base_path if path == base_path or path.startswith(f"{base_path}/") else ""

    def _leave_running(self, task: asyncio.Task[Any]) -> None:
        """Hold on to a task that goes on at the next invocation; the event loop itself does not."""
        self._left_running.add(task)
        task.add_done_callback(self._left_running.discard)

    def _limits(self, context: Any) -> Limits:
        """The limits of time that the function's timeout sets."""
        try:
            timeout = float(context.function.timeout)  # some runtimes have it as a string
        except (AttributeError, TypeError, ValueError):
            return Limits(None, None)
        now = time.monotonic()
        margin = self._deadline_margin
        if margin is not None and margin < timeout:
            return Limits(now + timeout - margin, now + timeout - margin)
        if margin is not None:
            _logger.warning(
                "deadline_margin is %s s, but the function's timeout %s s: there is no deadline", margin, timeout
            )
        return Limits(None, now + timeout - _RESERVE)


_RESERVE = 0.5  # seconds of the function's timeout that waiting for background work leaves to the way of the response


class Limits(NamedTuple):
    """Times on the monotonic clock (seconds), None where there is no limit.

    ``deadline`` is when the app is cancelled, ``latest`` when the handler waits for background work no longer.
    """

    deadline: float | None
    latest: float | None


def _stop_at_exit(loop: PrivateLoop, lifespan: Lifespan) -> None:
    try:
        loop.close(lifespan.shutdown)
    except AppError as error:
        _logger.error("%s", error, exc_info=error)


def build_scope(request: Request) -> Scope:
    """The HTTP scope of ``request``, without what the server knows: ``state`` and where the app is mounted."""
    return {
        "type": "http",
        # 2.4: send() never fails here, so a streaming response need not watch for a disconnect.
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": request.http_version,
        "method": request.method,
        "scheme": request.scheme,
        "path": request.path_bytes.decode("utf-8", "replace"),
        "raw_path": request.raw_path.encode("ascii"),
        "query_string": request.query_string.encode("ascii"),
        "root_path": "",
        "headers": [(name.lower().encode("utf-8"), value.encode("utf-8")) for name, value in request.headers],
        "client": (request.client, 0) if request.client else None,
        "server": request.server,
    }


class Exchange:
    """One request and its response, as the app sees them: ``receive`` and ``send``.

    ``receive`` gives the whole body (bytes) in one message, then waits until the response is complete, then tells of
    the disconnect.
    """

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self._start: tuple[int, Pairs] | None = None
        self._chunks: list[bytes] = []
        self._completed: asyncio.Event | None = None
        self.is_complete = False

    async def receive(self) -> Message:
        """The app's next message."""
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        if not self.is_complete:
            if self._completed is None:
                self._completed = asyncio.Event()
            await self._completed.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take a message of the app. Raises AppError for one that is wrong or comes at a wrong time."""
        kind = message.get("type") if isinstance(message, dict) else message
        if self.is_complete:
            raise AppError(f"the app sent {kind!r} after its response was complete")
        if kind == "http.response.start":
            if self._start is not None:
                raise AppError("the app sent 'http.response.start' twice")
            self._start = _parse_status(message.get("status")), _parse_headers(message.get("headers", ()))
        elif kind == "http.response.body":
            if self._start is None:
                raise AppError("the app sent 'http.response.body' before 'http.response.start'")
            body = message.get("body", b"")
            if not isinstance(body, (bytes, bytearray, memoryview)):
                raise AppError(f"the app sent a body of type {type(body).__name__}, expected bytes")
            if body:
                self._chunks.append(bytes(body))
            if not message.get("more_body", False):
                self.is_complete = True
                if self._completed is not None:
                    self._completed.set()
        else:
            raise AppError(
                f"the app sent a message of type {kind!r:.100}, expected 'http.response.start' or 'http.response.body'"
            )

    def response(self) -> Response:
        """The response. Raises AppError when it is not complete."""
        if self._start is None:
            raise AppError("the app returned without sending a response")
        if not self.is_complete:
            raise AppError("the app returned before its response was complete: its last body said more_body")
        status, headers = self._start
        return Response(status, headers, self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks))


def _parse_status(status: object) -> int:
    if not isinstance(status, int) or not 100 <= status <= 999:
        raise AppError(f"the app sent the status {status!r:.100}, expected an integer such as 200")
    return int(status)


def _parse_headers(headers: Iterable[Any]) -> Pairs:
    parsed = []
    header: Any = headers
    try:
        for header in headers:
            name, value = header
            parsed.append((name.decode("latin-1"), decode_header(value)))
    except (AttributeError, TypeError, ValueError):
        raise AppError(f"the app sent the header {header!r:.100}, expected a name and a value, both bytes") from None
    return tuple(parsed)
