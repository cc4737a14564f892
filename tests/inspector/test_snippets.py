"""Snippets that run: the curl command sends the same request, the test passes, the event file is the event."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import types

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import fc_adapter
from fc_adapter.cli import run
from fc_adapter.config.function import Function
from fc_adapter.config.target import Target
from fc_adapter.contract.trigger import read_request
from fc_adapter.inspector.history import KEPT, History
from fc_adapter.inspector.snippets import UnavailableError, build_curl, build_event_file, build_test
from fc_adapter.messages import Response
from fc_adapter.runner.gateway import Exchange
from tests.contract.test_round_trip import requests
from tests.support.inspecting import inspected
from tests.support.server import wait_until

URL = "http://127.0.0.1:9000"
HANDLER = Function(handler=Target(None, "index", "handler"))


def echo(event, context):
    """What came, less what differs from one time to the next."""
    event = json.loads(event)
    context = event.pop("requestContext")["http"]
    return {"statusCode": 200, "body": json.dumps({**event, "method": context["method"]})}


def make_entry(request):
    """The entry of a request that runs."""
    history = History(1)
    history.begin(request, "1-a")
    return history.find("1-a")


# ---- curl ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "command"),
    [
        (
            read_request("GET", "/a?b=c", [("Host", "127.0.0.1:9000"), ("Accept", "*/*"), ("User-Agent", "curl")]),
            "curl -sS -i 'http://127.0.0.1:9000/a?b=c' \\\n  -H 'Accept: */*' \\\n  -H 'User-Agent: curl'",
        ),
        (
            read_request("POST", "/", [("Host", "other"), ("X-Empty", "")], b"it's"),
            "curl -sS -i -X POST http://127.0.0.1:9000/ \\\n  -H 'Host: other' \\\n  -H 'X-Empty;' \\\n"
            "  -H Accept: \\\n  -H User-Agent: \\\n  -H Content-Type: \\\n  --data-raw 'it'\"'\"'s'",
        ),
        (
            read_request("HEAD", "/../{a}", [("Accept", "a"), ("User-Agent", "b")], b"x", http_version="1.0"),
            "curl -sS -i -I --path-as-is --globoff --http1.0 'http://127.0.0.1:9000/../{a}' \\\n"
            "  -H 'Accept: a' \\\n  -H 'User-Agent: b'",
        ),
    ],
)
def test_curl(request_, command):
    assert build_curl(make_entry(request_), URL) == command


def arrived(handler_events):
    """The last event that came, less what differs from one time to the next."""
    event = json.loads(handler_events[-1])
    del event["requestContext"]["time"], event["requestContext"]["timeEpoch"], event["requestContext"]["requestId"]
    event["headers"].pop("X-Forwarded-Proto")
    return {**event, "headers": sorted(event["headers"].items())}


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
@pytest.mark.parametrize(
    "request_",
    [
        read_request("GET", "/a%2Fb//c?x=1&x=2+3&y=%E4%BD%A0&z=a[1]", [("X-A", 'it\'s "$HOME" `x` \\ !')]),
        read_request("POST", "/", [("Content-Type", "application/json")], '{"你": "it\'s\n\t$x"}'.encode()),
        read_request("PUT", "/", [], bytes(range(256))),
        read_request("PATCH", "/x", [("Content-Type", "text/plain")], b"x" * 200_000),
        read_request("DELETE", "/", [("Accept", "a"), ("accept", "b")]),
        read_request("GET", "/", [("X-你".replace("你", "B"), "你")], b"body of a GET"),
        read_request("POST", "/", [("Content-Type", "text/plain")], b"a\r\nb"),
    ],
    ids=["path and query", "JSON", "binary", "large", "repeated", "GET with a body", "line break"],
)
def test_curl_sends_the_same_request(request_):
    events = []

    def handler(event, context):
        events.append(event)
        return {"statusCode": 200, "body": "ok"}

    with inspected(handler) as subject:
        subject.platform.start()
        host = subject.platform.url.partition("//")[2]
        request = request_._replace(
            headers=(("Host", host), *request_.headers), client="127.0.0.1", scheme="http", server=("127.0.0.1", 80)
        )
        subject.platform.gateway.handle(request)
        sent = arrived(events)
        command = build_curl(subject.last(), subject.platform.url)
        ended = subprocess.run(["sh"], input=command.encode(), capture_output=True, timeout=60, check=True)
        assert arrived(events) == sent
    assert ended.stdout.endswith(b"ok")


# ---- the test --------------------------------------------------------------------------------------------------------


def run_test(source, handler, monkeypatch):
    """Run a generated test, whose ``from index import ...`` finds ``handler`` under any name."""
    module = types.ModuleType("index")
    module.__dict__.update(handler=handler, app=handler)
    monkeypatch.setitem(sys.modules, "index", module)
    namespace = {}
    exec(compile(source, "test_generated.py", "exec"), namespace)
    [test] = [value for name, value in namespace.items() if name.startswith("test_")]
    test()


def build(entry, *, kind="wrapped", function=HANDLER, custom_domain=False):
    return build_test(entry, function, handler_kind=kind, url=URL, custom_domain=custom_domain)


def test_of_a_request(monkeypatch):
    headers = [("Host", "shop.example:8080"), ("x-tag", "1"), ("X-Tag", "2"), ("Connection", "keep-alive")]
    with inspected(echo) as subject:
        entry = subject.send("POST", "/items/%2F?a=1&a=2", [*headers, ("Content-Type", "text/plain")], "你".encode())
    source = build(entry)
    assert source.startswith(
        "from fc_adapter.testing import Client\n\nfrom index import handler\n\n\ndef test_post_items_2f():"
    )
    assert "('X-Tag', '1,2')," in source
    assert "Connection" not in source
    assert "assert response.event['queryParameters'] == {'a': '1,2'}" in source
    run_test(source, echo, monkeypatch)


BODY = b'{"a": "\\u4f60", "b": [1, 2.5, null, true]}'


@pytest.mark.parametrize(
    ("result", "check"),
    [
        ({"statusCode": 200, "body": BODY.decode()}, "response.json == {'a': '你', 'b': [1, 2.5, None, True]}"),
        ({"statusCode": 201, "headers": {"Content-Type": "text/plain"}, "body": "it's"}, 'response.text == "it\'s"'),
        ({"statusCode": 200, "isBase64Encoded": True, "body": "/wA="}, r"response.data == b'\xff\x00'"),
        ({"statusCode": 200, "body": "x" * 5000}, "len(response.data) == 5000"),
        ({"statusCode": 200, "body": "x" * (KEPT + 5)}, f"len(response.data) == {KEPT + 5}"),
        ({"statusCode": 204}, "response.text == ''"),
        ({"statusCode": 200, "body": "a\u2028b\x85"}, "response.data == b"),
    ],
)
def test_of_a_response(result, check, monkeypatch):
    def handler(event, context):
        return result

    with inspected(handler) as subject:
        source = build(subject.send())
    assert f"assert {check}" in source
    run_test(source, handler, monkeypatch)


def test_that_finds_a_difference(monkeypatch):
    with inspected(echo) as subject:
        source = build(subject.send())
    with pytest.raises(AssertionError):
        run_test(source, lambda event, context: {"statusCode": 404}, monkeypatch)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            ZeroDivisionError("division by zero"),
            "pytest.raises(ZeroDivisionError, match=re.escape('division by zero'))",
        ),
        (KeyError(), "pytest.raises(KeyError)"),
        (json.JSONDecodeError("it's (no) JSON\nat all", "", 0), "pytest.raises(Exception, match=re.escape("),
    ],
)
def test_of_a_function_error(error, expected, monkeypatch):
    def handler(event, context):
        raise error

    with inspected(handler) as subject:
        source = build(subject.send())
    assert expected in source
    run_test(source, handler, monkeypatch)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"errorMessage": "Function timed out\nafter 3 s"}, "Function timed out after 3 s"),
        ({"errorMessage": "no module", "errorType": "ImportModuleError"}, "no module"),
    ],
)
def test_of_an_error_that_no_test_can_repeat(data, reason, monkeypatch):
    from fc_adapter.runner.life import Reply

    entry = make_entry(read_request("GET", "/"))
    reply = Reply("error", json.dumps(data).encode(), "c-1")
    event = {"queryParameters": {}, "body": ""}
    entry.end(Exchange(entry.request, "1-a", Response(502, (), b""), 0.1, event, reply), {})
    source = build(entry)
    assert f"assert response.status_code < 500  # it was: {reason}" in source
    run_test(source, echo, monkeypatch)


def test_of_a_bare_app(monkeypatch):
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["PATH_INFO"].encode()]

    with inspected(fc_adapter.wrap(app)) as subject:
        entry = subject.send(target="/x")
    source = build(entry, kind="app", function=Function(handler=Target(None, "index", "app")))
    assert "import fc_adapter\nfrom fc_adapter.testing import Client\n\nfrom index import app\n" in source
    assert "client = Client(fc_adapter.wrap(app))" in source
    run_test(source, app, monkeypatch)


def test_of_a_plain_handler_that_uses_its_context(monkeypatch):
    def handler(event, context):
        return {"statusCode": 200, "body": f"{context.function.name} {context.function.memory} {context.region}"}

    with inspected(handler, custom_domain=True) as subject:
        source = build(subject.send(), kind="plain", custom_domain=True)
    assert "client = Client(handler, context=CONTEXT, custom_domain=True)" in source
    run_test(source, handler, monkeypatch)


def test_of_a_handler_in_an_object_and_of_one_without_a_name(monkeypatch):
    with inspected(echo) as subject:
        entry = subject.send("HEAD")
    source = build(entry, function=Function(handler=Target(None, "index", "app.handler")))
    assert "from index import app\n" in source
    assert "Client(app.handler)" in source
    assert "response.json" not in source
    source = build(entry, function=Function(handler=echo))
    assert "index" not in source


def test_of_binary_bodies(monkeypatch):
    with inspected(echo) as subject:
        short = subject.send("POST", "/", [("Host", "a")], b"\xff\0")
        long = subject.send("POST", "/", [("Host", "a")], bytes(range(256)))
    assert "data=b'\\xff\\x00'" in build(short)
    assert "base64.b64decode(\n" in build(long)
    for entry in (short, long):
        run_test(build(entry), echo, monkeypatch)


def test_of_what_the_gateway_refuses(monkeypatch):
    with inspected(echo) as subject:
        source = build(subject.send(headers=[("X-A", "x" * 9000)]))
    run_test(source, echo, monkeypatch)


@settings(max_examples=100)
@given(requests(), st.text(max_size=30))
@example(read_request("GET", '//"""\\', [("Host", 'a"b')]), "'''\n\"\"\"\\")
@example(read_request("GET", "//[", [("Host", "a.example")]), "")
def test_any_request_makes_a_test_that_passes(request_, text):
    def handler(event, context):
        return {"statusCode": 200, "body": text, "headers": {"X-A": "1"}}

    with inspected(handler) as subject, pytest.MonkeyPatch.context() as monkeypatch:
        subject.platform.gateway.handle(request_._replace(scheme="http"))
        run_test(build(subject.last()), handler, monkeypatch)


# ---- the event -------------------------------------------------------------------------------------------------------


def test_event_file_is_what_invoke_takes(tmp_path, monkeypatch, capsysbinary):
    (tmp_path / "index.py").write_text("def handler(event, context):\n    return event\n")
    monkeypatch.chdir(tmp_path)
    with inspected(echo) as subject:
        entry = subject.send("POST", "/你?a=1", [("Content-Type", "text/plain")], "你好".encode())
    (tmp_path / "event.json").write_text(build_event_file(entry), encoding="utf-8")
    assert run(["invoke", "index:handler", "--event", "event.json", "--result"]) == 0
    assert json.loads(capsysbinary.readouterr().out) == entry.exchange.event


# ---- what there is not -----------------------------------------------------------------------------------------------


def refuse(build_snippet, reason):
    with pytest.raises(UnavailableError) as caught:
        build_snippet()
    assert caught.value.args == (reason,)


def test_nothing_of_a_body_that_is_cut():
    with inspected(echo) as subject:
        entry = subject.send("POST", "/", [], b"x" * (KEPT + 1))
    for builder in (lambda: build_curl(entry, URL), lambda: build(entry), lambda: build_event_file(entry)):
        refuse(builder, "cut")


def test_no_test_of_what_the_runner_did_not_let_come_to_an_end():
    with inspected(echo) as subject:
        subject.platform.pool.close()
        entry = subject.send()
    refuse(lambda: build(entry), "aborted")


def test_no_test_and_no_event_while_it_runs():
    entered, leave = threading.Event(), threading.Event()

    def wait(event, context):
        entered.set()
        leave.wait(20)

    with inspected(wait) as subject:
        thread = threading.Thread(target=subject.send)
        thread.start()
        assert entered.wait(20)
        entry = subject.last()
        refuse(lambda: build(entry), "running")
        refuse(lambda: build_event_file(entry), "no-event")
        leave.set()
        thread.join(20)


def test_nothing_of_what_was_refused():
    with inspected(echo) as subject:
        method = subject.send("TRACE")
        subject.platform.gateway.refuse("no request", "", "", "127.0.0.1")
        wait_until(lambda: subject.last().exchange)
        malformed = subject.last()
    refuse(lambda: build(method), "refused")
    refuse(lambda: build_event_file(method), "no-event")
    refuse(lambda: build_curl(malformed, URL), "malformed")
    assert build_curl(method, URL).startswith("curl -sS -i -X TRACE")
