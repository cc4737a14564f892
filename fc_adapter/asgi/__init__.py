"""The server side of ASGI: a Request becomes a scope, and the messages that the app sends become a Response.

Imported only for ASGI apps; this module has the ``Server``.

- ``channel``: the ``receive`` and ``send`` of one request.
- ``cycle``: one request in the event loop, with its background work and its time limits; ``tasks``: whose each task is.
- ``loop``: the private event loop across freezes; ``lifespan``: startup and shutdown, once per instance.
"""

from __future__ import annotations

import asyncio
import weakref
from contextvars import copy_context
from functools import partial
from sys import modules
from typing import Any, Callable, cast

from ..application import is_coroutine_function
from ..background import Background, is_known_endless
from ..errors import AppError
from ..invocation import Invocation, add_invocation, context_variable
from ..messages import Request, Response
from .channel import Channel, WatchedChannel
from .cycle import Cycle
from .lifespan import Lifespan
from .loop import PrivateLoop, drop
from .tasks import describe_task, name_task, wait_for_work

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    Scope = dict[str, Any]
    Application = Callable[..., Any]

    from ..lists import Lists
    from ..options import OtherEventHandler

# Seconds that tasks have to end in once they are cancelled; at the end of a process, also before that.
_FAREWELL_SECONDS = 5.0
_FAREWELL_SECONDS_AT_EXIT = 1.0
# Frameworks whose routes tell which of their parameters are lists; Ninja comes with the URLs of a Django site.
_DECLARE_LISTS = ("fastapi", "litestar", "django")
context_variable()  # from now on the current invocation follows into tasks and threads


