"""What becomes of an instance whose function fails, overruns a limit or is killed."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import pytest

from fc_adapter.runner.frames import Frame
from fc_adapter.runner.instance import CAN_FREEZE, _is_reply
from tests.support.server import PATIENCE, is_running, kill_process, state, wait_until

FAILING = """
import ctypes, json, os, signal, subprocess, sys, threading, time


def handler(event, context):
    what = json.loads(event)["rawPath"][1:]
    if what == "loop":
        while True:
            pass
    if what == "sleep":
        time.sleep(60)
    if what == "exit":
        sys.exit(3)
    if what == "exit-with-thread":
        threading.Thread(target=time.sleep, args=(60,)).start()
        sys.exit(3)
    if what == "_exit":
        os._exit(7)
    if what == "segfault":
        ctypes.string_at(0)
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "memory":
        return str(len(bytes(b"x" * 300 * 1024 * 1024)))
    if what == "fork":
        if os.fork() == 0:
            os.setsid()
            time.sleep(90)
        os._exit(1)
    if what == "fork-and-return":
        return "child" if os.fork() == 0 else os.wait() and "parent"
    if what == "fork-and-raise":
        if os.fork() == 0:
            raise ValueError("child")
        return os.wait() and "parent"
    if what == "child":
        return subprocess.Popen(["sleep", "60"]).pid
    if what == "daemon":
        return subprocess.Popen(["sleep", "60"], start_new_session=True).pid
    if what == "descriptors":
        os.closerange(3, 100)
    if what == "interrupt":
        raise KeyboardInterrupt
    return os.getpid()


def slow_hook(context):
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def failing(module_servers):
    return module_servers(FAILING, "index:handler", "--memory", "128", "--timeout", "90")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/exit", r"before completing request \(exit status 3\)"),
        ("/exit-with-thread", r"before completing request \(its threads run on\)"),
        ("/_exit", r"before completing request \(exit status 7\)"),
        ("/segfault", r"before completing request \(signal SIGSEGV\)"),
        ("/kill", r"before completing request \(signal SIGKILL\)"),
        ("/interrupt", "before completing request"),
        ("/descriptors", "before completing request"),
        ("/memory", "run out of memory: it is configured with 128 MB"),
    ],
)
def test_crash_costs_one_request(failing, path, message):
    before = failing.get().text
    since = len(failing.lines)
    answer = failing.get(path)
    assert (answer.status, answer.body) == (502, b"Internal Server Error")
    failing.wait_for(message, since)
    assert not is_running(int(before))
    after = failing.get()
    assert (after.status, after.text != before) == (200, True)
    failing.wait_for(r"GET /  200  \d+ ms  cold start", since)
    assert len(failing.workers()) == 1


@pytest.mark.parametrize("path", ["/loop", "/sleep"])
def test_timeout(serve, path):
    server = serve(FAILING, "index:handler", "--timeout", "1")
    assert server.get().status == 200
    began = time.monotonic()
    assert server.get(path).status == 502
    assert 1 <= time.monotonic() - began < PATIENCE / 2
    server.wait_for("^Function timed out after 1 seconds$")
    assert server.get().status == 200


def test_timeout_of_a_hook(serve, tmp_path):
    (tmp_path / "s.yaml").write_text(
        "resources: {f: {component: fc3, props: {runtime: python3.10, handler: index.handler, "
        "instanceLifecycleConfig: {initializer: {handler: index.slow_hook, timeout: 0.2}}}}}"
    )
    server = serve(FAILING)
    assert server.get().status == 502
    server.wait_for("^Function timed out after 0.2 seconds$")


@pytest.mark.parametrize("path", ["/fork-and-return", "/fork-and-raise"])
def test_forked_child_does_not_answer(failing, path):
    for _ in range(3):
        assert failing.get(path).text == "parent"
        assert failing.get("/other").status == 200


def test_process_that_leaves_a_fork_behind(failing):
    began = time.monotonic()
    assert failing.get("/fork").status == 502
    assert time.monotonic() - began < PATIENCE / 2
    assert failing.get().status == 200


