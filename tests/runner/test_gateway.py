"""What the gateway does to a function's result, over a real socket."""

from __future__ import annotations

import json

import pytest

from fc_adapter.contract.trigger import read_request
from fc_adapter.runner import serve
from tests.support.server import wait_until
from tests.support.servers import ECHO

FAILING = """
import json, sys, time
import fc_adapter


def handler(event, context):
    event = json.loads(event)
    path = event["rawPath"]
    if path == "/raise":
        raise RuntimeError("the secret of the function")
    if path == "/bytes":
        return {"statusCode": 200, "body": b"bytes"}
    if path == "/plain":
        return "Hello World!"
    if path == "/none":
        return None
    if path == "/slow":
        time.sleep(0.3)
    print("ran", path, event["requestContext"]["http"]["method"])
    return {"message": "Hello World!"}
"""


@pytest.fixture(scope="module")
def answers(module_servers):
    """A server whose function returns what the request's body says."""
    server = module_servers(ECHO, "index:answers")

    def ask(result, **options):
        return server.request("POST", "/", json.dumps(result), {"Content-Type": "application/json"}, **options)

    return ask


@pytest.fixture(scope="module")
def failing(module_servers):
    return module_servers(FAILING, "index:handler")


def test_platform_headers(answers):
    answer = answers({"statusCode": 201, "headers": {"X-A": "1"}, "body": "你"})
    assert (answer.status, answer.headers["X-A"], answer.body) == (201, "1", "你".encode())
    assert answer.headers["Content-Length"] == "3"
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Content-Disposition"] == "attachment"
    assert answer.headers["X-Fc-Request-Id"].startswith("1-")
    assert answer.headers["Date"].endswith(" GMT")
    assert len(answer.headers) == 6


def test_reserved_headers_are_dropped(answers):
    names = ["Connection", "Content-Length", "Date", "Keep-Alive", "Server", "Content-Disposition", "Upgrade"]
    answer = answers({"statusCode": 200, "headers": dict.fromkeys([*names, "X-Fc-Other"], "mine"), "body": "x"})
    assert "mine" not in answer.headers.values()
    assert answer.headers.get_all("Content-Length") == ["1"]


def test_cookies_arrive_apart(answers):
    headers = {"Set-Cookie": "a=1", "set-cookie": "b=2"}
    assert answers({"statusCode": 200, "headers": headers}).headers.get_all("Set-Cookie") == ["a=1", "b=2"]


def test_line_breaks_in_a_header_begin_no_other(answers):
    answer = answers({"statusCode": 200, "headers": {"X-A": "1\r\nX-Evil: 2", "X-B\r\nX-Evil": "3"}, "body": ""})
    assert answer.headers["X-A"] == "1  X-Evil: 2"
    assert "X-Evil" not in answer.headers


def test_body_that_is_base64(answers):
    assert answers({"statusCode": 200, "isBase64Encoded": True, "body": "AP8="}).body == b"\0\xff"


@pytest.mark.parametrize("status", [204, 304])
def test_status_without_a_body(answers, status):
    answer = answers({"statusCode": status, "body": "not sent"})
    assert (answer.status, answer.body) == (status, b"")


def test_status_without_a_name(answers):
    assert answers({"statusCode": 299, "body": "x"}).status == 299


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({"statusCode": 200, "headers": {"X-A": "a" * 8192}}, "response headers: 8231 bytes, the limit is 8192"),
        ({"statusCode": 100}, "status 100 is not a final one"),
        ({"statusCode": "ok"}, "statusCode must be"),
        ({"statusCode": 200, "headers": {"X-A": ["1", "2"]}}, "values are strings"),
    ],
)
def test_bad_response(answers, result, message):
    answer = answers(result)
    assert (answer.status, answer.json["errorCode"]) == (502, "BadResponse")
    assert message in answer.json["errorMessage"]


def test_results_that_are_no_envelope(failing):
    plain, none, other = failing.get("/plain"), failing.get("/none"), failing.get("/other")
    assert (plain.body, plain.headers["Content-Type"], plain.headers["Content-Length"]) == (
        b"Hello World!",
        "application/json",
        "12",
    )
    assert none.body == b"null"
    assert (other.status, other.body) == (200, b'{"message": "Hello World!"}')


