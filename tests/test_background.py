"""Background work that is not waited for, or not again: libraries' endless tasks, slow code, detached()."""

from __future__ import annotations

import asyncio
import functools
import gc
import json
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import fc_adapter
from fc_adapter.background import ENDLESS, name_coroutine
from tests.conftest import make_event

LONG = 60.0  # seconds: a test that waited for what it should not would fail by far


def starlette_app(endpoint):
    return Starlette(routes=[Route("/", endpoint, methods=["GET", "POST"])])


def timed(handler, event):
    """A result, and the seconds that it took."""
    began = time.monotonic()
    result = handler(event)
    return result, time.monotonic() - began


# ---- libraries -------------------------------------------------------------------------------------------------------


def test_sse_starlette():
    """Its watcher of the server's shutdown is started by the first response of a process."""
    from sse_starlette import EventSourceResponse

    async def events():
        yield {"data": "1"}

    async def endpoint(request):
        return EventSourceResponse(events())

    handler = fc_adapter.wrap(starlette_app(endpoint), background_timeout=LONG)
    with ThreadPoolExecutor(1) as executor:  # for each thread it has one watcher
        result, seconds = executor.submit(timed, handler, make_event()).result()
    assert result["body"] == "data: 1\r\n\r\n"
    assert seconds < LONG / 10
    assert any("_shutdown_watcher" in task.get_coro().__qualname__ for task in handler._server._left_running)
    handler.pre_stop()


def test_mongo_client_whose_server_is_away(caplog):
    from pymongo import AsyncMongoClient
    from pymongo.errors import ServerSelectionTimeoutError

    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        port = nobody_listens.getsockname()[1]
        client = AsyncMongoClient(f"mongodb://127.0.0.1:{port}/", serverSelectionTimeoutMS=200)

        async def endpoint(request):
            if request.method == "POST":
                await client.close()
            else:
                with pytest.raises(ServerSelectionTimeoutError):
                    await client.database.collection.find_one()
            return PlainTextResponse("away")

        handler = fc_adapter.wrap(starlette_app(endpoint), background_timeout=LONG)
        for _ in range(2):
            result, seconds = timed(handler, make_event())
            assert result["body"] == "away"
            assert seconds < LONG / 10
        handler(make_event(method="POST"))
        handler.pre_stop()
    assert "has waited" not in caplog.text


@pytest.mark.skipif(sys.version_info < (3, 10), reason="no version of mcp is for Python 3.9")
def test_mcp_server_with_sessions(caplog):
    try:
        from mcp.server.mcpserver import MCPServer
    except ImportError:  # version 1
        from mcp.server.fastmcp import FastMCP as MCPServer

    server = MCPServer("calculator")

    @server.tool()
    def add(a: int, b: int) -> int:
        return a + b

    def post(message, **headers):
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **headers}
        event = make_event(
            method="POST",
            raw_path="/mcp",
            domain="localhost:8000",
            headers={**headers, "Host": "localhost:8000"},
            body=json.dumps({"jsonrpc": "2.0", **message}),
        )
        result, seconds = timed(handler, event)
        assert seconds < LONG / 10
        return result

    handler = fc_adapter.wrap(server.streamable_http_app(), background_timeout=LONG)
    client = {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    for _ in range(3):
        opened = post({"id": 1, "method": "initialize", "params": client})
        headers = {name.lower(): value for name, value in opened["headers"].items()}
        session = {"Mcp-Session-Id": headers["mcp-session-id"]}
        assert post({"method": "notifications/initialized"}, **session)["statusCode"] == 202
        call = {"id": 2, "method": "tools/call", "params": {"name": "add", "arguments": {"a": 1, "b": 2}}}
        assert '"text":"3"' in post(call, **session)["body"]
    handler.pre_stop()
    assert "has waited" not in caplog.text


def test_names_of_the_list_are_those_of_the_libraries():
    """As far as they are installed here."""
    from pymongo.periodic_executor import AsyncPeriodicExecutor
    from sse_starlette.sse import _shutdown_watcher

    for function in (_shutdown_watcher, AsyncPeriodicExecutor._run):
        assert f"{function.__module__}.{function.__qualname__}" in ENDLESS


# ---- no second wait --------------------------------------------------------------------------------------------------


class App:
    """Starts ``works[path]()`` as a task at each request."""

    def __init__(self, **works):
        self._works = works
        self.tasks = []

    async def __call__(self, scope, receive, send):
        self.tasks.append(asyncio.ensure_future(self._works[scope["path"].strip("/")]()))
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})


@pytest.fixture
def wrapped():
    """``wrapped(app, **options)`` makes a handler that is stopped after the test."""
    handlers = []

    def make(app, **options):
        handlers.append(fc_adapter.wrap(app, lifespan="off", **options))
        return handlers[-1]

    yield make
    for handler in handlers:
        for task in handler._server._left_running:
            task.get_loop().call_soon(task.cancel)
        handler.pre_stop()


