"""A function that is killed for its timeout: where it stood, on the terminal and in the reply."""

from __future__ import annotations

import asyncio
import faulthandler
import os
import re
import signal
import sys
import threading
import time

import pytest

from fc_adapter.config.function import Function
from fc_adapter.config.target import Target
from fc_adapter.runner import stacks
from fc_adapter.runner.frames import Frame
from fc_adapter.runner.instance import Instance

HANGING = """
import asyncio, concurrent.futures, json, threading, time
import fc_adapter
from starlette.applications import Starlette
from starlette.routing import Route

lock = threading.Lock()


def sleep():
    time.sleep(30)


def wait():
    with concurrent.futures.ThreadPoolExecutor() as executor:
        executor.submit(sleep).result()


def wait_for_lock():
    with lock, lock:
        pass


def count():
    sum(range(10**12))


def app(environ, start_response):
    globals().get(environ["PATH_INFO"][1:], str)()
    start_response("204 No Content", [])
    return []


async def pause():
    await asyncio.sleep(30)


async def awaiting(request):
    await pause()


async def gathering(request):
    await asyncio.gather(pause(), pause())


async def blocking(request):
    time.sleep(30)


def threading_(request):
    sleep()


wsgi = fc_adapter.wrap(app)
views = (awaiting, gathering, blocking, threading_)
asgi = fc_adapter.wrap(Starlette(routes=[Route(f"/{view.__name__}", view) for view in views]))


def initialize(context):
    sleep()
"""

SLEEP = r"""    File "[^"]+index\.py", line \d+, in sleep
      time\.sleep\(30\)"""
PAUSE = r"""    File "[^"]+index\.py", line \d+, in pause
      await asyncio\.sleep\(30\)"""


@pytest.fixture(scope="module")
def hanging(module_servers):
    """A server for each handler. Its instances have a second."""
    return {name: module_servers(HANGING, f"index:{name}", "--timeout", "1") for name in ("wsgi", "asgi")}


@pytest.mark.parametrize(
    ("handler", "path", "pattern"),
    [
        ("wsgi", "/sleep", rf"  main thread:\n(    .*\n)+{SLEEP}"),
        ("wsgi", "/wait", rf"  thread ThreadPoolExecutor-\S+:\n    \(calls in libraries: \d+\)\n{SLEEP}"),
        ("wsgi", "/wait_for_lock", r"  main thread:\n(    .*\n)+.*, in wait_for_lock\n      with lock, lock:"),
        # Python 3.13.0 calls tasks None that have been given no name.
        ("asgi", "/awaiting", rf"  task (Task-\d+|None):\n(    .*\n)+.*, in awaiting\n      await pause\(\)\n{PAUSE}"),
        ("asgi", "/gathering", rf"(  task (Task-\d+|None):\n{PAUSE}\n(    .*\n)+){{2}}"),
        ("asgi", "/blocking", r"  main thread:\n(    .*\n)+.*, in blocking\n      time\.sleep\(30\)"),
        ("asgi", "/threading_", rf"  thread AnyIO worker thread:\n(    .*\n)+{SLEEP}"),
    ],
)
def test_terminal_shows_where_it_hung(hanging, handler, path, pattern):
    server = hanging[handler]
    since = server.mark()  # after a request, for which much is imported
    began = time.monotonic()
    assert server.get(path).status == 502
    assert time.monotonic() - began < 15
    server.wait_for(f"^Function timed out after 1 seconds\n  It stood here:\n(  .*\n)*{pattern}", since)
    assert f"fc_adapter{os.sep}" not in "\n".join(server.lines[since:]).partition("It stood here")[2]


def test_hook_that_hangs(serve, tmp_path):
    template = """
edition: 3.0.0
resources:
  web:
    component: fc3
    props:
      runtime: python3.10
      handler: index.wsgi
      code: .
      instanceLifecycleConfig: {initializer: {handler: index.initialize, timeout: 0.3}}
"""
    (tmp_path / "s.yaml").write_text(template)
    server = serve(HANGING)
    assert server.get().status == 502
    server.wait_for(rf"^Function timed out after 0.3 seconds\n  It stood here:\n  main thread:\n(    .*\n)+{SLEEP}")


