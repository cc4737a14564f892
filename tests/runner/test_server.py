"""HTTP as the gateway speaks it, over a real socket: framing, connections, and what is no request."""

from __future__ import annotations

import base64
import json
import random
import re
import socket
import struct

import pytest

from tests.support.server import Answer

LIMIT = 32 * 1024 * 1024


def assert_refused(echo, answer, message):
    """The documented error, and a server that goes on."""
    assert (answer.status, answer.headers["Content-Type"]) == (400, "application/json")
    assert answer.json["errorCode"] == "InvalidArgument"
    assert message in answer.json["errorMessage"]
    assert answer.headers["X-Fc-Request-Id"]
    assert echo.get().status == 200


def send(echo, data):
    """What comes back for bytes, as an Answer."""
    from http.client import HTTPResponse

    with echo.connect() as connection:
        connection.sendall(data)
        response = HTTPResponse(connection)
        response.begin()
        return Answer(response)


def test_request_becomes_an_event(echo):
    answer = echo.request(
        "POST", "/a%2Fb/?x=1&x=2&y=%E4%BD%A0", b"{}", {"content-type": "application/json", "x-a": "1"}
    )
    seen = answer.json
    assert (seen["method"], seen["path"], seen["query"]) == ("POST", "/a%2Fb/", {"x": "1,2", "y": "你"})
    assert (seen["body"], seen["headers"]["Content-Type"], seen["headers"]["X-A"]) == ("{}", "application/json", "1")
    assert (seen["source"], seen["headers"]["X-Forwarded-Proto"]) == ("127.0.0.1", "http")
    assert seen["request_id"] == answer.headers["X-Fc-Request-Id"]


def test_header_values_are_utf8(echo):
    data = b"GET / HTTP/1.1\r\nHost: h\r\nX-A: \xe4\xbd\xa0\r\nX-B: \xff \t\r\nX-Empty:\r\n\r\n"
    headers = send(echo, data).json["headers"]
    assert (headers["X-A"], headers["X-B"], headers["X-Empty"]) == ("你", "\ufffd", "")


def test_target_as_the_client_wrote_it(echo):
    text = "/你/?x=好&y=你好".encode()
    seen = send(echo, b"GET " + text + b" HTTP/1.1\r\nHost: h\r\n\r\n").json
    assert (seen["path"], seen["query"]) == ("/%E4%BD%A0/", {"x": "好", "y": "你好"})
    seen = send(echo, b"GET //a//b HTTP/1.1\r\nHost: h\r\n\r\n").json
    assert seen["path"] == "//a//b"


def test_absolute_target_names_the_host(echo):
    seen = send(echo, b"GET http://h.example/p?q=1 HTTP/1.1\r\nHost: other\r\n\r\n").json
    assert (seen["path"], seen["query"], seen["headers"]["Host"]) == ("/p", {"q": "1"}, "h.example")


@pytest.mark.parametrize("host", ["h", "h:65535", "h:", "127.0.0.1:80", "[::1]", "[::1]:9000", "a_b.example"])
def test_host(echo, host):
    assert send(echo, f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()).json["headers"]["Host"] == host


def test_old_client_without_a_host(echo):
    assert "Host" not in send(echo, b"GET / HTTP/1.0\r\n\r\n").json["headers"]


def test_head_has_the_headers_of_a_body_and_none(echo):
    data = b"HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    head, _, body = echo.send(data).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert int(re.search(rb"Content-Length: (\d+)", head)[1]) > 0
    assert body == b""


def test_body_without_a_length_is_empty(echo):
    assert send(echo, b"POST / HTTP/1.1\r\nHost: h\r\n\r\n").json["body"] == ""


def test_expect_100_continue(echo):
    with echo.connect() as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"abc")
        assert b"YWJj" in connection.recv(65536)


@pytest.mark.parametrize(
    ("path", "length", "message"),
    [("/", LIMIT + 1, "request body: 33554433 bytes, the limit is 33554432"), ("/" + "a" * 4096, 3, "path with query")],
)
def test_no_continue_for_what_is_refused(echo, path, length, message):
    head = f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
    assert_refused(echo, send(echo, head.encode()), message)


def test_chunked_body(echo):
    data = b"4;ext=1\r\nWiki\r\n00B \r\npedia in ch\r\n0\r\nTrailer: x\r\n\r\n"
    head = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\nContent-Type: text/plain\r\n\r\n"
    seen = send(echo, head + data).json
    assert (seen["body"], seen["headers"]["Content-Length"]) == ("Wikipedia in ch", "15")
    assert "Transfer-Encoding" not in seen["headers"]


def test_chunked_body_from_a_client(echo):
    seen = echo.request("PUT", "/", iter([b"\0\1", b"\2"]), encode_chunked=True).json
    assert base64.b64decode(seen["body"]) == b"\0\1\2"


