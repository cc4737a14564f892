"""What starts and stops the tests' servers: a fault of it would make every test wait."""

from __future__ import annotations

import signal

import pytest

from tests.conftest import let_interrupts_work

DEAF = """
import signal

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
