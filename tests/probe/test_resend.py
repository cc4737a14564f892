"""``fc-adapter replay --to``: recorded requests, sent over sockets to a function that runs elsewhere."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import http.server
import io
import json
import socket
import ssl
import sys
import threading
import time

import pytest
import trustme

from fc_adapter.cli import run
from fc_adapter.probe.client import Client
from fc_adapter.runner import serve
from fc_adapter.runner.record import Recorder
from tests.runner.test_record import PATIENCE


def shop(event, context):
    """A function whose answers hold what it was asked."""
    event = json.loads(event)
    path = event["rawPath"]
    if path == "/broken":
        raise ValueError("broken")
    seen = [path, event["queryParameters"], event["body"], event["headers"].get("X-Own")]
    headers = {"Content-Type": "application/json", "Set-Cookie": "a=1", "Set-CookiE": "b=2"}
    return {"statusCode": 200, "headers": headers, "body": json.dumps(seen)}


def record(directory, handler, *requests, custom_domain=False):
    """Record what ``handler`` answers to requests of (method, target, headers, body)."""
    recorder = Recorder(directory, custom_domain=custom_domain)
    with serve(handler, observe=recorder.write, custom_domain=custom_domain) as platform:
        for request in requests:
            send(platform.url, *request)
    return directory


def send(url, method, target, headers=(), body=b""):
    client = Client(url, timeout=PATIENCE)
    length = [("Content-Length", str(len(body)))] if body else []
    return client.send(method, target, [client.host, *headers, *length], body)


@pytest.fixture
def replay(capsys):
    """``fc-adapter replay``: gives the status, what it has printed, and what it has said beside."""

    def replay(*arguments):
        capsys.readouterr()
        status = run(["replay", *map(str, arguments)])
        out, err = capsys.readouterr()
        return status, out.splitlines(), err

    return replay


@contextlib.contextmanager
def answering(respond, tls=None):
    """A plain HTTP server: ``respond(handler)`` gives status, headers and body. Yields its URL and what it has got."""
    got = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            got.append((self.command, self.requestline.split()[1], self.headers.items(), body))
            status, headers, content = respond(self)
            self.send_response_only(status)
            for header in headers:
                self.send_header(*header)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_HEAD = answer  # noqa: N815 - the names are http.server's

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}", got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


REQUESTS = [
    ("GET", "//a%2Fb/?x=1&x=2&y=%E8%8C%B6", [("X-Own", "1"), ("X-Own", "茶")]),
    ("HEAD", "/head"),
    ("GET", "/broken"),
    ("POST", "/items", [("Content-Type", "text/plain")], "龙井".encode()),
    ("PUT", "/file", [("Content-Type", "image/png")], bytes(range(256))),
]


def test_the_same_function_elsewhere(tmp_path, replay):
    record(tmp_path / "records", shop, *REQUESTS)
    with serve(shop) as platform:
        status, out, err = replay(tmp_path / "records", "--to", platform.url)
    assert status == 0
    assert [line.partition(":")[0] for line in out] == ["same"] * len(REQUESTS)
    assert err == "warning: 2 of 5 requests may change data there: POST /items, PUT /file\n"


def test_nothing_is_sent_that_is_not_recorded(tmp_path, replay):
    """But for the host; neither an agent nor an encoding is the command's own, and no redirect is followed."""
    record(tmp_path / "records", shop, *REQUESTS[:2], ("POST", "/empty", [("X-A", "1")]), REQUESTS[4])
    with answering(lambda request: (302, [("Location", "/elsewhere"), ("Content-Length", "0")], b"")) as (url, got):
        status, out, _ = replay(tmp_path / "records", "--to", f"{url}/", "--yes")
    host = ("Host", url.partition("//")[2])
    assert [(each[0], each[1]) for each in got] == [
        ("GET", "//a%2Fb/?x=1,2&y=%E8%8C%B6"),
        ("HEAD", "/head"),
        ("POST", "/empty"),
        ("PUT", "/file"),
    ]
    assert got[0][2] == [host, ("X-Own", "1,茶".encode().decode("latin-1"))]
    assert got[1][2] == [host]
    assert got[2][2] == [host, ("X-A", "1")]
    assert got[3][2] == [host, ("Content-Type", "image/png"), ("Content-Length", "256")]
    assert got[3][3] == bytes(range(256))
    assert status == 1
    assert out[1] == "  status: 200 -> 302"
    assert "  + Location: /elsewhere" in out


