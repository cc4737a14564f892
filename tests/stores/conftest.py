"""The peers, each behind something that hangs up, and their ports in ``PEERS`` for the apps under test."""

from __future__ import annotations

import contextlib
import json
import shutil

import pytest

from tests.stores.servers import (
    Loop,
    Peer,
    postgres_directory,
    postgres_server,
    proxy,
    redis_server,
    serve_http,
    serve_lines,
)


@pytest.fixture(scope="session")
def peers():
    """A dict of Peers by name: ``postgres`` and ``redis`` where their servers are installed, ``http``, ``lines``."""
    with contextlib.ExitStack() as stack:
        loop = Loop()
        stack.callback(loop.close)
        found = {"http": Peer(loop, serve_http), "lines": Peer(loop, serve_lines)}
        if postgres_directory():
            found["postgres"] = proxy(loop, stack.enter_context(postgres_server()))
        if shutil.which("redis-server"):
            found["redis"] = proxy(loop, stack.enter_context(redis_server()))
        for peer in found.values():
            stack.callback(peer.close)
        yield found


@pytest.fixture(scope="session", autouse=True)
def _ports(peers):
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("PEERS", json.dumps({name: peer.port for name, peer in peers.items()}))
        yield
