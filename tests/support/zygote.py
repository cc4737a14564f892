"""Starts ``fc-adapter serve`` without its imports: a process that has them loaded, and is forked for each server.

Run as a program it is that process. It imports nothing of the tests and runs no thread, so that what it is forked into
is what ``python -m fc_adapter`` would be.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from multiprocessing.connection import Connection, Pipe
from multiprocessing.reduction import recv_handle, send_handle

PRELOADED = ["fc_adapter.cli.serve", "fc_adapter.inspector.serving", "fc_adapter.runner.platform"]

# What Python and the C library read when a process begins, and only then.
READ_AT_START = ("COVERAGE_", "LANG", "LC_", "MALLOC_", "PYTHON", "TZ")


def _read_at_start(environment):
    names = [name for name in environment if name.startswith(READ_AT_START) and name != "PYTHONDONTWRITEBYTECODE"]
    return {name: environment[name] for name in names}


def is_measured(environment):
    """Whether coverage counts the lines of processes that begin with these variables; of a forked one it cannot."""
    return any(name.startswith("COVERAGE_PROCESS_") for name in environment)


class Zygote:
    """The process that is forked; started with the first server, it ends with this process."""

    def __init__(self):
        self._lock = threading.Lock()
        self._environment = _read_at_start(os.environ)
        self._connection, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())], pass_fds=[theirs.fileno()], start_new_session=True
            )
        atexit.register(self._end, os.getpid())

    def _end(self, starter):
        if os.getpid() == starter:  # not a process that a test has forked
            self._process.kill()
            self._process.wait()

    def can_start(self, environment):
        """Whether a process with these variables is what the zygote is, but for those."""
        return _read_at_start(environment) == self._environment and not is_measured(environment)

    def call(self, *request, descriptor=None):
        """Have a request answered; ``descriptor`` becomes a forked process's stderr."""
        with self._lock:
            self._connection.send_bytes(json.dumps(request).encode())
            if descriptor is not None:
                send_handle(self._connection, descriptor, self._process.pid)
            return json.loads(self._connection.recv_bytes())


class Process:
    """What tests use of a ``subprocess.Popen`` with ``stderr=PIPE``, for a process that the zygote is forked into."""

    def __init__(self, zygote, arguments, *, cwd, environment):
        self._zygote = zygote
        self.args = arguments
        self.returncode = None
        reading, writing = os.pipe()
        try:
            self.pid = zygote.call("start", arguments, str(cwd), environment, descriptor=writing)
        finally:
            os.close(writing)
        self.stderr = open(reading, "rb")  # noqa: SIM115 - closed as that of a Popen is

    def poll(self):
        if self.returncode is None:
            self.returncode = self._zygote.call("poll", self.pid)
        return self.returncode

    def wait(self, timeout):
        end = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(self.args, timeout)
            time.sleep(0.002)
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self):
        self.send_signal(signal.SIGTERM)

    def kill(self):
        self.send_signal(signal.SIGKILL)


# ---- the process -----------------------------------------------------------------------------------------------------


def _serve(connection):
    """Answer requests. Returns what a forked process is to be: arguments, directory, variables and stderr."""
    while True:
        try:
            kind, *details = json.loads(connection.recv_bytes())
        except EOFError:
            os._exit(0)
        if kind == "poll":
            pid, status = os.waitpid(details[0], os.WNOHANG)
            answer = None if pid == 0 else -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        else:
            descriptor = recv_handle(connection)
            answer = os.fork()
            if answer == 0:
                return (*details, descriptor)
            os.close(descriptor)
        connection.send_bytes(json.dumps(answer).encode())


def _become(connection, arguments, directory, environment, stderr):
    """Let this process be one that was started as ``python -m`` with ``arguments``."""
    os.setsid()
    connection.close()
    with open(os.devnull, "r+b", buffering=0) as nothing:
        for number, descriptor in ((0, nothing.fileno()), (1, nothing.fileno()), (2, stderr)):
            os.dup2(descriptor, number)
    os.close(stderr)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    sys.dont_write_bytecode = bool(environment.get("PYTHONDONTWRITEBYTECODE"))
    sys.path[0] = directory
    sys.argv = arguments


def main():
    connection = Connection(int(sys.argv[1]))
    os.set_inheritable(connection.fileno(), False)
    for module in PRELOADED:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    _become(connection, *_serve(connection))
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