CHUNKED = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (CHUNKED + b"x\r\nabc\r\n0\r\n\r\n", "no valid size"),
        (CHUNKED + b"\r\n", "no valid size"),
        (CHUNKED + b"-1\r\n", "no valid size"),
        (CHUNKED + b"+1\r\na\r\n0\r\n\r\n", "no valid size"),
        (CHUNKED + b"0x1\r\na\r\n0\r\n\r\n", "no valid size"),
        (CHUNKED + b"1" * 2000, "no valid size"),
        (CHUNKED + b"3\r\nabcdef\r\n0\r\n\r\n", "longer or shorter than it says"),
        (CHUNKED + b"5\r\nabc\r\n0\r\n\r\n", "longer or shorter than it says"),
        (CHUNKED + b"ffffffff\r\n", "more than 33554432 bytes"),
        (CHUNKED + b"0\r\nno trailer\r\n\r\n", "trailers"),
        (CHUNKED + b"0\r\n" + b"X-A: 1\r\n" * 2000, "trailers"),
        (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", "Transfer-Encoding must be 'chunked'"),
        (
            b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "Transfer-Encoding must be 'chunked'",
        ),
        (
            b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
            "without a Content-Length",
        ),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "must be one number"),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3, 3\r\n\r\nabc", "must be one number"),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -3\r\n\r\nabc", "must be one number"),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \r\n\r\nabc", "must be one number"),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x3\r\n\r\nabc", "must be one number"),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", "must be one number"),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", "request's headers is malformed"),
        (b"GET / HTTP/1.1\r\nHost : h\r\n\r\n", "request's headers is malformed"),
        (b"GET / HTTP/1.1\r\n: h\r\n\r\n", "request's headers is malformed"),
        (b"GET / HTTP/1.1\r\nX-A: 1\r\n folded\r\n\r\n", "request's headers is malformed"),
        (b"GET / HTTP/1.1\r\n X-A: 1\r\n\r\n", "request's headers is malformed"),
        (b"GET / HTTP/1.1\r\nX-A: 1\rX-B: 2\r\n\r\n", "request's headers is malformed"),
        (b"GET / HTTP/1.1\r\nX-A: 1\0\r\n\r\n", "request's headers is malformed"),
        (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\x1d\r\n\r\na", "request's headers is malformed"),
        (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\xa0\r\n\r\na", "must be one number"),
        (b"GET / HTTP/1.1\r\nX\xe4: 1\r\n\r\n", "request's headers is malformed"),
        (b"GET /\r\n\r\n", "request line"),
        (b"GET / HTTP/2.0\r\n\r\n", "request line"),
        (b"GET / x HTTP/1.1\r\n\r\n", "request line"),
        (b"GET /\x0b HTTP/1.1\r\n\r\n", "request line"),
        (b"G(T / HTTP/1.1\r\n\r\n", "request line"),
        (b"\x16\x03\x01\x02\x00\x01\x00", "call it with http:// instead of https://"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "call it with HTTP/1.1"),
        (b"GET x HTTP/1.1\r\n\r\n", "target must be a path"),
        (b"GET * HTTP/1.1\r\n\r\n", "target must be a path"),
        (b"GET file:///etc/passwd HTTP/1.1\r\n\r\n", "target must be a path"),
        (b"GET https://h/ HTTP/1.1\r\nHost: h\r\n\r\n", "target must be a path or an http URL"),
        (b"GET http://[x HTTP/1.1\r\nHost: h\r\n\r\n", "the host of the target must be a name or address"),
        (b"GET http://[1:2]/ HTTP/1.1\r\nHost: h\r\n\r\n", "the host of the target must be a name or address"),
        (b"GET http://h:65536/ HTTP/1.1\r\nHost: h\r\n\r\n", "a port up to 65535 if any, got 'h:65536'"),
        (b"GET http:///p HTTP/1.1\r\nHost: h\r\n\r\n", "a URL without a host"),
        (b"GET http://h/ HTTP/1.1\r\n\r\n", "there must be one Host, got 0"),
        (b"GET / HTTP/1.1\r\n\r\n", "there must be one Host, got 0"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "there must be one Host, got 2"),
        (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", "Host must be a name or address"),
        (b"GET / HTTP/1.1\r\nHost: h:99999\r\n\r\n", "Host must be a name or address, and a port up to 65535"),
        (b"GET / HTTP/1.1\r\nHost: h:8o\r\n\r\n", "Host must be a name or address"),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "Host must be a name or address"),
        (b"GET / HTTP/1.1\r\nHost: \xe4\xbd\xa0\r\n\r\n", "Host must be a name or address"),
        (b"GET / HTTP/1.0\r\nHost: a/b\r\n\r\n", "Host must be a name or address"),
        (b"GET /" + b"a" * 4096 + b" HTTP/1.1\r\n\r\n", "path with query: 4097 bytes, the limit is 4096"),
        (b"GET /?" + b"a" * 4095 + b" HTTP/1.1\r\n\r\n", "path with query: 4097 bytes, the limit is 4096"),
        (b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n\r\n", "URI"),
        (b"GET / HTTP/1.1\r\nX-A: " + b"a" * 9 * 1024 + b"\r\n\r\n", "request headers: 9223 bytes, the limit is 8192"),
        (b"GET / HTTP/1.1\r\nX-A: " + b"a" * 100_000 + b"\r\n\r\n", "request headers: the limit is 8192 bytes"),
        (b"GET / HTTP/1.1\r\n" + b"X: 1\r\n" * 200 + b"\r\n", "Too many headers"),
    ],
    ids=lambda value: value[:60] if isinstance(value, str) else "",
)
def test_what_is_no_request(echo, data, message):
    answer = send(echo, data)
    assert answer.headers["Connection"] == "close"
    assert_refused(echo, answer, message)
    echo.wait_for(f"^InvalidArgument: .*{re.escape(message)}")


def test_longest_path_and_headers_that_are_served(echo):
    target = "/" + "a" * 4095
    data = b"GET %s HTTP/1.0\r\nX-A: %s\r\n\r\n" % (target.encode(), b"b" * (8192 - 7))
    seen = send(echo, data).json
    assert seen["path"] == target
    assert len(seen["headers"]["X-A"]) == 8192 - 7


@pytest.mark.parametrize("chunked", [False, True])
def test_33_mb_are_refused_while_the_client_sends(echo, chunked):
    body = b"a" * 33 * 1024 * 1024
    answer = echo.request("POST", "/", iter([body]) if chunked else body, encode_chunked=chunked)
    assert_refused(echo, answer, "the limit")


@pytest.mark.parametrize("data", [b"", b"\r\n", b"GET / HTTP/1.1", b"GET / HTTP/1.1\r\nHost: h\r\n"])
def test_client_that_leaves_before_it_has_asked(echo, data):
    with echo.connect() as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b" 200 " not in received
    assert echo.get().status == 200


@pytest.mark.parametrize("body", [b"Content-Length: 10\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"])
def test_client_that_leaves_within_its_body(echo, body):
    with echo.connect() as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: h\r\n" + body)
        connection.shutdown(socket.SHUT_WR)
        assert b"ended early" in b"".join(iter(lambda: connection.recv(65536), b""))


def test_client_that_resets_the_connection(echo):
    with echo.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(b"GET /gone HTTP/1.1\r\nHost: h\r\n\r\n")
    assert echo.get().status == 200
    assert "Traceback" not in echo.log


def test_connection_is_kept_alive(echo):
    with echo.connect() as connection:
        for number in range(3):
            connection.sendall(f"GET /{number} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            assert f'\\"path\\": \\"/{number}\\"'.replace("\\", "").encode() in connection.recv(65536)


def test_pipelined_requests_are_answered_in_order(echo):
    requests = [
        b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\n",
        b"POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody",
        CHUNKED.replace(b" / ", b" /3 ") + b"1\r\na\r\n0\r\n\r\n",
        b"HEAD /4 HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /5 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        b"GET /6 HTTP/1.1\r\nHost: h\r\n\r\n",
    ]
    received = echo.send(b"".join(requests))
    assert received.count(b"HTTP/1.1 200 OK\r\n") == 5
    assert re.findall(rb'"path": "/(\d)"', received) == [b"1", b"2", b"3", b"5"]


def test_http_1_0_closes(echo):
    received = echo.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nConnection: close\r\n" in received


def test_damaged_requests_get_an_answer(echo):
    requests = [
        b"GET /a?b=c HTTP/1.1\r\nHost: h\r\nX-A: 1\r\n\r\n",
        b"POST /%41 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
        CHUNKED + b"5\r\nhello\r\n0\r\n\r\n",
    ]
    pieces = [
        b"\r\n",
        b"\0",
        b"\xff",
        b" ",
        b":",
        b"\r",
        b"%",
        b"[",
        b"//",
        b"Content-Length: 3\r\n",
        b"9" * 20,
        b"\x85",
    ]
    chance = random.Random(2026)
    for _ in range(300):
        data = bytearray(chance.choice(requests))
        for _ in range(chance.randrange(1, 5)):
            place = chance.randrange(len(data) + 1)
            data[place : place + chance.randrange(3)] = chance.choice([*pieces, bytes([chance.randrange(256)]), b""])
        with echo.connect() as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            received = b"".join(iter(lambda: connection.recv(65536), b""))
        assert re.match(rb"HTTP/1\.1 (200|400|403) |$", received), data
    assert echo.get().status == 200
    assert "Traceback" not in echo.log


def test_no_file_is_read_and_nothing_runs(echo):
    for target in ("/../../etc/passwd", "/index.py", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/?__debugger__=yes"):
        answer = echo.get(target)
        assert answer.status == 200
        assert json.loads(answer.body)["method"] == "GET"
        assert b"root:" not in answer.body