@pytest.mark.parametrize(
    ("path", "error"),
    [("/raise", "  RuntimeError: the secret of the function"), ("/bytes", "  TypeError: Object of type")],
)
def test_function_error_is_hidden_from_the_client(failing, path, error):
    since = len(failing.lines)
    answer = failing.get(path)
    assert (answer.status, answer.body) == (502, b"Internal Server Error")
    assert answer.headers["Content-Type"] == "application/json"
    request_id = answer.headers["X-Fc-Request-Id"]
    assert "secret" not in str(answer.headers)
    failing.wait_for(rf"GET {path}  502  \d+ ms .*{request_id}$", since)
    failing.wait_for(f"^{error}", since)


def test_traceback_is_in_the_log(failing):
    since = len(failing.lines)
    failing.get("/raise")
    failing.wait_for(
        r'^Traceback \(most recent call last\):\n  File ".*index.py", line 10, in handler\n    raise', since
    )
    assert "runner" not in "\n".join(failing.lines[since:])


def test_methods_of_the_trigger(failing):
    answer = failing.request("TRACE", "/")
    assert (answer.status, answer.json["errorCode"]) == (403, "AccessDenied")
    assert "not TRACE" in answer.json["errorMessage"]
    assert failing.request("get", "/").status == 403
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"):
        assert failing.request(method, "/").status == 200


def test_asynchronous_invocation_is_answered_before_it_runs(failing):
    since = len(failing.lines)
    answer = failing.get("/slow", **{"X-Fc-Invocation-Type": "async"})
    assert (answer.status, answer.body) == (202, b"")
    assert "ran /slow" not in "\n".join(failing.lines[since:])
    failing.wait_for("^ran /slow GET", since)
    failing.wait_for(rf"GET /slow  200 .*{answer.headers['X-Fc-Request-Id']}", since)


def test_asynchronous_body_has_its_own_limit(failing):
    headers = {"X-Fc-Invocation-Type": "Async"}
    assert failing.request("POST", "/", b"a" * 128 * 1024, headers).status == 202
    answer = failing.request("POST", "/", b"a" * (128 * 1024 + 1), headers)
    assert (answer.status, answer.json["errorCode"]) == (400, "InvalidArgument")
    assert "131073 bytes, the limit is 131072" in answer.json["errorMessage"]


def test_x_fc_headers_do_not_reach_the_function(echo):
    seen = echo.get("/", **{"X-Fc-Log-Type": "Tail", "Keep-Alive": "1", "Connection": "close"}).json
    assert not {"X-Fc-Log-Type", "Keep-Alive", "Connection"} & set(seen["headers"])


def test_32_mb_pass(module_servers):
    server = module_servers("import json\ndef handler(e, c): return str(len(json.loads(e)['body']))", "index:handler")
    answer = server.request("POST", "/", b"a" * 32 * 1024 * 1024, {"Content-Type": "text/plain"})
    assert (answer.status, answer.text) == (200, str(32 * 1024 * 1024))


def test_custom_domain_forces_no_download(serve):
    server = serve(ECHO, "index:answers", "--custom-domain")
    headers = {"Content-Type": "application/json"}
    result = {"statusCode": 200, "headers": {"Content-Disposition": "inline"}}
    assert server.request("POST", "/", json.dumps(result), headers).headers["Content-Disposition"] == "inline"
    assert "Content-Disposition" not in server.request("POST", "/", '{"statusCode": 200}', headers).headers


def test_line_for_each_request(failing):
    since = len(failing.lines)
    failing.get("/a/path?x=1&y=%E4%BD%A0")
    line = failing.wait_for(r"^GET /a/path\?x=1&y=%E4%BD%A0  200  \d+ ms  (cold start \d+ ms  )?c-\w{8}  1-\S+$", since)
    assert "\033" not in line[0]
    failing.send(b"GET /" + b"z" * 5000 + b" HTTP/1.1\r\n\r\n")
    wait_until(lambda: any(line.startswith("GET /zzz") and "  400  " in line for line in failing.lines[since:]))
    assert max(map(len, failing.lines)) < 400
    failing.send(b"GET /\x9b31m" + b"z" * 5000 + b" HTTP/1.1\r\n\r\n")
    failing.wait_for(r"^GET /%9B31mz+  400 ", since)


def test_error_of_the_runners_own_is_answered(monkeypatch, capsys):
    with serve(lambda event, context: "done", observe=lambda exchange: 1 / 0) as server:
        request = read_request("GET", "/", [("Host", "h")])
        assert server.gateway.handle(request).status == 200
        assert "the exchange could not be shown or kept: Traceback" in capsys.readouterr().err
        monkeypatch.setattr(server.pool, "run", None)
        response = server.gateway.handle(request)
        assert (response.status, json.loads(response.body)["errorCode"]) == (500, "InternalServerError")
        assert "an error of fc-adapter itself, please report it: Traceback" in capsys.readouterr().err
