r"""What reaches the terminal: no control character but a line's end, from whatever source, and nothing that blocks."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import types

import pytest

from fc_adapter.runner import console as console_module
from fc_adapter.runner.console import Console
from fc_adapter.terminal import escape_json, printable
from tests.support.server import PATIENCE, SOURCE, wait_until

EVIL = "a\x1b]0;title\x07\x9b2J\r\nGET forged  200\u2028\u202eb"
SHOWN = r"a\x1b]0;title\x07\x9b2J\r" + "\n  GET forged  200" + r"\u2028\u202eb"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain 你好 😀 \u3000", "plain 你好 😀 \u3000"),
        (EVIL, SHOWN),
        ("a\tb\0\x7f\ud800", r"a\tb\x00\x7f\ud800"),
        ("first\nsecond\n  third\n\nfifth\n", "first\n  second\n  third\n\n  fifth\n"),
    ],
)
def test_printable(text, shown):
    assert printable(text) == shown


def test_json_stays_the_same():
    text = json.dumps({EVIL: [EVIL]}, ensure_ascii=False, indent=1)
    assert json.loads(escape_json(text)) == {EVIL: [EVIL]}
    assert all(line.isprintable() for line in escape_json(text).split("\n"))


# ---- each source of a line -------------------------------------------------------------------------------------------

RAISING = """
import json
import fc_adapter


class Error(Exception):
    pass


def handler(event, context):
    raise Error(json.loads(event)["body"])


def pre_stop(context):
    raise Error("\\x1b\\x7f\\n")
