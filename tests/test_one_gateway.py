"""The local server, ``invoke``, the testing client and the transport are one gateway: each request has one answer."""

from __future__ import annotations

import contextlib
import http.client
import json
import sys

import httpx
import pytest
from werkzeug.test import EnvironBuilder

from fc_adapter.cli import run
from fc_adapter.runner import serve
from fc_adapter.testing import Client, Transport

INDEX = """
import base64, json

events = []


def handler(event, context):
    event = json.loads(event)
    events.append(event)
    result = event["headers"].get("X-Result")
    if result is not None:
        return json.loads(result)
    body = {key: event[key] for key in ("rawPath", "queryParameters", "headers", "body", "isBase64Encoded")}
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}
"""
HOST = [("Host", "demo.example"), ("User-Agent", "one"), ("Accept", "*/*")]
SIZE_OF_HOST = sum(len(f"{name}: {value}\r\n") for name, value in HOST)
JSON = [("Content-Type", "application/json")]


def returning(result):
    return [("X-Result", json.dumps(result))]


def status(number):
    return returning({"statusCode": number, "headers": {"Content-Type": "text/plain"}, "body": "text"})


def headers_of(size):
    """Headers of as many bytes on the wire, those of HOST included."""
    return [("X-Large", "x" * (size - SIZE_OF_HOST - len("X-Large: \r\n")))]


def envelope(**fields):
    return returning({"statusCode": 200, "headers": {"Content-Type": "text/plain"}, "body": "text", **fields})


REQUESTS = [
    *[(method, "/", [], b"") for method in ("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS")],
    *[(method, "/", [], b"") for method in ("PROPFIND", "REPORT", "TRACE", "QUERY", "MKCOL", "PURGE")],
    ("PROPFIND", "/" + "x" * 5000, [], b""),
    *[("GET", target, [], b"") for target in ("/a/b", "/a%2Fb", "/a//b/", "/%E4%BD%A0", "/a+b", "/a%20b", "/%ff")],
    *[("GET", f"/?{query}", [], b"") for query in ("a=1", "a=1&a=2", "a=1,2", "a=+", "a", "a=%26", "b=%E4%BD%A0&a=")],
    ("GET", "/" + "x" * 4095, [], b""),
    ("GET", "/" + "x" * 4096, [], b""),
    ("GET", "/?a=" + "x" * 4092, [], b""),
    ("GET", "/?a=" + "x" * 4093, [], b""),
    ("GET", "/", headers_of(8192), b""),
    ("GET", "/", headers_of(8193), b""),
    ("GET", "/", [("X-Fc-Trace", "1"), ("X-Real", "2")], b""),
    ("POST", "/", JSON, '{"a": "你"}'.encode()),
    ("POST", "/", JSON, '{"a": "你"}'.encode("gbk")),
    ("POST", "/", [("Content-Type", "text/plain; charset=utf-8")], b"text\r\n"),
    ("POST", "/", [("Content-Type", "application/x-www-form-urlencoded")], b"a=1&b=%2C"),
    ("POST", "/", [("Content-Type", "image/png")], bytes(range(256))),
    ("PUT", "/", [("Content-Type", "application/octet-stream")], b"x" * 200_000),
    *[("GET", "/", status(number), b"") for number in (100, 101, 103, 199, 200, 204, 304, 418, 599, 999, 1000, 99)],
    ("HEAD", "/", status(200), b""),
    ("HEAD", "/", status(101), b""),
    *[
        ("GET", "/", returning(result), b"")
        for result in ("text", None, 5, [1], {"message": "你"}, {"statusCode": "200"})
    ],
    ("GET", "/", envelope(body={"a": "你"}), b""),
    ("GET", "/", envelope(body="5L2g", isBase64Encoded=True), b""),
    ("GET", "/", envelope(body="not Base64", isBase64Encoded="true"), b""),
    ("GET", "/", envelope(isBase64Encoded="perhaps"), b""),
    ("GET", "/", envelope(headers={"X": 1}), b""),
    ("GET", "/", envelope(headers={"X": "a\r\nb", "Server": "mine", "X-Fc-A": "1", "bad name": "1"}), b""),
    ("GET", "/", envelope(headers={"Set-Cookie": "a=1", "Set-CookiE": "b=2"}), b""),
    ("GET", "/", envelope(headers={"Content-Disposition": "attachment; filename=a"}), b""),
    ("GET", "/", [("X-Fc-Invocation-Type", "Async"), *status(418)], b""),
    ("GET", "/", [("X-Fc-Invocation-Type", "async"), *status(101)], b""),
    ("POST", "/", [("X-Fc-Invocation-Type", "Async"), *JSON], b'"' + b"x" * (128 * 1024 - 2) + b'"'),
    ("POST", "/", [("X-Fc-Invocation-Type", "Async"), *JSON], b'"' + b"x" * (128 * 1024 - 1) + b'"'),
]


