"""The event loop between requests, its end, and a request's first step without running it, which nobody may notice."""

from __future__ import annotations

import ast
import asyncio
import contextvars
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import anyio
import pytest
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.routing import Route

from fc_adapter import loop as loop_module
from fc_adapter import wrap
from fc_adapter.loop import is_quiet
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

    def run_forever(loop):
        ran.append(loop)
        run(loop)

    run = kind.run_forever
    monkeypatch.setattr(kind, "run_forever", run_forever)
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


def test_a_loop_that_does_not_tell_is_never_quiet():
    assert not is_quiet(object())


# ---- what happened between two requests ------------------------------------------------------------------------------


def test_what_was_due_comes_before_the_app_with_all_that_follows_from_it(handle):
    order = []

    async def wake_up(event):
        await event.wait()
        for step in range(20):
            await asyncio.sleep(0)
            order.append(step)

    async def app(scope, receive, send):
        if scope["path"] == "/prepare":
            event = asyncio.Event()
            tasks.append(contextvars.Context().run(asyncio.ensure_future, wake_up(event)))
            asyncio.get_running_loop().call_later(0.01, event.set)
        order.append("app")
        await answer(send)

    tasks = []
    handler = handle(app)
    handler(make_event(raw_path="/prepare"))
    time.sleep(0.05)  # while frozen
    handler(make_event())
    assert order == ["app", *range(20), "app"]


def test_task_that_never_rests_does_not_keep_the_app_from_beginning(handle):
    async def app(scope, receive, send):
        if not tasks:
            tasks.append(contextvars.Context().run(asyncio.ensure_future, spin()))
        await answer(send)

    async def spin():
        while True:
            await asyncio.sleep(0)

    tasks = []
    handler = handle(app)
    for _ in range(3):
        assert handler(make_event())["statusCode"] == 200


def test_idle_connections_and_timers_do_not_run_the_loop(monkeypatch):
    ran = []
    run = asyncio.SelectorEventLoop.run_forever
    monkeypatch.setattr(asyncio.SelectorEventLoop, "run_forever", lambda loop: (ran.append(loop), run(loop)))
    here, there = socket.socketpair()

    async def app(scope, receive, send):
        loop = asyncio.get_running_loop()
        if scope["path"] == "/open":
            loop.add_reader(here, read)
            timers.append(loop.call_later(60, print))
        elif scope["path"] == "/cancel":
            timers[0].cancel()
        await answer(send)

    def read():
        received.append(here.recv(10))

    timers, received = [], []
    handler = wrap(app, lifespan="off")

    def runs_for(path="/"):
        ran.clear()
        assert handler(make_event(raw_path=path))["statusCode"] == 200
        return len(ran)

    assert [runs_for(path) for path in ("/open", "/", "/")] == [0, 0, 0]
    there.send(b"news")
    assert [runs_for(), runs_for()] == [1, 0]
    assert received == [b"news"]
    # Only a running loop removes a cancelled timer.
    assert [runs_for("/cancel"), runs_for(), runs_for()] == [0, 1, 0]
    handler.pre_stop()
    here.close()
    there.close()


# ---- names of asyncio that are not public ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", loop_module._PRIVATE_NAMES)
def test_private_name_of_asyncios_loop(name):
    """A Python without it takes no first step by hand: see ``_steps_by_hand``."""
    loop = asyncio.SelectorEventLoop()
    assert hasattr(loop, name)
    loop.close()


def test_all_private_names_are_listed():
    tree = ast.parse(Path(loop_module.__file__).read_text(encoding="utf-8"))
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr.startswith("_")]
    used = {node.attr for node in attributes if isinstance(node.value, ast.Name) and node.value.id == "loop"}
    assert used == set(loop_module._PRIVATE_NAMES)
    for holder, names in {asyncio: {"_get_running_loop", "_set_running_loop"}, asyncio.Handle: {"_run"}}.items():
        assert names <= set(dir(holder))