@pytest.mark.parametrize("path", ["/child", "/daemon"])
def test_what_a_function_has_started_ends_with_it(serve, path):
    server = serve(FAILING, "index:handler")
    child = int(server.get(path).text)
    assert is_running(child)
    assert server.get("/_exit").status == 502
    wait_until(lambda: not is_running(child))


@pytest.mark.skipif(not CAN_FREEZE, reason="no SIGSTOP")
@pytest.mark.parametrize("arguments", [[], ["--no-freeze"]])
def test_kill_of_an_idle_instance_costs_nothing(serve, arguments):
    server = serve(FAILING, "index:handler", *arguments)
    first = int(server.get().text)
    kill_process(first)
    answer = server.get()
    assert (answer.status, int(answer.text) != first) == (200, True)
    assert server.workers() == [int(answer.text)]


def test_kill_of_a_busy_instance_costs_one_request(serve):
    server = serve(FAILING, "index:handler")
    busy = int(server.get().text)
    answers = []
    request = threading.Thread(target=lambda: answers.append(server.get("/sleep")))
    request.start()
    wait_until(lambda: state(busy)[0] in "SR" and server.log.count("FC Invoke Start") == 2)
    os.kill(busy, signal.SIGKILL)
    request.join()
    assert answers[0].status == 502
    assert server.get().status == 200


FORGING = """
import base64, fcntl, json, os


def handler(event, context):
    event = json.loads(event)
    for name in os.listdir("/proc/self/fd"):
        try:
            is_pipe = os.readlink(f"/proc/self/fd/{name}").startswith("pipe:")
            if int(name) > 2 and is_pipe and fcntl.fcntl(int(name), fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY:
                os.write(int(name), base64.b64decode(event["body"]))
        except OSError:
            pass
    return "real " + event["rawPath"]
"""


@pytest.fixture(scope="module")
def forging(module_servers):
    return module_servers(FORGING, "index:handler", "--timeout", "2")


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the pipe in /proc")
@pytest.mark.parametrize(
    "written",
    [
        b"garbage",
        b"\n",
        b"[]\n",
        b'{"kind":"result","size":4}\nfake',
        b'{"kind":"result","size":4}\nfake' * 2,
        b'{"kind":"result","size":4,"token":"0123456789abcdef"}\nfake',
        b'{"kind":"result","size":30}\n',
        b'{"kind":"result","size":100000}\nx',
        b'{"kind":"result","size":-1}\n',
        b'{"kind":"error","size":4}\nfake',
        b'{"kind":"error","size":2}\n{}',
        b'{"kind":"error","size":100000}\n' + b"[" * 100_000,
        b'{"kind":"started","size":0}\n',
        b'{"kind":["result"],"size":true}\nx',
    ],
    ids=lambda written: repr(written[:50])[2:-1],
)
def test_what_a_function_writes_into_its_pipe_costs_no_other_request(forging, written):
    headers = {"Content-Type": "application/octet-stream"}
    assert forging.request("POST", "/forged", written, headers).status == 502
    for path in ("/next", "/and-the-one-after"):
        answer = forging.get(path)
        assert (answer.status, answer.text) == (200, f"real {path}")


@pytest.mark.parametrize(
    ("kind", "fields", "payload", "is_reply"),
    [
        ("result", {"token": "t"}, b"\xff", True),
        ("result", {"token": "t", "report": {}}, b"", True),
        ("result", {"token": "t", "report": []}, b"", False),
        ("result", {"token": "T"}, b"", False),
        ("result", {}, b"", False),
        ("started", {"token": "t", "handler": "plain"}, b"", True),
        ("started", {"token": "t", "handler": 1}, b"", False),
        ("error", {"token": "t"}, b'{"errorMessage": "m"}', True),
        ("error", {"token": "t", "traceback": "T"}, b'{"errorMessage": "m"}', True),
        ("error", {"token": "t", "traceback": 1}, b'{"errorMessage": "m"}', False),
        ("error", {"token": "t"}, b'{"errorMessage": 1}', False),
        ("error", {"token": "t"}, b"[]", False),
        ("error", {"token": "t"}, b"no JSON", False),
        ("error", {"token": "t"}, b"[" * 100_000, False),
        ("other", {"token": "t"}, b"", False),
    ],
)
def test_what_is_a_reply(kind, fields, payload, is_reply):
    assert _is_reply(Frame(kind, dict(fields), payload), "t") is is_reply


