"""The inspector beside ``fc-adapter serve``, over real sockets: where it listens, what it sees, how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from fc_adapter.cli import serve as commands
from fc_adapter.inspector.history import KEPT
from fc_adapter.inspector.serving import Inspector
from fc_adapter.runner.pool import Pool
from tests.support.inspecting import Page, inspected
from tests.support.server import PATIENCE, Server, is_running, kill_process, wait_until

SOURCE = """
import json, logging, os, sys, time
import fc_adapter

print("loading")


def initialize(context):
    print("initializing")


def app(environ, start_response):
    path = environ["PATH_INFO"]
    body = environ["wsgi.input"].read()
    print("serving", path)
    if path == "/exit":
        os._exit(3)
    if path == "/slow":
        time.sleep(200)
    if path == "/large":
        body = b"x" * int(environ["QUERY_STRING"].strip("="))
    if path == "/fail":
        raise ValueError("broken on purpose")
    start_response("200 OK", [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("content-type", "text/plain")])
    return [body or b"ok"]


handler = fc_adapter.wrap(app, on_error="raise")


def plain(event, context):
    return {"pid": os.getpid()}
"""

SHOWS = r"the inspector shows each request on (http://127\.0\.0\.1:\d+/\?token=\S+)"


@pytest.fixture
def project(tmp_path):
    (tmp_path / "index.py").write_text(SOURCE)
    return tmp_path


@pytest.fixture
def start(serve):
    """Start a server; return it and its inspector's page."""

    def start(*arguments, **options):
        server = serve(SOURCE, *(arguments or ["index:handler"]), **options)
        return server, Page(server.wait_for(SHOWS)[1])

    return start


# ---- where it is -----------------------------------------------------------------------------------------------------


def test_address_is_beside_the_runner_s(start):
    server, page = start("index:handler", "--host", "0.0.0.0")
    served = next(number for number, line in enumerate(server.lines) if "is served on http://0.0.0.0" in line)
    assert re.fullmatch(SHOWS, server.lines[served + 1])
    assert page.get("/").status == 200
    address = page.host.partition(":")[2]
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((own_address(), int(address)), timeout=PATIENCE)


def own_address():
    """An address of this machine that is not 127.0.0.1, but is loopback all the same where there is no network."""
    return "127.0.0.2"


def test_port_that_is_taken(serve):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = serve(SOURCE, "index:handler", "--inspect-port", str(port))
        page = Page(server.wait_for(SHOWS)[1])
    note = f"note: port {port} is not free, so the inspector has another; --inspect-port chooses one"
    assert note in server.lines
    assert page.get("/").status == 200
    assert server.get().status == 200


def test_port_that_is_free(serve):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = serve(SOURCE, "index:handler", "--inspect-port", str(port))
    assert Page(server.wait_for(SHOWS)[1]).host == f"127.0.0.1:{port}"
    assert "note" not in server.log


def test_token_is_another_one_each_time_and_hard_to_guess(start):
    tokens = [start("index:plain")[1].token for _ in range(2)]
    assert tokens[0] != tokens[1]
    assert min(map(len, tokens)) == 32


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_other_user_of_the_machine(start, tmp_path):
    server, page = start()
    request_id = server.get("/theirs").headers["X-Fc-Request-Id"]
    program = """
import encodings.idna, os, sys, urllib.error, urllib.request  # the other user may not be able to read the library
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
url, runner = sys.argv[1:]
for address in (url, url.rpartition("/api/")[0] + "/api/live"):
    try:
        print(urllib.request.urlopen(address).status)
    except urllib.error.HTTPError as error:
        print(error.code)
try:
    open(f"/proc/{runner}/environ", "rb").read()
    print("read")
except OSError:
    print("not read")
"""
    url = f"http://{page.host}/api/invocations/{request_id}"
    command = [sys.executable, "-I", "-c", program, url, str(server.process.pid)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, cwd="/")
    assert ended.stdout.split("\n") == ["401", "401", "not read", ""], ended.stderr
    assert page.token not in Path(f"/proc/{server.process.pid}/cmdline").read_text()