@pytest.mark.parametrize("name", loop_module._PRIVATE_NAMES)
def test_loop_without_a_private_name_is_run(name, monkeypatch):
    """As a Python would have it that calls the attribute by another name."""
    ran = []

    class Renamed(asyncio.SelectorEventLoop):
        def __getattribute__(self, attribute):
            if attribute == name and sys._getframe(1).f_globals["__name__"] == loop_module.__name__:
                raise AttributeError(name)
            return super().__getattribute__(attribute)

        def run_forever(self):
            ran.append(self)
            super().run_forever()

    monkeypatch.setattr(asyncio, "new_event_loop", Renamed)
    monkeypatch.setattr(loop_module, "_ASYNCIO_LOOP", Renamed)

    async def app(scope, receive, send):
        await answer(send)

    handler = wrap(app, lifespan="off", on_error="raise")
    for _ in range(2):
        assert handler(make_event())["statusCode"] == 200
    assert len(ran) == 2
    handler.pre_stop()


# ---- signal handlers that raise --------------------------------------------------------------------------------------


def raise_at(count):
    """A trace function that raises at the ``count``th line of the step by hand and its cleaning up."""
    left = count

    def trace(frame, event, argument):
        nonlocal left
        if frame.f_code not in (loop_module._step.__code__, loop_module._leave.__code__):
            return None
        if event == "line":
            left -= 1
            if left < 0:
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace

    return trace


def test_signal_handler_that_raises_at_any_line_of_the_step_by_hand():
    served = []

    async def app(scope, receive, send):
        served.append(scope["path"])
        await answer(send)

    handler = wrap(app, lifespan="off", on_error="raise")
    handler(make_event())
    trace = sys.gettrace()
    interrupted = 0
    while True:
        served.clear()
        try:
            sys.settrace(raise_at(interrupted))
            handler(make_event(raw_path="/interrupted"))
            break
        except KeyboardInterrupt:
            interrupted += 1
        finally:
            sys.settrace(trace)
        assert asyncio._get_running_loop() is None
        assert sys.get_asyncgen_hooks() == (None, None)
        assert handler(make_event(raw_path="/next"))["statusCode"] == 200
        assert served in (["/next"], ["/interrupted", "/next"])
    assert interrupted > 10
    handler.pre_stop()


# ---- worker threads --------------------------------------------------------------------------------------------------


def worker_threads():
    return [thread for thread in threading.enumerate() if thread.name == "AnyIO worker thread"]


def thread_app(local):
    """An app with a `def` route, which says whether its thread has been here before."""

    def page(request):
        has_been_here = hasattr(local, "client")
        local.client = object()
        return JSONResponse(has_been_here)

    return Starlette(routes=[Route("/", page)])


def test_thread_locals_live_on(monkeypatch):
    handler = wrap(thread_app(threading.local()))
    bodies = [handler(make_event())["body"] for _ in range(200)]
    assert bodies.count("true") >= 199
    assert len(worker_threads()) == 1
    (thread,) = worker_threads()
    handler.pre_stop()
    thread.join(60)
    assert not thread.is_alive()


def test_threads_that_are_not_needed_any_more_end(monkeypatch):
    """As anyio does it: the next use of a thread ends those that have been idle for ten seconds."""

    async def page(request):
        barrier = threading.Barrier(5)
        async with anyio.create_task_group() as group:
            for _ in range(5 if request.url.path == "/five" else 0):
                group.start_soon(run_in_threadpool, barrier.wait)
        await run_in_threadpool(str)
        return JSONResponse(len(worker_threads()))

    handler = wrap(Starlette(routes=[Route("/{path}", page)]))
    assert handler(make_event(raw_path="/five"))["body"] == "5"
    assert handler(make_event(raw_path="/one"))["body"] == "5"
    monkeypatch.setattr("anyio._backends._asyncio.WorkerThread.MAX_IDLE_TIME", 0)
    spare = worker_threads()
    handler(make_event(raw_path="/one"))
    handler.pre_stop()
    for thread in spare:
        thread.join(60)
    assert worker_threads() == []


