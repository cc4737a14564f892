"""The first step of a request, which is taken without running the event loop: nobody may be able to tell."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading

import pytest

from fc_adapter import wrap
from tests.conftest import make_event


class SubclassedLoop(asyncio.SelectorEventLoop):
    """A loop that is none of asyncio's own, and so is always run."""


@pytest.fixture(params=[asyncio.SelectorEventLoop, SubclassedLoop], ids=["by hand", "run"])
def handle(request, monkeypatch):
    """``handle(app)`` makes a handler on a loop of one or the other kind."""
    monkeypatch.setattr(asyncio, "new_event_loop", request.param)
    handlers = []

    def make(app):
        handlers.append(wrap(app, lifespan="off", on_error="raise"))
        return handlers[-1]

    yield make
    for handler in handlers:
        handler.pre_stop()


async def answer(send, body=b""):
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": body})


def test_the_surroundings_are_those_of_a_running_loop(handle):
    seen = []

    async def app(scope, receive, send):
        loop = asyncio.get_running_loop()
        for _ in range(2):
            hooks = sys.get_asyncgen_hooks()
            task = asyncio.current_task()
            seen.append((loop, task, loop.is_running(), hooks, task in asyncio.all_tasks()))
            await asyncio.sleep(0)
        await answer(send)

    handler = handle(app)
    handler(make_event())
    handler(make_event())
    assert seen[0] == seen[1]
    assert seen[2] == seen[3]
    loop, task, is_running, hooks, is_listed = seen[0]
    assert task.done()
    assert is_running
    assert None not in hooks
    assert is_listed
    assert not loop.is_running()
    assert sys.get_asyncgen_hooks() == (None, None)
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


@pytest.mark.parametrize(("kind", "runs"), [(asyncio.SelectorEventLoop, 1), (SubclassedLoop, 3)])
def test_a_request_that_need_not_wait_does_not_run_the_loop(kind, runs, monkeypatch):
    ran = []

    def run_until_complete(loop, future):
        ran.append(future)
        return run(loop, future)

    run = kind.run_until_complete
    monkeypatch.setattr(kind, "run_until_complete", run_until_complete)
    monkeypatch.setattr(asyncio, "new_event_loop", kind)

    async def app(scope, receive, send):
        if scope["path"] == "/wait":
            await asyncio.sleep(0)
        await answer(send)

    handler = wrap(app, lifespan="off")
    for path in ("/", "/wait", "/"):
        handler(make_event(raw_path=path))
    assert len(ran) == runs
    handler.pre_stop()


def test_an_async_generator_that_is_left_open_is_closed(handle):
    closed = []

    async def numbers():
        try:
            yield 1
        finally:
            closed.append(asyncio.get_running_loop())

    async def app(scope, receive, send):
        await numbers().__anext__()
        await answer(send)

    handle(app)(make_event())
    assert len(closed) == 1


def test_what_the_app_asks_the_loop_to_call_is_called(handle):
    called = []

    async def app(scope, receive, send):
        asyncio.get_running_loop().call_soon(called.append, "soon")
        await answer(send)

    handle(app)(make_event())
    assert called == ["soon"]


def test_work_of_earlier_requests_goes_on(handle):
    """Timers, calls from threads, sockets and signals wait for the loop between two requests."""
    reading, writing = os.pipe()
    done = set()

    async def app(scope, receive, send):
        loop = asyncio.get_running_loop()
        if scope["path"] == "/prepare":
            loop.call_later(0, done.add, "timer")
            loop.add_reader(reading, lambda: (loop.remove_reader(reading), done.add("socket")))
            loop.add_signal_handler(signal.SIGUSR1, done.add, "signal")
            loops.append(loop)
        await answer(send)

    loops = []
    handler = handle(app)
    handler(make_event(raw_path="/prepare"))
    os.write(writing, b"x")
    os.kill(os.getpid(), signal.SIGUSR1)
    thread = threading.Thread(target=loops[0].call_soon_threadsafe, args=(done.add, "thread"))
    thread.start()
    thread.join()
    for _ in range(3):
        handler(make_event())
    loops[0].remove_signal_handler(signal.SIGUSR1)
    os.close(reading)
    os.close(writing)
    assert done == {"timer", "socket", "signal", "thread"}


def test_a_call_from_a_thread_during_the_request(handle):
    called = []

    async def app(scope, receive, send):
        thread = threading.Thread(target=asyncio.get_running_loop().call_soon_threadsafe, args=(called.append, 1))
        thread.start()
        thread.join()
        await answer(send)

    handle(app)(make_event())
    assert called == [1]


def test_debug_mode_runs_the_loop(handle, monkeypatch, caplog):
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")

    async def app(scope, receive, send):
        loop = asyncio.get_running_loop()
        loop.set_debug(True)
        loop.slow_callback_duration = 0
        await answer(send)

    handler = handle(app)
    handler(make_event())
    caplog.clear()
    handler(make_event())
    assert "Executing <Task" in caplog.text
