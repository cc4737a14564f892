"""The scope that an ASGI app gets, and what becomes of what it sends: right, odd or wrong."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import logging
import re
import subprocess
import sys
import threading
import time
import types
import warnings
import weakref
from types import SimpleNamespace

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator

from fc_adapter import AppError, ConfigError, DeadlineError, wrap
from fc_adapter.asgi import build_scope
from fc_adapter.asgi.channel import Channel
from fc_adapter.asgi.tasks import format_stack
from fc_adapter.contract.request import parse_event
from tests.conftest import dump, make_event, read_event

START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}
END = {"type": "http.response.body", "body": b"done"}
OK = {"statusCode": 200, "headers": {"Content-Type": "text/plain"}, "isBase64Encoded": False, "body": "done"}


async def hello(scope, receive, send):
    """Answer every request alike."""
    await send(START)
    await send(END)


def app_of(*messages):
    """An app that sends these messages."""

    async def app(scope, receive, send):
        for message in messages:
            await send(message)

    return app


def handle(app, event=None, context=None, **options):
    """One invocation of ``app``, whose handler is stopped afterwards."""
    handler = wrap(app, **{"lifespan": "off", **options})
    try:
        return handler(event or make_event(), context)
    finally:
        handler.pre_stop()


def scope_of(event=None, **options):
    """The scope that an app sees."""
    seen = []

    async def app(scope, receive, send):
        seen.append(scope)
        await hello(scope, receive, send)

    assert handle(app, event, **options) == OK
    return seen[0]


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


# ---- receive and send ------------------------------------------------------------------------------------------------


def test_body_in_one_message_then_disconnect_once_complete():
    received = []

    async def app(scope, receive, send):
        received.append(await receive())
        waiting = [asyncio.ensure_future(receive()) for _ in range(2)]
        await asyncio.sleep(0)
        received.append([each.done() for each in waiting])
        await send(START)
        await send(END)
        received.extend(await asyncio.gather(*waiting))
        received.append(await receive())

    assert handle(app, make_event(method="POST", body="你")) == OK
    request = {"type": "http.request", "body": "你".encode(), "more_body": False}
    assert received == [request, [False, False], *[{"type": "http.disconnect"}] * 3]


def test_first_wait_for_the_disconnect_after_a_complete_response():
    received = []

    async def app(scope, receive, send):
        await receive()
        await hello(scope, receive, send)
        received.append(await asyncio.wait_for(receive(), 10))

    assert handle(app) == OK
    assert received == [{"type": "http.disconnect"}]


@pytest.mark.parametrize("chunk", [b"do", bytearray(b"do"), memoryview(b"do")])
def test_streamed_body_arrives_whole(chunk):
    part = {"type": "http.response.body", "body": chunk, "more_body": True}
    nothing = {"type": "http.response.body", "more_body": True}
    assert handle(app_of(START, part, nothing, {"type": "http.response.body", "body": b"ne"})) == OK


def test_start_without_headers():
    result = handle(app_of({"type": "http.response.start", "status": 204}, {"type": "http.response.body"}))
    assert result == {"statusCode": 204, "headers": {}, "isBase64Encoded": False, "body": ""}


def test_response_headers_are_bytes_of_text():
    headers = [(b"x-utf8", "你".encode()), [b"x-latin1", b"\xe9"], (b"Set-Cookie", b"a=1"), (b"set-cookie", b"b=2")]
    result = handle(app_of({**START, "headers": headers}, END))
    assert result["headers"] == {
        "x-utf8": "你",
        "x-latin1": "é",
        "Set-Cookie": "a=1",
        "Set-CookiE": "b=2",
        "Content-Type": "application/octet-stream",
    }


MORE = {"type": "http.response.body", "body": b"half", "more_body": True}
FAULTS = [
    ((END,), "sent 'http.response.body' before 'http.response.start'"),
    ((START, START), "sent 'http.response.start' twice"),
    ((START,), "returned before its response was complete"),
    ((START, MORE), "returned before its response was complete"),
    ((), "returned without sending a response"),
    (({"type": "http.response.trailers"},), "sent a message of type 'http.response.trailers', expected"),
    (({"type": None},), "sent a message of type None"),
    (({},), "sent a message of type None"),
    (("start",), "sent a message of type 'start'"),
    (({**START, "status": "200"},), "sent the status '200', expected an integer"),
    (({**START, "status": 99},), "sent the status 99"),
    (({"type": "http.response.start"},), "sent the status None"),
    (({**START, "headers": [("a", "b")]},), r"sent the header \('a', 'b'\), expected a name and a value, both bytes"),
    (({**START, "headers": [(b"a", "b")]},), "both bytes"),
    (({**START, "headers": [b"abc"]},), "both bytes"),
    (({**START, "headers": [5]},), "both bytes"),
    (({**START, "headers": None},), "both bytes"),
    (({**START, "headers": [(b"a", b"b\r\nc: d")]}, END), "CR, LF or NUL"),
    (({"type": 10**5000},), "sent a message of type a value of type int"),
    ((START, {"type": "http.response.body", "body": "text"}), "sent a body of type str, expected bytes"),
    ((START, {"type": "http.response.body", "body": None}), "sent a body of type NoneType, expected bytes"),
]


@pytest.mark.parametrize(("messages", "message"), FAULTS)
def test_broken_protocol(messages, message, caplog):
    """A clean 500, one log record that names the fault, and the next request works."""
    script = list(messages)

    async def app(scope, receive, send):
        for each in script:
            await send(each)

    handler = wrap(app, lifespan="off")
    assert handler(make_event())["body"] == "Internal Server Error"
    (record,) = [record for record in caplog.records if record.name == "fc_adapter"]
    assert (record.name, record.levelno) == ("fc_adapter", logging.ERROR)
    with pytest.raises(AppError, match=message) as raised:
        handle(app, on_error="raise")
    assert str(raised.value) in record.getMessage()
    script[:] = [START, END]
    assert handler(make_event()) == OK
    handler.pre_stop()


def test_message_after_the_end(caplog):
    """The response was complete, so the client gets it, as from a server that has sent it; the log tells the rest."""
    assert handle(app_of(START, END, END)) == OK
    assert "'http.response.body' after its response was complete" in caplog.text
    with pytest.raises(AppError, match="after its response was complete"):
        handle(app_of(START, END, START), on_error="raise")


def test_coroutine_function_that_is_no_app():
    async def view(request):
        """A view, not an app."""

    with pytest.raises(ConfigError, match=r"a coroutine function with the parameters \(request\); expected WSGI"):
        wrap(view)


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


# ---- background work -------------------------------------------------------------------------------------------------


def background_app(work, name=None):
    """An app that answers, and leaves ``work()`` running in a task."""

    async def app(scope, receive, send):
        task = asyncio.ensure_future(work())
        if name:
            task.set_name(name)
        await hello(scope, receive, send)

    return app


def test_fire_and_forget_task_has_written_its_file(tmp_path, caplog):
    async def work():
        await asyncio.sleep(0.01)

        async def more():
            await asyncio.sleep(0.01)
            (tmp_path / "done").write_text("yes")

        asyncio.ensure_future(more())

    assert handle(background_app(work)) == OK
    assert (tmp_path / "done").read_text() == "yes"
    assert not caplog.records


def test_tasks_of_a_failed_request_are_waited_for():
    done = []

    async def work():
        await asyncio.sleep(0.01)
        done.append(True)

    async def app(scope, receive, send):
        asyncio.ensure_future(work())
        raise ValueError("broken")

    assert handle(app)["statusCode"] == 500
    assert done == [True]


def test_listener_of_a_failed_request_is_told():
    heard = []

    async def app(scope, receive, send):
        await receive()
        asyncio.ensure_future(listen(receive))
        await asyncio.sleep(0)
        raise ValueError("broken")

    async def listen(receive):
        heard.append(await receive())

    assert handle(app)["statusCode"] == 500
    assert heard == [{"type": "http.disconnect"}]


def test_async_generator_that_was_left_open_is_closed():
    closed = []

    async def numbers():
        try:
            yield 1
        finally:
            await asyncio.sleep(0.01)
            closed.append(True)

    async def app(scope, receive, send):
        async for _ in numbers():  # pragma: no branch - it is left open
            break
        gc.collect()
        await hello(scope, receive, send)

    handler = wrap(app, lifespan="off")
    assert handler(make_event()) == OK
    assert closed == [True]
    handler.pre_stop()


def test_task_that_waits_for_a_thread():
    done = []

    async def work():
        await asyncio.get_running_loop().run_in_executor(None, done.append, True)

    assert handle(background_app(work)) == OK
    assert done == [True]


def test_endless_task_is_named_kept_and_goes_on_later(caplog):
    ticks = []

    async def work():
        while True:
            ticks.append(len(ticks))
            await asyncio.sleep(0.01)

    handler = wrap(background_app(work, name="ticker"), lifespan="off", background_timeout=0.05)
    assert handler(make_event()) == OK
    assert "the client of request 1-event has waited 0.05 s for background work" in caplog.text
    assert "ticker (tests.asgi.test_server." in caplog.text
    gc.collect()
    count = len(ticks)
    assert count > 1
    assert handler(make_event()) == OK
    assert len(ticks) > count
    handler.pre_stop()


def test_tasks_left_by_a_request_without_an_id_are_named(caplog):
    async def work():
        await asyncio.sleep(60)

    assert handle(background_app(work), make_event(request_id=""), background_timeout=0.01) == OK
    assert "the client of request (no id) has waited 0.01 s for background work" in caplog.text


def test_background_timeout_of_zero_waits_for_none(caplog):
    async def work():
        await asyncio.sleep(60)

    assert handle(background_app(work), background_timeout=0) == OK
    assert not caplog.records


@pytest.mark.parametrize("place", ["lifespan", "http"])
def test_app_with_a_task_factory_of_its_own(place):
    made = []
    done = []

    def factory(loop, coro, **options):
        made.append(coro)
        return asyncio.Task(coro, loop=loop, **options)

    async def work():
        await asyncio.sleep(0.01)
        done.append(True)

    async def app(scope, receive, send):
        if scope["type"] == place and not made:
            made.append("set")
            asyncio.get_running_loop().set_task_factory(factory)
        if scope["type"] == "http":
            asyncio.ensure_future(work())
            await hello(scope, receive, send)

    handler = wrap(app)
    handler(make_event())
    handler(make_event())
    handler.pre_stop()
    assert len(done) >= 1 + (place == "lifespan")
    assert len(made) > 1


# ---- the deadline ----------------------------------------------------------------------------------------------------


def context_with(timeout):
    return SimpleNamespace(request_id="1-late", function=SimpleNamespace(timeout=timeout))


async def sleeping(scope, receive, send):
    await asyncio.sleep(60)


def test_deadline(caplog):
    result = handle(sleeping, context=context_with("0.2"), deadline_margin=0.15)
    assert (result["statusCode"], result["body"]) == (504, "Gateway Timeout")
    assert "request 1-late has run into its deadline, 0.15 s before the function's timeout" in caplog.text
    assert "await asyncio.sleep(60)" in caplog.text
    with pytest.raises(DeadlineError):
        handle(sleeping, context=context_with(0.2), deadline_margin=0.15, on_error="raise")


def test_stack_of_a_task_that_has_not_begun():
    async def main():
        task = asyncio.ensure_future(sleeping({}, None, None))
        stack = format_stack(task)
        task.cancel()
        return stack

    stack = asyncio.run(main())
    assert "in sleeping" in stack
    assert "asyncio" not in stack


def test_stack_through_generators():
    """As coroutines of old libraries are, and everything that awaits by ``yield from``."""

    @types.coroutine
    def outer():
        yield from inner()

    @types.coroutine
    def inner():
        yield

    async def wait():
        await outer()

    async def main():
        task = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        stack = format_stack(task)
        task.cancel()
        return stack

    assert re.findall(r"in (\w+)\n", asyncio.run(main())) == ["wait", "outer", "inner"]


@pytest.mark.parametrize("is_late", [False, True])
def test_tasks_of_a_cancelled_request_go_on_later(is_late, caplog):
    """Nothing but the handler holds a task that waits for the disconnect."""
    finished = []

    async def listen(receive):
        finished[0].set_result((await receive())["type"])

    async def app(scope, receive, send):
        if finished:
            assert await finished[0] == "http.disconnect"
            await hello(scope, receive, send)
            return
        finished.append(asyncio.get_running_loop().create_future())
        await receive()
        asyncio.ensure_future(listen(receive))
        await asyncio.sleep(0)
        if not is_late:
            raise asyncio.CancelledError
        await asyncio.sleep(60)

    handler = wrap(app, lifespan="off", deadline_margin=0.5)
    assert handler(make_event(), context_with(1 if is_late else 60))["statusCode"] == (504 if is_late else 500)
    gc.collect()
    assert handler(make_event(), context_with(10)) == OK
    assert "was destroyed" not in caplog.text
    handler.pre_stop()


def test_startup_has_the_same_deadline():
    async def app(scope, receive, send):
        await asyncio.sleep(60)

    result = handle(app, context=context_with(0.2), deadline_margin=0.15, lifespan="auto")
    assert result["statusCode"] == 504


def test_margin_that_is_no_less_than_the_timeout_is_no_deadline(caplog):
    assert handle(hello, context=context_with(1), deadline_margin=1) == OK
    assert "deadline_margin is 1 s, but the function's timeout 1.0 s: no deadline" in caplog.text


def test_waiting_for_tasks_ends_before_the_functions_timeout(caplog):
    async def work():
        await asyncio.sleep(60)

    assert handle(background_app(work), context=context_with(0.6)) == OK
    assert re.search(r"has waited 0\.(1\d?|0[89]\d*) s", caplog.text)


def test_deadline_of_a_thread_that_cannot_be_stopped():
    release = threading.Event()

    async def app(scope, receive, send):
        await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, release.wait))

    handler = wrap(app, lifespan="off", deadline_margin=0.15)
    assert handler(make_event(), context_with(0.2))["statusCode"] == 504
    release.set()
    handler.pre_stop()


def test_app_that_ignores_its_cancellation():
    """It gets half of the margin to clean up in, so that the answer comes before the function's timeout."""
    cleaned_up = []

    async def app(scope, receive, send):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            try:
                await asyncio.sleep(0.1)
                cleaned_up.append("in time")
                await asyncio.sleep(60)
            finally:
                cleaned_up.append("too late")

    handler = wrap(app, lifespan="off", deadline_margin=2.4)
    began = time.monotonic()
    assert handler(make_event(), context_with(2.5))["statusCode"] == 504
    assert time.monotonic() - began < 2.5
    assert cleaned_up == ["in time"]
    handler.pre_stop()
    assert cleaned_up == ["in time", "too late"]


