"""The event loop between requests, its end, and a request's first step without running it, which nobody may notice."""

from __future__ import annotations

import ast
import asyncio
import contextvars
import gc
import inspect
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import anyio
import pytest
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Route

from fc_adapter import wrap
from fc_adapter.asgi import loop as loop_module
from fc_adapter.asgi.loop import is_quiet
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


def test_app_that_stops_the_loop_while_it_waits(caplog):
    async def app(scope, receive, send):
        if scope["path"] == "/stop":
            asyncio.get_running_loop().call_soon(asyncio.get_running_loop().stop)
            await asyncio.sleep(60)
        await answer(send)

    handler = wrap(app, lifespan="off")
    assert handler(make_event(raw_path="/stop"))["statusCode"] == 500
    assert "Event loop stopped before Future completed" in caplog.text
    assert handler(make_event())["statusCode"] == 200
    handler.pre_stop()


def test_first_request_when_the_process_ends():
    """It can no longer have its loop closed before Python joins the threads."""
    program = f"""
import atexit
import anyio
import asyncio
import fc_adapter

async def app(scope, receive, send):
    await asyncio.sleep(0.01)
    await send({{"type": "http.response.start", "status": 204}})
    await send({{"type": "http.response.body"}})

handler = fc_adapter.wrap(app, lifespan="off")
atexit.register(lambda: print(handler({make_event()!r})["statusCode"]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "204\n", "")


# ---- worker threads --------------------------------------------------------------------------------------------------


@pytest.fixture
def worker_threads():
    """Finds the threads that AnyIO has started for the test: those of other tests' handlers may still be there."""

    def find():
        return [thread for thread in threading.enumerate() if thread.name == "AnyIO worker thread"]

    before = find()
    return lambda: [thread for thread in find() if thread not in before]


def thread_app(local):
    """An app with a `def` route, which says whether its thread has been here before."""

    def page(request):
        has_been_here = hasattr(local, "client")
        local.client = object()
        return JSONResponse(has_been_here)

    return Starlette(routes=[Route("/", page)])


def test_thread_locals_live_on(monkeypatch, worker_threads):
    handler = wrap(thread_app(threading.local()))
    bodies = [handler(make_event())["body"] for _ in range(200)]
    assert bodies.count("true") >= 199
    assert len(worker_threads()) == 1
    (thread,) = worker_threads()
    handler.pre_stop()
    thread.join(60)
    assert not thread.is_alive()


def test_threads_that_are_not_needed_any_more_end(monkeypatch, worker_threads):
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


def test_threads_of_a_loop_that_the_app_has_closed_end(caplog, worker_threads):
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


def test_root_task_that_the_app_cancels_is_replaced(worker_threads):
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
for path in ["/start"] + ["/"] * 5:
    handler({{"rawPath": path, "requestContext": {{"http": {{"method": "GET"}}}}}})
{after}
"""
WITHOUT_REGISTER = "import concurrent.futures.thread\ndel threading._register_atexit"


@pytest.mark.parametrize(
    ("lifespan", "before", "after", "printed"),
    [
        ("on", "", "handler.pre_stop()", "executor\nthreadpool\n"),
        pytest.param(
            *("on", "", "", "executor\nthreadpool\n"),
            marks=pytest.mark.skipif(
                (3, 12) <= sys.version_info < (3, 12, 2), reason="Python 3.12.0 and .1 start no thread at their end"
            ),
        ),
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
import fc_adapter, fc_adapter.asgi.loop

fc_adapter.asgi.loop._EXIT_PATIENCE = 0.01
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


# ---- asyncio's eager tasks -------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks are new in Python 3.12")
def test_eager_task_factory_of_the_lifespan():
    """No task group works unless anyio recognises it; each task belongs to the request that started it."""
    done = []

    async def later(name):
        await asyncio.sleep(0.01)
        done.append(name)

    async def at_once():
        done.append("at once")

    @asynccontextmanager
    async def lifespan(app):
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        async with anyio.create_task_group() as group:
            yield {"group": group}

    async def page(request):
        async with anyio.create_task_group() as group:
            group.start_soon(later, "in a group of the request")
        request.state.group.start_soon(later, "in a group of the lifespan")
        tasks = asyncio.ensure_future(later("a task")), asyncio.ensure_future(at_once())
        assert tasks[1].done()
        return JSONResponse(done)

    class PassOn(BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            return await call_next(request)

    app = Starlette(routes=[Route("/", page)], lifespan=lifespan, middleware=[Middleware(PassOn)])
    handler = wrap(app, on_error="raise")
    for _ in range(2):
        done.clear()
        assert handler(make_event())["body"] == '["in a group of the request","at once"]'
        assert sorted(done[2:]) == ["a task", "in a group of the lifespan"]
    handler.pre_stop()


def test_task_factory_of_the_app_shows_through():
    """What libraries ask of the loop's task factory, they are told of the app's own."""
    seen = []

    def factory(loop, coro, **options):
        return asyncio.Task(coro, loop=loop, **options)

    factory.purpose = "tracing"

    async def app(scope, receive, send):
        loop = asyncio.get_running_loop()
        if scope["path"] == "/none":
            seen.append(hasattr(loop.get_task_factory(), "__code__"))
        else:
            if not seen[1:]:
                loop.set_task_factory(factory)
            seen.append((loop.get_task_factory().purpose, loop.get_task_factory().__code__ is factory.__code__))
        await answer(send)

    handler = wrap(app, lifespan="off", on_error="raise")
    for path in ("/none", "/set", "/"):
        handler(make_event(raw_path=path))
    assert seen == [False, ("tracing", True), ("tracing", True)]
    handler.pre_stop()


# ---- the end of an instance ------------------------------------------------------------------------------------------


def left_running_app(ended):
    async def work(seconds):
        try:
            await asyncio.sleep(seconds)
            ended.append("done")
        except asyncio.CancelledError:
            ended.append("cancelled")

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            ended.append("shutdown")
            await send({"type": "lifespan.shutdown.complete"})
        else:
            asyncio.ensure_future(work(float(scope["path"][1:])))
            await answer(send)

    return app


@pytest.mark.parametrize(
    ("path", "background_timeout", "log"),
    [
        ("/0.3", 60, ["done", "shutdown"]),
        ("/600", 0.05, ["shutdown", "cancelled"]),
        ("/0.3", 0, ["shutdown", "cancelled"]),
    ],
)
def test_what_was_left_running_has_its_time_before_the_shutdown(path, background_timeout, log, caplog):
    ended = []
    handler = wrap(left_running_app(ended), background_timeout=background_timeout)
    # The function's own timeout leaves no time for the task.
    handler(make_event(raw_path=path), SimpleNamespace(request_id="1-a", function=SimpleNamespace(timeout=0.5)))
    caplog.clear()
    handler.pre_stop()
    assert ended == log
    warnings = [record.getMessage() for record in caplog.records]
    assert ["cuts off after a last 0.05 s" in warning for warning in warnings] == [True] * (path == "/600")


def test_work_left_behind_by_a_loop_that_was_closed_is_not_waited_for(caplog):
    handler = wrap(left_running_app([]), lifespan="off", background_timeout=0.05)
    handler(make_event(raw_path="/600"))
    handler._server._loop._loop.close()
    handler(make_event(raw_path="/0"))
    caplog.clear()
    handler.pre_stop()
    assert not [record for record in caplog.records if record.name == "fc_adapter"]
    handler._server._left_running.clear()
    gc.collect()  # asyncio complains of the task: here, and not in another test


def test_what_was_left_running_has_less_time_at_the_end_of_the_process():
    program = f"""
