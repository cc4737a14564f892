"""Threads and work of executors that a request starts: what is waited for, and what cannot be or need not."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import multiprocessing
import re
import threading
import time
import weakref
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures import thread as futures
from queue import SimpleQueue
from types import SimpleNamespace

import pytest

import fc_adapter
from fc_adapter import threads
from fc_adapter.background import Background
from tests.conftest import make_event

LONG = 60.0  # seconds: a test that waited for what it should not would fail by far
TICK = 0.05


def make_wsgi(start):
    def app(environ, start_response):
        start()
        start_response("200 OK", [])
        return [b"done"]

    return app


def make_asgi(start):
    async def app(scope, receive, send):
        start()
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"done"})

    return app


@pytest.fixture(params=[make_wsgi, make_asgi], ids=["wsgi", "asgi"])
def wrapped(request):
    """``wrapped(start, **options)`` is the handler of an app that calls ``start()`` at each request."""
    handlers = []

    def make(start, **options):
        if request.param is make_asgi:
            options["lifespan"] = "off"
        handlers.append(fc_adapter.wrap(request.param(start), **{"background_timeout": LONG, **options}))
        return handlers[-1]

    yield make
    for handler in handlers:
        handler.pre_stop()


@pytest.fixture
def work():
    """``work()`` takes a moment, and ``work.done`` counts how often it was done."""

    def run():
        time.sleep(TICK)
        run.done += 1

    run.done = 0
    return run


@pytest.fixture
def endless():
    """Runs until the end of the test."""

    def wait():
        wait.end.wait()

    wait.end = threading.Event()
    yield wait
    wait.end.set()


@pytest.fixture
def executor(endless):
    with ThreadPoolExecutor(2) as executor:
        yield executor
        endless.end.set()


def seconds_of(handler, *arguments):
    began = time.monotonic()
    assert handler(*(arguments or (make_event(),)))["statusCode"] == 200
    return time.monotonic() - began


# ---- what is waited for ----------------------------------------------------------------------------------------------


def test_threads(wrapped, work):
    def start():
        threading.Thread(target=lambda: [work(), threading.Thread(target=work).start()]).start()
        threading.Timer(TICK, work).start()

    handler = wrapped(start)
    for count in (3, 6):
        handler(make_event())
        assert work.done == count


def test_work_of_an_executor_that_lives_on(wrapped, work, executor, caplog):
    handler = wrapped(lambda: [executor.submit(work) for _ in range(5)])
    for count in range(5, 30, 5):
        assert seconds_of(handler) < LONG / 2
        assert work.done == count
    assert not caplog.records


def test_one_piece_of_work_at_a_time(wrapped, executor):
    """Its worker is asleep, and the work is neither in the queue nor in the worker's frame until that wakes up."""
    done = []
    handler = wrapped(lambda: executor.submit(done.append, True))
    for count in range(1, 200):
        handler(make_event())
        assert len(done) == count


def test_callbacks_of_a_future(wrapped, work, executor):
    handler = wrapped(lambda: executor.submit(int).add_done_callback(lambda _: work()))
    handler(make_event())
    assert work.done == 1


def test_executor_that_nobody_keeps(wrapped, work):
    handler = wrapped(lambda: ThreadPoolExecutor(1).submit(work))
    handler(make_event())
    assert work.done == 1


def test_processes(wrapped, tmp_path):
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as executor:
        handler = wrapped(lambda: executor.submit((tmp_path / "done").write_text, "yes"))
        assert seconds_of(handler) < LONG / 2
        assert (tmp_path / "done").read_text() == "yes"
        assert seconds_of(handler) < LONG / 2


def test_threads_of_a_failed_request(wrapped, work):
    def start():
        threading.Thread(target=work).start()
        raise ValueError("broken")

    assert wrapped(start)(make_event())["statusCode"] == 500
    assert work.done == 1


def test_threads_of_an_event_that_is_not_http(wrapped, work):
    def on_event(event, context):
        threading.Thread(target=work).start()
        return event

    handler = wrapped(lambda: None, on_other_event=on_event)
    assert handler(b"[1]") == b"[1]"
    assert work.done == 1