def test_what_the_platform_does_is_told_apart(tmp_path, replay):
    body = shop(json.dumps({"rawPath": "/", "queryParameters": {}, "body": "", "headers": {}}), None)["body"].encode()
    headers = [
        ("content-type", "application/json"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
        ("Content-Encoding", "gzip"),
        ("Vary", "Accept-Encoding"),
        ("Server", "cloud"),
        ("X-Fc-Request-Id", "1-a"),
        ("X-Fc-Duration", "5"),
    ]
    record(tmp_path / "records", shop, ("GET", "/"), ("GET", "/"))
    with answering(lambda request: (200, headers, gzip.compress(body))) as (url, _):
        status, out, err = replay(tmp_path / "records", "--to", url)
        assert (status, err) == (0, "")
        assert [line.partition(":")[0] for line in out[:2]] == ["same", "same"]
        assert out[2:] == [
            "done by the platform, and not counted:",
            "  + Content-Encoding: gzip: the answer came compressed  (2 of 2)",
            "  + Server: cloud: the platform's own header  (2 of 2)",
            "  + Vary: Accept-Encoding: the answer came compressed  (2 of 2)",
            "  + X-Fc-Duration: the platform's own header  (2 of 2)",
            "  - Content-Disposition: attachment: the default domain adds it, a custom domain does not  (2 of 2)",
            "  - Content-Length: how the answer is framed  (2 of 2)",
        ]
        headers.remove(("Set-Cookie", "b=2"))
        status, out, _ = replay(tmp_path / "records", "--to", url)
    assert status == 1
    assert out[1:3] == [
        "  - Set-CookiE: b=2",
        "  1 of 2 cookies came; see docs/contract.md, 'Several cookies', and please tell us",
    ]


@pytest.mark.parametrize(
    ("headers", "content", "seen"),
    [([("Content-Encoding", "gzip")], b"no gzip", "no gzip"), ([("Content-Encoding", "gzip")], b"", "")],
)
def test_what_is_called_gzip(tmp_path, replay, headers, content, seen):
    record(tmp_path / "records", shop, ("GET", "/"))
    with answering(lambda request: (200, headers, content)) as (url, _):
        status, out, _ = replay(tmp_path / "records", "--to", url)
    assert status == 1
    assert any(line.startswith("  body: ") and line.endswith(f" -> {seen!r}") for line in out)


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (502, b"Internal Server Error", "the function failed; its log has the error (request id 1-b)"),
        (403, b'{"errorCode": "AccessDenied", "errorMessage": "sign it"}', "AccessDenied: sign it"),
        (500, b"[]", None),
    ],
)
def test_errors_of_the_platform(tmp_path, replay, status, body, told):
    record(tmp_path / "records", shop, ("GET", "/"))
    with answering(lambda request: (status, [("X-Fc-Request-Id", "1-b")], body)) as (url, _):
        code, out, _ = replay(tmp_path / "records", "--to", url, "--insensitive", "--ignore-header", "set-cookie")
    assert code == 1
    assert out[1] == f"  status: 200 -> {status}"
    assert [line for line in out if "own answer" in line] == ([f"  the platform's own answer: {told}"] if told else [])


