"""Events in, Requests out: one table of cases for what ``parse_event`` reads, and one for what it refuses."""

from __future__ import annotations

import base64
import json
import sys
from importlib import import_module

import pytest

from fc_adapter import EventError
from fc_adapter.contract.query import parse_query_string
from fc_adapter.contract.request import build_event, load_event, parse_event
from fc_adapter.contract.trigger import read_request
from fc_adapter.messages import Request
from tests.conftest import make_event, read_event


def test_recorded_get():
    assert parse_event(read_event("get_no_body")) == Request(
        method="GET",
        raw_path="/hello/world",
        query_string="foo=bar&x=1",
        headers=(
            ("Accept", "*/*"),
            ("Host", "demo.cn-hangzhou.fcapp.run"),
            ("User-Agent", "curl/8.5.0"),
            ("X-Forwarded-Proto", "https"),
            ("X-Test-Header", "probe123"),
        ),
        body=b"",
        scheme="https",
        http_version="1.1",
        client="11.11.11.11",
        server=("demo.cn-hangzhou.fcapp.run", 443),
    )


def test_recorded_form():
    request = parse_event(read_event("post_form"))
    assert request.raw_path == "/form/%E4%BD%A0%E5%A5%BD%2Fa%20b/"
    assert request.path_bytes == "/form/你好/a b/".encode()
    assert request.query_string == "q=a%20b%26c%3Dd&%E9%94%AE=%E5%80%BC&empty="
    assert request.query_string == "q=a%20b%26c%3Dd&%E9%94%AE=%E5%80%BC&empty="
    assert request.body == b"name=%E4%BD%A0%E5%A5%BD&tag=a&tag=b"
    assert dict(request.headers)["Content-Length"] == "35"


def test_recorded_json():
    request = parse_event(read_event("post_json"))
    assert json.loads(request.body) == {"message": "你好 FC!"}
    assert request.query_string == "parameter1=value1&parameter2=value1,value2"
    assert dict(request.headers)["Cookie"] == "session=abc; theme=dark"


def test_recorded_invocation_over_the_api():
    request = parse_event(read_event("invoke_api"))
    assert (request.method, request.raw_path) == ("POST", "/2023-03-30/functions/demo/invocations")
    assert request.body == b"haha"


def test_recorded_api_gateway():
    request = parse_event(read_event("api_gateway"))
    assert (request.method, request.raw_path, request.query_string) == ("POST", "/example", "a=1")
    assert request.body == b'{"a":1}'
    assert request.client == ""
    assert request.server == ("localhost", 443)


@pytest.mark.parametrize("form", [bytes, bytearray, bytes.decode, json.loads])
def test_every_form_of_an_event(form):
    data = read_event("post_json")
    assert parse_event(form(data)) == parse_event(data)


def test_null_and_missing_fields():
    event = {"requestContext": {"http": {"method": "GET"}}, "headers": None, "queryParameters": None, "body": None}
    assert parse_event(event) == Request("GET", "/", "", (), b"", "https", "1.1", "", ("localhost", 443))


@pytest.mark.parametrize(
    ("fields", "raw_path"),
    [
        ({"raw_path": "/a%2Fb%25%2B+//c/"}, "/a%2Fb%25%2B+//c/"),
        ({"raw_path": "no/slash"}, "/no/slash"),
        ({"raw_path": "/你 好?#"}, "/%E4%BD%A0%20%E5%A5%BD%3F%23"),
        ({"raw_path": "/100%"}, "/100%"),
        ({"raw_path": "/tab\t%41"}, "/tab%09%41"),
        ({"raw_path": "/decoded", "rawPath": None}, "/decoded"),
        ({"raw_path": "/50%25 off", "rawPath": ""}, "/50%2525%20off"),
    ],
)
def test_path(fields, raw_path):
    assert parse_event(make_event(**fields)).raw_path == raw_path


@pytest.mark.parametrize(
    ("path", "raw_path"), [("/a%20b", "/a%20b"), ("/a b", "/a%20b"), ("/你", "/%E4%BD%A0"), (None, "/")]
)
def test_api_gateway_path(path, raw_path):
    assert parse_event({"httpMethod": "GET", "path": path}).raw_path == raw_path


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("a.example,a.example", "a.example"),
        ("a.example, a.example", "a.example"),
        ("a.example,b.example", "a.example,b.example"),
        ("a.example", "a.example"),
    ],
)
def test_doubled_host(host, expected):
    assert parse_event(make_event(headers={"Host": host})).headers == (("Host", expected),)


