"""Responses out, and what the platform makes of anything that a handler returns."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

from fc_adapter import AppError
from fc_adapter.contract.response import (
    add_platform_headers,
    build_result,
    function_error,
    parse_result,
    platform_error,
)
from fc_adapter.messages import Response


def respond(*headers, status=200, body=b"x"):
    return Response(status, headers, body)


HTML = ("Content-Type", "text/html; charset=utf-8")


def test_text_result():
    assert build_result(respond(HTML, body="你好".encode())) == {
        "statusCode": 200,
        "headers": {"Content-Type": "text/html; charset=utf-8"},
        "isBase64Encoded": False,
        "body": "你好",
    }


def test_binary_result():
    body = bytes(range(256))
    assert build_result(respond(("Content-Type", "image/png"), status=201, body=body)) == {
        "statusCode": 201,
        "headers": {"Content-Type": "image/png"},
        "isBase64Encoded": True,
        "body": base64.b64encode(body).decode(),
    }


@pytest.mark.parametrize(
    ("headers", "body", "is_base64"),
    [
        ([HTML], "é".encode("latin-1"), True),
        ([("Content-Type", "text/html; charset=gbk")], "你好".encode("gbk"), True),
        ([HTML, ("Content-Encoding", "gzip")], gzip.compress(b"x", mtime=0), True),
        ([HTML, ("content-encoding", "identity")], b"x", True),
        ([("Content-Type", "application/problem+json")], b"{}", False),
        ([("Content-Type", "image/svg+xml")], b"<svg/>", False),
        ([("Content-Type", "Application/GraphQL")], b"x", False),
        ([("Content-Type", "application/jsonp")], b"x", True),
        ([("Content-Type", " ")], b"x", True),
        ([HTML], b"", False),
        ([("Content-Type", "image/png")], b"", False),
    ],
)
def test_text_or_base64(headers, body, is_base64):
    result = build_result(respond(*headers, body=body), text_types={"application/graphql"})
    assert result["isBase64Encoded"] is is_base64
    assert parse_result(result).body == body


def test_body_without_content_type_is_not_claimed_to_be_json():
    assert build_result(respond())["headers"] == {"Content-Type": "application/octet-stream"}
    assert build_result(respond(body=b""))["headers"] == {}


def test_hop_by_hop_and_framing_headers_are_dropped():
    names = ["Connection", "keep-alive", "Transfer-Encoding", "Content-Length", "TE", "Trailer", "Upgrade"]
    names += ["Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection"]
    kept = [HTML, ("Date", "d"), ("Server", "s"), ("Content-Disposition", "inline"), ("X-Fc-A", "1")]
    result = build_result(respond(*((name, " 1 ") for name in names), *kept))
    assert result["headers"] == dict(kept)


def test_repeated_headers_are_joined_under_the_first_spelling():
    result = build_result(respond(HTML, ("Vary", "A"), ("X-B", "1"), ("vary", "C")))
    assert result["headers"] == {"Content-Type": HTML[1], "Vary": "A, C", "X-B": "1"}


@pytest.mark.parametrize("count", [1, 3, 512])
def test_every_cookie_is_in_the_map(count):
    cookies = [("set-cookie", f"c{i}={i}; Path=/, x") for i in range(count)]
    result = build_result(respond(HTML, *cookies))
    names = [name for name in result["headers"] if name.lower() == "set-cookie"]
    assert names[0] == "Set-Cookie"
    assert len(names) == count
    received = [value for name, value in parse_result(result).headers if name.lower() == "set-cookie"]
    assert received == [value for _, value in cookies]


def test_more_cookies_than_spellings():
    with pytest.raises(AppError, match="more than 512 cookies"):
        build_result(respond(*[("Set-Cookie", "a=b")] * 513))


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: x=y", "a\nb", "a\rb", "a\0b"])
def test_header_injection(value):
    with pytest.raises(AppError, match="CR, LF or NUL in the value of the header 'Location'"):
        build_result(respond(("Location", value)))


@pytest.mark.parametrize("name", ["", "A B", "A:", "Ä", "A\n", " A"])
def test_header_name_that_is_no_token(name):
    with pytest.raises(AppError, match="not an HTTP token"):
        build_result(respond((name, "x")))


@pytest.mark.parametrize(
    ("status", "method"), [(100, "GET"), (103, "GET"), (204, "GET"), (304, "GET"), (200, "HEAD"), (404, "HEAD")]
)
def test_responses_without_a_body(status, method):
    result = build_result(respond(HTML, status=status, body=b"dropped"), method=method)
    assert (result["statusCode"], result["body"], result["isBase64Encoded"]) == (status, "", False)
    assert result["headers"] == {"Content-Type": HTML[1]}


@pytest.mark.parametrize("length", ["0", "2", "-1", "x", "", "1, 1"])
def test_content_length_that_is_not_the_bodys(length):
    with pytest.raises(AppError, match=f"announced Content-Length {length}, but its body has 1 bytes"):
        build_result(respond(HTML, ("Content-Length", length)))
    assert build_result(respond(HTML, ("Content-Length", length)), method="HEAD")["body"] == ""


JSON = ("Content-Type", "application/json")


@pytest.mark.parametrize(
    ("result", "response"),
    [
        # The documentation's own examples.
        ("Hello World!", Response(200, (JSON,), b"Hello World!")),
        ({"message": "Hello World!"}, Response(200, (JSON,), b'{"message": "Hello World!"}')),
        ({"statusCode": 201, "body": {"a": "你"}}, Response(201, (JSON,), '{"a":"你"}'.encode())),
        ({"statusCode": 200, "isBase64Encoded": "false", "body": "hi"}, Response(200, (JSON,), b"hi")),
        # Anything else.
        (None, Response(200, (JSON,), b"null")),
        (b"\xff\x00", Response(200, (JSON,), b"\xff\x00")),
        ([1, 2], Response(200, (JSON,), b"[1, 2]")),
        (3.5, Response(200, (JSON,), b"3.5")),
        ("", Response(200, (JSON,), b"")),
        ({"statusCode": 204, "body": "x"}, Response(204, (JSON,), b"")),
        ({"statusCode": 200, "body": None}, Response(200, (JSON,), b"")),
        ({"statusCode": 200, "body": 5}, Response(200, (JSON,), b"5")),
        ({"statusCode": 200, "body": [1]}, Response(200, (JSON,), b"[1]")),
        ({"statusCode": 200, "body": "eA==", "isBase64Encoded": True}, Response(200, (JSON,), b"x")),
        ({"statusCode": 200, "body": "eA==", "isBase64Encoded": "true"}, Response(200, (JSON,), b"x")),
        ({"statusCode": 200, "body": "e\r\nA==\n", "isBase64Encoded": True}, Response(200, (JSON,), b"x")),
        ({"statusCode": 200, "body": "not base64", "isBase64Encoded": True}, Response(200, (JSON,), b"not base64")),
        ({"statusCode": 200, "body": "eA", "isBase64Encoded": True}, Response(200, (JSON,), b"eA")),
        ({"statusCode": 200, "body": {"a": 1}, "isBase64Encoded": True}, Response(200, (JSON,), b'{"a":1}')),
        ({"statusCode": 200, "body": "\ud800x\udfff"}, Response(200, (JSON,), "\ufffdx\ufffd".encode())),
        ({"statusCode": 200, "headers": {"content-type": "a/b"}}, Response(200, (("content-type", "a/b"),), b"")),
        (b'{"statusCode": NaN}', Response(200, (JSON,), b'{"statusCode": NaN}')),
        ('{"statusCode": 202}', Response(202, (JSON,), b"")),
        (b"[" * 100_000, Response(200, (JSON,), b"[" * 100_000)),
        # What the platform reserves, and what could break the response.
        (
            {"statusCode": 200, "headers": {"Date": "d", "SERVER": "s", "X-Fc-A": "1", "content-disposition": "i"}},
            Response(200, (JSON,), b""),
        ),
        (
            {"statusCode": 200, "headers": {"X-A": "1\r\nX-B: 2\0", "X C": "3", "": "4", "X-D": "\ud800"}},
            Response(200, (("X-A", "1  X-B: 2 "), ("X-D", "\ufffd"), JSON), b""),
        ),
    ],
)
def test_what_the_platform_makes_of_a_result(result, response):
    assert parse_result(result) == response


@pytest.mark.parametrize(
    "result",
    [
        {"statusCode": "200"},
        {"statusCode": True},
        {"statusCode": 200.0},
        {"statusCode": None},
        {"statusCode": 99},
        {"statusCode": 1000},
        {"statusCode": 200, "headers": {"A": ["b"]}},
        {"statusCode": 200, "headers": []},
        {"statusCode": 200, "isBase64Encoded": 1},
        {"statusCode": 200, "isBase64Encoded": "no"},
    ],
)
def test_bad_envelope(result):
    response = parse_result(result)
    assert response.status == 502
    assert json.loads(response.body)["errorCode"] == "BadResponse"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"statusCode": 99}, "statusCode must be an integer from 100 to 999"),
        ({"headers": []}, "headers must be an object whose values are strings"),
        ({"isBase64Encoded": 1}, "isBase64Encoded must be a boolean"),
    ],
)
def test_what_is_bad_about_an_envelope(fields, message):
    error = json.loads(parse_result({"statusCode": 200, **fields}).body)
    assert error == {"errorCode": "BadResponse", "errorMessage": message}


@pytest.mark.parametrize("result", [{"statusCode": b"x"}, {1, 2}, bytearray(b"x"), object()])
def test_result_that_is_not_json(result):
    with pytest.raises(TypeError):
        parse_result(result)


@pytest.mark.parametrize(
    "name", ["Connection", "Content-Disposition", "Content-Length", "Date", "Keep-Alive", "Server", "Upgrade", "X-Fc-A"]
)
def test_headers_that_the_platform_ignores(name):
    """The documented list, and everything that begins as the platform's own headers do."""
    assert parse_result({"statusCode": 200, "headers": {name: "1", "X-A": "2"}}).headers == (
        ("X-A", "2"),
        ("Content-Type", "application/json"),
    )


def test_custom_domain_honours_content_disposition():
    result = build_result(respond(HTML, ("Content-Disposition", "inline")))
    assert parse_result(result, custom_domain=True).headers == (HTML, ("Content-Disposition", "inline"))


def test_headers_of_the_platform():
    response = add_platform_headers(respond(HTML), request_id="1-a", date="today")
    added = (("Content-Length", "1"), ("Date", "today"), ("X-Fc-Request-Id", "1-a"))
    assert response.headers == (HTML, *added, ("Content-Disposition", "attachment"))
    response = add_platform_headers(respond(HTML), request_id="1-a", date="today", custom_domain=True)
    assert response.headers == (HTML, *added)
    response = add_platform_headers(respond(HTML, status=204), request_id="1-a", date="today", custom_domain=True)
    assert response.headers == (HTML, *added[1:])


def test_errors_of_the_platform():
    assert function_error() == Response(502, (JSON,), b"Internal Server Error")
    error = platform_error(400, "InvalidArgument", "too long")
    assert (error.status, json.loads(error.body)) == (400, {"errorCode": "InvalidArgument", "errorMessage": "too long"})