def test_deadline_after_a_complete_response_keeps_it():
    async def app(scope, receive, send):
        await hello(scope, receive, send)
        await asyncio.sleep(60)

    assert handle(app, context=context_with(0.2), deadline_margin=0.15) == OK


def test_deadline_shortens_the_wait_for_tasks(caplog):
    async def work():
        await asyncio.sleep(60)

    assert handle(background_app(work), context=context_with(0.2), deadline_margin=0.15) == OK
    assert "has waited 0.0" in caplog.text


def test_app_in_time_knows_nothing_of_its_deadline():
    assert handle(hello, context=context_with(60), deadline_margin=1) == OK
    with pytest.raises(AppError):
        handle(app_of(), context=context_with(60), deadline_margin=1, on_error="raise")


@pytest.mark.parametrize("context", [None, SimpleNamespace(), context_with(None), context_with("soon")])
def test_no_deadline_without_a_timeout(context):
    assert handle(hello, context=context, deadline_margin=1) == OK


# ---- where it runs ---------------------------------------------------------------------------------------------------


def test_same_loop_for_every_request():
    loops = []

    async def app(scope, receive, send):
        loops.append(asyncio.get_running_loop())
        await hello(scope, receive, send)

    handler = wrap(app, lifespan="off")
    for _ in range(3):
        handler(make_event())
    assert len(set(loops)) == 1
    handler.pre_stop()
    assert loops[0].is_closed()
    assert handler(make_event()) == OK
    handler.pre_stop()


