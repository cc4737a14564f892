"""``on_other_event`` as a coroutine function: in the app's event loop, with its lifespan and its background work."""

from __future__ import annotations

import asyncio
import functools
import subprocess
import sys
import threading
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from fastapi import FastAPI

from fc_adapter import AppError, ConfigError, DeadlineError, current_invocation, wrap
from tests.conftest import make_event, read_event

TIMER = read_event("timer")


class Pool:
    """Connections in an asyncio.Queue, which can be used in the event loop that has made them, and in no other."""

    def __init__(self, size):
        self.loop = asyncio.get_running_loop()
        self.free = asyncio.Queue()
        for number in range(size):
            self.free.put_nowait(number)

    @asynccontextmanager
    async def connection(self):
        assert asyncio.get_running_loop() is self.loop
        number = await asyncio.wait_for(self.free.get(), 10)
        try:
            yield number
        finally:
            self.free.put_nowait(number)


def make_shop():
    """A FastAPI app with a pool that its lifespan makes, and a log of what happens."""

    @asynccontextmanager
    async def lifespan(app):
        app.state.log.append("startup")
        app.state.pool = Pool(1)
        yield
        app.state.log.append("shutdown")

    app = FastAPI(lifespan=lifespan)
    app.state.log = []

    @app.get("/")
    async def index():
        async with app.state.pool.connection() as connection:
            return connection

    return app


def test_it_uses_the_pool_of_the_lifespan():
    app = make_shop()

    async def on_timer(event, context):
        # One waits for the other's connection, so that the loop and the pool must be the same.
        await asyncio.gather(*(work(number) for number in range(3)))
        return {"done": 3}

    async def work(number):
        async with app.state.pool.connection():
            await asyncio.sleep(0.001)
            app.state.log.append(number)

    handler = wrap(app, on_other_event=on_timer)
    assert handler(TIMER) == {"done": 3}
    assert handler(make_event())["body"] == "0"
    assert handler(TIMER) == {"done": 3}
    handler.pre_stop()
    assert app.state.log == ["startup", 0, 1, 2, 0, 1, 2, "shutdown"]


class Called:
    """A callable object whose call is a coroutine."""

    async def __call__(self, event, context):
        return event, context

    async def method(self, event, context):
        return event, context


async def echo(event, context, extra=None):
    return event, context


@pytest.mark.parametrize("function", [Called(), Called().method, echo, functools.partial(echo, extra=1)])
def test_event_and_context_come_as_they_are(function):
    context = SimpleNamespace(request_id="1-timer")
    assert wrap(make_shop(), on_other_event=function)(TIMER, context) == (TIMER, context)
    with pytest.raises(
        ConfigError, match=r"on_other_event is the coroutine function .* but a WSGI app has no event loop"
    ):
        wrap(lambda environ, start_response: [], on_other_event=function)


def test_a_common_function_runs_outside_of_the_loop():
    app = make_shop()

    def on_timer(event, context):
        return asyncio.run(echo(event, context))

    assert wrap(app, on_other_event=on_timer)(TIMER) == (TIMER, None)
    assert app.state.log == []


@pytest.mark.parametrize(("error", "is_waited_for"), [(ValueError, True), (SystemExit, False)])
def test_a_common_function_that_raises_ends_with_its_threads(error, is_waited_for):
    release, ended = threading.Event(), []

    def work():
        release.wait(0.2 if is_waited_for else 60)
        ended.append(True)

    def on_timer(event, context):
        threading.Thread(target=work).start()
        raise error("the function's own")

    with pytest.raises(error):
        wrap(make_shop(), on_other_event=on_timer, background_timeout=60)(TIMER)
    assert ended == [True] * is_waited_for
    release.set()


def test_a_common_function_where_there_is_no_other_thread():
    program = f"""
import fc_adapter

async def app(scope, receive, send):
    raise AssertionError("the app is for HTTP")

print(fc_adapter.wrap(app, on_other_event=lambda event, context: len(event))({TIMER!r}))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (f"{len(TIMER)}\n", "")


def test_the_invocation_is_current_in_it_and_in_its_tasks():
    async def on_timer(event, context):
        return [current_invocation(), await asyncio.create_task(ask())]

    async def ask():
        return current_invocation()

    context = SimpleNamespace(request_id="1-timer")
    seen = wrap(make_shop(), on_other_event=on_timer)(TIMER, context)
    assert [(each.event, each.context, each.request_id) for each in seen] == [(TIMER, context, "1-timer")] * 2
    assert current_invocation() is None


def test_its_tasks_are_waited_for_before_flush():
    app = make_shop()

    async def on_timer(event, context):
        app.state.task = asyncio.create_task(work())
        return "result"

    async def work():
        await asyncio.sleep(0.01)
        app.state.log.append("work")

    handler = wrap(app, on_other_event=on_timer, flush=[lambda: app.state.log.append("flush")])
    assert handler(TIMER) == "result"
    assert app.state.log == ["startup", "work", "flush"]


def test_a_task_that_takes_too_long_is_named(caplog):
    async def on_timer(event, context):
        on_timer.task = asyncio.create_task(asyncio.sleep(3600), name="nightly")
        return "result"

    context = SimpleNamespace(request_id="1-timer")
    handler = wrap(make_shop(), on_other_event=on_timer, background_timeout=0.01)
    assert handler(TIMER, context) == "result"
    assert "the client of request 1-timer has waited 0.01 s" in caplog.text
    assert "nightly" in caplog.text
    handler.pre_stop()


@pytest.mark.parametrize("on_error", ["respond", "raise"])
def test_its_errors_are_function_errors(on_error):
    error = LookupError("mine")

    async def on_timer(event, context):
        raise error

    handler = wrap(make_shop(), on_other_event=on_timer, on_error=on_error)
    for _ in range(2):
        with pytest.raises(LookupError) as raised:
            handler(TIMER)
        assert raised.value is error
    assert handler(make_event())["statusCode"] == 200


def test_a_cancellation_is_an_error_of_the_app():
    async def on_timer(event, context):
        raise asyncio.CancelledError

    with pytest.raises(AppError, match="CancelledError"):
        wrap(make_shop(), on_other_event=on_timer)(TIMER)


def test_a_startup_that_fails():
    @asynccontextmanager
    async def lifespan(app):
        raise OSError("no database")
        yield

    with pytest.raises(AppError, match=r"startup failed: [\s\S]*no database"):
        wrap(FastAPI(lifespan=lifespan), on_other_event=echo)(TIMER)


def test_a_deadline():
    async def on_timer(event, context):
        await asyncio.sleep(3600)

    context = SimpleNamespace(request_id="1-timer", function=SimpleNamespace(timeout=1.05))
    with pytest.raises(DeadlineError):
        wrap(make_shop(), on_other_event=on_timer, deadline_margin=1.0)(TIMER, context)


def test_without_a_lifespan():
    async def app(scope, receive, send):
        raise AssertionError("the app is for HTTP")

    assert wrap(app, lifespan="off", on_other_event=echo)(TIMER) == (TIMER, None)