@pytest.mark.parametrize("way", ["option", "variable"])
def test_token_of_one_s_own(serve, way):
    token = "one-of-my-own.0123"
    arguments = ["--inspect-token", token] if way == "option" else []
    environment = {} if way == "option" else {"FC_ADAPTER_INSPECT_TOKEN": token}
    server = serve(SOURCE, "index:handler", *arguments, environment=environment)
    page = Page(server.wait_for(SHOWS)[1])
    assert page.token == token
    assert page.get("/api/invocations/none").status == 404
    assert page.get("/api/invocations/none", Authorization="Bearer another").status == 401


@pytest.mark.parametrize("token", ["", "short", "x" * 15, "with a space in it", "semicolon;semicolon", "é" * 20])
def test_token_that_is_none(project, token):
    ended = subprocess.run(
        [sys.executable, "-m", "fc_adapter", "serve", "index:handler", f"--inspect-token={token}"],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert ended.returncode == 2
    assert "--inspect-token: expected 16 to 200 letters, digits" in ended.stderr


def test_serving_without_it(serve, project):
    for arguments, environment in ((["--no-inspect"], {}), ([], {"FC_ADAPTER_NO_INSPECT": "1"})):
        with Server("index:handler", *arguments, cwd=project, environment=environment) as server:
            assert server.get().status == 200
        assert "inspector" not in server.log


def test_check_needs_none(project):
    ended = subprocess.run(
        [sys.executable, "-m", "fc_adapter", "serve", "index:handler", "--port", "0", "--check", "/"],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert "inspector" not in ended.stderr


def test_no_inspector_where_none_can_be_had(project, monkeypatch, capsys):
    def refuse(*arguments, **options):
        raise OSError(97, "Address family not supported by protocol")

    class Interrupted:
        @staticmethod
        def sleep(seconds):
            raise KeyboardInterrupt

    monkeypatch.chdir(project)
    monkeypatch.setattr("fc_adapter.inspector.serving.HTTPServer", refuse)
    monkeypatch.setattr(commands, "time", Interrupted)
    monkeypatch.setattr(commands, "on_termination", lambda action: None)
    from fc_adapter.cli import run

    assert run(["serve", "index:handler", "--port", "0"]) == 0
    assert "note: no inspector: Address family not supported by protocol" in capsys.readouterr().err


def test_nothing_of_it_is_loaded_unless_it_serves(project):
    program = "import sys, fc_adapter.cli.serve as c; from fc_adapter.runner.platform import serve; "
    program += "print([name for name in sys.modules if 'inspector' in name or 'probe' in name])"
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert output.stdout == "[]\n"


def test_page_is_in_the_wheel(tmp_path):
    root = Path(__file__).parents[2]
    static = root / "fc_adapter" / "inspector" / "static"
    program = f"from hatchling.build import build_wheel; print(build_wheel({str(tmp_path)!r}))"
    output = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True, timeout=60
    )
    with zipfile.ZipFile(tmp_path / output.stdout.split()[-1]) as wheel:
        for path in static.iterdir():
            assert wheel.read(f"fc_adapter/inspector/static/{path.name}") == path.read_bytes()


# ---- what it sees ----------------------------------------------------------------------------------------------------


def detail_of(page, answer):
    """The detail of the invocation that ``answer`` came from, once it is over and its log has come."""
    request_id = answer.headers["X-Fc-Request-Id"]

    def find():
        detail = page.get(f"/api/invocations/{request_id}").json
        lines = [line["text"] for line in detail["log"]]
        return detail if f"FC Invoke End RequestId: {request_id}" in lines or detail.get("failure") else None

    return wait_until(find, "the log")


def test_cold_start_and_what_comes_after(start):
    server, page = start("index:handler", "--initializer", "index.initialize")
    first = server.get("/first")
    second = server.get("/second")
    cold = detail_of(page, first)
    names = [span["name"] for span in cold["timeline"]]
    assert names == ["start", "frozen", "init", "handler", "freeze"]
    before, frozen, init, handler, freeze = cold["timeline"]
    assert before["to"] <= frozen["from"] + 1
    assert before["to"] < 0
    assert init["to"] <= handler["from"]
    assert freeze["from"] >= handler["to"]
    warm = detail_of(page, second)
    assert [span["name"] for span in warm["timeline"]] == ["frozen", "handler", "freeze"]
    assert warm["timeline"][-1]["to"] is None
    assert [(line["phase"], line["text"]) for line in cold["log"]][:3] == [
        ("start", "loading"),
        ("start", "initializing"),
        ("run", f"FC Invoke Start RequestId: {cold['id']}"),
    ]
    assert ("run", "serving /first") in [(line["phase"], line["text"]) for line in cold["log"]]
    assert "serving /first" not in [line["text"] for line in warm["log"]]
    assert (cold["cold"] > 0, cold["init"] > 0, warm["cold"], warm["init"]) == (True, True, None, None)


def test_what_the_app_answered_and_how_it_changed(start):
    server, page = start()
    detail = detail_of(page, server.get("/?a=1&a=2"))
    rules = {change["rule"] for change in detail["changes"]}
    assert {"query-joined", "cookies-split", "answer-type-renamed", "attachment-forced"} <= rules
    assert detail["app"]["headers"][2] == {"name": "content-type", "value": "text/plain", "secret": False}


def test_function_errors(start):
    server, page = start()
    failed = detail_of(page, server.get("/fail"))
    assert failed["result"]["document"]["errorType"] == "ValueError"
    assert failed["result"]["traceback"].endswith("ValueError: broken on purpose")
    exited = detail_of(page, server.get("/exit"))
    assert "exit status 3" in exited["result"]["document"]["errorMessage"]
    assert exited["result"]["traceback"] is None
    assert "serving /exit" in [line["text"] for line in exited["log"]]


def test_function_that_cannot_be_loaded_any_more(start, tmp_path):
    server, page = start("index:handler", "--reload")
    (tmp_path / "index.py").write_text("print('half')\nimport no_such_module")
    server.wait_for("the next request runs on a new instance")
    detail = wait_until(lambda: (lambda found: found if found.get("failure") else None)(detail_of(page, server.get())))
    assert detail["result"]["document"]["errorType"] == "ImportModuleError"
    assert [line["text"] for line in detail["log"]] == ["half"]
    assert [line["phase"] for line in detail["log"]] == ["start"]


def test_live_list(start):
    server, page = start("index:handler", "--instances", "2")
    with page.listen() as messages:
        first = next(messages)
        assert first["facts"]["function"] == "index.handler"
        assert first["facts"]["limit"] == 200
        assert first["invocations"] == []
        thread = threading.Thread(target=server.get, args=("/slow",))
        thread.start()
        seen = {}
        while "running" not in [each["state"] for each in seen.get("instances", ())]:
            seen.update(next(messages))
        [running] = seen["invocations"]
        assert (running["target"], running["status"]) == ("/slow", None)
        server.stop()
        thread.join(PATIENCE)


def test_credentials_of_the_environment(serve):
    environment = {
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "secret-of-the-account",
        "FC_ADAPTER_ENV": "DB_PASSWORD=of-the-db",
    }
    source = (
        "import os\nprint(os.environ['DB_PASSWORD'])\n"
        "def handler(event, context):\n    print(vars(context.credentials))\n"
        "    return {'statusCode': 200, 'headers': {'X-A': os.environ['DB_PASSWORD']}, 'body': str(dict(os.environ))}\n"
    )
    server = serve(source, "index:handler", "--runtime", "python3.10", environment=environment)
    page = Page(server.wait_for(SHOWS)[1])
    answer = server.get()
    assert "secret-of-the-account" in answer.text
    detail = json.dumps(detail_of(page, answer))
    assert "secret-of-the-account" not in detail
    assert "of-the-db" not in detail
    assert "ALIBABA_CLOUD_ACCESS_KEY_SECRET" in detail


# ---- actions ---------------------------------------------------------------------------------------------------------


def test_send_again(start):
    server, page = start()
    answer = server.request("POST", "/a?b=c", b"\xff\0", {"X-A": "1"})
    again = page.act(f"/api/invocations/{answer.headers['X-Fc-Request-Id']}/again")
    assert again.status == 202
    wait_until(lambda: page.summary(again.json["id"]).get("status") == 200)
    assert page.summary(again.json["id"])["origin"] == answer.headers["X-Fc-Request-Id"]
    server.wait_for(rf"^POST /a\?b=c  200 .*{again.json['id']}$")


def test_ending_an_instance_makes_the_next_request_a_cold_start(start):
    server, page = start("index:plain")
    first = server.get()
    instance = detail_of(page, first)["instance"]
    assert page.act(f"/api/instances/{instance}/end").status == 200
    wait_until(lambda: not is_running(first.json["pid"]))
    second = server.get()
    assert second.json["pid"] != first.json["pid"]
    assert detail_of(page, second)["cold"] > 0
    with page.listen() as messages:
        instances = next(messages)["instances"]
    assert [(each["state"], each["reason"]) for each in instances[1:]] == [("ended", "asked")]
    assert instances[0]["held"] > 1_000_000
    assert instances[0]["peak"] >= instances[0]["held"] * 0.9


def test_killing_an_instance_that_is_busy(start):
    server, page = start()
    answers = []
    thread = threading.Thread(target=lambda: answers.append(server.get("/slow")))
    thread.start()
    server.wait_for("serving /slow")
    with page.listen() as messages:
        [instance] = next(messages)["instances"]
    for now in (False, True):
        assert page.act(f"/api/instances/{instance['id']}/end", {"now": now}).status == 200
        with page.listen() as messages:
            [each] = next(messages)["instances"]
        assert each["reason"] == "asked"
        assert now or each["state"] == "running"
    thread.join(PATIENCE)
    assert answers[0].status == 502


def test_instance_that_died_shows_as_ended(start):
    server, page = start("index:plain")
    kill_process(server.get().json["pid"])
    with page.listen() as messages:
        [instance] = next(messages)["instances"]
    assert (instance["state"], instance["held"], instance["peak"]) == ("ended", 0, 0)


# ---- much ------------------------------------------------------------------------------------------------------------


def test_large_bodies_are_cut(start):
    server, page = start()
    answer = server.get("/large?30000000")
    assert len(answer.body) == 30_000_000
    request_id = answer.headers["X-Fc-Request-Id"]
    detail = page.get(f"/api/invocations/{request_id}")
    assert len(detail.body) < 4 * KEPT
    assert (detail.json["response"]["body"]["size"], detail.json["response"]["body"]["shown"]) == (30_000_000, KEPT)
    assert detail.json["result"]["body"]["size"] == 30_000_000


def test_history_is_bounded(start):
    server, page = start("index:plain", "--inspect-history", "20")
    with page.listen() as messages:
        next(messages)
        for _ in range(100):
            server.get()
        while True:
            message = next(messages)
            if message.get("numbers", [])[-1:] == [100]:
                break
    assert message["numbers"] == list(range(81, 101))


# ---- its end ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_pages_that_listen_do_not_hold_up_the_end(start, number):
    server, page = start()
    with page.listen() as messages, page.listen() as others, socket.create_connection(tuple(page.host.split(":"))):
        next(messages)
        next(others)
        assert server.stop(number, patience=PATIENCE / 4) == 0
        assert list(messages) == []
    assert "Traceback" not in server.log


def test_pages_that_go_away_leave_nothing_behind(start):
    server, page = start()
    before = len(os.listdir(f"/proc/{server.process.pid}/task"))
    for _ in range(5):
        with page.listen() as messages:
            next(messages)
    server.get()  # what happens is what finds out that a page is gone

    def is_quiet():
        server.get()
        return len(os.listdir(f"/proc/{server.process.pid}/task")) <= before + 1

    wait_until(is_quiet)
    assert "Traceback" not in server.log


def test_closing_what_has_not_been_served():
    Inspector(limit=1).close()


def test_inspector_that_cannot_listen(monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(1, "no")

    monkeypatch.setattr("fc_adapter.inspector.serving.HTTPServer", refuse)
    inspector = Inspector(limit=1)
    with inspected(lambda event, context: None) as subject, pytest.raises(PermissionError):
        inspector.serve(0, subject.platform, subject.function, custom_domain=False)
    inspector.close()


def test_pool_knows_no_such_instance():
    pool = Pool(lambda: None, limit=1, idle_seconds=1)
    assert not pool.end("c-none")
    pool.close()