def test_no_current_event_loop_is_made_or_needed():
    result = []
    thread = threading.Thread(target=lambda: result.append(handle(hello)))
    thread.start()
    thread.join()
    assert result == [OK]


@pytest.mark.parametrize("must_wait", [False, True])
def test_inside_a_running_loop(must_wait):
    loops = []

    async def app(scope, receive, send):
        loops.append(asyncio.get_running_loop())
        if must_wait:
            await asyncio.sleep(0.01)
        await hello(scope, receive, send)

    handler = wrap(app)

    async def main():
        outer = asyncio.get_running_loop()
        later = asyncio.ensure_future(asyncio.sleep(0, "goes on"))
        for step in (handler.initialize, lambda: results.append(handler(make_event())), handler.pre_stop):
            step()
            assert asyncio.get_running_loop() is outer
            assert outer.is_running()
        assert outer not in loops
        return await later

    results = []
    assert asyncio.run(main()) == "goes on"
    assert results == [OK]
    assert all(loop.is_closed() for loop in loops)


def test_pre_stop_from_several_threads_and_beside_requests():
    handler = wrap(hello, lifespan="off", on_error="raise")
    failures = []

    def work(number):
        try:
            for _ in range(20):
                handler.pre_stop() if number % 2 else handler(make_event())
        except BaseException as error:  # pragma: no cover - would be the failure
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    handler.pre_stop()
    assert not failures