STRAYS = """
import glob, json, os, subprocess, sys, time

ALONE = {"env": {}, "start_new_session": True, **dict.fromkeys(["stdin", "stdout", "stderr"], subprocess.DEVNULL)}
SLEEP = "import time; time.sleep(60)"
ORPHAN = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', sys.argv[1]], env={}, stdout=2).pid)"
EAT = "x = bytearray(b'x' * 40_000_000); import time; time.sleep(60)"


def handler(event, context):
    what = json.loads(event)["rawPath"][1:]
    if what == "stray":
        return subprocess.Popen([sys.executable, "-c", SLEEP], **ALONE).pid
    if what == "orphan":
        options = {**ALONE, "stdout": subprocess.PIPE}
        return int(subprocess.run([sys.executable, "-c", ORPHAN, SLEEP], check=True, **options).stdout)
    if what == "daemon":
        reader, writer = os.pipe()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.write(writer, b"%d" % os.getpid())
                time.sleep(60)
            os._exit(0)
        os.wait()
        return int(os.read(reader, 100))
    if what == "chain":
        if os.fork() == 0:
            while True:
                time.sleep(0.002)
                if os.fork():
                    os._exit(0)
                os.setsid()
                with open(f"chain-{os.getpid()}", "w"):
                    pass
        os.wait()
    if what in ("chain", "links"):
        links = len(glob.glob("chain-*"))
        while len(glob.glob("chain-*")) < links + 5:
            time.sleep(0.001)
    if what == "eaters":
        for _ in range(4):
            subprocess.Popen([sys.executable, "-c", EAT], **ALONE)
        time.sleep(60)
    if what == "forks":
        large = bytearray(b"x" * 40_000_000)
        for _ in range(4):
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)
        time.sleep(0.5)
    if what == "_exit":
        os._exit(1)
    return os.getpid()
"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no keeper")


@pytest.fixture
def strays(serve):
    return serve(STRAYS, "index:handler", "--memory", "128")


@linux
@pytest.mark.parametrize("path", ["/stray", "/orphan", "/daemon"])
def test_what_has_left_its_instance_stands_still_and_ends_with_it(strays, path):
    stray = strays.get(path).json
    wait_until(lambda: state(stray)[0] == "T")
    assert strays.get().status == 200
    assert is_running(stray)
    assert strays.get("/_exit").status == 502
    wait_until(lambda: not is_running(stray))


@linux
@pytest.mark.parametrize("path", ["/stray", "/orphan", "/daemon"])
def test_what_has_left_its_instance_ends_with_the_runner(strays, path):
    stray, worker = strays.get(path).json, strays.get().json
    strays.process.kill()
    wait_until(lambda: not is_running(stray) and not is_running(worker))


@linux
def test_chain_of_processes_ends_with_its_instance(strays, tmp_path):
    for path in ("/chain", "/links"):
        assert strays.get(path).status == 200
        links = len(list(tmp_path.glob("chain-*")))
        time.sleep(0.1)
        assert len(list(tmp_path.glob("chain-*"))) == links  # it stands still
    assert strays.get("/_exit").status == 502
    links = set(tmp_path.glob("chain-*"))
    time.sleep(0.1)
    assert set(tmp_path.glob("chain-*")) == links
    assert not [link for link in links if is_running(int(link.name.partition("-")[2]))]


@linux
def test_memory_of_what_a_function_has_started(strays):
    assert strays.get("/eaters").status == 502
    strays.wait_for("run out of memory: it is configured with 128 MB")
    assert strays.get("/forks").status == 200  # what they share is counted once