"""


def run(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "fc_adapter", *arguments], cwd=cwd, capture_output=True, timeout=PATIENCE, check=False
    )


def assert_safe(output):
    lines = output.decode().split("\n")
    assert all(line.isprintable() for line in lines), lines
    assert not [line for line in lines if line.startswith(("GET forged", "b"))]


@pytest.mark.parametrize("arguments", [[], ["--in-process"]])
def test_error_of_a_function(serve, arguments):
    server = serve(RAISING, "index:handler", "--pre-stop", "index.pre_stop", *arguments)
    assert server.request("POST", "/", EVIL.encode(), {"Content-Type": "text/plain"}).status == 502
    server.wait_for(re.escape("  index.Error: a\\x1b]0;title\\x07\\x9b2J\\r\n  GET forged  200"))
    server.stop()
    assert re.search(r"^PreStop failed: .*\\x7f", server.log, re.MULTILINE)
    assert_safe(server.log.encode())


def test_names_of_files(serve, tmp_path):
    server = serve(SOURCE, "index:handler", "--reload")
    (tmp_path / f"{EVIL}.py").write_text("")
    server.wait_for("^changed: " + re.escape(SHOWN))
    server.stop()
    assert_safe(server.log.encode())


def test_replay(tmp_path):
    (tmp_path / "index.py").write_text(
        "def handler(event, context): return {'statusCode': 200, 'headers': {'X-A': '\\x1b[2J\\x9b'}, 'body': ''}"
    )
    name = f"{EVIL}.json"
    response = {"status": 200, "headers": [["X-B\x1b", EVIL]], "body": EVIL}
    (tmp_path / name).write_text(json.dumps({"event": {}, "response": response}))
    done = run("replay", "--target", "index:handler", name, cwd=tmp_path)
    assert done.returncode == 1
    assert b"\n  + X-A: \\x1b[2J\\x9b\n" in done.stdout
    assert_safe(done.stdout + done.stderr)


@pytest.mark.parametrize(
    "arguments",
    [
        [EVIL],
        ["serve", f"--{EVIL}"],
        ["serve", "--port", EVIL],
        ["serve", "--host", EVIL, "index:handler"],
        ["serve", f"index:{EVIL}"],
        ["serve", "--template", EVIL],
        ["serve", "--template", "s.yaml", "--resource", EVIL],
        ["serve", "--template", "s.yaml", "--resource", "web"],
        ["serve", "index:handler", "--env", EVIL],
        ["serve", "index:handler", "--check", EVIL],
        ["invoke", "index:handler", "GET", "/", "-H", EVIL],
        ["invoke", "index:handler", "-d", f"@{EVIL}"],
        ["invoke", "index:handler", "--event", EVIL],
        ["replay", EVIL],
        ["init", "--app", EVIL],
        ["init", "--name", EVIL],
        ["doctor", "--template", EVIL],
        ["doctor", "--template", "s.yaml", "--resource", "web", "--no-import"],
        ["doctor", "--template", "s.yaml", "--resource", "web", "--json"],
    ],
    ids=lambda arguments: " ".join(arguments[:-1]),
)
def test_errors_and_notes(tmp_path, arguments):
    (tmp_path / "index.py").write_text(SOURCE)
    evil, variable = json.dumps(EVIL), f"${{env({EVIL})}}"
    (tmp_path / "s.yaml").write_text(
        f"resources: {{{evil}: {{component: fc3, props: {{}}}}, web: {{component: fc3, props: {{runtime: python3.10, "
        f"handler: {json.dumps('index.' + EVIL)}, environmentVariables: {{A: {json.dumps(variable)}}}}}}}}}"
    )
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode in (0, 1, 2)
    assert done.stdout + done.stderr != b""
    assert_safe(done.stdout + done.stderr)


def test_hook_that_is_not_there(serve):
    server = serve(SOURCE, "index:handler", "--initializer", f"index.{EVIL}")
    server.wait_for(r"^note: the Initializer hook index\.a\\x1b")
    assert server.get().status == 502
    server.stop()
    assert_safe(server.log.encode())


# ---- writing ---------------------------------------------------------------------------------------------------------


class Raw(io.RawIOBase):
    """A terminal that keeps each write, and takes nothing until ``gate`` is set."""

    def __init__(self, at_once=1_000_000):
        self.writes = []
        self.gate = threading.Event()
        self.gate.set()
        self.at_once = at_once

    def writable(self):
        return True

    def write(self, data):
        assert self.gate.wait(PATIENCE)
        self.writes.append(bytes(data[: self.at_once]))
        return len(self.writes[-1])


def test_a_line_and_its_end_are_one_write():
    raw = Raw()
    with Console(io.TextIOWrapper(io.BufferedWriter(raw), "utf-8")) as console:
        console.say("你好")
        console.logged("c-1", b"a line\r\n")
    assert raw.writes == ["你好\n".encode(), b"a line\n"]


def test_what_is_written_in_part_is_written_to_its_end():
    raw = Raw(at_once=3)
    with Console(io.TextIOWrapper(io.BufferedWriter(raw), "utf-8")) as console:
        console.say("0123456789")
    assert raw.writes == [b"012", b"345", b"678", b"9\n"]


def test_stream_that_does_not_block():
    raw = Raw()
    full = [True, True]
    raw.write = lambda data: None if full and full.pop() else Raw.write(raw, data)
    with Console(types.SimpleNamespace(buffer=raw, encoding="utf-8", errors="strict", isatty=lambda: False)) as console:
        console.say("in the end")
    assert raw.writes == [b"in the end\n"]


def test_stream_without_bytes():
    stream = io.StringIO()
    with Console(stream) as console:
        console.say("a")
        console.say("b")
    assert stream.getvalue() == "a\nb\n"


def test_slow_terminal_loses_nothing(monkeypatch):
    monkeypatch.setattr(console_module, "_BACKLOG", 100)
    monkeypatch.setattr(console_module, "_STALL_SECONDS", PATIENCE)
    raw = Raw()
    with Console(io.TextIOWrapper(io.BufferedWriter(raw), "utf-8")) as console:
        for number in range(1000):
            console.say(f"line {number}")
    assert b"".join(raw.writes) == b"".join(b"line %d\n" % number for number in range(1000))


def test_terminal_that_nobody_reads_for_a_while(monkeypatch):
    monkeypatch.setattr(console_module, "_BACKLOG", 100)
    monkeypatch.setattr(console_module, "_STALL_SECONDS", 0.05)
    raw = Raw()
    raw.gate.clear()
    console = Console(io.TextIOWrapper(io.BufferedWriter(raw), "utf-8"))
    for number in range(1000):
        console.say(f"line {number:04}")
    raw.gate.set()
    wait_until(lambda: raw.writes and raw.writes[-1].startswith(b"note: "))
    console.say("after it")
    console.flush()
    assert b"".join(raw.writes).decode() == (
        "".join(f"line {number:04}\n" for number in range(10))
        + "note: 990 lines are missing here: nobody read them\nafter it\n"
    )


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_requests_are_served_while_nobody_reads(tmp_path, unbuffered):
    (tmp_path / "index.py").write_text("def handler(event, context):\n    print('x' * 65_000)\n    return 'done'")
    with subprocess.Popen(
        [sys.executable, "-m", "fc_adapter", "serve", "index:handler", "--port", "0", "--no-inspect"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        stderr=subprocess.PIPE,
        bufsize=0,
    ) as process:
        port = int(re.search(rb":(\d+) until Ctrl-C", process.stderr.readline())[1])
        for _ in range(100):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
            with contextlib.closing(connection):
                connection.request("GET", "/")
                assert connection.getresponse().read() == b"done"
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
