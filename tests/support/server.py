"""``fc-adapter serve`` as a process of its own, and what a client needs to talk to it over a real socket."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from functools import cache
from pathlib import Path

from tests.support.zygote import Process, Zygote

PATIENCE = 60  # seconds, for what takes a fraction of one on a machine that is not busy

# A function that can be slow, and tells when it is loaded and stopped.
SOURCE = """
import json, os, sys, time

print("loaded")


def handler(event, context):
    if json.loads(event)["rawPath"] == "/slow":
        time.sleep(200)
    return os.getpid()


def pre_stop(context):
    print("pre_stop ran")
"""


def wait_until(condition, what="the condition"):
    """Poll until ``condition()`` is true, and return what it gave."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.005)
    raise AssertionError(f"waited {PATIENCE} s in vain for {what}")  # pragma: no cover - a test fails


class Answer:
    """A response: ``status``, ``headers`` (http.client's message) and ``body`` (bytes)."""

    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)


class Server:
    """A running ``fc-adapter serve --port 0``. ``lines`` are those that it has written so far."""

    def __init__(self, *arguments, cwd, environment=None, port="0", expect_start=True):
        self.lines = []
        arguments = ["fc_adapter", "serve", "--port", port, *map(str, arguments)]
        self.process = _start(arguments, cwd=cwd, environment={**os.environ, **(environment or {})})
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if expect_start:
            try:
                self.port = int(self.wait_for(r"is served on http://\S+:(\d+) until Ctrl-C")[1])
            except BaseException:  # pragma: no cover - a test fails
                self.kill()
                raise

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.kill() if exc_info[0] else self.stop()

    @property
    def log(self):
        return "\n".join(self.lines)

    def wait_for(self, pattern, since=0):
        """Wait until the log (from line ``since`` on) matches ``pattern``, and return the match."""

        def find():
            match = re.search(pattern, "\n".join(self.lines[since:]), re.MULTILINE)
            if match is None and self.process.poll() is not None:  # pragma: no cover - a test fails
                self._reader.join(PATIENCE)
                match = re.search(pattern, "\n".join(self.lines[since:]), re.MULTILINE)
                assert match, f"ended without {pattern!r}:\n{self.log}"
            return match

        try:
            return wait_until(find, repr(pattern))
        except AssertionError as error:  # pragma: no cover - a test fails
            raise AssertionError(f"{error}; the log is\n{self.log}") from None

    def mark(self):
        """How many lines there are once all that came before is written. Takes a GET request."""
        path = f"/{uuid.uuid4()}"
        self.get(path)
        self.wait_for(f"^GET {path}  ")
        return next(number for number, line in enumerate(self.lines, 1) if path in line)

    def request(self, method="GET", path="/", body=None, headers=None, **options):
        """Send one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {}, **options)
            return Answer(connection.getresponse())

    def get(self, path="/", **headers):
        return self.request("GET", path, headers=headers)

    @contextlib.contextmanager
    def connect(self):
        """A raw connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
            yield connection

    def send(self, data):
        """Send bytes as they are; return all that comes until the server closes the connection."""
        with self.connect() as connection:
            connection.sendall(data)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def workers(self):
        """The ids of the instances' processes."""
        return workers(self.process.pid)

    def stop(self, number=signal.SIGINT, patience=PATIENCE):
        """End it in order, and return its exit status. One that does not end is killed, which fails the test."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
            name = signal.Signals(number).name
            raise AssertionError(f"it did not end within {patience} s of {name}; the log is\n{self.log}") from None
        return self._ended()

    def kill(self):
        """End it at once."""
        self.process.kill()
        return self._ended()

    def _ended(self):
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        if not self._reader.is_alive():  # pragma: no branch - else what the function has started holds the pipe
            self.process.stderr.close()
        return status

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.decode(errors="backslashreplace").rstrip("\n"))


@cache
def _zygote():
    return Zygote()


def _start(arguments, *, cwd, environment):
    """Start ``python -m`` with ``arguments``: by forking a process that has its imports, where that is the same."""
    zygote = _zygote()
    if zygote.can_start(environment):
        return Process(zygote, arguments, cwd=cwd, environment=environment)
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


def workers(runner):
    """The ids of the processes of a runner's instances, each below its keeper."""
    return [pid for keeper in children(runner) for pid in children(keeper)]


def children(parent):
    """The ids of the processes that ``parent`` has started and that live."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and state(int(entry.name))[1:] == (parent,):
            found.append(int(entry.name))
    return [pid for pid in found if is_running(pid)]


def state(pid):
    """The state of a process (``"T"`` is stopped, ``"Z"`` ended) and its parent's id; ``("", 0)`` when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "", 0
    return fields[0], int(fields[1])


def is_running(pid):
    """Whether any thread of a process is left; until then its parent is not told of its end."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return False
    return len(threads) > 1 or state(pid)[0] not in ("", "Z", "X")


def kill_process(pid):
    """Kill -9, and wait until it has taken effect."""
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_running(pid))
