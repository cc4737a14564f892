"""What ``serve`` shows on a terminal, and what helps while one writes a function."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from fc_adapter.config.function import Function
from fc_adapter.runner.in_process import LocalInstance
from tests.support.server import PATIENCE, SOURCE, children, is_running, wait_until


@pytest.fixture
def project(tmp_path):
    (tmp_path / "index.py").write_text(SOURCE)
    return tmp_path


@pytest.mark.parametrize(("variable", "is_painted"), [("", True), ("1", False)])
def test_colours_on_a_terminal_only(project, variable, is_painted):
    import pty

    primary, secondary = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "fc_adapter", "serve", "index:handler", "--port", "0"],
        cwd=project,
        stdin=subprocess.DEVNULL,
        stdout=secondary,
        stderr=secondary,
        start_new_session=True,
        env={**os.environ, "NO_COLOR": variable},
    )
    os.close(secondary)
    output = b""

    def read_until(pattern):
        nonlocal output
        end = time.monotonic() + PATIENCE
        while not re.search(pattern, output):
            assert time.monotonic() < end, output
            if select.select([primary], [], [], 0.05)[0]:
                output += os.read(primary, 65536)
        return re.search(pattern, output)

    try:
        port = int(read_until(rb"http://127\.0\.0\.1:(\d+) until")[1])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            read_until(rb"GET /  .*cold start \d+ ms.*  c-")
        if is_painted:
            assert re.search(rb"GET /  \x1b\[32m200\x1b\[0m  \d+ ms  \x1b\[35mcold start \d+ ms\x1b\[0m  c-", output)
            assert b"\x1b[2mloaded\x1b[0m" in output
        else:
            assert b"\x1b" not in output
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
        os.close(primary)


def test_reload(serve, tmp_path):
    server = serve(SOURCE, "index:handler", "--reload", "--pre-stop", "index.pre_stop")
    first = server.get().json
    (tmp_path / "index.py").write_text(SOURCE.replace("os.getpid()", "'changed'"))
    server.wait_for(r"^changed: index\.py; the next request runs on a new instance$")
    wait_until(lambda: not is_running(first))
    assert server.get().text == "changed"
    (tmp_path / "other.py").write_text("")
    server.wait_for("^changed: other.py; the next")


def test_reload_tells_a_note_once(serve, tmp_path):
    source = "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'%s']\n"
    server = serve(source % "first", "index:application", "--reload", "--initializer", "index.none")
    (tmp_path / "index.py").write_text(source % "second")
    server.wait_for("^changed: index.py")
    server.get()
    server.wait_for("has no 'none'.*\n(.*\n)*.*has no 'none'")  # the hook's call, which fails
    assert server.log.count("note: index:application is a bare WSGI app") == 1
    assert server.log.count("note: the Initializer hook index.none will fail") == 1


def test_reload_mends_what_could_not_be_imported(serve, tmp_path):
    server = serve("import no_such_dependency", "index:handler", "--reload")
    assert server.get().status == 502
    (tmp_path / "index.py").write_text(SOURCE)
    server.wait_for(r"^changed: index\.py")
    assert server.get().status == 200


def test_in_process(serve):
    source = """
import os


def initialize(context):
    context.logger.info("initialized")


def other(event, context):
    context.logger.info("logged")
    return [os.getpid(), os.environ["FC_INSTANCE_ID"]]
"""
    server = serve(source, "index:other", "--in-process", "--initializer", "index.initialize")
    assert server.get().json == [server.process.pid, "in-process"]
    assert server.get().status == 200
    assert children(server.process.pid) == []
    server.wait_for(r"Z 1-\S+ \[INFO\] logged$")
    server.wait_for(r"^GET /  200  \d+ ms  in-process  1-")


def test_in_process_error(serve):
    source = "import sys\ndef handler(event, context):\n    sys.exit(3) if b'exit' in event else 1 / 0\n"
    server = serve(source, "index:handler", "--in-process")
    assert server.get().status == 502
    server.wait_for("^  ZeroDivisionError: division by zero")
    assert server.get("/exit").status == 502
    server.wait_for(r"^Process exited unexpectedly before completing request \(SystemExit: 3\)")


@pytest.mark.parametrize("arguments", [[], ["--in-process"]])
def test_whatever_a_function_raises_is_answered(serve, arguments):
    source = """
import asyncio, json


class ShowsNothing(Exception):
    def __str__(self):
        raise SystemExit(3)


class Base(BaseException):
    __str__ = ShowsNothing.__str__


def handler(event, context):
    raise {
        "/interrupt": KeyboardInterrupt,
        "/generator": GeneratorExit,
        "/cancelled": asyncio.CancelledError,
        "/exit": SystemExit,
        "/nothing": ShowsNothing,
        "/base": Base,
        "/memory": MemoryError,
    }[json.loads(event)["rawPath"]]()


def pre_stop(context):
    raise Base
"""
    server = serve(source, "index:handler", "--pre-stop", "index.pre_stop", *arguments)
    for path in ("/interrupt", "/generator", "/cancelled", "/exit", "/nothing", "/base", "/memory"):
        assert (server.get(path).status, path) == (502, path)
    assert server.stop() == 0


def test_module_that_raises_anything(tmp_path):
    (tmp_path / "index.py").write_text("raise GeneratorExit('no module')")
    for arguments in ([], ["--in-process"]):
        command = [sys.executable, "-m", "fc_adapter", "serve", "index:handler", "--port", "0", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.endswith("fc-adapter serve: cannot import index.handler, see above\n")


def test_result_larger_than_any_request_is_noted_once(serve):
    server = serve("def handler(event, context): return 'x' * (33 * 1024 * 1024)", "index:handler")
    for _ in range(2):
        assert len(server.get().body) == 33 * 1024 * 1024
    server.wait_for("^GET /  200  .*\n(.*\n)*GET /  200  ")
    assert re.findall("^note: this result has .*", server.log, re.MULTILINE) == [
        "note: this result has 33 MB. The platform takes requests of up to 32 MB and does not say how large a result "
        "may be: try it there"
    ]


def test_ctrl_c_in_this_process_is_the_users():
    def handler(event, context):
        raise KeyboardInterrupt

    instance = LocalInstance(Function(handler=handler), log=lambda *line: None)
    assert instance.start() is None
    with pytest.raises(KeyboardInterrupt):
        instance.invoke(b"{}", "1-a")
    with ThreadPoolExecutor() as executor:
        assert executor.submit(instance.invoke, b"{}", "1-b").result().kind == "error"
    instance.kill()
