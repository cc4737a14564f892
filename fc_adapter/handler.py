"""``wrap()`` and the Handler that it makes: detection, the hops of an invocation, and the instance's hooks."""

from __future__ import annotations

from .application import check_callable, detect_interface, is_double_callable, load_object
from .contract.request import load_event, parse_loaded
from .contract.response import build_result
from .errors import ConfigError, EventError
from .invocation import Invocation, enter, leave
from .options import (
    parse_base_path,
    parse_choice,
    parse_flush,
    parse_on_other_event,
    parse_seconds,
    parse_split_query,
    parse_text_types,
)
from .report import answer, answer_error  # not when it is needed: without descriptors nothing can be imported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Protocol

    from .asgi import Server as ASGIServer
    from .flush import Flush
    from .messages import Request, Response
    from .options import ErrorMode, FlushFunction, Interface, LifespanMode, OtherEventHandler
    from .wsgi import Server as WSGIServer

    class Watcher(Protocol):
        """Sees what an app answers: ``responded`` gets it, and ``completed`` is called when ASGI's is complete."""

        def responded(self, response: Response) -> None: ...
        def completed(self) -> None: ...


def wrap(
    app: Any,
    *,
    interface: Interface = "auto",
    lifespan: LifespanMode = "auto",
    base_path: str = "",
    split_query: Iterable[str] | bool = (),
    text_types: Iterable[str] = (),
    on_error: ErrorMode = "respond",
    on_other_event: OtherEventHandler | None = None,
    background_timeout: float = 10.0,
    deadline_margin: float | None = None,
    flush: Iterable[FlushFunction] = (),
) -> Handler:
    """Make the handler that Function Compute calls out of a WSGI or ASGI application.

    - ``app``: the application, or its name as ``"package.module:attribute"``.
    - ``interface``: ``"wsgi"``, ``"asgi"``, or ``"auto"`` to read it off the app.
    - ``lifespan`` (ASGI): ``"on"`` runs the app's startup and shutdown, ``"off"`` does not, ``"auto"`` does unless the
      app does not know the protocol.
    - ``base_path``: a path prefix such as ``"/api"`` that the app does not know of. It becomes SCRIPT_NAME (WSGI) or
      ``root_path`` (ASGI) of the requests whose path lies under it.
    - ``split_query``: names of query parameters whose value is split at its commas into repeats; True for all.
      The platform joins ``?tag=a&tag=b`` into ``tag=a,b``, and only you know which commas were there before.
      Parameters and headers that FastAPI, Litestar or Django Ninja declare as lists are split without being named, on
      the routes that declare them; False leaves these alone, too.
    - ``text_types``: further media types that may travel as text; others travel as Base64 when they are not text.
      The client gets the same bytes either way.
    - ``on_error``: ``"respond"`` answers what the app raises with a plain 500, ``"raise"`` lets it out, which makes
      it a function error (the client gets 502, the platform's alarms count it).
    - ``on_other_event``: called as ``on_other_event(event, context)``, with what the platform passed, for events that
      are not HTTP (timers, queues); its return value is the handler's. Without it they raise EventError. For an ASGI
      app it may be a coroutine function, which runs in the app's event loop, after its startup.
    - ``background_timeout`` (seconds): how long to wait for the threads, the work of executors and the asyncio tasks
      that a request has started, since the platform freezes the instance once the handler returns; 0 waits for none.
      What has taken so long once is not waited for again, nor is what was started within ``fc_adapter.detached()``.
    - ``deadline_margin`` (ASGI, seconds): how long before the function's timeout the app is cancelled and the client
      answered with 504, the log saying where the app was; None leaves it to the platform. Code that blocks the event
      loop cannot be cancelled.
    - ``flush``: functions without arguments, such as ``[sentry_sdk.flush]``, called in this order at the end of each
      invocation and of ``pre_stop``, since what libraries send from threads of their own would wait for the next
      request. They run in another thread, and get what the function's timeout leaves, or 10 seconds where it is not
      known. What they raise is logged.

    Raises ConfigError, which names the value and the choices, for a wrong option or something that is not an
    application.
    """
    if isinstance(app, str):
        app = load_object(app)
    if isinstance(app, Handler):
        raise ConfigError("the app is wrapped already: it is what wrap() returned")
    parse_choice("interface", interface, ("auto", "wsgi", "asgi"))
    if interface == "auto":
        kind = detect_interface(app)
    else:
        check_callable(app)
        kind = interface
    base_path = parse_base_path(base_path)
    raise_errors = parse_choice("on_error", on_error, ("respond", "raise")) == "raise"
    parse_choice("lifespan", lifespan, ("auto", "on", "off"))
    parse_seconds("background_timeout", background_timeout)
    if deadline_margin is not None:
        parse_seconds("deadline_margin", deadline_margin)

    on_other_event = parse_on_other_event(on_other_event, kind)
    flush = parse_flush(flush)
    split_query = parse_split_query(split_query)
    split_lists = split_query is not False

    server: WSGIServer | ASGIServer
    if kind == "wsgi":
        if lifespan == "on" or deadline_margin is not None:
            raise ConfigError("lifespan='on' and deadline_margin are for ASGI apps: WSGI can do neither")
        from .wsgi import Server as WSGIServer

        server = WSGIServer(app, base_path=base_path, background_timeout=background_timeout, split_lists=split_lists)
    else:
        if is_double_callable(app):
            from asgiref.compatibility import double_to_single_callable

            app = double_to_single_callable(app)  # type: ignore[no-untyped-call]
        from .asgi import Server as ASGIServer

        server = ASGIServer(
            app,
            base_path=base_path,
            lifespan=lifespan,
            background_timeout=background_timeout,
            deadline_margin=deadline_margin,
            raise_errors=raise_errors,
            split_lists=split_lists,
        )
    return Handler(
        server,
        split_query=split_query,
        text_types=parse_text_types(text_types),
        raise_errors=raise_errors,
        on_other_event=on_other_event,
        flush=flush,
    )


