"""Instances that are killed at each station of an invocation, and a gateway that runs out of disk or descriptors."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

import fc_adapter.runner
from tests.support.server import PATIENCE, SOURCE, Server, is_running, kill_process, state, wait_until

STATIONS = """
import asyncio, json, os, signal, time
import fc_adapter
from fc_adapter.runner import worker

write_frame = worker.write_frame


def stop_at(station):
    if os.path.exists(station):
        print("at", station)
        time.sleep(60)


async def app(scope, receive, send):
    async def work():
        stop_at("background")

    asyncio.ensure_future(work())
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"%d" % os.getpid()})


wrapped = fc_adapter.wrap(app, lifespan="off")


def handler(event, context):
    what = json.loads(event)["rawPath"][1:]
    if what == "background":
        return wrapped(event, context)
    if what in ("after", "within"):
        worker.write_frame = globals()[what]
    stop_at("handler")
    return os.getpid()


def after(*arguments, **fields):
    write_frame(*arguments, **fields)
    os.kill(os.getpid(), signal.SIGKILL)


def within(stream, *arguments, **fields):
    stream.write(b'{"kind": "result", "size": 10}\\nhalf')
    stream.flush()
    os.kill(os.getpid(), signal.SIGKILL)


def initialize(context):
    stop_at("initialize")


def pre_stop(context):
    stop_at("pre_stop")


