"""What starts and stops the tests' servers: a fault of it would make every test wait."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from tests.conftest import let_interrupts_work
from tests.support.zygote import Process, is_measured

DEAF = """
import signal
import subprocess

signal.signal(signal.SIGINT, signal.SIG_IGN)


def handler(event, context):
    return "there"
"""


def test_server_that_does_not_stop_is_killed(serve):
    server = serve(DEAF, "index:handler", "--in-process")
    assert server.get().text == "there"
    with pytest.raises(AssertionError, match=r"did not end within 0\.1 s of SIGINT; the log is"):
        server.stop(patience=0.1)
    assert server.process.returncode == -signal.SIGKILL


def test_interrupts_that_are_ignored_work_again():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        let_interrupts_work()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_mark_comes_after_all_that_was_answered(serve):
    server = serve("def handler(event, context): return 1", "index:handler", "--in-process")
    for path in ("/first", "/second"):
        server.get(path)
    mark = server.mark()
    server.get("/third")
    server.wait_for("^GET /third  200  ", mark)
    written = "\n".join(server.lines[:mark])
    assert all(f"GET /{name}  200" in written for name in ("first", "second"))
    assert "third" not in written


SELF = """
import json, os, signal, sys, threading


def handler(event, context):
    seen = {"argv": sys.argv[1:], "path": sys.path, "main": sys.modules["__main__"].__spec__.name, "cwd": os.getcwd()}
    seen["leads"] = os.getsid(0) == os.getpgid(0) == os.getpid()
    seen["environment"] = {name: value for name, value in os.environ.items() if name != "PYTHONANYTHING"}
    seen["interrupt"] = signal.getsignal(signal.SIGINT).__qualname__
    seen["descriptors"] = len(os.listdir("/proc/self/fd"))
    seen["threads"] = threading.active_count()
    seen["tests"] = [name for name in sys.modules if name.partition(".")[0] in ("tests", "pytest")]
    return seen
"""


def test_server_that_is_forked_is_what_a_started_one_is(serve):
    servers = [serve(SELF, "index:handler", "--in-process", environment=each) for each in ({}, {"PYTHONANYTHING": "1"})]
    forked = subprocess.Popen if is_measured(os.environ) else Process
    assert [type(server.process) for server in servers] == [forked, subprocess.Popen]
    forked, started = (server.get().json for server in servers)
    assert forked == started
    assert forked["tests"] == []
