"""The runner under requests for a long time: what grows in the gateway and in the instances?"""

from __future__ import annotations

import http.client
import os
import random
import re
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

from tests.support.server import Server, wait_until

SOURCE = """
import asyncio, json, os, time
import fc_adapter


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        for phase in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{phase}.complete"})
        return
    body = (await receive())["body"]
    if scope["path"] == "/error":
        raise RuntimeError("the app's own")
    if scope["path"] == "/exit":
        os._exit(1)
    if scope["path"] == "/hang":
        time.sleep(60)
    if scope["path"] == "/background":
        asyncio.ensure_future(asyncio.sleep(0.001))
    if scope["path"] == "/log":
        print("x" * 1000)
    status = 304 if scope["path"] == "/not-modified" else 200
    headers = [(b"content-type", b"application/json"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"size": len(body)}).encode()})


handler = fc_adapter.wrap(app)
initialize, pre_stop = handler.initialize, handler.pre_stop


def fail(event, context):
    raise RuntimeError("a function error")
"""
HOOKS = ["--instances", "2", "--initializer", "index.initialize", "--pre-stop", "index.pre_stop"]
SERVERS = {
    "instances that stay": HOOKS,
    "instances that end": [*HOOKS, "--timeout", "0.3", "--idle-timeout", "1"],
}
PATHS = {
    "instances that stay": [
        *["/items"] * 3,
        "/background",
        "/log",
        "/error",
        "/not-modified",
        "/large",
        "/leave",
        "/broken",
    ],
    "instances that end": [*["/items"] * 20, "/exit", "/exit", "/hang"],
}
WARM_UP = 40  # answers of each server before anything is measured: all paths, and all clients at the same time
# The C library's allocator gives back what is freed: no arenas for threads, and pages of their own for bodies. Without
# this it keeps megabytes that nobody holds, more at one time than at another.
ALLOCATOR = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
THREADS_OF_AN_INSTANCE = 3  # in the gateway


class Sample(NamedTuple):
    """What a server holds after so many ``seconds``: memory in KB, of its instances that which holds most."""

    seconds: int
    requests: int
    resident: int
    threads: int
    descriptors: int
    children: int
    instance_resident: int
    instance_threads: int
    instance_descriptors: int


# What the last sample may have more than the first: an instance more or less, and the pages that the system hands out.
ALLOWED = Sample(sys.maxsize, sys.maxsize, 4096, 4, 4, 1, 4096, 0, 0)


class Load:
    """Clients that send requests to a server until they are stopped. ``answers`` counts them by status."""

    def __init__(self, server, paths, *, clients):
        self.answers = Counter()
        self._server = server
        self._paths = paths
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(clients)]
        for thread in self._threads:
            thread.start()

    def count(self):
        """How many answers there are."""
        with self._lock:
            return sum(self.answers.values())

    def stop(self):
        """Let the clients finish their request, and close their connections."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _run(self, seed):
        chance = random.Random(seed)
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=60)
        while not self._stopped.wait(0.001):
            path = chance.choice(self._paths)
            if path in ("/leave", "/broken"):
                status = self._misbehave(path)
            else:
                body = bytes(300_000) if path == "/large" else b'{"a": 1}'
                connection.request("POST", f"{path}?x={chance.random()}", body, {"Content-Type": "application/json"})
                with connection.getresponse() as response:
                    response.read()
                    status = response.status
                if chance.random() < 0.05:
                    connection.close()  # the next request opens another
            with self._lock:
                self.answers[status] += 1
        connection.close()

    def _misbehave(self, path):
        """Leave without waiting for the answer, or send what is no request."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._server.port), 60) as connection:
            if path == "/leave":
                connection.sendall(b"GET /left HTTP/1.1\r\nHost: h\r\n\r\n")
            else:
                connection.sendall(b"GET / HTTP/1.1\r\nno header\r\n\r\n")
                return int(connection.recv(1000)[9:12])
        return 0


def measure(pid):
    """Resident memory (KB), threads and descriptors of a process, as far as it still has them."""
    with suppress(OSError):
        numbers = dict(re.findall(r"^(VmRSS|Threads):\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE))
        return int(numbers.get("VmRSS", 0)), int(numbers.get("Threads", 0)), len(os.listdir(f"/proc/{pid}/fd"))
    return 0, 0, 0  # pragma: no cover - a race


def take_sample(server, seconds, requests):
    """A sample, once the connections of those clients that have gone are closed."""
    gateway = server.process.pid

    def measure_instances():
        server.request("POST", "/items", b"{}")  # so that there is one
        return [measured for measured in map(measure, server.workers()) if measured[0]]

    instances = wait_until(measure_instances)
    with suppress(AssertionError):
        wait_until(lambda: measure(gateway)[1] <= server.own_threads + THREADS_OF_AN_INSTANCE * len(server.workers()))
    return Sample(int(seconds), requests, *measure(gateway), len(server.workers()), *map(max, zip(*instances)))


def run(seconds, parts):
    """Serve for so long, and measure after each of so many equal ``parts``.

    For each server, by what it is for: its samples, and the number of answers by status.
    """
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (directory / "index.py").write_text(SOURCE)
        servers = [
            stack.enter_context(Server("index:handler", "--no-inspect", *options, cwd=directory, environment=ALLOCATOR))
            for options in SERVERS.values()
        ]
        for server in servers:
            stack.callback(server.stop, signal.SIGTERM)  # which is not ignored when the command runs in the background
            server.own_threads = measure(server.process.pid)[1] - THREADS_OF_AN_INSTANCE
        loads = start_loads(servers)
        wait_until(lambda: all(load.count() >= WARM_UP for load in loads))
        for load in loads:
            load.stop()
        found = {name: ([], Counter()) for name in SERVERS}
        began = time.monotonic()
        for _ in range(parts):
            loads = start_loads(servers)
            time.sleep(seconds / parts)
            for load in loads:
                load.stop()
            for server, load, (samples, answers) in zip(servers, loads, found.values()):
                answers.update(load.answers)
                samples.append(take_sample(server, time.monotonic() - began, sum(answers.values())))
                server.lines.clear()
        return found


def start_loads(servers):
    """Clients for each of ``servers``, which are those of SERVERS."""
    return [Load(server, paths, clients=3) for server, paths in zip(servers, PATHS.values())]