def test_pre_stop_does_not_wait_for_ever():
    """In a process of its own, since asyncio complains of the task at some later time."""
    program = """
import asyncio, threading
import fc_adapter, fc_adapter.asgi

fc_adapter.asgi._PATIENCE = 0.05
release = threading.Event()

async def stubborn():
    while True:
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            pass

async def app(scope, receive, send):
    asyncio.ensure_future(stubborn())
    asyncio.get_running_loop().run_in_executor(None, release.wait)
    await send({"type": "http.response.start", "status": 204})
    await send({"type": "http.response.body"})

handler = fc_adapter.wrap(app, lifespan="off", background_timeout=0)
handler({"rawPath": "/", "requestContext": {"http": {"method": "GET"}}})
handler.pre_stop()
print("stopped")
release.set()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "stopped\n"
    assert "a task goes on although it was cancelled: " in done.stderr


def test_from_the_loop_of_its_own_app():
    async def app(scope, receive, send):
        handler(make_event())

    handler = wrap(app, lifespan="off", on_error="raise")
    with pytest.raises(RuntimeError, match="called by its own app"):
        handler(make_event())
    handler.pre_stop()


def test_from_a_thread_of_its_own_app():
    async def app(scope, receive, send):
        await sync_to_async(handler)(make_event())

    handler = wrap(app, lifespan="off", on_error="raise")
    with pytest.raises(RuntimeError, match="called by its own app"):
        handler(make_event())
    handler.pre_stop()


def test_one_app_calls_another():
    inner = wrap(background_app(lambda: asyncio.sleep(0.01)), lifespan="off")

    async def app(scope, receive, send):
        assert inner(make_event()) == OK
        await hello(scope, receive, send)

    assert handle(app) == OK
    inner.pre_stop()


def test_eight_threads_at_once():
    running = []

    async def app(scope, receive, send):
        running.append(scope["path"])
        await asyncio.sleep(0.001)
        assert running == [scope["path"]]
        running.clear()
        await send(START)
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    handler = wrap(app, on_error="raise")
    answers = []

    def work(number):
        for turn in range(10):
            path = f"/{number}/{turn}"
            answers.append(handler(make_event(raw_path=path))["body"] == path)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    handler.pre_stop()
    assert answers == [True] * 80


@pytest.mark.filterwarnings("ignore:'?asyncio:DeprecationWarning")  # policies go with Python 3.16
def test_event_loop_policy_is_honoured():
    class CountingPolicy(asyncio.DefaultEventLoopPolicy):
        """A policy of the user's own, as uvloop's is."""

        made = 0

        def new_event_loop(self):
            self.made += 1
            return super().new_event_loop()

    policy = CountingPolicy()
    asyncio.set_event_loop_policy(policy)
    try:
        handle(hello)
    finally:
        asyncio.set_event_loop_policy(None)
    assert policy.made == 1


def test_handler_that_is_dropped_closes_its_loop():
    loops = []

    async def app(scope, receive, send):
        loops.append(asyncio.get_running_loop())
        await hello(scope, receive, send)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        handler = wrap(app)
        handler(make_event())
        del handler
        gc.collect()
    assert loops[0].is_closed()


def test_handler_that_is_dropped_during_anothers_request_closes_its_loop_after_it():
    """To close it at once takes a thread, and the garbage collector may hold a lock without which none can begin."""
    loops, during = [], []

    async def first(scope, receive, send):
        loops.append(asyncio.get_running_loop())
        await hello(scope, receive, send)

    async def second(scope, receive, send):
        handlers.clear()
        gc.collect()
        during.append(loops[0].is_closed())
        await hello(scope, receive, send)

    handlers = [wrap(first, lifespan="off")]
    handlers[0](make_event())
    other = wrap(second, lifespan="off")
    other(make_event())
    assert (during, loops[0].is_closed()) == ([False], False)
    other(make_event())
    assert (during, loops[0].is_closed()) == ([False, True], True)
    other.pre_stop()


def test_handler_that_is_dropped_during_anothers_request_stops_at_the_end_of_the_process():
    program = """