class Server:
    """Serves one ASGI 3 application, on an event loop of its own.

    - ``base_path`` (str): the prefix under which the platform mounts the app, for ``root_path``.
    - ``lifespan`` (str): ``"auto"``, ``"on"`` or ``"off"``.
    - ``background_timeout`` (seconds): how long to wait for tasks and threads that a request has started.
    - ``deadline_margin`` (seconds or None): how long before the function's timeout a request is answered with 504.
    - ``raise_errors`` (bool): whether an error after a complete response is raised, rather than logged.
    - ``split_lists`` (bool): whether lists that the app declares are split where the trigger has joined them.
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
        split_lists: bool = False,
    ) -> None:
        self._app = app
        self._make_channel: Callable[[bytes], Channel] = Channel
        self._split_lists = split_lists
        self._lists: Lists | None = None
        self._base_path = base_path
        self._background = Background(background_timeout)
        self._deadline_margin = deadline_margin
        self._raise_errors = raise_errors
        self._lifespan = Lifespan(app, lifespan)
        self._left_running: set[asyncio.Task[Any]] = set()
        at_exit = partial(_stop_at_exit, self._lifespan, self._left_running, self._background)
        self._loop = PrivateLoop(self._lifespan.forget, at_exit)
        # When the handler is dropped, and at the end of a process that did not call `at_exit` before.
        weakref.finalize(self, drop, self._loop)

    def __repr__(self) -> str:
        return f"the ASGI app {self._app!r}"

    def respond(self, request: Request, invocation: Invocation) -> Response:
        """Run one request. Raises what the app raises, AppError, and DeadlineError when time runs out."""
        __traceback_hide__ = True
        app = self._find_app(request) if self._split_lists else self._app
        return self._respond(app, build_scope(request), request.body, invocation)

    def respond_wsgi(
        self, environ: dict[str, Any], start_response: Callable[..., Any], invocation: Invocation
    ) -> Iterable[bytes]:
        """Serve a call that is WSGI, as FC 2.0 makes it. The response is complete when this returns."""
        __traceback_hide__ = True
        from a2wsgi.asgi import build_scope as build_scope_of_environ

        stream = environ.get("wsgi.input")
        body = stream.read(int(environ.get("CONTENT_LENGTH") or 0)) if stream else b""
        scope: Any = build_scope_of_environ(cast("Any", environ))
        scope.setdefault("client", (environ["REMOTE_ADDR"], 0) if environ.get("REMOTE_ADDR") else None)
        last = [key for key in ("query_string", "headers", "wsgi_environ") if key in scope]
        scope.update({key: scope.pop(key) for key in last})  # to where build_scope() has them: behind the others
        response = self._respond(self._app, scope, body, invocation)
        headers = [(name, value.encode("utf-8").decode("latin-1")) for name, value in response.headers]
        start_response(f"{response.status} {response.reason or 'Unknown'}", headers)
        return [response.body]

    def _find_app(self, request: Request) -> Application:
        """The app, or what splits the lists that it declares and calls it then."""
        if self._lists is None:
            if "," not in request.query_string and not any("," in value for _, value in request.headers):
                return self._app
            if modules.keys().isdisjoint(_DECLARE_LISTS):
                self._split_lists = False
                return self._app
            from ..lists import Lists

            self._lists = Lists(self._app)
        elif self._lists.are_none:
            self._split_lists = False
        return self._lists if self._lists.may_be_in(request) else self._app

    def _respond(self, app: Application, scope: Scope, body: bytes, invocation: Invocation) -> Response:
        __traceback_hide__ = True
        channel = self._make_channel(body)
        scope["root_path"] = self._root_path(scope["path"])
        add_invocation(scope, invocation)
        return self._run(app, scope, channel, invocation, self._raise_errors) or channel.response()

    def call_other(self, function: OtherEventHandler, invocation: Invocation) -> Any:
        """Call ``on_other_event`` and return its result; a coroutine function runs in the loop, after the startup.

        Raises what it raises, AppError, and DeadlineError when time runs out.
        """
        if not is_coroutine_function(function):
            return self._background.run(function, invocation)
        results: list[Any] = []

        async def app(*_: Any) -> None:
            results.append(await function(invocation.event, invocation.context))

        self._run(app, {}, Channel(b""), invocation, raise_errors=True)
        return results.pop()

    def _run(
        self, app: Application, scope: Scope, channel: Channel, invocation: Invocation, raise_errors: bool
    ) -> Response | None:
        """Run ``app`` and its background work. Its error is raised, or logged and the client's response returned."""
        cycle = Cycle(
            app,
            scope,
            channel,
            lifespan=self._lifespan,
            invocation=invocation,
            background=self._background,
            deadline_margin=self._deadline_margin,
            left_running=self._left_running,
        )
        try:
            self._loop.run(cycle.run)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            if raise_errors:
                if isinstance(error, Exception):
                    raise
                raise AppError(f"the app let {type(error).__name__} out") from error
            # Where the app's own error reporting remembers which errors it has reported.
            context = cycle.context or copy_context()
            return context.run(_answer_error, error, channel, invocation.request_id)
        return None

    def watch(self, completed: Callable[[], None] | None) -> bool:
        """True: ``completed()``, if given, is called whenever a response is complete, before its background work."""
        self._make_channel = Channel if completed is None else partial(WatchedChannel, completed)
        return True

    def initialize(self) -> None:
        """Run the app's startup. Raises AppError with the app's own message when it fails."""
        self._loop.run(self._lifespan.startup)

    def pre_stop(self) -> None:
        """Wait for tasks and threads that requests left running, run the app's shutdown, and close the loop.

        They have ``background_timeout`` to end in before the shutdown, and the tasks are cancelled after it.
        Raises AppError, after logging it, when the shutdown fails.
        """
        try:
            background = self._background
            farewell = partial(_say_farewell, self._lifespan, self._left_running, background, background.timeout)
            self._loop.close(farewell, _FAREWELL_SECONDS)
        except AppError as error:
            _log_failure(error)
            raise

    def _root_path(self, path: str) -> str:
        """``/api`` is the root of ``/api/x``, not of ``/apix``."""
        base_path = self._base_path
        return base_path if path == base_path or path.startswith(f"{base_path}/") else ""


