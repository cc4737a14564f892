"""Peers that hang up between the invocations cost nothing that they would not cost behind a real server."""

from __future__ import annotations

import importlib
import threading
from pathlib import Path

import httpx
import pytest
import uvicorn

import fc_adapter
from tests.conftest import make_event
from tests.support.server import Server, state, wait_until

ROOT = Path(__file__).parents[2]
INVOCATIONS = 25  # of which one alone would show it: each finds only connections that have been closed
# The paths of the two apps, and the peer that each talks to.
ASGI = {
    "aiohttp": "http",
    "asyncpg": "postgres",
    "httpx": "http",
    "lines": "lines",
    "pinged": "postgres",
    "redis": "redis",
}
WSGI = {"httpx": "http", "pinged": "postgres", "psycopg": "postgres", "redis": "redis"}


@pytest.fixture
def need(peers):
    """``need(name)`` gives a Peer, or skips the test where its server is not installed."""

    def find(name):
        if name not in peers:
            pytest.skip(f"no {name} server is installed here")
        return peers[name]

    return find


@pytest.fixture(scope="module")
def asgi(peers):
    handler = fc_adapter.wrap("tests.stores.asgi_app:app", lifespan="on")
    yield handler
    handler.pre_stop()


@pytest.fixture(scope="module")
def wsgi(peers):
    module = importlib.import_module("tests.stores.wsgi_app")
    yield fc_adapter.wrap(module.app)
    module.close()


def invoke(handler, route, peer, times=INVOCATIONS):
    """The statuses of invocations between which the peer hangs up, each of which has to connect anew."""
    peer.hang_up()
    before = peer.connections
    statuses = []
    for _ in range(times):
        statuses.append(handler(make_event(raw_path=f"/{route}"))["statusCode"])
        peer.hang_up()
    assert peer.connections - before >= statuses.count(200)
    return statuses


@pytest.mark.parametrize(("route", "peer"), ASGI.items())
def test_asgi(asgi, need, route, peer):
    assert invoke(asgi, route, need(peer)) == [200] * INVOCATIONS


@pytest.mark.parametrize(("route", "peer"), WSGI.items())
def test_wsgi(wsgi, need, route, peer):
    # psycopg's pool waits for a second before it replaces a connection that has failed its check.
    times = 5 if route == "psycopg" else INVOCATIONS
    assert invoke(wsgi, route, need(peer), times) == [200] * times


def test_connections_are_kept_when_nobody_hangs_up(asgi, need):
    peer = need("lines")
    peer.hang_up()
    before = peer.connections
    assert [asgi(make_event(raw_path="/lines"))["statusCode"] for _ in range(10)] == [200] * 10
    assert peer.connections - before == 1


def test_a_pool_that_does_not_look_fails_as_behind_uvicorn(asgi, need):
    """SQLAlchemy without ``pool_pre_ping`` hands out dead connections, whatever serves the app."""
    peer = need("postgres")
    ours = invoke(asgi, "unpinged", peer)
    app = "tests.stores.asgi_app:make_app"
    server = uvicorn.Server(uvicorn.Config(app, factory=True, port=0, loop="asyncio", log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started, "uvicorn")
        port = server.servers[0].sockets[0].getsockname()[1]
        theirs = []
        for _ in range(INVOCATIONS):
            theirs.append(httpx.get(f"http://127.0.0.1:{port}/unpinged").status_code)
            peer.hang_up()
    finally:
        server.should_exit = True
        thread.join()
    assert ours.count(500) <= theirs.count(500)


def test_in_a_frozen_instance(peers, tmp_path):
    """The runner stops the process with SIGSTOP; the peers hang up meanwhile."""
    (tmp_path / "index.py").write_text("import fc_adapter\n\nhandler = fc_adapter.wrap('tests.stores.asgi_app:app')\n")
    path = "/" + ",".join(route for route, peer in ASGI.items() if peer in peers)
    with Server("index:handler", "--timeout", "30", cwd=tmp_path, environment={"PYTHONPATH": str(ROOT)}) as server:
        statuses = []
        for _ in range(INVOCATIONS):
            statuses.append(server.get(path).status)
            wait_until(lambda: [state(pid)[0] for pid in server.workers()] == ["T"], "the instance to be frozen")
            for peer in peers.values():
                peer.hang_up()
        assert statuses == [200] * INVOCATIONS