@pytest.mark.parametrize(
    ("headers", "domain", "server"),
    [
        ({"Host": "h.example:8080"}, "d.example", ("d.example", 8080)),
        ({"Host": "h.example"}, "", ("h.example", 443)),
        ({"Host": "h.example", "X-Forwarded-Proto": "http"}, "", ("h.example", 80)),
        ({"Host": "[::1]:9000"}, "", ("[::1]", 9000)),
        ({"Host": "[::1]"}, "", ("[::1]", 443)),
        ({"Host": "h:port"}, "", ("h:port", 443)),
        ({}, "", ("localhost", 443)),
    ],
)
def test_server(headers, domain, server):
    assert parse_event(make_event(headers=headers, domain=domain)).server == server


@pytest.mark.parametrize(
    ("value", "scheme"),
    [
        ("http", "http"),
        ("HTTP", "http"),
        ("HTTPS", "https"),
        ("ftp", "https"),
        ("http,https", "https"),
        (None, "https"),
    ],
)
@pytest.mark.parametrize("others", [{}, {"X-A": "é"}])
def test_scheme(value, scheme, others):
    headers = others if value is None else {**others, "X-Forwarded-Proto": value}
    assert parse_event(make_event(headers=headers)).scheme == scheme


@pytest.mark.parametrize(
    ("protocol", "version"), [("HTTP/1.0", "1.0"), ("HTTP/2.0", "2"), ("HTTP/3", "3"), ("spam", "1.1"), (None, "1.1")]
)
def test_http_version(protocol, version):
    assert parse_event(make_event(protocol=protocol)).http_version == version


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({"Content-Length": "999"}, "abc", {"Content-Length": "3"}),
        ({"content-length": "1", "Content-Length": "2"}, "abc", {"content-length": "3"}),
        ({"Content-Length": "0"}, "", {"Content-Length": "0"}),
        ({"Transfer-Encoding": "chunked"}, "abc", {"Content-Length": "3"}),
        ({"Transfer-Encoding": "chunked"}, "", {}),
        ({}, "你", {"Content-Length": "3"}),
    ],
)
def test_content_length_is_that_of_the_body(headers, body, expected):
    assert dict(parse_event(make_event(headers=headers, body=body)).headers) == expected


@pytest.mark.parametrize("flag", [True, "true", "True"])
def test_base64_body(flag):
    blob = bytes(range(256))
    assert parse_event(make_event(body=base64.b64encode(blob).decode(), is_base64=flag)).body == blob


@pytest.mark.parametrize("flag", [False, "false", None])
def test_text_body(flag):
    assert parse_event(make_event(body="YQ== 你", is_base64=flag)).body == "YQ== 你".encode()