def test_c_code_that_hangs(hanging):
    server = hanging["wsgi"]
    since = server.mark()
    assert server.get("/count").status == 502
    server.wait_for(r"^Current thread 0x\w+ .*\n  File \"[^\"]+index\.py\", line \d+ in count$", since)
    server.wait_for(
        "^Function timed out after 1 seconds\n  It did not answer where it stood; if it was in C code, its log says",
        since,
    )


@pytest.fixture
def install(tmp_path):
    """Have a function called at the signal, in this process; put back what was there."""
    before = signal.getsignal(signal.SIGRTMAX)
    with open(tmp_path / "log", "w") as log:
        yield lambda tell: stacks.install(tell, log)
        faulthandler.unregister(signal.SIGRTMIN)
    signal.signal(signal.SIGRTMAX, before)


@pytest.fixture
def told(install):
    """What is told at the signal."""
    texts = []
    install(texts.append)
    return texts


def wait_in_my_code(event):
    event.wait(20)


def test_threads(told):
    event = threading.Event()
    thread = threading.Thread(target=wait_in_my_code, args=(event,), name="mine")
    idle = threading.Thread(target=threading.Event().wait, daemon=True, args=(20,))
    thread.start()
    idle.start()
    os.kill(os.getpid(), signal.SIGRTMAX)
    event.set()
    thread.join()
    [text] = told
    assert re.search(
        r"^main thread:\n(    .*\n)+    File .*test_stacks\.py\", line \d+, in test_threads$", text, re.MULTILINE
    )
    assert re.search(r"^thread mine:\n.*\n.*, in wait_in_my_code\n      event\.wait\(20\)$", text, re.MULTILINE)
    assert re.search(r"^\(further threads and tasks, in libraries only: [1-9]\d*\)$", text, re.MULTILINE)


def test_tasks(told):
    async def inner():
        os.kill(os.getpid(), signal.SIGRTMAX)
        await asyncio.sleep(0)

    async def outer():
        task = asyncio.create_task(waiting())
        await asyncio.sleep(0)
        await inner()
        task.cancel()

    async def generate():
        await asyncio.sleep(20)
        yield

    async def waiting():
        async for _ in generate():
            pass

    asyncio.run(outer())
    [text] = told
    assert re.search(
        r"^task (Task-\d+|None):\n    File .*, in waiting\n      async for _ in generate\(\):", text, re.MULTILINE
    )


def test_generators_that_coroutines_wait_for():
    class Awaitable:
        def __await__(self):
            yield from range(3)

    async def outer():
        await Awaitable()

    coroutine = outer()
    coroutine.send(None)
    names = [frame.f_code.co_name for frame in stacks._await_chain(coroutine)]
    assert names == ["outer", "__await__"]
    coroutine.close()
    assert list(stacks._await_chain(coroutine)) == []


def test_libraries_alone_are_shown_rather_than_nothing():
    code = "def f():\n    return describe(sys._getframe())\nfound = f()\n"
    names = {"sys": sys, "describe": stacks.describe}
    exec(compile(code, os.path.join(os.path.dirname(os.__file__), "invented.py"), "exec"), names)
    assert ", in f" in names["found"]


def test_what_fails_in_telling_is_not_noticed(install):
    seen = []

    def fail(text):
        seen.append(text)
        raise OSError("the pipe is closed")

    install(fail)
    os.kill(os.getpid(), signal.SIGRTMAX)
    assert len(seen) == 1


def test_result_that_comes_too_late_is_passed_over(tmp_path):
    (tmp_path / "index.py").write_text("def handler(event, context): pass")
    instance = Instance(Function(handler=Target(tmp_path, "index", "handler")), log=lambda *line: None, freeze=False)
    try:
        assert instance.start() is None
        for frame in (Frame("result", {"token": "a"}, b""), Frame("stacks", {"token": "a"}, b"here"), None):
            instance._frames.put(frame)
        assert instance._find_stacks("a") == "It stood here:\nhere"
        assert instance._find_stacks("a") == ""
    finally:
        instance.kill()


def test_process_without_asyncio(monkeypatch):
    monkeypatch.setitem(sys.modules, "asyncio", None)
    assert "in test_process_without_asyncio" in stacks.describe(sys._getframe())
    assert list(stacks._summarize("no frames", [])) == []