async def _say_farewell(
    lifespan: Lifespan, left_running: set[asyncio.Task[Any]], background: Background, seconds: float
) -> None:
    loop = asyncio.get_running_loop()

    def find_tasks() -> list[asyncio.Task[Any]]:
        # The app may have closed the loop before, and what libraries run for ever has no end to wait for.
        tasks = [task for task in left_running if task.get_loop() is loop]
        return [task for task in tasks if not is_known_endless(name_task(task))]

    tasks, threads = await wait_for_work(find_tasks, background.find_left, seconds)
    background.say_farewell([*map(describe_task, tasks), *map(str, threads)], seconds)
    await lifespan.shutdown()


def _stop_at_exit(
    lifespan: Lifespan, left_running: set[asyncio.Task[Any]], background: Background, loop: PrivateLoop
) -> None:
    """Do what ``pre_stop`` does, in less time: somebody may be waiting for the process to end."""
    patience = min(background.timeout, _FAREWELL_SECONDS_AT_EXIT)
    farewell = partial(_say_farewell, lifespan, left_running, background, patience)
    try:
        loop.close_at_exit(farewell, _FAREWELL_SECONDS_AT_EXIT)
    except Exception as error:
        _log_failure(error)


def _log_failure(error: Exception) -> None:
    """Log that the shutdown has failed, where the app's own error reporting remembers which errors it has reported."""
    from ..report import log_error

    context = error.app_context if isinstance(error, AppError) else None
    (context or copy_context()).run(log_error, error, "%s", error)


def _answer_error(error: BaseException, channel: Channel, request_id: str) -> Response:
    """Log what the app has raised, and return its response if it was complete before, otherwise an error page."""
    from ..report import answer_error, log_error

    if channel.has_answered(error):
        response = channel.response()
        message = "request %s: the app raised %s: %s. The client got the app's own response to that, with status %d"
        log_error(error, message, request_id or "(no id)", type(error).__name__, error, response.status)
        channel.end()
        return response
    if channel.is_complete:
        message = "request %s: the app failed after its response was complete, which the client gets: %s: %s"
        log_error(error, message, request_id or "(no id)", type(error).__name__, error)
        return channel.response()
    if not isinstance(error, Exception):
        cause, error = error, AppError(f"the app let {type(error).__name__} out")
        error.__cause__ = cause
    return answer_error(error, request_id)


def build_scope(request: Request) -> Scope:
    """The HTTP scope of ``request``, without what the server knows: ``state`` and where the app is mounted."""
    method, raw_path, query_string, _, _, scheme, http_version, client, server = request
    # Error reporters show the first ten or so keys of a dict: what a request can keep secret comes after them.
    return {
        "type": "http",
        # 2.4: send() never fails here, so a streaming response need not watch for a disconnect.
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": http_version,
        "server": server,
        "client": (client, 0) if client else None,
        "scheme": scheme,
        "method": method,
        "root_path": "",
        "path": raw_path if "%" not in raw_path else request.path_bytes.decode("utf-8", "replace"),
        "raw_path": raw_path.encode("ascii"),
        "query_string": query_string.encode("ascii"),
        "headers": _encode_headers(request),
    }


def _encode_headers(request: Request) -> list[tuple[bytes, bytes]]:
    if request.split is None:
        # A lower() beyond ASCII makes other names of some: that of the Kelvin sign is a k.
        return [
            (name.lower().encode("ascii"), value.encode("utf-8")) for name, value in request.headers if name.isascii()
        ]
    names, values = request.split
    fields = names.field_names
    if fields is None:
        text = names.text.lower().encode("ascii")
        fields = text.split(b"\n") if text else [name.lower().encode("ascii") for name in names.names]
        names.field_names = fields
    return list(zip(fields, map(str.encode, values)))