import fc_adapter

class App:
    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                await receive()
                print(phase, flush=True)
                await send({"type": f"lifespan.{phase}.complete"})
        else:
            handlers.clear()
            await send({"type": "http.response.start", "status": 204})
            await send({"type": "http.response.body"})

handlers = [fc_adapter.wrap(App())]
handlers[0].initialize()
last = fc_adapter.wrap(App(), lifespan="off")
EVENT
print("end", flush=True)
"""
    program = program.replace("EVENT", f"last({make_event()!r})")
    ended = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["startup", "end", "shutdown"]
    assert ended.stderr == ""


def test_requests_leave_nothing_behind():
    handler = wrap(hello)
    event = dump(make_event())
    handler(event)
    gc.collect()
    before = len(gc.get_objects()), threading.active_count()
    for _ in range(500):
        handler(event)
    gc.collect()
    assert len(gc.get_objects()) - before[0] < 50
    assert threading.active_count() == before[1]
    handler.pre_stop()


# ---- other contracts -------------------------------------------------------------------------------------------------


class DoubleCallable:
    """ASGI 2."""

    def __init__(self, scope):
        self.scope = scope

    async def __call__(self, receive, send):
        await hello(self.scope, receive, send)


def test_asgi2():
    assert handle(DoubleCallable) == OK
    assert handle(lambda scope: DoubleCallable(scope), interface="asgi") == OK


def wsgi_environ(path="/x", **fields):
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "a=1",
        "SERVER_NAME": "h.example",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(b"body"),
        "CONTENT_LENGTH": "4",
        "fc.context": SimpleNamespace(request_id="1-fc2"),
        **fields,
    }


def test_fc2_call():
    done = []

    async def work():
        await asyncio.sleep(0.01)
        done.append(True)

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            scope["state"]["pool"] = "open"
            await send({"type": "lifespan.startup.complete"})
            await receive()
        else:
            asyncio.ensure_future(work())
            assert await receive() == {"type": "http.request", "body": b"body", "more_body": False}
            seen = {key: scope[key] for key in ("path", "root_path", "client", "state", "fc.request_id")}
            await send(START)
            await send({"type": "http.response.body", "body": json.dumps(seen).encode()})

    handler = wrap(app, base_path="/api")
    started = []
    body = b"".join(handler(wsgi_environ("/api/x", REMOTE_ADDR="1.2.3.4"), lambda *start: started.append(start[:2])))
    assert started == [("200 OK", [("content-type", "text/plain")])]
    assert json.loads(body) == {
        "path": "/api/x",
        "root_path": "/api",
        "client": ["1.2.3.4", 0],
        "state": {"pool": "open"},
        "fc.request_id": "1-fc2",
    }
    assert done == [True]
    handler.pre_stop()


@pytest.mark.parametrize("app", [app_of(), app_of(START, MORE), app_of({**START, "headers": 5})])
def test_fc2_call_that_fails(app, caplog):
    handler = wrap(app, lifespan="off")
    started = []
    assert handler(wsgi_environ(), lambda *start: started.append(start[:2])) == [b"Internal Server Error"]
    assert started == [("500 Internal Server Error", [("Content-Type", "text/plain; charset=utf-8")])]
    assert "request 1-fc2 failed with " in caplog.text
    handler.pre_stop()
    with pytest.raises((AppError, TypeError)):
        handle(app, wsgi_environ(), lambda *start: None, on_error="raise")


def test_fc2_call_that_exits():
    async def app(scope, receive, send):
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        handle(app, wsgi_environ(), lambda *start: None)


def test_fc2_call_without_a_body_or_a_known_status():
    messages = {"type": "http.response.start", "status": 299}, {"type": "http.response.body"}
    started = []
    assert handle(app_of(*messages), wsgi_environ(**{"wsgi.input": None}), lambda *start: started.append(start)) == [
        b""
    ]
    assert started == [("299 Unknown", [])]


def test_channel_agrees_with_asgirefs_communicator():
    """The same app under asgiref's own test harness sends what Channel takes."""

    async def main():
        scope = build_scope(parse_event(make_event()))
        communicator = ApplicationCommunicator(hello, scope)
        await communicator.send_input({"type": "http.request", "body": b""})
        channel = Channel(b"")
        for _ in range(2):
            await channel.send(await communicator.receive_output())
        await communicator.wait()
        return channel.response()

    assert asyncio.run(main()) == (200, (("content-type", "text/plain"),), b"done")


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
