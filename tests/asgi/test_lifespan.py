"""Startup once per instance, shutdown at its end, state in between, and everything that can fail on the way."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from contextlib import asynccontextmanager
from contextvars import ContextVar
from traceback import walk_tb
from types import SimpleNamespace

import anyio
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from fc_adapter import AppError, RequestIdFilter, current_invocation, wrap
from tests.conftest import make_event


class Recorder:
    """An ASGI app with a lifespan, which records what happens and fails where it is told to."""

    def __init__(self):
        self.log = []
        self.startup = {"type": "lifespan.startup.complete"}
        self.shutdown = {"type": "lifespan.shutdown.complete"}
        self.raises = None
        self.at_end = None

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await self.live(scope, receive, send)
        else:
            self.log.append(sorted(scope["state"].items()))
            scope["state"]["dirty"] = True
            await send({"type": "http.response.start", "status": 204})
            await send({"type": "http.response.body"})

    async def live(self, scope, receive, send):
        assert scope["asgi"] == {"version": "3.0", "spec_version": "2.0"}
        self.log.append((await receive())["type"])
        if self.raises:
            raise self.raises
        scope["state"]["pool"] = "open"
        await send(self.startup)
        self.log.append((await receive())["type"])
        assert (await receive())["type"] == "lifespan.shutdown"
        await send(self.shutdown)
        if self.at_end:
            raise self.at_end


def status(handler):
    return handler(make_event())["statusCode"]


def test_once_per_instance():
    app = Recorder()
    handler = wrap(app)
    assert [status(handler) for _ in range(3)] == [204, 204, 204]
    handler.pre_stop()
    state = [("pool", "open")]
    assert app.log == ["lifespan.startup", state, state, state, "lifespan.shutdown"]


def test_initializer_hook_starts_it_before_the_first_request():
    app = Recorder()
    handler = wrap(app)
    handler.initialize(object())
    assert app.log == ["lifespan.startup"]
    status(handler)
    handler.initialize(object())
    assert app.log == ["lifespan.startup", [("pool", "open")]]
    handler.pre_stop(object())
    handler.pre_stop(object())
    assert app.log[2:] == ["lifespan.shutdown"]


def test_starts_anew_after_its_end():
    app = Recorder()
    handler = wrap(app)
    for _ in range(2):
        status(handler)
        handler.pre_stop()
    assert app.log == ["lifespan.startup", [("pool", "open")], "lifespan.shutdown"] * 2


def test_off():
    app = Recorder()
    handler = wrap(app, lifespan="off")
    handler.initialize()
    assert status(handler) == 204
    handler.pre_stop()
    assert app.log == [[]]


def failed(phase, message=None):
    return {"type": f"lifespan.{phase}.failed", **({"message": message} if message else {})}


@pytest.mark.parametrize("reason", ["no database", None])
def test_failed_startup_fails_the_request_and_is_tried_again(reason, caplog):
    app = Recorder()
    app.startup = failed("startup", reason)
    handler = wrap(app)
    assert status(handler) == 500
    assert f"AppError: the app's startup failed: {reason or 'it gave no reason'}" in caplog.text
    with pytest.raises(AppError, match="startup failed"):
        handler.initialize()
    app.startup = {"type": "lifespan.startup.complete"}
    assert status(handler) == 204
    handler.pre_stop()
    assert app.log == [*["lifespan.startup"] * 3, [("pool", "open")], "lifespan.shutdown"]


async def fail_first(scope, receive, send):
    await receive()
    remembered.set("the startup's")
    try:
        raise ValueError("no database")
    except ValueError:
        await send(failed("startup", "no database"))
        raise


async def fail_last(scope, receive, send):
    if scope["type"] == "http":
        return await http_only(scope, receive, send)
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    remembered.set("the shutdown's")
    raise ValueError("no database")


remembered = ContextVar("remembered", default="nothing")


@pytest.mark.parametrize(
    ("app", "message", "context"),
    [
        (
            fail_first,
            "request 1-a failed with AppError: the app's startup failed: no database",
            ("the startup's", "1-a"),
        ),
        (fail_last, "the app's shutdown failed: ValueError('no database')", ("the shutdown's", "-")),
    ],
)
def test_log_has_the_error_of_a_lifespan_in_its_own_context(app, message, context, caplog):
    class Filter(RequestIdFilter):
        def filter(self, record):
            contexts.append((remembered.get(), super().filter(record) and record.request_id))
            return True

    contexts = []
    log = logging.getLogger("fc_adapter")
    log.addFilter(see := Filter())
    try:
        handler = wrap(app)
        handler(make_event(), SimpleNamespace(request_id="1-a"))
        if app is fail_last:
            with pytest.raises(AppError):
                handler.pre_stop()
    finally:
        log.removeFilter(see)
    (record,) = caplog.records
    assert record.getMessage() == message
    assert repr(record.exc_info[1]) == "ValueError('no database')"
    assert [frame.f_code.co_name for frame, _ in walk_tb(record.exc_info[2])] == [app.__name__]
    assert contexts == [context]


def test_startup_that_raises_means_no_lifespan(caplog):
    app = Recorder()
    app.raises = ValueError("only http")
    caplog.set_level(logging.INFO, "fc_adapter")
    handler = wrap(app)
    assert [status(handler), status(handler)] == [204, 204]
    assert [record.getMessage() for record in caplog.records] == [
        "the app does not support lifespan: it raised ValueError('only http')"
    ]
    handler.pre_stop()
    assert app.log == ["lifespan.startup", [], []]


async def http_only(scope, receive, send):
    """Ends at once for anything but HTTP."""
    if scope["type"] == "http":
        await Recorder()(scope, receive, send)


def test_startup_that_returns_means_no_lifespan():
    handler = wrap(http_only)
    assert status(handler) == 204
    handler.pre_stop()


def test_lifespan_on_must_be_supported():
    app = Recorder()
    app.raises = ValueError("only http")
    with pytest.raises(AppError, match=r"raised ValueError\('only http'\) before its startup was complete") as raised:
        wrap(app, lifespan="on").initialize()
    assert raised.value.__cause__ is app.raises
    with pytest.raises(AppError, match="returned before its startup was complete, but lifespan is 'on'"):
        wrap(http_only, lifespan="on").initialize()


@pytest.mark.parametrize(
    ("shutdown", "at_end", "message"),
    [
        (failed("shutdown", "disk full"), None, "the app's shutdown failed: disk full"),
        (failed("shutdown", "disk full"), OSError("disk full"), "the app's shutdown failed: disk full"),
        ({"type": "lifespan.shutdown.complete"}, OSError("late"), r"the app's shutdown failed: OSError\('late'\)"),
        ({"type": "lifespan.startup.complete"}, None, "sent 'lifespan.startup.complete' during its shutdown"),
        ({}, None, "sent None during its shutdown"),
    ],
)
def test_failed_shutdown_is_logged_and_raised(shutdown, at_end, message, caplog):
    app = Recorder()
    app.shutdown, app.at_end = shutdown, at_end
    handler = wrap(app)
    status(handler)
    with pytest.raises(AppError, match=message):
        handler.pre_stop()
    (record,) = [record for record in caplog.records if record.name == "fc_adapter"]
    assert "the app's shutdown failed" in record.getMessage()


def test_failed_shutdown_of_a_dropped_handler_is_logged(caplog):
    app = Recorder()
    app.shutdown = failed("shutdown", "disk full")
    handler = wrap(app)
    status(handler)
    del handler
    assert "the app's shutdown failed: disk full" in caplog.text


def test_shutdown_is_over_when_the_app_has_returned():
    log = []

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            await asyncio.sleep(0.01)
            log.append("closed")
        else:
            await Recorder()(scope, receive, send)

    handler = wrap(app)
    status(handler)
    handler.pre_stop()
    assert log == ["closed"]


def test_second_reply_is_out_of_turn():
    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.complete"})
        with pytest.raises(AppError, match=r"during its startup, out of turn"):
            await send({"type": "lifespan.startup.complete"})
        await receive()

    handler = wrap(app)
    handler.initialize()
    handler.pre_stop()


async def let_it_end(scope, receive, send):
    """Serve, and leave the loop running for long enough that the lifespan comes to its end."""
    if scope["type"] == "http":
        await asyncio.sleep(0)
        await Recorder()(scope, receive, send)


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (ValueError("lost interest"), "ValueError('lost interest')"),
        (asyncio.CancelledError(), "it was cancelled"),
        (failed("shutdown", "lost interest"), "lost interest"),
        (failed("shutdown"), "it gave no reason"),
    ],
    ids=["raised", "cancelled", "reported", "reported without a reason"],
)
def test_lifespan_that_fails_while_serving(end, reason, caplog):
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            scope["state"]["pool"] = "open"
            await send({"type": "lifespan.startup.complete"})
            if isinstance(end, dict):
                await send(end)
            else:
                raise end
        else:
            states.append(dict(scope["state"]))
            await let_it_end(scope, receive, send)

    states = []
    handler = wrap(app)
    assert [status(handler), status(handler)] == [204, 204]
    assert states == [{"pool": "open"}] * 2
    (record,) = caplog.records
    assert record.getMessage() == (
        f"the app's lifespan failed while the app was serving, and requests go on without it: {reason}"
    )
    assert bool(record.exc_info) == isinstance(end, ValueError)
    with pytest.raises(AppError, match="shutdown did not run") as raised:
        handler.pre_stop()
    assert str(raised.value).endswith(f"as its lifespan failed while the app was serving: {reason}")
    assert [record.message for record in caplog.records[1:]] == [str(raised.value)]


def test_starlette_lifespan_that_fails_while_serving(caplog):
    """Starlette reports it as a failed shutdown, whatever the phase is."""

    @asynccontextmanager
    async def lifespan(app):
        async with anyio.create_task_group() as group:
            group.start_soon(fail)
            yield

    async def fail():
        await asyncio.sleep(0)
        raise ValueError("lost interest")

    async def page(request):
        await asyncio.sleep(0.01)
        return JSONResponse(1)

    handler = wrap(Starlette(routes=[Route("/", page)], lifespan=lifespan))
    assert [status(handler) for _ in range(3)] == [200] * 3
    (record,) = caplog.records
    assert "the app's lifespan failed while the app was serving" in record.getMessage()
    assert "lost interest" in caplog.text
    assert "out of turn" not in caplog.text
    with pytest.raises(AppError, match="its lifespan failed while the app was serving"):
        handler.pre_stop()


def test_lifespan_that_returns_early_is_none_of_our_business(caplog):
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
        else:
            await let_it_end(scope, receive, send)

    handler = wrap(app)
    assert [status(handler), status(handler)] == [204, 204]
    handler.pre_stop()
    assert not caplog.records


def test_interrupted_startup_is_tried_again():
    interrupt = [True]

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            if interrupt.pop():
                asyncio.get_running_loop().call_soon(stop)
                await asyncio.sleep(60)
            await send({"type": "lifespan.startup.complete"})
            await receive()
        else:
            await Recorder()(scope, receive, send)

    def stop():
        raise KeyboardInterrupt

    handler = wrap(app)
    with pytest.raises(KeyboardInterrupt):
        handler.initialize()
    interrupt[:] = [False]
    assert status(handler) == 204
    handler.pre_stop()


def test_late_reply_of_a_cancelled_startup_is_not_the_next_ones():
    attempts = []

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            attempts.append(scope)
            if len(attempts) == 1:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    await asyncio.sleep(0.15)
                    await send({"type": "lifespan.startup.failed", "message": "too late"})
                    raise
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await receive()
        else:
            await asyncio.sleep(0.1)
            await Recorder()(scope, receive, send)

    handler = wrap(app, deadline_margin=0.2)
    context = SimpleNamespace(request_id="1-a", function=SimpleNamespace(timeout=0.3))
    answers = [handler(make_event(), each)["statusCode"] for each in (context, None, None)]
    handler.pre_stop()
    assert answers == [504, 204, 204]


def test_tasks_of_the_lifespan_are_not_waited_for_and_belong_to_no_request():
    seen = []

    async def ticker():
        while True:
            seen.append(current_invocation())
            asyncio.ensure_future(asyncio.sleep(60))
            await asyncio.sleep(0)

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            task = asyncio.ensure_future(ticker())
            await send({"type": "lifespan.startup.complete"})
            await receive()
            task.cancel()
        else:
            await asyncio.sleep(0)
            await Recorder()(scope, receive, send)

    handler = wrap(app, background_timeout=60)
    assert status(handler) == 204
    handler.pre_stop()
    assert set(seen) == {None}


def test_pool_bound_to_its_loop_serves_a_thousand_requests():
    log = []

    class Pool:
        """Like asyncpg's: of use only in the loop that it was opened in."""

        async def open(self):
            log.append("open")
            self.loop = asyncio.get_running_loop()
            self.queue = asyncio.Queue()
            self.worker = asyncio.ensure_future(self.work())

        async def work(self):
            while True:
                (await self.queue.get()).set_result("answer")

        async def query(self):
            assert asyncio.get_running_loop() is self.loop
            future = self.loop.create_future()
            await self.queue.put(future)
            return await future

        async def close(self):
            log.append("close")
            self.worker.cancel()

    class Lifespan:
        """A lifespan without a decorator, which Starlette takes too."""

        def __init__(self, app):
            self.pool = Pool()

        async def __aenter__(self):
            await self.pool.open()
            return {"pool": self.pool}

        async def __aexit__(self, *error):
            await self.pool.close()

    async def page(request):
        return JSONResponse(await request.state.pool.query())

    handler = wrap(Starlette(routes=[Route("/", page)], lifespan=Lifespan))
    assert {handler(make_event())["body"] for _ in range(1000)} == {'"answer"'}
    handler.pre_stop()
    assert log == ["open", "close"]


@pytest.mark.parametrize("flags", [[], ["-X", "dev"]])
def test_shutdown_at_the_end_of_the_process(flags):
    program = """
import asyncio
import fc_adapter

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        asyncio.get_running_loop().slow_callback_duration = 60  # asyncio complains of a busy machine with -X dev
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        print("shutdown", flush=True)
        await send({"type": "lifespan.shutdown.complete"})
    else:
        await asyncio.get_running_loop().run_in_executor(None, print, "request")
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

handler = fc_adapter.wrap(app)
handler({"rawPath": "/", "requestContext": {"http": {"method": "GET"}}})
"""
    command = [sys.executable, *flags, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == ("request\nshutdown\n", "", 0)


def test_shutdown_that_fails_at_the_end_of_the_process():
    program = """
import fc_adapter

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        raise ValueError("the pool was closed twice")
    await send({"type": "http.response.start", "status": 204})
    await send({"type": "http.response.body"})

handler = fc_adapter.wrap(app)
handler({"rawPath": "/", "requestContext": {"http": {"method": "GET"}}})
"""
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    first, *others = done.stderr.splitlines()
    assert "the pool was closed twice" in first
    assert any("in app" in line for line in others)  # its traceback
    assert (done.stdout, done.returncode) == ("", 0)
