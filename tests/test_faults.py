"""What apps do to the process that they run in: what the client gets, what the log says, and the next request."""

from __future__ import annotations

import asyncio
import gc
import os
import signal

import pytest

from fc_adapter import wrap
from tests.conftest import make_event
from tests.support.server import Server, kill_process, state, wait_until

# Each fault is a function of either app, which then answers with the id of its process.
SOURCE = """
import asyncio, gc, locale, logging, multiprocessing, os, shutil, signal, sys, tempfile, threading, time, warnings
import fc_adapter

held = []


class Undeletable:
    def __del__(self):
        raise RuntimeError("on its way out")


def threads():
    for _ in range(50):
        threading.Thread(target=time.sleep, args=(3600,)).start()


def thread_that_fails():
    thread = threading.Thread(target=lambda: 1 // 0)
    thread.start()
    thread.join()


async def close_loop():
    asyncio.get_running_loop().close()


async def stop_loop():
    asyncio.get_running_loop().stop()


async def stop_loop_and_wait():
    await asyncio.sleep(0.001)
    asyncio.get_running_loop().stop()
    await asyncio.sleep(0.001)


def block():
    time.sleep(0.2)


def hang():
    time.sleep(60)


async def wait():
    await asyncio.sleep(60)


def run():
    coroutine = asyncio.sleep(0)
    try:
        asyncio.run(coroutine)
    finally:
        coroutine.close()


def policy():
    asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())
    asyncio.set_event_loop(asyncio.new_event_loop())


def fork():
    child = os.fork()
    if child:
        os.waitpid(child, 0)


def process():
    child = multiprocessing.get_context("fork").Process(target=print, args=("in a child",))
    child.start()
    child.join()


def locales():
    for name in ("C", "POSIX", "C.UTF-8", "tr_TR.UTF-8", "de_DE.UTF-8"):
        try:
            locale.setlocale(locale.LC_ALL, name)
        except locale.Error:
            pass
    os.environ["TZ"] = "Asia/Shanghai"
    time.tzset()


def signals():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGCONT, signal.SIGUSR1):
        signal.signal(number, lambda number, frame: print("got", number))
    os.kill(os.getpid(), signal.SIGUSR1)


def signal_that_raises():
    def fail(number, frame):
        raise RuntimeError("in a signal handler")

    signal.signal(signal.SIGUSR1, fail)


def undeletable():
    Undeletable()


def descriptors():
    while True:
        held.append(os.open(os.devnull, os.O_RDONLY))


def standard_streams():
    os.close(1)
    os.close(2)
    logging.getLogger("app").warning("still heard")


def closed_streams():
    sys.stdin.close()
    sys.stdout.close()
    sys.stderr.close()
    logging.getLogger("app").warning("still heard")


def no_streams():
    sys.stdin = sys.stdout = sys.stderr = None
    logging.getLogger("app").warning("still heard")


def surroundings():
    os.chdir(tempfile.mkdtemp())
    os.rmdir(os.getcwd())
    os.environ.clear()
    os.umask(0o777)


def logs():
    logging.shutdown()
    logging.getLogger().handlers.clear()
    logging.disable()


def warnings_as_errors():
    warnings.simplefilter("error")


def recursion():
    recursion()


def foreign_descriptors():
    for number in range(3, 64):
        try:
            os.write(number, b'{"kind": "result", "size": 1000000000000}\\n')
        except OSError:
            pass


def large():
    return bytes(31 * 1024 * 1024)


def nothing():
    pass


async def asgi_app(scope, receive, send):
    assert scope["type"] == "http"
    if scope["query_string"]:
        await asyncio.sleep(0.001)
    body = globals()[scope["path"][1:] or "nothing"]()
    if asyncio.iscoroutine(body):
        body = await body
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/x")]})
    await send({"type": "http.response.body", "body": body or b"%d" % os.getpid()})


def wsgi_app(environ, start_response):
    body = globals()[environ["PATH_INFO"][1:] or "nothing"]()
    start_response("200 OK", [("Content-Type", "application/x")])
    return [body or b"%d" % os.getpid()]


asgi = fc_adapter.wrap(asgi_app, background_timeout=0.5)
asgi_with_deadline = fc_adapter.wrap(asgi_app, deadline_margin=0.8)
wsgi = fc_adapter.wrap(wsgi_app, background_timeout=0.5)
"""


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """A server for the faults of each interface."""
    directory = tmp_path_factory.mktemp("code")
    (directory / "index.py").write_text(SOURCE)
    with (
        Server("index:wsgi", cwd=directory) as wsgi,
        Server("index:asgi", cwd=directory) as asgi,
    ):
        yield {"wsgi": wsgi, "asgi": asgi}


@pytest.fixture
def server(servers, interface):
    """One of them, with a new instance for each fault."""
    yield servers[interface]
    kill_process(int(servers[interface].get().text))


def cases(*table):
    """Parameters of (interfaces, fault, what the log says)."""
    rows = [(interface, *row) for interfaces, *row in table for interface in interfaces.split()]
    return pytest.mark.parametrize(("interface", "fault", "said"), rows, ids=[f"{row[0]}-{row[1]}" for row in rows])


def assert_next_is_served(server, worker, *, by_it=True):
    """The next requests work, on the process ``worker`` or on a new one."""
    for path in ("/", "/?wait"):
        answer = server.get(path)
        assert (answer.status, int(answer.text) == worker) == (200, by_it)