class Handler:
    """A function's handler: ``handler(event, context)`` on FC 3.0, ``handler(environ, start_response)`` on FC 2.0.

    Made by ``wrap()``. Name ``initialize`` and ``pre_stop`` as the function's Initializer and PreStop hooks.
    """

    def __init__(
        self,
        server: WSGIServer | ASGIServer,
        *,
        split_query: frozenset[str] | bool,
        text_types: frozenset[str],
        raise_errors: bool,
        on_other_event: OtherEventHandler | None,
        flush: tuple[FlushFunction, ...],
    ) -> None:
        self._server = server
        self._respond = server.respond
        self._split_query = split_query
        self._text_types = text_types
        self._raise_errors = raise_errors
        self._on_other_event = on_other_event
        self._flush: Flush | None = None
        self._enter: Callable[[Invocation], Any] = enter
        self._leave: Callable[[Any], None] = leave
        if flush:
            from .flush import Flush

            self._flush = Flush(flush)
            self._enter, self._leave = self._flush.enter, self._flush.leave

    def __repr__(self) -> str:
        return f"<fc_adapter.Handler of {self._server}>"

    def __call__(self, event: Any, context: Any = None) -> Any:
        """Serve one invocation: ``bytes`` of JSON and the platform's context in, a result ``dict`` out.

        ``event`` may also be ``str``, ``bytearray`` or a parsed ``dict``; ``context`` may be None. Raises EventError
        for an event that is not HTTP (without ``on_other_event``), and the app's errors with ``on_error="raise"``.
        """
        __traceback_hide__ = True  # see `report.py`
        if isinstance(event, dict) and "REQUEST_METHOD" in event and callable(context):
            return self._call_wsgi(event, context)
        try:
            fields = load_event(event)
        except EventError:
            if self._on_other_event is None:
                raise
            return self._call_other(self._on_other_event, event, context)
        invocation = Invocation(fields, context, _request_id(fields, context))
        mark = self._enter(invocation)
        try:
            request = parse_loaded(fields, split_query=self._split_query)
            try:
                response = self._respond(request, invocation)
                return build_result(response, method=request.method, text_types=self._text_types)
            except Exception as error:
                if self._raise_errors:
                    raise
                return build_result(answer_error(error, invocation.request_id), method=request.method)
        except EventError as error:
            if self._raise_errors:
                raise
            return build_result(answer(error, invocation.request_id, 400, f"Bad Request: {error}"))
        finally:
            self._leave(mark)

    def _set_watcher(self, watcher: Watcher | None) -> bool:
        """Let ``watcher`` see the app's responses before they become results, or nobody again: for the local runner.

        Returns whether ``watcher.completed`` is called, too, as it is for ASGI apps.
        """
        respond = self._server.respond
        tells = self._server.watch(None if watcher is None else watcher.completed)
        if watcher is None:
            self._respond = respond
            return tells

        def watched(request: Request, invocation: Invocation) -> Response:
            __traceback_hide__ = True
            response = respond(request, invocation)
            watcher.responded(response)
            return response

        self._respond = watched
        return tells

    def _call_other(self, function: OtherEventHandler, event: Any, context: Any) -> Any:
        __traceback_hide__ = True
        invocation = Invocation(event, context, _request_id({}, context))
        mark = self._enter(invocation)
        try:
            return self._server.call_other(function, invocation)
        finally:
            self._leave(mark)

    def _call_wsgi(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """FC 2.0 calls an HTTP function as a WSGI application, with its context in the environ."""
        context = environ.get("fc.context")
        invocation = Invocation(None, context, _request_id({}, context))
        mark = self._enter(invocation)
        try:
            return self._server.respond_wsgi(environ, start_response, invocation)
        except Exception as error:
            if self._raise_errors:
                raise
            status, headers, body = answer_error(error, invocation.request_id)
            start_response(f"{status} {body.decode()}", list(headers), (type(error), error, error.__traceback__))
            return [body]
        finally:
            self._leave(mark)

    def initialize(self, context: Any = None) -> None:
        """The Initializer hook (``index.initialize``): prepare the instance before its first request."""
        try:
            self._server.initialize()
        except Exception:
            if self._flush is not None:  # the platform ends an instance whose initializer has failed
                self._flush.run()
            raise

    def pre_stop(self, context: Any = None) -> None:
        """The PreStop hook (``index.pre_stop``): let go of what the instance holds."""
        try:
            self._server.pre_stop()
        finally:
            if self._flush is not None:
                self._flush.run()


def _request_id(event: dict[str, Any], context: Any) -> str:
    request_id = getattr(context, "request_id", None)
    if not request_id:
        request_context = event.get("requestContext")
        request_id = request_context.get("requestId") if isinstance(request_context, dict) else None
    return request_id if isinstance(request_id, str) else ""
