"""``wrap(flush=[...])``: when the functions are called, how long they may take, and real libraries that need them."""

from __future__ import annotations

import asyncio
import functools
import logging
import logging.handlers
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
import sentry_sdk
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sentry_sdk.transport import HttpTransport

from fc_adapter import AppError, ConfigError, EventError, current_invocation, wrap
from tests.conftest import make_event, read_event


def make_context(timeout):
    """A platform's context that tells the function's timeout in seconds."""
    return SimpleNamespace(request_id="1-flush", function=SimpleNamespace(timeout=timeout))


PATIENT = make_context(60)


def wsgi(environ, start_response):
    start_response("200 OK", [])
    return [b"hello"]


async def asgi(scope, receive, send):
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"hello"})


def wsgi_raising(error):
    def app(environ, start_response):
        raise error

    return app


def asgi_raising(error):
    async def app(scope, receive, send):
        raise error

    return app


def join_flush():
    """Wait for functions that were left behind."""
    for thread in threading.enumerate():
        if thread.name == "fc_adapter-flush":
            thread.join(10)


# ---- when ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("app", [wsgi, asgi])
def test_after_the_response_in_their_order(app):
    calls = []
    handler = wrap(app, flush=(lambda number=number: calls.append(number) for number in range(3)))
    for _ in range(2):
        assert handler(make_event(), PATIENT)["body"] == "aGVsbG8="
    assert calls == [0, 1, 2] * 2


def test_after_background_work():
    calls = []

    async def app(scope, receive, send):
        import asyncio

        async def work():
            await asyncio.sleep(0.01)
            calls.append("work")

        await asgi(scope, receive, send)
        app.task = asyncio.create_task(work())

    wrap(app, flush=[lambda: calls.append("flush")])(make_event(), PATIENT)
    assert calls == ["work", "flush"]


@pytest.mark.parametrize("raising", [wsgi_raising, asgi_raising])
def test_after_errors(raising):
    calls = []
    flush = [lambda: calls.append(1)]
    assert wrap(raising(ValueError("x")), flush=flush)(make_event(), PATIENT)["statusCode"] == 500
    with pytest.raises(ValueError, match="x"):
        wrap(raising(ValueError("x")), flush=flush, on_error="raise")(make_event(), PATIENT)
    assert wrap(raising(None), flush=flush)(make_event(body="*", is_base64=True), PATIENT)["statusCode"] == 400
    with pytest.raises(EventError):
        wrap(raising(None), flush=flush, on_error="raise")(make_event(body="*", is_base64=True), PATIENT)
    assert calls == [1] * 4


@pytest.mark.parametrize("raising", [wsgi_raising, asgi_raising])
@pytest.mark.parametrize("exit_", [SystemExit(3), KeyboardInterrupt()], ids=repr)
def test_on_the_way_out_of_the_process(raising, exit_):
    calls = []
    with pytest.raises(type(exit_)) as raised:
        wrap(raising(exit_), flush=[lambda: calls.append(1)])(make_event(), PATIENT)
    assert raised.value is exit_
    assert calls == [1]


def test_after_a_deadline():
    async def app(scope, receive, send):
        import asyncio

        await asyncio.sleep(60)

    calls = []
    handler = wrap(app, deadline_margin=1.0, flush=[lambda: calls.append(1)])
    assert handler(make_event(), make_context(1.05))["statusCode"] == 504
    assert calls == [1]


@pytest.mark.parametrize("app", [wsgi, asgi])
def test_after_other_events(app):
    calls = []
    handler = wrap(app, on_other_event=lambda event, context: calls.append("event"), flush=[lambda: calls.append(1)])
    handler(read_event("timer"), PATIENT)
    assert calls == ["event", 1]


def test_after_another_event_that_fails():
    def fail(event, context):
        raise LookupError("mine")

    calls = []
    with pytest.raises(LookupError):
        wrap(wsgi, on_other_event=fail, flush=[lambda: calls.append(1)])(read_event("timer"), PATIENT)
    assert calls == [1]