import asyncio
import fc_adapter
{inspect.getsource(answer)}
{inspect.getsource(left_running_app)}
import atexit
ended = []
atexit.register(lambda: print(ended))
handler = fc_adapter.wrap(left_running_app(ended), background_timeout=600)
class Context:
    request_id = "1-a"
    class function:
        timeout = 0.5
for path in ("/0.2", "/600"):
    handler({{"rawPath": path, "requestContext": {{"http": {{"method": "GET"}}}}}}, Context)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.returncode) == ("['done', 'shutdown', 'cancelled']\n", 0)
    assert "cuts off after a last 1 s what requests have left running" in done.stderr


# ---- asyncio's objects that were made at import, on Python 3.9 -------------------------------------------------------

AT_IMPORT = """
import asyncio
import fc_adapter

lock, queue, limit = asyncio.Lock(), asyncio.Queue(), asyncio.Semaphore(1)
received = []

async def work():
    while True:
        received.append(await queue.get())
        queue.task_done()

async def hold(primitive):
    async with primitive:
        await asyncio.sleep(0.01)

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        task = asyncio.ensure_future(work())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        task.cancel()
    else:
        await asyncio.gather(*[hold(primitive) for primitive in (lock, lock, limit, limit)])
        queue.put_nowait(scope["path"])
        await queue.join()
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

first, second = fc_adapter.wrap(app, on_error="raise"), fc_adapter.wrap(app, on_error="raise")
event = {"rawPath": "/", "requestContext": {"http": {"method": "GET"}}}
for _ in range(3):
    first(event)
first.pre_stop()
print(len(received))
"""


def test_asyncio_objects_made_at_import():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", AT_IMPORT], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout, done.stderr, done.returncode) == ("3\n", "", 0)


@pytest.fixture
def current_loop(monkeypatch):
    """What `asyncio.get_event_loop()` made at import, as on Python 3.9."""
    monkeypatch.setattr(loop_module, "_PRIMITIVES_BIND_WHEN_MADE", True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of event loop policies, from Python 3.14 on
        before = loop_module._loop_of_imports()
        loop = asyncio.SelectorEventLoop()
        asyncio.set_event_loop(loop)
        yield loop
        asyncio.set_event_loop(before)
    loop.close()


def loop_of(handler):
    handler(make_event())
    return handler._server._loop._loop


async def minimal(scope, receive, send):
    await answer(send)


def test_the_first_handler_has_the_loop_of_the_imports(current_loop, caplog):
    first, second = wrap(minimal, lifespan="off"), wrap(minimal, lifespan="off")
    assert loop_of(first) is current_loop
    assert not caplog.records
    assert loop_of(second) is not current_loop
    first.pre_stop()
    assert current_loop.is_closed()
    assert loop_of(first) is not current_loop
    messages = [record.getMessage() for record in caplog.records]
    assert ["create them in the app's lifespan" in message for message in messages] == [True, True]
    first.pre_stop()
    second.pre_stop()


def test_a_loop_of_the_imports_that_somebody_else_runs_is_left_alone(current_loop):
    handler = wrap(minimal, lifespan="off")

    async def main():
        return loop_of(handler)

    assert current_loop.run_until_complete(main()) is not current_loop
    handler.pre_stop()
    assert not current_loop.is_closed()