stop_at("import")
"""
KILLED = r"^Process exited unexpectedly before completing request \(signal SIGKILL\)$"


@pytest.fixture(scope="module")
def stations(tmp_path_factory):
    """A server whose function stops at a station when there is a file of that name in its directory."""
    directory = tmp_path_factory.mktemp("code")
    (directory / "index.py").write_text(STATIONS)
    hooks = ["--initializer", "index.initialize", "--pre-stop", "index.pre_stop"]
    with Server("index:handler", "--no-freeze", *hooks, cwd=directory) as server:
        server.directory = directory
        yield server


@pytest.fixture
def executor():
    """Runs what a test does beside itself."""
    with ThreadPoolExecutor() as executor:
        yield executor


def assert_next_is_served(server):
    """The next request works, on a new instance."""
    since = len(server.lines)
    assert server.get().status == 200
    server.wait_for("^GET /  200 .* cold start", since)
    assert len(server.workers()) == 1


@pytest.mark.parametrize("station", ["import", "initialize", "handler", "background"])
def test_kill_at_a_station(stations, executor, station):
    if station in ("import", "initialize"):  # of the next instance
        kill_process(int(stations.get().text))
    since = len(stations.lines)
    (stations.directory / station).touch()
    answer = executor.submit(stations.get, f"/{station}")
    stations.wait_for(f"^at {station}$", since)
    (stations.directory / station).unlink()
    [worker] = stations.workers()
    kill_process(worker)
    assert (answer.result().status, answer.result().body) == (502, b"Internal Server Error")
    stations.wait_for(KILLED, since)
    assert_next_is_served(stations)


def unread(pid):
    """How many bytes there are at most in a pipe that a process has yet to read."""
    sizes = [0]
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        flags = int((entry.parent.parent / "fdinfo" / entry.name).read_text().split()[3], 8)
        if os.readlink(entry).startswith("pipe:") and flags & os.O_ACCMODE == os.O_RDONLY:
            with entry.open("rb", buffering=0) as pipe:
                sizes += struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))
    return max(sizes)


@pytest.mark.parametrize("size", [0, 1_000_000], ids=["unread", "half written"])
def test_kill_before_the_event_is_read(stations, executor, size):
    worker, since = int(stations.get().text), len(stations.lines)
    os.kill(worker, signal.SIGSTOP)
    wait_until(lambda: state(worker)[0] == "T")
    answer = executor.submit(stations.request, "POST", "/", b"x" * size)
    wait_until(lambda: unread(worker))
    kill_process(worker)
    assert answer.result().status == 502
    stations.wait_for(KILLED, since)
    assert_next_is_served(stations)


def test_event_that_is_never_read(serve):
    server = serve(STATIONS, "index:handler", "--no-freeze", "--timeout", "1")
    worker = int(server.get().text)
    os.kill(worker, signal.SIGSTOP)
    wait_until(lambda: state(worker)[0] == "T")
    assert server.request("POST", "/", b"x" * 1_000_000).status == 502
    server.wait_for("^Function timed out after 1 seconds$")
    assert_next_is_served(server)


@pytest.mark.parametrize(("path", "status"), [("/after", 200), ("/within", 502)])
def test_kill_while_the_result_is_written(stations, path, status):
    worker, since = int(stations.get().text), len(stations.lines)
    assert stations.get(path).status == status
    stations.wait_for(rf"^GET {path}  {status} ", since)
    wait_until(lambda: not is_running(worker))
    assert_next_is_served(stations)
    assert ("signal SIGKILL" in "\n".join(stations.lines[since:])) == (status == 502)


def test_kill_during_pre_stop(serve, tmp_path):
    (tmp_path / "pre_stop").touch()
    server = serve(STATIONS, "index:handler", "--idle-timeout", "0.05", "--pre-stop", "index.pre_stop")
    server.wait_for("^at pre_stop$")
    (tmp_path / "pre_stop").unlink()
    [worker] = server.workers()
    kill_process(worker)
    server.wait_for(r"^PreStop failed: .*before completing request \(signal SIGKILL\)")
    assert server.get().status == 200


# ---- the runner's own resources --------------------------------------------------------------------------------------


def test_full_disk_of_the_records(serve, tmp_path):
    server = serve(SOURCE, "index:handler", "--record", "records")
    assert server.get().status == 200
    before = sorted((tmp_path / "records").iterdir())
    limits = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
    assert server.get().status == 200
    server.wait_for(r"^cannot record the exchange: \[Errno 27\] File too large")
    assert sorted((tmp_path / "records").iterdir()) == before
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, limits)
    assert server.get().status == 200
    wait_until(lambda: len(list((tmp_path / "records").iterdir())) == 2)


def test_full_disk_of_the_log(tmp_path):
    (tmp_path / "index.py").write_text("def handler(event, context):\n    print('x' * 100_000)\n    return 'done'")
    command = [sys.executable, "-m", "fc_adapter", "serve", "index:handler", "--port", "0", "--check", "/"]
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=full, text=True, timeout=PATIENCE, check=False
        )
    assert ended.stdout.splitlines()[:: len(ended.stdout.splitlines()) - 1] == ["HTTP/1.1 200 OK", "done"]


def test_gateway_without_descriptors(serve):
    server = serve(SOURCE, "index:handler")
    gateway = server.process.pid
    server.wait_for("^the inspector shows each request on ")  # from then on it has its sockets
    kill_process(server.get().json)
    used = {int(number) for number in os.listdir(f"/proc/{gateway}/fd")}
    free = min(set(range(len(used) + 1)) - used)
    limits = resource.prlimit(gateway, resource.RLIMIT_NOFILE)
    # One descriptor for the connection, and none for the pipes to a new instance.
    resource.prlimit(gateway, resource.RLIMIT_NOFILE, (free + 1, limits[1]))
    answer = server.get()
    assert (answer.status, answer.json["errorCode"]) == (503, "ServiceUnavailable")
    assert "No instance could be started: [Errno 24] Too many open files" in answer.json["errorMessage"]
    server.wait_for("^No instance could be started: ")
    resource.prlimit(gateway, resource.RLIMIT_NOFILE, limits)
    assert_next_is_served(server)


# ---- clients that leave ----------------------------------------------------------------------------------------------


def test_client_that_leaves_the_queue_is_not_served():
    entered, leave, ran, exchanges = threading.Event(), threading.Event(), [], []

    def handler(event, context):
        ran.append(event)
        entered.set()
        leave.wait(PATIENCE)
        return "done"

    with fc_adapter.runner.serve(handler, observe=exchanges.append) as server:
        address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        connections = [socket.create_connection(address, PATIENCE) for _ in range(4)]
        for number, connection in enumerate(connections):
            connection.sendall(b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % number)
            wait_until(lambda number=number: entered.is_set() and len(server.pool._changed._waiters) == number)
        connections[1].close()
        connections[2].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
        connections[2].close()
        leave.set()
        for connection in (connections[0], connections[3]):
            with closing(connection):
                assert connection.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
        wait_until(lambda: len(exchanges) == 4)
    assert len(ran) == 2
    assert [each.response.status for each in sorted(exchanges, key=lambda each: each.request.raw_path)] == [
        200,
        503,
        503,
        200,
    ]
    assert {each.reply.describe_error() for each in exchanges if each.reply.kind == "aborted"} == {
        "The client left before its turn came"
    }
