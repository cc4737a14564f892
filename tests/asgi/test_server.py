"""The server side of ASGI: scopes, and what becomes of errors and exits."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from types import SimpleNamespace

import fastapi
import pytest
import starlette.applications
import starlette.background
import starlette.responses

from fc_adapter import AppError, ConfigError, wrap
from fc_adapter.asgi import build_scope
from fc_adapter.contract.request import parse_event
from tests.asgi.apps import MORE, OK, START, app_of, context_with, handle, hello, scope_of
from tests.conftest import make_event, read_event

# ---- the scope -------------------------------------------------------------------------------------------------------


def test_whole_scope():
    event = make_event(
        method="POST",
        raw_path="/a%2Fb/%E4%BD%A0",
        query={"q": "你"},
        headers={"Host": "h.example:8080", "X-A": "é", "X-Forwarded-Proto": "http"},
        body="body",
    )
    context = SimpleNamespace(request_id="1-context")
    scope = scope_of(event, context=context)
    fields = scope.pop("fc.event")
    assert {key: fields[key] for key in event} == event
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/a/b/你",
        "raw_path": b"/a%2Fb/%E4%BD%A0",
        "query_string": b"q=%E4%BD%A0",
        "root_path": "",
        "headers": [
            (b"host", b"h.example:8080"),
            (b"x-a", "é".encode()),
            (b"x-forwarded-proto", b"http"),
            (b"content-length", b"4"),
        ],
        "client": ("11.11.11.11", 0),
        "server": ("demo.cn-hangzhou.fcapp.run", 8080),
        "state": {},
        "fc.context": context,
        "fc.request_id": "1-context",
    }


def test_scope_of_api_gateway_has_no_client():
    assert build_scope(parse_event(read_event("api_gateway")))["client"] is None


def test_path_that_is_not_utf8():
    scope = build_scope(parse_event(make_event(raw_path="/%FF")))
    assert (scope["path"], scope["raw_path"]) == ("/\ufffd", b"/%FF")


@pytest.mark.parametrize(
    ("raw_path", "root_path"), [("/api/x", "/api"), ("/api", "/api"), ("/apix", ""), ("/other", "")]
)
def test_base_path(raw_path, root_path):
    scope = scope_of(make_event(raw_path=raw_path), base_path="/api")
    assert (scope["path"], scope["root_path"]) == (raw_path, root_path)


# ---- errors of the app -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [(), (START,), (START, MORE)])
@pytest.mark.parametrize("error", [ValueError("broken"), asyncio.CancelledError()])
def test_error_before_the_response_is_complete(before, error, caplog):
    failing = True

    async def app(scope, receive, send):
        if failing:
            await app_of(*before)(scope, receive, send)
            raise error
        await hello(scope, receive, send)

    handler = wrap(app, lifespan="off")
    assert (handler(make_event())["statusCode"], len(caplog.records)) == (500, 1)
    expected = AppError if isinstance(error, asyncio.CancelledError) else ValueError
    with pytest.raises(expected):
        handle(app, on_error="raise")
    failing = False
    assert handler(make_event()) == OK
    handler.pre_stop()


def test_error_after_the_response_is_complete(caplog):
    async def app(scope, receive, send):
        await hello(scope, receive, send)
        raise ValueError("mail server is down")

    assert handle(app) == OK
    assert "request 1-event: the app failed after its response was complete" in caplog.text
    assert "ValueError: mail server is down" in caplog.text
    with pytest.raises(ValueError, match="mail server"):
        handle(app, on_error="raise")


def make_failing_app(framework):
    """An app whose route raises, answers an error, or raises in a background task."""
    if framework == "fastapi":
        app = fastapi.FastAPI()
        add, response = app.get, fastapi.Response
    else:
        app = starlette.applications.Starlette()

        def add(path):
            return lambda function: app.router.add_route(path, lambda request: function())

        response = starlette.responses.Response

    @add("/raises")
    def raises():
        raise LookupError("no such tea")

    @add("/later")
    def later():
        return response("no", 500, background=starlette.background.BackgroundTask(raises))

    return app


@pytest.mark.parametrize("framework", ["fastapi", "starlette"])
@pytest.mark.parametrize("page", [None, 418])
def test_error_that_the_app_has_answered_and_raised_again(caplog, framework, page):
    app = make_failing_app(framework)
    if page:
        app.add_exception_handler(Exception, lambda request, error: starlette.responses.Response("tea", page))
    times = []
    handler = wrap(app)
    handler._server.watch(lambda: times.append(len(caplog.records)))
    assert handler(make_event(raw_path="/raises"))["statusCode"] == (page or 500)
    (record,) = [each for each in caplog.records if each.name == "fc_adapter"]
    assert record.getMessage() == (
        "request 1-event: the app raised LookupError: no such tea. The client got the app's own response to that, with "
        f"status {page or 500}"
    )
    assert record.exc_info[1].args == ("no such tea",)
    assert times == [0, 1]  # and logging it was no background work
    with pytest.raises(LookupError):
        wrap(app, on_error="raise")(make_event(raw_path="/raises"))


@pytest.mark.parametrize("framework", ["fastapi", "starlette"])
def test_error_in_the_background_of_a_response_that_is_a_500(caplog, framework):
    assert wrap(make_failing_app(framework))(make_event(raw_path="/later"))["statusCode"] == 500
    assert "request 1-event: the app failed after its response was complete, which the client gets" in caplog.text


def test_app_that_cancels_itself_after_its_response():
    async def app(scope, receive, send):
        await hello(scope, receive, send)
        asyncio.current_task().cancel()

    assert handle(app) == OK


class Unusual(BaseException):
    """No Exception, and no exit either."""


def test_unusual_exceptions_do_not_leave_the_handler(caplog):
    async def app(scope, receive, send):
        raise Unusual

    assert handle(app)["statusCode"] == 500
    assert "AppError: the app let Unusual out" in caplog.text
    with pytest.raises(AppError, match="the app let Unusual out"):
        handle(app, on_error="raise")


def test_failed_request_is_freed_at_once():
    class Large:
        """Something that a request holds."""

    async def app(scope, receive, send):
        scope["large"] = Large()
        bodies.append(weakref.ref(scope["large"]))
        raise ValueError("broken")

    bodies = []
    handler = wrap(app, lifespan="off")
    handler(make_event())
    gc.disable()
    logging.disable()  # pytest would keep the record
    try:
        handler(make_event())
        assert bodies[1]() is None
    finally:
        logging.disable(logging.NOTSET)
        gc.enable()
    handler.pre_stop()


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize("in_a_task", [False, True])
@pytest.mark.parametrize("options", [{}, {"deadline_margin": 1}])
def test_exits_pass_through_and_the_next_request_works(kind, in_a_task, options, caplog):
    failing = True

    async def leave():
        raise kind(3)  # made here: nothing but the request's own tasks may hold it

    async def app(scope, receive, send):
        if failing:
            await (asyncio.ensure_future(leave()) if in_a_task else leave())
        await hello(scope, receive, send)

    handler = wrap(app, lifespan="off", **options)
    with pytest.raises(kind):
        handler(make_event(), context_with(60))
    failing = False
    assert handler(make_event()) == OK
    handler.pre_stop()
    gc.collect()
    assert "never retrieved" not in caplog.text


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_exits_do_not_wait_for_tasks(error, caplog):
    """Ctrl-C ends at once, and the platform's exit as well: what the request has started is not waited for."""
    cancelled = []

    async def work():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def app(scope, receive, send):
        asyncio.ensure_future(work())
        await asyncio.sleep(0)
        raise error

    handler = wrap(app, lifespan="off", background_timeout=0.3)
    with pytest.raises(type(error)):
        handler(make_event())
    assert "has waited" not in caplog.text
    assert not cancelled
    handler.pre_stop()
    assert cancelled


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lifespan": "maybe"}, "lifespan must be 'auto' or 'on' or 'off', got 'maybe'"),
        ({"background_timeout": -1}, "background_timeout must be a number of seconds from 0 up, got -1"),
        ({"background_timeout": "10"}, "background_timeout must be"),
        ({"background_timeout": True}, "background_timeout must be"),
        ({"background_timeout": float("nan")}, "background_timeout must be"),
        ({"deadline_margin": -0.5}, "deadline_margin must be a number of seconds"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ConfigError, match=message):
        wrap(hello, **options)


@pytest.mark.parametrize("options", [{"lifespan": "on"}, {"deadline_margin": 1}])
def test_options_that_wsgi_cannot_have(options):
    with pytest.raises(ConfigError, match="are for ASGI apps"):
        wrap(lambda environ, start_response: [], **options)