def test_no_answer(tmp_path, replay):
    record(tmp_path / "records", shop, ("GET", "/a"), ("GET", "/b"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    status, out, err = replay(tmp_path / "records", "--to", f"http://127.0.0.1:{port}")
    assert status == 1
    assert len(out) == 2
    assert out[1].startswith(f"  no answer from http://127.0.0.1:{port}: ")
    assert err == "fc-adapter replay: stopped; 1 more requests were not sent\n"
    [first, _] = sorted((tmp_path / "records").iterdir())
    assert replay(first, "--to", f"http://127.0.0.1:{port}")[2] == ""


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("typed", "sent"), [("y\n", 1), ("\n", 0), ("", 0)])
def test_people_are_asked_before_data_changes(tmp_path, replay, monkeypatch, typed, sent):
    record(tmp_path / "records", shop, *[("POST", f"/{number}") for number in (1, 2, 3, 4, 5, 6, 6)])
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    with answering(lambda request: (200, [], b"")) as (url, got):
        status, out, err = replay(tmp_path / "records", "--to", url)
    assert (status, bool(got)) == (1, bool(sent))
    assert "7 of 7 requests may change data there: POST /6 (2 times), POST /1, " in err
    assert ", ...\n" in err
    assert "send them? [y/N]" in err
    if not sent:
        assert (out, err.splitlines()[-1]) == ([], "send them? [y/N] fc-adapter replay: nothing was sent")


def test_certificates_are_verified(tmp_path, replay, monkeypatch):
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    record(tmp_path / "records", shop, ("GET", "/"))
    with answering(lambda request: (200, [], b""), tls) as (url, got):
        status, out, _ = replay(tmp_path / "records", "--to", url)
        assert status == 1
        assert "CERTIFICATE_VERIFY_FAILED" in out[1]
        assert got == []
        authority.cert_pem.write_to_path(tmp_path / "authority.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        assert replay(tmp_path / "records", "--to", url)[1][1:] != []
        assert len(got) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--to", "ftp://host"],
        ["--to", "host"],
        ["--to", "http://host/path"],
        ["--to", "http://user@host"],
        ["--to", "http://host?x"],
        ["--to", "http://host:port"],
        ["--to", "http://ho\u0308st"],
        ["--to", "http://host", "--target", "index:handler"],
        ["--to", "http://host", "--template", "s.yaml"],
    ],
)
def test_wrong_usage(tmp_path, replay, arguments):
    record(tmp_path / "records", shop, ("GET", "/"))
    status, out, err = replay(tmp_path / "records", *arguments)
    assert (status, out, err.count("\n")) == (2, [], 1)


def test_event_that_is_no_request(tmp_path, replay):
    text = json.dumps({"event": {"timer": 1}, "response": {"status": 200, "headers": []}})
    (tmp_path / "timer.json").write_text(text)
    status, _, err = replay(tmp_path / "timer.json", "--to", "http://localhost:9")
    assert status == 2
    assert "timer.json' cannot be sent: not an HTTP event" in err


def test_answer_before_the_body_is_sent(monkeypatch):
    """A server that refuses a large body may close its side at once; the refusal is the answer all the same."""

    def end_headers(connection, body):
        end(connection, body)
        raise BrokenPipeError

    end = http.client.HTTPConnection.endheaders
    with serve(shop) as platform:
        answer = send(platform.url, "POST", "/", (), bytes(33 * 1024 * 1024))
        assert (answer.status, json.loads(answer.body)["errorCode"]) == (400, "InvalidArgument")
        monkeypatch.setattr(http.client.HTTPConnection, "endheaders", end_headers)
        assert send(platform.url, "GET", "/").status == 200


def test_large_body_over_a_slow_line():
    """What counts is how long the server stands still, not how long all of it takes."""
    size, received = 8 * 1024 * 1024, []

    def receive(listener):
        connection, _ = listener.accept()
        with connection:
            while sum(received) < size and received[-1:] != [0]:  # 0: the client has given up
                received.append(len(connection.recv(1024 * 1024)))
                time.sleep(0.15 if len(received) < 8 else 0)
            with contextlib.suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 256 * 1024)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        thread = threading.Thread(target=receive, args=(listener,))
        thread.start()
        client = Client(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=0.9)
        answer = client.send("POST", "/", [client.host, ("Content-Length", str(size))], bytes(size))
        thread.join()
    assert answer.status == 200