def test_base64_wrapped_into_lines():
    blob = bytes(200)
    assert parse_event(make_event(body=base64.encodebytes(blob).decode(), is_base64=True)).body == blob


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ((), "a=1,2&b=3,4&c=5"),
        (frozenset({"a"}), "a=1&a=2&b=3,4&c=5"),
        (True, "a=1&a=2&b=3&b=4&c=5"),
        (False, "a=1,2&b=3,4&c=5"),
    ],
)
def test_split_query(split, expected):
    event = make_event(query={"a": "1,2", "b": "3,4", "c": "5"})
    assert parse_event(event, split_query=split).query_string == expected


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (b"hello", "the event is not JSON"),
        (b"\xff\xfe\x00", "the event is not JSON"),
        (b"[" * 100_000, "the event is not JSON"),
        ('{"rawPath": "/"} \u00a0', "the event is not JSON"),
        (b"", "the event is not JSON"),
        (b"[1]", "the event is a value of type list; expected the JSON object"),
        (b"null", "the event is null"),
        (b"true", "the event is true"),
        ('"text"', "the event is the string 'text'"),
        (7, "the event is a value of type int"),
        (b"{}", "not an HTTP event: its keys are none"),
        (read_event("timer"), "its keys are 'triggerTime', 'triggerName', 'payload'; .* on_other_event"),
        ({"\ud800": 1, 10**5000: 2}, r"its keys are '\\ud800', a value of type int; "),
        ({"requestContext": "x"}, "not an HTTP event"),
        ({"requestContext": {"requestId": "1-a"}}, "not an HTTP event: its keys are 'requestContext'; "),
        (dict.fromkeys("abcdefghi"), "its keys are 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'; expected"),
    ],
)
def test_not_an_http_event(event, message):
    with pytest.raises(EventError, match=message):
        load_event(event)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (make_event(headers=["a"]), "headers of the event must be an object, got a value of type list"),
        ({**make_event(), "headers": False}, "headers of the event must be an object, got false"),
        (make_event(headers={"A": 1}), r"headers\['A'\] of the event must be a string, got a value of type int"),
        (make_event(headers={"A": None}), r"headers\['A'\] of the event must be a string, got null"),
        (make_event(headers={1: "A"}), "each name in headers of the event must be a string"),
        (make_event(headers={"A": "\ud800"}), r"headers\['A'\] of the event must be valid Unicode"),
        (make_event(headers={"\ud800": "a"}), "each name in headers of the event must be valid Unicode"),
        (make_event(query={"a": ["1"]}), r"queryParameters\['a'\] of the event must be a string"),
        (make_event(query={"a": "\udfff"}), r"queryParameters\['a'\] of the event must be valid Unicode"),
        (make_event(body={"a": 1}), "body of the event must be a string, got a value of type dict"),
        (make_event(body="\ud800"), "body of the event must be valid Unicode"),
        (make_event(body="YQ", is_base64=True), "isBase64Encoded is true, but body is not valid Base64"),
        (make_event(body="Y*==", is_base64=True), "not valid Base64: the string 'Y"),
        (make_event(body="YQ==YQ==", is_base64=True), "not valid Base64"),
        (make_event(body="é" * 50, is_base64=True), r"not valid Base64: the string 'é+'\.\.\."),
        (make_event(is_base64="yes"), 'isBase64Encoded of the event must be true, false, "true" or "false"'),
        (make_event(is_base64=1), "isBase64Encoded of the event must be"),
        (make_event(raw_path=5), "rawPath of the event must be a string"),
        (make_event(raw_path="/\ud800"), "rawPath of the event must be valid Unicode"),
        (make_event(method=""), "requestContext.http.method of the event must be an HTTP method"),
        (make_event(method="G T"), "must be an HTTP method such as 'GET', got the string 'G T'"),
        (make_event(method="G T", raw_path="GET"), "must be an HTTP method"),
        (make_event(method="GÉT"), "must be an HTTP method"),
        (make_event(method="GET\n"), "must be an HTTP method"),
        (make_event(requestContext={"http": "x"}), "requestContext.http of the event must be an object"),
        (make_event(requestContext=[]), "requestContext of the event must be an object"),
        (make_event(source_ip=7), "requestContext.http.sourceIp of the event must be a string"),
        ({"rawPath": "/x"}, "requestContext.http.method of the event must be an HTTP method such as 'GET', got null"),
        ({"httpMethod": None}, "httpMethod of the event must be an HTTP method"),
    ],
)
def test_malformed_event(event, message):
    beginning = r"(isBase64Encoded is true, but body is |requestContext\.http\.method of the event )?"
    with pytest.raises(EventError, match=f"^{beginning}{message}"):
        parse_event(event)


def test_build_event_is_what_the_platform_sends():
    """The inverse gives the recorded events back, field by field."""
    for name in ("post_json", "post_form"):
        event = json.loads(read_event(name))
        context = event["requestContext"]
        rebuilt = build_event(
            parse_event(event), account_id=context["accountId"], request_id=context["requestId"], epoch_ms=1693896071895
        )
        context.pop("triggerId", None)
        event["headers"].update({"X-Forwarded-Proto": "https", "Content-Length": rebuilt["headers"]["Content-Length"]})
        assert rebuilt == event


def test_build_event_drops_what_the_platform_keeps():
    headers = [("x-fc-trace", "1"), ("Connection", "close"), ("keep-alive", "5"), ("x-a", "1"), ("X-A", "2")]
    event = build_event(read_request("GET", "/", headers))
    assert event["headers"] == {"X-A": "1,2", "X-Forwarded-Proto": "https"}
    assert (event["body"], event["isBase64Encoded"]) == ("", True)