@cases(
    ("wsgi asgi", "threads", r".* \[WARNING\] the client of request \S+ has waited 0\.5 s .+\n"),
    ("wsgi asgi", "thread_that_fails", r"Exception in thread (.+\n)+ZeroDivisionError"),
    ("wsgi asgi", "block", ""),
    ("wsgi asgi", "policy", ""),
    ("wsgi asgi", "fork", ""),
    ("wsgi asgi", "process", "in a child\n"),
    ("wsgi asgi", "locales", ""),
    ("wsgi asgi", "signals", "got 10\n"),
    ("wsgi asgi", "undeletable", r"Exception ignored (.+\n)+RuntimeError: on its way out\n"),
    ("wsgi asgi", "standard_streams", r".* \[WARNING\] still heard\n"),
    ("wsgi asgi", "closed_streams", r".* \[WARNING\] still heard\n"),
    ("wsgi asgi", "no_streams", r".* \[WARNING\] still heard\n"),
    ("wsgi asgi", "surroundings", ""),
    ("wsgi asgi", "logs", ""),
    ("wsgi asgi", "warnings_as_errors", ""),
    ("wsgi", "run", ""),
    ("asgi", "stop_loop", ""),
)
def test_fault_that_costs_nothing(server, interface, fault, said):
    worker, since = int(server.get().text), len(server.lines)
    answer = server.get(f"/{fault}")
    assert (answer.status, answer.text) == (200, str(worker))
    request_id = answer.headers["X-Fc-Request-Id"]
    server.wait_for(f"^FC Invoke Start RequestId: {request_id}\n(.+\n)*{said}(.+\n)*FC Invoke End", since)
    server.wait_for(f"^GET /{fault}  200 .* {request_id}$", since)
    assert_next_is_served(server, worker)


@cases(
    ("asgi", "close_loop", "RuntimeError: Cannot close a running event loop"),
    ("asgi", "stop_loop_and_wait", "RuntimeError: Event loop stopped before Future completed."),
    ("asgi", "run", r"RuntimeError: asyncio.run\(\) cannot be called from a running event loop"),
    ("wsgi asgi", "descriptors", r"OSError: \[Errno 24\] Too many open files: '/dev/null'"),
    ("wsgi asgi", "recursion", "RecursionError: maximum recursion depth exceeded"),
)
def test_fault_that_costs_its_request(server, interface, fault, said):
    worker, since = int(server.get().text), len(server.lines)
    answer = server.get(f"/{fault}")
    assert (answer.status, answer.body) == (500, b"Internal Server Error")
    request_id = answer.headers["X-Fc-Request-Id"]
    server.wait_for(rf" {request_id} \[ERROR\] request {request_id} failed with {said}", since)
    server.wait_for(f"^GET /{fault}  500 .* {request_id}$", since)
    assert_next_is_served(server, worker)


@cases(
    ("wsgi asgi", "foreign_descriptors", "Process exited unexpectedly before completing request"),
)
def test_fault_that_costs_its_instance(server, interface, fault, said):
    worker, since = int(server.get().text), len(server.lines)
    answer = server.get(f"/{fault}")
    assert (answer.status, answer.body) == (502, b"Internal Server Error")
    server.wait_for(f"^GET /{fault}  502 .* {answer.headers['X-Fc-Request-Id']}\n{said}", since)
    assert_next_is_served(server, worker, by_it=False)


@pytest.mark.parametrize(
    ("handler", "fault", "status", "said"),
    [
        ("wsgi", "hang", 502, r"GET /hang  502 .*\nFunction timed out after 1 seconds"),
        ("asgi", "hang", 502, r"GET /hang  502 .*\nFunction timed out after 1 seconds"),
        ("asgi", "wait", 502, r"GET /wait  502 .*\nFunction timed out after 1 seconds"),
        ("asgi_with_deadline", "wait", 504, r"line \d+, in wait\n\s+await asyncio.sleep\(60\)"),
    ],
)
def test_fault_that_takes_too_long(tmp_path, handler, fault, status, said):
    (tmp_path / "index.py").write_text(SOURCE)
    with Server(f"index:{handler}", "--timeout", "1", cwd=tmp_path) as server:
        worker = int(server.get().text)
        assert server.get(f"/{fault}").status == status
        server.wait_for(said)
        assert_next_is_served(server, worker, by_it=status == 504)


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_31_mb_of_response(server, interface):
    answer = server.get("/large")
    assert (answer.status, answer.body) == (200, bytes(31 * 1024 * 1024))
    assert_next_is_served(server, int(server.get().text))


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_signal_handler_that_raises_between_two_requests(server, interface):
    worker = int(server.get("/signal_that_raises") and server.get().text)
    wait_until(lambda: state(worker)[0] == "T")
    os.kill(worker, signal.SIGUSR1)
    since = len(server.lines)
    assert server.get().status == 502
    server.wait_for(r"^RuntimeError: in a signal handler$", since)
    server.wait_for(r"before completing request \(exit status 1\)", since)
    assert_next_is_served(server, worker, by_it=False)


# ---- an event loop that is closed between requests -------------------------------------------------------------------


def test_event_loop_closed_between_requests(caplog):
    started = []

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            while (await receive())["type"] == "lifespan.startup":
                started.append(asyncio.get_running_loop())
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
        else:
            assert asyncio.get_running_loop() is started[-1]
            await send({"type": "http.response.start", "status": 204})
            await send({"type": "http.response.body"})

    handler = wrap(app)
    for number in (1, 2, 2):
        assert handler(make_event())["statusCode"] == 204
        assert len(started) == number
        if number == 1:
            started[0].close()
    assert "the app has closed its event loop" in caplog.text
    started[1].close()
    handler.pre_stop()
    assert handler(make_event())["statusCode"] == 204
    handler.pre_stop()
    assert started[2].is_closed()
    gc.collect()  # asyncio then reports the lifespans that were lost, to this test's log