@pytest.mark.parametrize(("app", "body"), [(wsgi, b"hello"), (asgi, b"hello"), (wsgi_raising(OSError()), None)])
def test_after_calls_of_fc2(app, body):
    calls = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.url_scheme": "http", "fc.context": PATIENT}
    environ.update({"SERVER_NAME": "x", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1"})
    result = wrap(app, flush=[lambda: calls.append(1)])(environ, lambda *start: None)
    assert result == [body or b"Internal Server Error"]
    assert calls == [1]


def test_after_the_shutdown_and_a_failed_startup():
    log = []
    reply = "lifespan.startup.failed"

    async def app(scope, receive, send):
        await receive()
        await send({"type": reply})
        log.append((await receive())["type"])
        await send({"type": "lifespan.shutdown.complete"})

    handler = wrap(app, flush=[lambda: log.append("flush")])
    with pytest.raises(AppError):
        handler.initialize()
    assert log == ["flush"]
    reply = "lifespan.startup.complete"
    handler.initialize()
    assert log == ["flush"]
    handler.pre_stop()
    assert log == ["flush", "lifespan.shutdown", "flush"]


def test_pre_stop_of_a_wsgi_app():
    calls = []
    handler = wrap(wsgi, flush=[lambda: calls.append(current_invocation())])
    handler.initialize()
    handler.pre_stop()
    assert calls == [None]


@pytest.mark.parametrize("app", [wsgi, asgi])
def test_the_invocation_is_current(app):
    seen = []
    wrap(app, flush=[lambda: seen.append(current_invocation().request_id)])(make_event(), PATIENT)
    assert seen == ["1-flush"]
    assert current_invocation() is None


# ---- what goes wrong -------------------------------------------------------------------------------------------------


def fail():
    raise LookupError("no collector")


@pytest.mark.parametrize("error", [LookupError("no collector"), SystemExit(1)], ids=repr)
def test_what_they_raise_is_logged_and_changes_nothing(error, caplog):
    def fail():
        raise error

    calls = []
    handler = wrap(wsgi, on_error="raise", flush=[fail, lambda: calls.append(1)])
    assert handler(make_event(), PATIENT)["statusCode"] == 200
    assert calls == [1]
    (record,) = caplog.records
    name = "tests.test_flush.test_what_they_raise_is_logged_and_changes_nothing.<locals>.fail"
    assert record.getMessage() == f"flush: {name} failed with {type(error).__name__}: {error}"
    assert record.exc_info[1] is error
    assert record.exc_info[2].tb_frame.f_code is fail.__code__


def test_names_in_the_log(caplog):
    class Shipper:
        def flush(self):
            raise OSError

        __call__ = flush

        def __repr__(self):
            return "the shipper"

    shipper = Shipper()
    wrap(wsgi, flush=[functools.partial(fail), shipper, {}.popitem, shipper.flush])(make_event(), PATIENT)
    names = [record.getMessage().removeprefix("flush: ").partition(" failed")[0] for record in caplog.records]
    assert names[0].startswith("functools.partial(<function fail ")
    assert names[1:3] == ["the shipper", "dict.popitem"]
    assert names[3].endswith("Shipper.flush")


class Stuck:
    """A function that does not return until it may."""

    def __init__(self):
        self.calls = 0
        self.may_return = threading.Event()

    def __call__(self):
        self.calls += 1
        assert self.may_return.wait(60)

    def __repr__(self):
        return "stuck"


def test_one_that_does_not_return(caplog):
    stuck, calls = Stuck(), []
    handler = wrap(wsgi, flush=[stuck, lambda: calls.append(1)])
    last = f"{__name__}.test_one_that_does_not_return.<locals>.<lambda>"
    began = time.monotonic()
    assert handler(make_event(), make_context("0.5"))["statusCode"] == 200
    assert 0.25 < time.monotonic() - began < 5
    # The next one neither waits for it nor calls it, but the others.
    assert handler(make_event(), PATIENT)["statusCode"] == 200
    assert (stuck.calls, calls) == (1, [1])
    stuck.may_return.set()
    join_flush()
    assert calls == [1]
    handler(make_event(), PATIENT)
    assert (stuck.calls, calls) == (2, [1, 1])
    messages = [re.sub(r"had 0\.\d+ s", "had 0.3 s", record.getMessage()) for record in caplog.records]
    assert messages == [
        f"request 1-flush: flush had 0.3 s: stuck has not returned, {last} was not called",
        "request 1-flush: flush: stuck still runs since an earlier request",
    ]


def test_one_that_does_not_return_holds_up_no_exit():
    program = """
import threading
from types import SimpleNamespace
import fc_adapter

def app(environ, start_response):
    start_response("204 No Content", [])
    return []

handler = fc_adapter.wrap(app, flush=[threading.Event().wait])
context = SimpleNamespace(request_id="1-a", function=SimpleNamespace(timeout=0.8))
print(handler({"rawPath": "/", "requestContext": {"http": {"method": "GET"}}}, context)["statusCode"])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "204\n"
    assert "has not returned" in done.stderr


@pytest.mark.parametrize(("make", "name"), [("send()", "coroutine"), ("loop.create_future()", "Future")])
def test_what_must_be_awaited_is_an_error_in_the_log(caplog, make, name):
    async def send():
        raise AssertionError

    loop = asyncio.new_event_loop()
    handler = wrap(wsgi, flush=[lambda: eval(make, {"send": send, "loop": loop})])
    assert handler(make_event(), PATIENT)["statusCode"] == 200
    loop.close()
    [message] = [record.getMessage() for record in caplog.records if record.name == "fc_adapter"]
    assert f"<lambda> has sent nothing: it returned a {name}, which must be awaited" in message
    assert "lambda: asyncio.run(send())" in message


def test_no_time_is_left(caplog):
    calls = []
    handler = wrap(wsgi, flush=[lambda: calls.append(1)])
    assert handler(make_event(), make_context(0.1))["statusCode"] == 200
    assert calls == []
    assert "flush had 0 s: " in caplog.text
    assert "<lambda> was not called" in caplog.text


def test_limit_without_a_timeout(monkeypatch, caplog):
    monkeypatch.setattr("fc_adapter.flush._LIMIT", 0.5)
    stuck = Stuck()
    handler = wrap(wsgi, flush=[stuck])
    handler(make_event(request_id=""))
    handler.pre_stop()
    stuck.may_return.set()
    join_flush()
    assert [record.getMessage() for record in caplog.records] == [
        "request (no id): flush had 0.5 s: stuck has not returned",
        "request (no id): flush: stuck still runs since an earlier request",
    ]


def test_several_threads_take_turns():
    running = []
    most = []

    def flush():
        running.append(1)
        time.sleep(0.01)
        most.append(len(running))
        running.pop()

    handler = wrap(wsgi, flush=[flush])
    threads = [threading.Thread(target=handler, args=(make_event(), PATIENT)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 5


def test_a_thread_whose_turn_does_not_come(caplog):
    stuck = Stuck()
    handler = wrap(wsgi, flush=[stuck])
    thread = threading.Thread(target=handler, args=(make_event(), PATIENT))
    thread.start()
    while not stuck.calls:
        time.sleep(0.001)
    handler(make_event(), make_context(0.25))
    stuck.may_return.set()
    thread.join()
    [message] = [record.getMessage() for record in caplog.records]
    assert re.fullmatch(r"request 1-flush: flush had 0(\.0\d*)? s: stuck was not called", message)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals of threads are POSIX's")
def test_interrupt_while_one_runs():
    stuck, calls = Stuck(), []

    def interrupt():
        if not calls:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            stuck()
        calls.append(1)

    handler = wrap(wsgi, flush=[interrupt])
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            handler(make_event(), PATIENT)
    finally:
        signal.signal(signal.SIGINT, previous)
    stuck.may_return.set()
    join_flush()
    handler(make_event(), PATIENT)
    assert calls == [1, 1]


def test_no_thread_can_be_started(monkeypatch, caplog):
    def start(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    assert wrap(wsgi, flush=[fail])(make_event(), PATIENT)["statusCode"] == 200
    assert "flush: no thread could be started (can't start new thread)" in caplog.text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_child_of_a_fork_flushes_too(tmp_path):
    path = tmp_path / "calls"

    def app(environ, start_response):
        app.child = os.fork()
        return wsgi(environ, start_response)

    def flush():
        with path.open("a") as file:
            file.write("x")

    handler = wrap(app, flush=[flush])
    handler(make_event(), PATIENT)
    if app.child == 0:
        os._exit(0)
    os.waitpid(app.child, 0)
    assert path.read_text() == "xx"


async def coroutine_function():
    """What nobody would await."""


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (sentry_sdk.flush, r"flush must be a list of functions, such as \[sentry_sdk.flush\], got <function flush"),
        ("sentry_sdk.flush", "flush must be a list of functions"),
        ("", "flush must be a list of functions"),
        (None, "flush must be a list of functions, .* got None"),
        (["sentry_sdk.flush"], "flush must be a list of functions"),
        ([sentry_sdk.flush()], r"flush must be a list of functions, .* got \[None\]"),
        ([coroutine_function], "need not be awaited, got the coroutine function <function coroutine_function"),
        ([logging.log], "without arguments, got <function log at .*: missing a required argument: 'level'"),
        ([functools.partial(make_context)], "without arguments, .*: missing a required argument: 'timeout'"),
    ],
)
def test_wrong_values(value, message):
    with pytest.raises(ConfigError, match=message):
        wrap(wsgi, flush=value)


def test_functions_whose_arguments_cannot_be_known():
    class Odd:
        __signature__ = 3

        def __call__(self):
            calls.append(1)

    calls = []
    wrap(wsgi, flush=[Odd(), print])(make_event(), PATIENT)
    assert calls == [1]


# ---- real libraries --------------------------------------------------------------------------------------------------


class SlowTransport(HttpTransport):
    """Sentry's own transport, with its own thread; what it would send over the network comes into a list, later."""

    def __init__(self, options):
        super().__init__(options)
        self.sent = options["_experiments"]["sent"]
        self.is_connected = options["_experiments"]["is_connected"]

    def _send_request(self, body, headers, *arguments, **options):
        self.is_connected.wait(60)
        time.sleep(0.05)
        self.sent.append(body)


@pytest.fixture
def is_connected():
    """Whether there is a network, if a slow one."""
    return threading.Event()


@pytest.fixture
def sentry(is_connected):
    """What Sentry has sent, what gives it something to send, and what flushes it."""
    sent = []
    client = sentry_sdk.Client(
        dsn="http://key@127.0.0.1/1",
        transport=SlowTransport,
        default_integrations=False,
        _experiments={"sent": sent, "is_connected": is_connected},
    )
    with sentry_sdk.new_scope() as scope:
        scope.set_client(client)
        yield sent, lambda: sentry_sdk.capture_message("hello"), sentry_sdk.flush
        is_connected.set()
        client.close()


@pytest.fixture
def opentelemetry(is_connected):
    """The same for OpenTelemetry, whose processor would export once an hour."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=3_600_000))
    spans = exporter._finished_spans
    yield spans, lambda: provider.get_tracer("shop").start_span("order").end(), provider.force_flush
    provider.shutdown()


class Kept(logging.Handler):
    """Ships records into a list, once there is a network."""

    def __init__(self, is_connected):
        super().__init__()
        self.is_connected = is_connected
        self.shipped = []

    def emit(self, record):
        self.is_connected.wait(60)
        time.sleep(0.05)
        self.shipped.append(record)


@pytest.fixture
def memory_handler(is_connected):
    """The same for a handler that collects records."""
    target = Kept(is_connected)
    handler = logging.handlers.MemoryHandler(1000, target=target)
    record = logging.LogRecord("shop", logging.INFO, "shop.py", 1, "hello", (), None)
    yield target.shipped, lambda: handler.handle(record), handler.flush
    is_connected.set()
    handler.close()


@pytest.fixture
def queue_handler(is_connected):
    """The same for records that a thread ships."""
    target = Kept(is_connected)
    records = queue.Queue()
    listener = logging.handlers.QueueListener(records, target)
    listener.start()
    handler = logging.handlers.QueueHandler(records)
    record = logging.LogRecord("shop", logging.INFO, "shop.py", 1, "hello", (), None)
    yield target.shipped, lambda: handler.handle(record), records.join
    is_connected.set()
    listener.stop()


LIBRARIES = ["sentry", "opentelemetry", "memory_handler", "queue_handler"]


def wsgi_that(acts):
    def app(environ, start_response):
        acts()
        return wsgi(environ, start_response)

    return app


def asgi_that(acts):
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        acts()
        await asgi(scope, receive, send)

    return app


@pytest.mark.parametrize("name", LIBRARIES)
@pytest.mark.parametrize("make_app", [wsgi_that, asgi_that])
def test_libraries_have_sent_everything(name, make_app, is_connected, request):
    sent, act, flush = request.getfixturevalue(name)
    is_connected.set()
    handler = wrap(make_app(act), flush=[flush])
    for number in (1, 2, 3):
        assert handler(make_event(), PATIENT)["statusCode"] == 200
        assert len(sent) == number


@pytest.mark.parametrize("name", LIBRARIES)
@pytest.mark.parametrize("make_app", [wsgi_that, asgi_that])
def test_libraries_send_later_without_flush(name, make_app, is_connected, request):
    sent, act, flush = request.getfixturevalue(name)
    handler = wrap(make_app(act))
    for _ in range(3):
        assert handler(make_event(), PATIENT)["statusCode"] == 200
    assert len(sent) == 0
    is_connected.set()
    flush()
    assert len(sent) == 3
