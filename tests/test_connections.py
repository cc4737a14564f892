"""Connections whose peer has hung up between two requests, while the event loop stood still."""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
import threading
from contextlib import suppress

import aiohttp
import httpx
import pytest
import trustme

from fc_adapter import wrap
from tests.conftest import make_event


class SubclassedLoop(asyncio.SelectorEventLoop):
    """A loop that is none of asyncio's own, and so is always run."""


class Peer:
    """A server that answers a line with a line, or HTTP with HTTP, until it is told to hang up."""

    def __init__(self, tls):
        self._tls = tls
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._connections = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:  # it was closed
                return
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            connection.setblocking(False)
            end, ended = socket.socketpair()
            thread = threading.Thread(target=self._serve, args=(connection, ended), daemon=True)
            self._connections.append((thread, end))
            thread.start()

    def _serve(self, connection, ended):
        """Answer until the client hangs up, or we do: a thread does both, since TLS knows only one at a time."""
        with connection, ended, suppress(OSError):  # the client was quicker
            self._answer(connection, ended)
            with suppress(OSError):  # the client's part of the end of TLS is not waited for
                if self._tls is not None:
                    connection.unwrap()
            connection.shutdown(socket.SHUT_RDWR)

    def _answer(self, connection, ended):
        while ended not in select.select([connection, ended], [], [])[0]:
            try:
                data = connection.recv(65536)
            except ssl.SSLWantReadError:
                continue
            if not data:
                return
            is_http = b"HTTP/1.1" in data
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi" if is_http else b"hi\n")

    def hang_up(self):
        """Close all connections, properly where there is TLS. On loopback the client's side has it at once."""
        while self._connections:
            thread, end = self._connections.pop()
            end.close()
            thread.join()

    def close(self):
        self.hang_up()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture(params=[False, True], ids=["plain", "TLS"])
def peer(request):
    """A ``Peer``, with the ``client_tls`` that its clients need, if any."""
    server_tls = client_tls = None
    if request.param:
        authority = trustme.CA()
        server_tls, client_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
        authority.issue_cert("127.0.0.1").configure_cert(server_tls)
        authority.configure_trust(client_tls)
    peer = Peer(server_tls)
    peer.client_tls = client_tls
    yield peer
    peer.close()


class StreamPool:
    """Keeps a connection while it looks alive, as aiomysql does."""

    def __init__(self, peer):
        self._peer = peer
        self._idle = []

    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        for _, writer in self._idle:
            writer.close()

    async def ask(self):
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                break
            writer.close()
        else:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._peer.port, ssl=self._peer.client_tls)
        writer.write(b"hello\n")
        assert await reader.readline() == b"hi\n"
        self._idle.append((reader, writer))


class HTTPXPool(httpx.AsyncClient):
    def __init__(self, peer):
        super().__init__(verify=peer.client_tls or False)
        self._url = f"http{'s' if peer.client_tls else ''}://127.0.0.1:{peer.port}/"

    async def ask(self):
        assert (await self.post(self._url, content=b"hello")).text == "hi"


class AiohttpPool:
    def __init__(self, peer):
        self._peer = peer

    async def __aenter__(self):
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *error):
        await self._session.close()

    async def ask(self):
        url = f"http{'s' if self._peer.client_tls else ''}://127.0.0.1:{self._peer.port}/"
        async with self._session.post(url, data=b"hello", ssl=self._peer.client_tls or True) as response:
            assert await response.text() == "hi"


def app_with(open_pool):
    """An app whose lifespan opens a pool, and whose requests ask it."""

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            async with open_pool() as scope["state"]["pool"]:
                await send({"type": "lifespan.startup.complete"})
                await receive()
            await send({"type": "lifespan.shutdown.complete"})
        else:
            await scope["state"]["pool"].ask()
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body"})

    return app


KINDS = {"asyncio": asyncio.SelectorEventLoop, "own": SubclassedLoop, "uvloop": None}


# Before Python 3.11 asyncio calls a TLS transport unclosed that its peer has closed.
@pytest.mark.filterwarnings("ignore:.*_SSLProtocolTransport.__del__:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("open_pool", [StreamPool, HTTPXPool, AiohttpPool])
def test_peer_that_hangs_up_between_all_requests(open_pool, kind, peer, monkeypatch):
    new_event_loop = KINDS[kind] or pytest.importorskip("uvloop").new_event_loop
    monkeypatch.setattr(asyncio, "new_event_loop", new_event_loop)
    handler = wrap(app_with(lambda: open_pool(peer)), lifespan="on", on_error="raise")
    for _ in range(20):
        assert handler(make_event())["statusCode"] == 200
        peer.hang_up()
    handler.pre_stop()
