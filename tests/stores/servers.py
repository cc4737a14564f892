"""Peers for connection pools: real servers where they are installed, small ones in this process, and ``Proxy``."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

PATIENCE = 60  # seconds, for what takes one or two on a machine that is not busy


class Loop:
    """An event loop in a thread of its own: ``call(coroutine)`` runs one there and returns its result."""

    def __init__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE)

    def close(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()


class Peer:
    """A server on loopback, ``serve(reader, writer)`` being one connection. ``hang_up()`` ends all that there are."""

    def __init__(self, loop, serve):
        self._loop, self._serve = loop, serve
        self._open = set()
        self.connections = 0
        self._server = loop.call(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]

    def hang_up(self):
        """Close every connection, and return once the clients' system knows."""
        self._loop.call(self._hang_up())

    def close(self):
        self._server.close()
        self.hang_up()

    async def _accept(self, reader, writer):
        self.connections += 1
        task = asyncio.current_task()
        self._open.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            self._open.discard(task)
            await _close(writer)

    async def _hang_up(self):
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


def proxy(loop, port):
    """A Peer that passes everything on to and from ``port``."""

    async def serve(reader, writer):
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", port)
        copies = [
            asyncio.ensure_future(_copy(reader, upstream_writer)),
            asyncio.ensure_future(_copy(upstream_reader, writer)),
        ]
        try:
            await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for copy in copies:
                copy.cancel()
            await asyncio.wait(copies)
            await _close(upstream_writer)

    return Peer(loop, serve)


async def _copy(reader, writer):
    with contextlib.suppress(OSError):
        while True:
            data = await reader.read(65536)
            if not data:
                break
            writer.write(data)
            await writer.drain()


async def _close(writer):
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def serve_http(reader, writer):
    """HTTP/1.1 that keeps connections alive and answers everything with its own request line."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        line = head.partition(b"\r\n")[0]
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b" % (len(line), line))
        await writer.drain()


async def serve_lines(reader, writer):
    """A line gives the same line."""
    while True:
        line = await reader.readline()
        if not line:
            return
        writer.write(line)
        await writer.drain()


@contextlib.contextmanager
def redis_server():
    """A Redis server that keeps nothing, and its port."""
    program = shutil.which("redis-server")

    def command(port):
        return [program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]

    with tempfile.TemporaryDirectory() as directory, _server(command, cwd=directory) as port:
        yield port


@contextlib.contextmanager
def postgres_server():
    """A PostgreSQL server with the superuser ``fc`` and no password, and its port."""
    programs = postgres_directory()
    # PostgreSQL refuses to run as root; Debian's package brings a user for it.
    user = {"user": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
    directory = tempfile.mkdtemp()
    try:
        if user:
            shutil.chown(directory, "postgres")
        data = Path(directory, "data")
        options = ["--username=fc", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"]
        subprocess.run(
            [programs / "initdb", "-D", data, *options], cwd=directory, check=True, capture_output=True, **user
        )

        def command(port):
            options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "port": port, "fsync": "off"}
            settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
            return [programs / "postgres", "-D", data, *settings]

        with _server(command, cwd=directory, **user) as port:
            yield port
    finally:
        shutil.rmtree(directory)


def postgres_directory():
    """Where PostgreSQL's server programs are, or None: Debian's package does not put them on the PATH."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), default=None)


@contextlib.contextmanager
def _server(command, **options):
    """Run ``command(port)`` on a port that is free until the block ends, but for an hour at most."""
    limit = ["timeout", "3600"] if shutil.which("timeout") else []
    output = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    log = []
    for _ in range(5):  # another process may take the port first
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        process = subprocess.Popen([*limit, *command(port)], **output, **options)
        reader = threading.Thread(target=lambda stream=process.stdout: log.extend(stream), daemon=True)
        reader.start()
        try:
            if _is_ready(process, log):
                yield port
                return
        finally:
            process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
            process.wait(PATIENCE)
            reader.join(PATIENCE)
            process.stdout.close()
    raise AssertionError(f"{process.args} does not start: {b''.join(log).decode()}")


def _is_ready(process, log):
    """Wait until the server says so, or has ended."""
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        if b"eady to accept connections" in b"".join(log):
            return True
        time.sleep(0.02)
    return False