def test_threads_of_a_loop_that_the_app_has_closed_end(caplog):
    handler = wrap(thread_app(threading.local()), lifespan="off")
    for _ in range(2):
        assert handler(make_event())["statusCode"] == 200
    threads = worker_threads()
    handler._server._loop._loop.close()
    assert [handler(make_event())["body"] for _ in range(2)] == ["false", "true"]
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    handler.pre_stop()
    gc.collect()
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_root_task_that_the_app_cancels_is_replaced():
    """Cancelling all tasks there are must neither stop the loop nor leave threads behind."""
    local = threading.local()

    async def app(scope, receive, send):
        if scope["path"] == "/cancel":
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.sleep(0.01)
            await answer(send)
        else:
            await thread_app(local)(scope, receive, send)

    handler = wrap(app, lifespan="off", on_error="raise")
    for path in ("/", "/", "/cancel", "/", "/"):
        assert handler(make_event(raw_path=path))["statusCode"] == 200
    assert len(worker_threads()) <= 2
    handler.pre_stop()
    for thread in worker_threads():
        thread.join(60)
        assert not thread.is_alive()


# ---- the end of the process ------------------------------------------------------------------------------------------

ENDING = """
import asyncio, contextlib, threading, time
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.routing import Route
import fc_adapter
{before}

async def loop_over_threads():
    while True:
        await run_in_threadpool(time.sleep, 0.001)

@contextlib.asynccontextmanager
async def lifespan(app):
    task = asyncio.ensure_future(loop_over_threads())
    yield
    print(await asyncio.get_running_loop().run_in_executor(None, str, "executor"))
    print(await run_in_threadpool(str, "threadpool"))

tasks = []

async def start(request):
    tasks.append(asyncio.ensure_future(loop_over_threads()))
    return JSONResponse(None)

def page(request):
    return JSONResponse(None)

app = Starlette(routes=[Route("/start", start), Route("/", page)], lifespan=lifespan)
handler = fc_adapter.wrap(app, lifespan={lifespan!r}, background_timeout=0)
for path in ["/start"] + ["/"] * 20:
    handler({{"rawPath": path, "requestContext": {{"http": {{"method": "GET"}}}}}})
{after}
"""
WITHOUT_REGISTER = "import concurrent.futures.thread\ndel threading._register_atexit"


@pytest.mark.parametrize(
    ("lifespan", "before", "after", "printed"),
    [
        ("on", "", "handler.pre_stop()", "executor\nthreadpool\n"),
        ("on", "", "", "executor\nthreadpool\n"),
        ("off", "", "handler.pre_stop()", ""),
        ("off", "", "", ""),
        # Then each thread ends with its request, and the tasks that go on are cancelled.
        ("off", WITHOUT_REGISTER, "handler.pre_stop()", ""),
    ],
)
def test_process_ends_while_tasks_use_threads(lifespan, before, after, printed):
    program = ENDING.format(lifespan=lifespan, before=before, after=after)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == (printed, "", 0)


def test_process_ends_while_a_thread_is_in_a_request():
    program = """
import asyncio, threading
import fc_adapter, fc_adapter.loop

fc_adapter.loop._EXIT_PATIENCE = 0.01
begun = threading.Event()

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
    else:
        begun.set()
        await asyncio.sleep(600)

handler = fc_adapter.wrap(app)
event = {"rawPath": "/", "requestContext": {"http": {"method": "GET"}}}
threading.Thread(target=handler, args=(event,), daemon=True).start()
begun.wait()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.returncode) == ("", 0)
    assert done.stderr == (
        "the process ends while a thread is still serving a request: the app's shutdown cannot run\n"
    )