class Ways:
    """The four ways to ``index:handler``: each takes a request, and gives status, headers and body."""

    def __init__(self, handler, port, capsysbinary):
        self._port = port
        self._client = Client(handler)
        self._transport = Transport(handler)
        self._capture = capsysbinary

    def client(self, method, target, headers, body):
        builder = EnvironBuilder(path=target, method=method, headers=[*HOST, *headers], input_stream=None, data=body)
        response = self._client.open(builder.get_request())
        return response.status_code, list(response.headers), response.data

    def transport(self, method, target, headers, body):
        request = httpx.Request(method, f"http://demo.example{target}", headers=[*HOST, *headers], content=body)
        if not body:
            request.headers.pop("Content-Length", None)
        response = self._transport.handle_request(request)
        return response.status_code, response.headers.multi_items(), response.content

    def serve(self, method, target, headers, body):
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        with contextlib.closing(connection):
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in [*HOST, *headers, *([("Content-Length", str(len(body)))] if body else [])]:
                connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()

    def invoke(self, method, target, headers, body, tmp_path):
        (tmp_path / "body").write_bytes(body)
        options = [part for name, value in [*HOST, *headers] for part in ("-H", f"{name}: {value}")]
        data = ["-d", f"@{tmp_path / 'body'}"] if body else []
        assert run(["invoke", "index:handler", method, f"http://demo.example{target}", *options, *data]) == 0
        head, _, content = self._capture.readouterr().out.partition(b"\n\n")
        line, *lines = head.decode().split("\n")
        return int(line.split()[1]), [tuple(each.split(": ", 1)) for each in lines], content


def comparable(answer):
    """An answer without what is of the moment or of the connection."""
    code, headers, body = answer
    of_the_moment = {"date", "x-fc-request-id", "connection"}
    kept = sorted((name.lower(), value) for name, value in headers if name.lower() not in of_the_moment)
    with contextlib.suppress(ValueError, TypeError, KeyError):
        # What the function saw, with its headers in any order.
        seen = json.loads(body)
        seen["headers"] = sorted((name.lower(), value) for name, value in seen["headers"].items())
        body = seen
    return code, kept, body


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """The directory of index.py, on the path."""
    directory = tmp_path_factory.mktemp("index")
    (directory / "index.py").write_text(INDEX)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(directory)
        monkeypatch.syspath_prepend(directory)
        monkeypatch.delitem(sys.modules, "index", raising=False)
        yield directory
        sys.modules.pop("index", None)


@pytest.fixture(scope="module")
def port(index):
    with serve("index:handler") as platform:
        yield int(platform.url.rpartition(":")[2])


@pytest.mark.parametrize(("method", "target", "headers", "body"), REQUESTS)
def test_one_answer_in_all_ways(index, port, tmp_path, capsysbinary, method, target, headers, body):
    import index as module

    ways = Ways(module.handler, port, capsysbinary)
    request = (method, target, headers, body)
    served = comparable(ways.serve(*request))
    assert comparable(ways.client(*request)) == served
    assert comparable(ways.transport(*request)) == served
    assert comparable(ways.invoke(*request, tmp_path)) == served


def test_there_are_sixty():
    assert len(REQUESTS) >= 60