def test_threads_of_a_call_of_fc_2(work):
    handler = fc_adapter.wrap(make_wsgi(threading.Thread(target=work).start))
    assert handler({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, lambda *_: None) == [b"done"]
    assert work.done == 1


def test_threads_of_a_handler_inside_of_a_running_loop(wrapped, work):
    handler = wrapped(lambda: threading.Thread(target=work).start())

    async def main():
        return seconds_of(handler)

    assert asyncio.run(main()) < LONG / 2
    assert work.done == 1


# ---- in the event loop -----------------------------------------------------------------------------------------------


def test_the_loop_runs_while_it_waits_for_threads(work):
    async def task():
        await asyncio.sleep(TICK)
        asyncio.ensure_future(asyncio.to_thread(work))

    def start():
        loop = asyncio.get_running_loop()
        run = asyncio.run_coroutine_threadsafe
        threading.Thread(target=lambda: run(task(), loop).result()).start()
        loop.run_in_executor(None, work)

    handler = fc_adapter.wrap(make_asgi(start), lifespan="off", background_timeout=LONG)
    for count in (2, 4):
        assert seconds_of(handler) < LONG / 2
        assert work.done == count
    handler.pre_stop()


def test_coroutine_from_a_thread_in_the_context_of_the_request(work):
    async def task():
        await asyncio.sleep(TICK)
        work()

    def start():
        hand_over = functools.partial(asyncio.run_coroutine_threadsafe, task(), asyncio.get_running_loop())
        thread = threading.Thread(target=contextvars.copy_context().run, args=(hand_over,))
        thread.start()
        thread.join()

    handler = fc_adapter.wrap(make_asgi(start), lifespan="off", background_timeout=LONG)
    handler(make_event())
    assert work.done == 1
    handler.pre_stop()


def test_worker_threads_of_anyio():
    from anyio.to_thread import run_sync

    async def app(scope, receive, send):
        assert await run_sync(int) == 0
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    handler = fc_adapter.wrap(app, lifespan="off", background_timeout=LONG)
    for _ in range(3):
        assert seconds_of(handler) < LONG / 2
    handler.pre_stop()


# ---- what is not -----------------------------------------------------------------------------------------------------


def test_daemons(wrapped, endless):
    assert seconds_of(wrapped(threading.Thread(target=endless, daemon=True).start)) < LONG / 2


def test_what_ran_before(wrapped, endless, executor, work):
    """A thread, a work item that runs, one that waits for its turn: none of them is this request's."""
    threading.Thread(target=endless).start()
    for _ in range(3):
        executor.submit(endless)
    other = ThreadPoolExecutor(1)
    handler = wrapped(lambda: other.submit(work))
    assert seconds_of(handler) < LONG / 2
    assert work.done == 1
    other.shutdown()


def test_background_timeout_of_zero(wrapped, endless, caplog):
    assert seconds_of(wrapped(threading.Thread(target=endless).start, background_timeout=0)) < LONG / 2
    assert not caplog.records


def test_threads_that_serve_another_request(wrapped, executor, endless):
    """Two requests at the same time do not wait for each other."""
    are_both_here = threading.Barrier(2)

    def serve():
        are_both_here.wait()
        endless()

    other = fc_adapter.wrap(make_wsgi(serve))

    def start():
        executor.submit(other, make_event())
        are_both_here.wait()

    assert seconds_of(wrapped(start)) < LONG / 2


def test_thread_that_takes_too_long(wrapped, endless, work, caplog):
    starts = [endless, endless, work, endless]
    handler = wrapped(lambda: threading.Thread(target=starts.pop(0), name="mailer").start(), background_timeout=0.2)
    assert seconds_of(handler) >= 0.2
    [message] = [record.getMessage() for record in caplog.records]
    assert message.startswith("the client of request 1-event has waited 0.2 s")
    assert "thread mailer (tests.test_threads.endless.<locals>.wait). No later request" in message
    caplog.clear()
    handler(make_event())
    handler(make_event())
    assert work.done == 1
    handler(make_event())
    assert not caplog.records


def test_work_that_takes_too_long(wrapped, endless, caplog):
    with ThreadPoolExecutor(1, "mail") as executor:
        handler = wrapped(lambda: executor.submit(functools.partial(endless)), background_timeout=0.5)
        assert seconds_of(handler) >= 0.5
        assert "thread mail_0 (tests.test_threads.endless.<locals>.wait)" in caplog.text
        caplog.clear()
        assert min([seconds_of(handler) for _ in range(3)]) < 0.5
        assert not caplog.records
        endless.end.set()


def test_the_functions_timeout_bounds_the_wait(wrapped, endless, caplog):
    context = SimpleNamespace(request_id="1-late", function=SimpleNamespace(timeout=0.7))
    assert seconds_of(wrapped(threading.Thread(target=endless).start), make_event(), context) < LONG / 2
    assert re.search(r"1-late has waited 0(\.[0-2]\d*)? s", caplog.text)


def test_pre_stop_is_a_last_chance():
    release, done = threading.Event(), []
    app = make_wsgi(threading.Thread(target=lambda: [release.wait(), done.append(True)]).start)
    handler = fc_adapter.wrap(app, background_timeout=0.2)
    handler(make_event())
    threading.Timer(TICK, release.set).start()
    handler.pre_stop()
    assert done == [True]


def test_request_is_freed_at_once(wrapped, endless):
    class Large:
        """Something that a request holds."""

    threading.Thread(target=endless).start()
    handler = wrapped(lambda: None)
    handler(make_event())
    gc.disable()
    try:
        large = Large()
        held = weakref.ref(large)
        handler(make_event(large=large))
        del large
        assert held() is None
    finally:
        gc.enable()


# ---- detached --------------------------------------------------------------------------------------------------------


def test_detached(wrapped, endless, work, executor, caplog):
    def start():
        with fc_adapter.detached():
            threading.Thread(target=endless).start()
            executor.submit(endless)
        executor.submit(work)

    assert seconds_of(wrapped(start)) < LONG / 2
    assert work.done == 1
    assert not caplog.records
    endless.end.set()


def test_detached_work_that_waits_for_its_turn(wrapped, endless):
    with ThreadPoolExecutor(1) as executor:
        running = executor.submit(endless)

        def start():
            with fc_adapter.detached():
                executor.submit(int)

        assert seconds_of(wrapped(start)) < LONG / 2
        assert not running.done()
        endless.end.set()


# ---- names that are not public ---------------------------------------------------------------------------------------


def test_private_names(executor, endless):
    """Without one of these, the work of executors, or of all threads, is no longer waited for."""
    started = threading.Event()

    def work():
        started.set()
        endless()

    executor.submit(work)
    assert started.wait(LONG)
    assert threading.current_thread() in threading._active.values()
    assert threading._limbo == {}
    [worker] = executor._threads
    assert worker._target is futures._worker
    assert worker._args[0]() is executor
    assert isinstance(executor._work_queue, SimpleQueue)
    assert executor._idle_semaphore._value == 0
    assert executor._thread_name_prefix
    [found] = threads.find(frozenset([worker]), Background(LONG))
    assert found.key.future.running()
    assert found.names == ("tests.test_threads.test_private_names.<locals>.work",)
    executor.submit(endless)  # on a worker of its own
    queued = [executor.submit(ascii, "a"), executor.submit(abs, -1)]
    found = threads.find(frozenset(), Background(LONG))
    assert {work.names: work.key.future for work in found}.items() >= {
        ("builtins.ascii",): queued[0],
        ("builtins.abs",): queued[1],
    }.items()


def test_private_names_of_processes():
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        future = executor.submit(time.sleep, TICK)
        [manager] = [each for each in threading.enumerate() if type(each).__name__ == "_ExecutorManagerThread"]
        assert [item.future for item in manager.pending_work_items.values()] == [future]


def test_executor_whose_count_of_idle_workers_is_too_low(wrapped, executor, monkeypatch):
    """It would look for ever as if a worker were about to take work."""
    executor.submit(int).result()
    while executor._idle_semaphore._value < 1:
        time.sleep(0.001)
    executor._idle_semaphore.acquire()
    handler = wrapped(lambda: None, background_timeout=LONG)
    assert seconds_of(handler) < LONG / 2


@pytest.mark.parametrize("name", ["_idle_semaphore", "_work_queue"])
def test_executor_that_is_made_in_another_way(wrapped, work, name):
    executor = ThreadPoolExecutor(1)
    executor.submit(int).result()
    value = executor.__dict__.pop(name)
    handler = wrapped(lambda: None)
    assert seconds_of(handler) < LONG / 2
    setattr(executor, name, value)
    executor.shutdown()