async def tick():
    while True:
        await asyncio.sleep(0.01)


def test_code_that_took_too_long_is_not_waited_for_again(wrapped, caplog):
    done = []

    async def other():
        await asyncio.sleep(0.01)
        done.append(True)

    async def guard(coroutine):
        await coroutine

    app = App(tick=tick, other=other, guarded=lambda: guard(tick()), guarded_other=lambda: guard(other()))
    handler = wrapped(app, background_timeout=0.2)
    _, first = timed(handler, make_event(raw_path="/tick", request_id="1-first"))
    assert first >= 0.2
    [message] = [record.getMessage() for record in caplog.records if record.name == "fc_adapter"]
    assert message.startswith("the client of request 1-first has waited 0.2 s for background work")
    assert "(tests.test_background.tick)" in message
    assert "No later request of this instance waits for it" in message
    assert "detached()" in message
    caplog.clear()
    assert min(timed(handler, make_event(raw_path="/tick"))[1] for _ in range(3)) < 0.2
    assert not caplog.records
    # It is waited for whatever else there is, also if the same function wraps it.
    handler(make_event(raw_path="/other"))
    assert done == [True]
    handler(make_event(raw_path="/guarded"))
    assert (
        "test_code_that_took_too_long_is_not_waited_for_again.<locals>.guard: tests.test_background.tick" in caplog.text
    )
    handler(make_event(raw_path="/guarded_other"))
    assert done == [True, True]


def test_wait_that_the_functions_timeout_cut_short_says_nothing_of_the_next(wrapped, caplog):
    async def slow():
        await asyncio.sleep(0.3)

    class SlowApp(App):
        async def __call__(self, scope, receive, send):
            await asyncio.sleep(0.3)
            await super().__call__(scope, receive, send)

    handler = wrapped(SlowApp(tick=tick), background_timeout=LONG)
    context = SimpleNamespace(request_id="1-late", function=SimpleNamespace(timeout=0.9))
    for _ in range(2):
        caplog.clear()
        handler(make_event(raw_path="/tick"), context)
        assert "1-late has waited" in caplog.text
        assert "No later request" not in caplog.text


def test_names_of_coroutines():
    async def run(function, *arguments):
        raise AssertionError("not called")

    class Job:
        __slots__ = "_coroutine"

        def __init__(self, coroutine):
            self._coroutine = coroutine

        async def start(self):
            raise AssertionError("not called")

    def name(coroutine):
        names = [each.rpartition(".")[2] for each in name_coroutine(coroutine)]
        coroutine.close()
        return names

    inner = tick()
    assert name(tick()) == ["tick"]
    assert name(run(print, 1, functools.partial(App.__call__, json.dumps))) == ["run", "print", "__call__", "dumps"]
    assert name(Job(inner).start()) == ["start", "tick"]
    assert name(inner) == ["tick"]
    assert name(inner) == ["tick"]  # which has ended


# ---- detached --------------------------------------------------------------------------------------------------------


def test_detached_tasks_belong_to_no_request(wrapped, caplog):
    seen = []

    async def endless():
        seen.append(fc_adapter.current_invocation())
        await asyncio.gather(tick())  # what it starts is detached, too

    async def app(scope, receive, send):
        tasks = []
        with fc_adapter.detached():
            with fc_adapter.detached():
                tasks.append(asyncio.ensure_future(endless()))
            await asyncio.sleep(0)
            tasks.append(asyncio.ensure_future(endless()))
        seen.append(fc_adapter.current_invocation().request_id)
        app.tasks = tasks
        app.own = asyncio.ensure_future(asyncio.sleep(0.05))
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    handler = wrapped(app, background_timeout=LONG)
    _, seconds = timed(handler, make_event())
    assert seconds < LONG / 10
    assert app.own.done()
    assert [task.done() for task in app.tasks] == [False, False]
    assert seen == [None, "1-event", None]
    assert not caplog.records


def test_detached_threads_belong_to_no_request(caplog):
    release = threading.Event()

    def app(environ, start_response):
        with fc_adapter.detached():
            threading.Thread(target=release.wait).start()
        start_response("200 OK", [])
        return []

    handler = fc_adapter.wrap(app, background_timeout=LONG)
    try:
        for _ in range(2):
            assert timed(handler, make_event())[1] < LONG / 10
    finally:
        release.set()
    assert not caplog.records


def test_detached_where_nothing_has_been_served():
    program = "import fc_adapter\nwith fc_adapter.detached():\n    print('detached')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("detached\n", "")


def test_detached_outside_of_any_request():
    with fc_adapter.detached():
        assert fc_adapter.current_invocation() is None
    gc.collect()