def test_client_cannot_state_the_scheme():
    event = build_event(read_request("GET", "/", [("X-Forwarded-Proto", "https")], scheme="http"))
    assert event["headers"] == {"X-Forwarded-Proto": "http"}


@pytest.mark.parametrize(
    ("content_type", "as_text"),
    [
        ("text/plain", True),
        ("TEXT/HTML; charset=gbk", True),
        ("application/json;charset=utf-8", True),
        ("application/ld+json", True),
        ("application/xhtml+xml", True),
        ("application/xml", True),
        ("application/atom+xml", True),
        ("application/javascript", True),
        ("application/problem+json", False),
        ("application/x-www-form-urlencoded", False),
        ("application/jsonp", False),
        ("image/png", False),
    ],
)
def test_documented_text_types_travel_as_text(content_type, as_text):
    event = build_event(read_request("POST", "/", [("Content-Type", content_type)], b"{}"))
    assert event["isBase64Encoded"] is not as_text
    assert event["body"] == ("{}" if as_text else "e30=")


def test_text_that_is_not_utf8_is_lost_at_the_gateway():
    event = build_event(read_request("POST", "/", [("Content-Type", "text/plain")], "a你".encode("gbk")))
    assert event["body"] == "a\ufffd\ufffd"


def test_read_request_from_a_url():
    request = read_request("GET", "http://h.example:81/a?x=%E4%BD%A0&y=a+b&z&=#f", [("host", "other"), ("A", "b")])
    assert request.query_string == "x=%E4%BD%A0&y=a+b&z&="
    assert (request.scheme, request.raw_path, request.server) == ("http", "/a", ("h.example", 81))
    assert request.headers == (("Host", "h.example:81"), ("A", "b"))


@pytest.mark.parametrize(
    ("method", "target", "headers", "message"),
    [
        ("G T", "/", [], "'G T' is not an HTTP method"),
        ("", "/", [], "'' is not an HTTP method"),
        ("GET", "/", [("A B", "x")], "'A B' with the value 'x' is not an HTTP header"),
        ("GET", "/", [("A", "b\r\nC: d")], "is not an HTTP header"),
        ("GET", "/", [("A", "\udcff")], "must be valid Unicode"),
        ("GET", "http://[x", [], "Invalid IPv6 URL"),
    ],
)
def test_what_is_no_request(method, target, headers, message):
    with pytest.raises(ValueError, match=message):
        read_request(method, target, headers)


def test_read_request_with_plain_text_in_it():
    request = read_request("GET", "https://user:secret@h.example/你?q=你 好&é=%E4%BD%A0+1")
    assert request.headers == (("Host", "h.example"),)
    assert request.raw_path == "/%E4%BD%A0"
    assert request.query_string == "q=%E4%BD%A0%20%E5%A5%BD&%C3%A9=%E4%BD%A0+1"


def test_read_request_without_a_path():
    assert read_request("GET", "https://h.example").raw_path == "/"


def test_query_bytes_that_are_not_utf8_are_lost_at_the_gateway():
    assert parse_query_string("a=%FF%E4%BD") == (("a", "\ufffd\ufffd\ufffd"),)


@pytest.fixture(params=["with orjson", "without"])
def orjson(request, monkeypatch):
    """Run a test in a process that has loaded orjson, and in one that has not."""
    if request.param == "without":
        monkeypatch.delitem(sys.modules, "orjson", raising=False)
    else:
        import_module("orjson")


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (b'{"rawPath": "/", "a": "\xe4\xbd\xa0"}', {"rawPath": "/", "a": "你"}),
        (' \n{"rawPath": "/a"} ', {"rawPath": "/a"}),
        (b'{"rawPath": "/"}\n', {"rawPath": "/"}),
        (b'{"rawPath": "/", "a": Infinity, "b": 1, "b": 2}', {"rawPath": "/", "a": float("inf"), "b": 2}),
        (bytearray(b'{"rawPath": "/", "a": "\\ud800"}'), {"rawPath": "/", "a": "\ud800"}),
    ],
)
def test_json_of_every_kind(orjson, event, expected):
    assert load_event(event) == expected


@pytest.mark.parametrize("event", [b'{"rawPath": "/"} x', b'{"rawPath": "/"', '{"rawPath": "/"}{}', b'{"a": "\xff"}'])
def test_what_is_not_json(orjson, event):
    with pytest.raises(EventError, match="the event is not JSON"):
        load_event(event)
