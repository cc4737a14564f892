"""What a stranger can do to the runner: requests within requests, what gets into logs and files, where it listens."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest

from tests.support.server import SOURCE, Server, wait_until

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: h\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def statuses(received):
    """Those of all responses."""
    return re.findall(rb"HTTP/1\.1 (\d+) ", received)


@pytest.mark.parametrize(
    "head",
    [
        # two lengths, or none that is one
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n",
        b"Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello",
        b"Content-Length: 5\r\ncontent-length: 0\r\n\r\nhello",
        b"Content-Length: 5, 5\r\n\r\nhello",
        b"Content-Length: +5\r\n\r\nhello",
        b"Content-Length: -5\r\n\r\nhello",
        b"Content-Length: 5 5\r\n\r\nhello",
        b"Content-Length: 0x5\r\n\r\nhello",
        b"Content-Length: 5_0\r\n\r\nhello",
        b"Content-Length: 5.0\r\n\r\nhello",
        b"Content-Length: \xef\xbc\x95\r\n\r\nhello",
        b"Content-Length: 5\xa0\r\n\r\nhello",
        b"Content-Length:\r\n\r\nhello",
        b"Content-Length: 99999999999999999999\r\n\r\nhello",
        b"X-A: 1\x85Content-Length: 5\r\nContent-Length: x\r\n\r\nhello",
        # encodings that only one of two servers takes for chunks
        b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: 'chunked'\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        # names and lines that only one of two servers reads
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"Content-Length\t: 5\r\n\r\nhello",
        b" Content-Length: 5\r\n\r\nhello",
        b"Content-Length: \r\n 5\r\n\r\nhello",
        b"X-A: 1\nContent-Length: 5\r\n\r\nhello",
        b"X-A: 1\rContent-Length: 5\r\n\r\nhello",
        b"X-A: 1\0\r\nContent-Length: 5\r\n\r\nhello",
        b"Content-Length: 5\n\nhello",
        b"Content-Length: 5\r\n\nhello",
        b"Host: other\r\nContent-Length: 5\r\n\r\nhello",
        # chunks
        b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n 5\r\nhello\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5 5\r\nhello\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n100000005\r\nhello\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\rhello\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5;a\nb\r\nhello\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5;a\rb\r\nhello\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5;a\0\r\nhello\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5" + b";a=b" * 1000 + b"\r\nhello\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0\n\n",
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\n",
        b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-A : 1\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-A: 1\nX-B: 2\r\n\r\n",
    ],
    ids=lambda head: repr(head[:70])[2:-1].replace("\\", "/"),
)
def test_request_that_two_servers_could_read_in_two_ways(echo, head):
    since = len(echo.lines)
    received = echo.send(POST + head + SMUGGLED)
    assert statuses(received) == [b"400"]
    assert b"\r\nConnection: close\r\n" in received
    echo.wait_for("  400  ", since)
    assert "/smuggled" not in "\n".join(echo.lines[since:])


@pytest.mark.parametrize(
    "line",
    [
        b"POST / HTTP/1.1\n",
        b"POST / HTTP/1.1 \r\n",
        b"POST  / HTTP/1.1\r\n",
        b"POST\t/\tHTTP/1.1\r\n",
        b"POST / HTTP/1.1\r\r\n",
        b"POST / http/1.1\r\n",
        b"POST / HTTP/1.10\r\n",
        b"POST / HTTP/0.9\r\n",
        b"POST /\r\n",
        b"PRI * HTTP/2.0\r\n",
        b"CONNECT h:443 HTTP/1.1\r\n",
        b"POST ftp://h/ HTTP/1.1\r\n",
        b"POST https://h/ HTTP/1.1\r\n",
    ],
)
def test_request_line_that_two_servers_could_read_in_two_ways(echo, line):
    assert statuses(echo.send(line + b"Host: h\r\nContent-Length: 0\r\n\r\n" + SMUGGLED)) == [b"400"]


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"TRACE"])
def test_body_of_a_method_that_has_none_is_no_request(echo, method):
    head = b"%s / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (method, len(SMUGGLED))
    assert statuses(echo.send(head + SMUGGLED)) == [b"403" if method == b"TRACE" else b"200"]


def test_one_framing_for_what_is_in_order(echo):
    requests = [
        POST + b"Content-Length:\t5 \r\n\r\nhello",
        POST + b'transfer-encoding: CHUNKED\r\n\r\n5 ;a="b";c\r\nhello\r\n000\r\nContent-Length: 99\r\nX-T: 1\r\n\r\n',
        b"GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    ]
    received = echo.send(b"".join(requests))
    assert statuses(received) == [b"200"] * 3
    assert received.count(b'"body": "aGVsbG8="') == 2
    assert received.count(b'"Content-Length": "5"') == 2
    assert b"X-T" not in received


def test_upgrades_are_not_taken(echo):
    head = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\n\r\n"
    assert statuses(echo.send(head)) == [b"200"]


# ---- what gets where -------------------------------------------------------------------------------------------------


def test_nothing_of_a_request_gets_to_the_terminal_as_it_is(echo):
    since = echo.mark()
    for data in (
        b"GET /\x1b]0;title\x07 HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /%1b%5b2J%0a%0dFC%20Invoke?%0a=%1b HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /\x9b2J?\xc2\x9b2J HTTP/1.1\r\nHost: h\r\n\r\n",
        b"G\x1bT / HTTP/1.1\r\nHost: h\r\n\r\n",
        b"NO'METHOD / HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET http://h\x1b/ HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: \x1b[2J\r\n\r\n",
    ):
        with echo.connect() as connection:
            connection.sendall(data)
            assert connection.recv(100).startswith(b"HTTP/1.1 ")
    wait_until(lambda: len([line for line in echo.lines[since:] if re.search("  (200|400|403)  ", line)]) == 7)
    assert all(line.isascii() and line.isprintable() for line in echo.lines[since:])


def test_client_chooses_neither_its_request_id_nor_its_address(echo):
    answer = echo.get("/", **{"X-Fc-Request-Id": "1-mine", "X-Forwarded-For": "6.6.6.6", "X-Real-Ip": "6.6.6.6"})
    assert answer.headers["X-Fc-Request-Id"] == answer.json["request_id"] != "1-mine"
    assert answer.json["source"] == "127.0.0.1"
    assert answer.json["headers"]["X-Forwarded-For"] == "6.6.6.6"


def test_client_does_not_choose_the_scheme(echo):
    assert echo.get("/", **{"X-Forwarded-Proto": "https"}).json["headers"]["X-Forwarded-Proto"] == "http"
    head = b"GET %s://h/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    assert b'"X-Forwarded-Proto": "http"' in echo.send(head % b"http")
    assert statuses(echo.send(head % b"https")) == [b"400"]


def test_records_are_named_by_the_runner_and_readable_by_their_owner(serve, tmp_path):
    server = serve(SOURCE, "index:handler", "--record", "records")
    server.send(b"GET /../../x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX-Fc-Request-Id: ../../x\r\n\r\n")
    [file] = wait_until(lambda: list((tmp_path / "records").iterdir()))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d{6}Z-1-[0-9a-f-]+\.json", file.name)
    assert stat.S_IMODE((tmp_path / "records").stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_variables_are_told_to_the_function_alone(serve, tmp_path):
    (tmp_path / ".env").write_text("PASSWORD=hunter2\n")
    source = "import os\ndef handler(event, context): return len(os.environ['PASSWORD'] + os.environ['TOKEN'])"
    server = serve(source, "index:handler", "--env-file", ".env", "--env", "TOKEN=abcdef", "--record", "records")
    assert server.get().text == "13"
    server.stop()
    [record] = (tmp_path / "records").iterdir()
    for text in (server.log, record.read_text()):
        assert "hunter2" not in text
        assert "abcdef" not in text


def test_error_of_a_function_is_hidden_from_the_client(serve):
    server = serve("def handler(event, context): raise ValueError('secret of the database')", "index:handler")
    answer = server.get()
    assert (answer.status, answer.body) == (502, b"Internal Server Error")
    assert "secret" not in str(answer.headers)


def test_loopback_unless_told_otherwise(tmp_path):
    (tmp_path / "index.py").write_text(SOURCE)
    with Server("index:handler", cwd=tmp_path) as server:
        assert f"http://127.0.0.1:{server.port} " in server.log
        listening = Path(f"/proc/{server.process.pid}/net/tcp").read_text()
        assert f"0100007F:{server.port:04X} 00000000:0000 0A" in listening
        assert f"00000000:{server.port:04X}" not in listening


def test_hashes_of_text_are_secret(serve):
    source = "import sys\ndef handler(event, context): return [hash('x'), sys.flags.hash_randomization]"
    server = serve(source, "index:handler", environment={"PYTHONHASHSEED": "random"})
    first = server.get().json
    other = serve(None, "index:handler", environment={"PYTHONHASHSEED": "random"}).get().json
    assert first[0] != other[0]
    assert first[1] == other[1] == 1


def test_results_cannot_split_a_response(module_servers):
    server = module_servers(
        "import json\ndef handler(event, context): return json.loads(json.loads(event)['body'])", "index:handler"
    )
    for headers in (
        {"X-A": "1\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK"},
        {"X-A\r\nX-B": "1"},
        {"X-A": "1\n\n<script>"},
        {"X-A: 1\r\nX-B": "2"},
        {"Transfer-Encoding": "chunked", "Content-Length": "0"},
    ):
        body = json.dumps({"statusCode": 200, "headers": headers, "body": "whole"})
        answer = server.request("POST", "/", body, {"Content-Type": "application/json"})
        assert (answer.status, answer.body, answer.headers["X-B"]) == (200, b"whole", None)
        assert answer.headers.get_all("Content-Length") == ["5"]
