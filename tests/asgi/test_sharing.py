"""One loop for all requests of a handler, whoever calls it from wherever, and nothing left of it."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import warnings

import pytest
from asgiref.sync import sync_to_async

from fc_adapter import wrap
from tests.asgi.apps import OK, START, background_app, handle, hello
from tests.conftest import dump, make_event

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

fc_adapter.asgi._FAREWELL_SECONDS = 0.05
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
    assert threading.active_count() <= before[1]  # threads of other tests may end meanwhile
    handler.pre_stop()
