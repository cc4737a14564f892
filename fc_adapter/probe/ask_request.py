"""Questions about requests: what the function sees of them."""

from __future__ import annotations

import ipaddress
import re
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

from ..contract.rules import METHODS, TEXT_TYPES
from .session import Finding, Session, asks, header_of, one_header

_BYTES = bytes(range(256))


@asks("version")
def version(session: Session) -> Iterator[Finding]:
    yield "version", "v1", session.event()["version"]


@asks("raw-path")
def raw_path(session: Session) -> Iterator[Finding]:
    for path in ("/a%2Fb/", "/a//b", "//a", "/%E8%8C%B6", "/a+b%20c", "/%ff", "/a%2fb;c=1", "/..%2F"):
        yield path, path, session.event(target=f"{path}?x=1")["rawPath"]


@asks("path")
def path(session: Session) -> Iterator[Finding]:
    for target, decoded in (("/a%2Fb/%E8%8C%B6", "/a/b/茶"), ("/a+b%20c", "/a+b c")):
        yield target, decoded, _http(session.event(target=target))["path"]


@asks("query-decoded")
def query_decoded(session: Session) -> Iterator[Finding]:
    seen = session.event(target="/?a=%E8%8C%B6&b=x%20y&c=1+2&d=%26%3D&e=&%66=1")["queryParameters"]
    yield "the query", {"a": "茶", "b": "x y", "c": "1 2", "d": "&=", "e": "", "f": "1"}, seen
    if seen.get("b") in ("x%20y", "x y"):
        session.facts["query_values"] = "raw" if seen["b"] == "x%20y" else "decoded"


@asks("query-joined")
def query_joined(session: Session) -> Iterator[Finding]:
    seen = session.event(target="/?tag=a&tag=b&other=1&tag=c")["queryParameters"]
    yield "three of one name", "a,b,c", seen["tag"]


@asks("query-commas")
def query_commas(session: Session) -> Iterator[Finding]:
    for query in ("tag=a,b", "tag=a%2Cb", "tag=a%2cb"):
        yield query, "a,b", session.event(target=f"/?{query}")["queryParameters"]["tag"]


@asks("query-not-utf8")
def query_not_utf8(session: Session) -> Iterator[Finding]:
    query = session.event(target="/?name=%C4%E3%BA%C3")["queryParameters"]
    yield "a name in GBK", "\ufffd" * 4, query["name"]


@asks("header-names")
def header_names(session: Session) -> Iterator[Finding]:
    headers = session.event(headers=[("x-pROBE-naME", "1"), ("ACCEPT-LANGUAGE", "zh"), ("etag", "2")])["headers"]
    for name in ("X-Probe-Name", "Accept-Language", "Etag"):
        yield name, True, name in headers


@asks("header-joined")
def header_joined(session: Session) -> Iterator[Finding]:
    event = session.event(headers=[("X-Repeated", "a"), ("X-Other", "1"), ("x-repeated", "b")])
    value = header_of(event, "X-Repeated")
    yield "two of one name", True, value in ("a,b", "b,a")
    yield "a header with a comma", "a,b", header_of(session.event(headers=[("X-Comma", "a,b")]), "X-Comma")


@asks("host")
def host(session: Session) -> Iterator[Finding]:
    value = header_of(session.event(), "Host")
    netloc = session.client.netloc
    yield "Host", netloc, value
    if value in (netloc, f"{netloc},{netloc}"):
        session.facts["host"] = "once" if value == netloc else "twice"


@asks("content-length")
def content_length(session: Session) -> Iterator[Finding]:
    text = [("Content-Type", "text/plain; charset=utf-8")]
    event = session.event(method="POST", headers=text, body="茶".encode())
    yield "three bytes of text", "3", header_of(event, "Content-Length")
    image = session.event(method="POST", headers=[("Content-Type", "image/png")], body=_BYTES)
    yield "256 bytes in Base64", "256", header_of(image, "Content-Length")


@asks("forwarded-proto")
def forwarded_proto(session: Session) -> Iterator[Finding]:
    yield "X-Forwarded-Proto", session.client.scheme, header_of(session.event(), "X-Forwarded-Proto")


@asks("request-reserved")
def request_reserved(session: Session) -> Iterator[Finding]:
    for name, value in (
        ("X-Fc-Probe", "1"),
        ("X-Fc-Log-Type", "None"),
        ("Connection", "close"),
        ("Keep-Alive", "timeout=5"),
    ):
        yield name, None, header_of(session.event(headers=[(name, value)]), name)


@asks("body-types")
def body_types(session: Session) -> Iterator[Finding]:
    texts = ["text/plain", "text/csv; charset=utf-8", "Text/HTML", *sorted(TEXT_TYPES)]
    others = [
        "application/x-www-form-urlencoded",
        "application/octet-stream",
        "application/problem+json",
        "image/svg+xml",
        "multipart/form-data; boundary=b",
    ]
    for content_type in texts:
        yield content_type, ("text", "茶".encode()), _body(session, [("Content-Type", content_type)], "茶".encode())
    for content_type in others:
        yield content_type, ("Base64", _BYTES), _body(session, [("Content-Type", content_type)], _BYTES)
    yield "no type", ("Base64", _BYTES), _body(session, [], _BYTES)


def _body(session: Session, headers: list[tuple[str, str]], body: bytes) -> tuple[str, bytes]:
    event = session.event(method="POST", headers=headers, body=body)
    if str(event["isBase64Encoded"]).lower() == "true":
        return "Base64", b64decode(event["body"])
    return "text", event["body"].encode("utf-8", "surrogatepass")


@asks("base64-flag")
def base64_flag(session: Session) -> Iterator[Finding]:
    for content_type, expected in (("text/plain", False), ("image/png", True)):
        event = session.event(method="POST", headers=[("Content-Type", content_type)], body=b"a")
        yield content_type, expected, event["isBase64Encoded"]
    yield "no body", True, session.event()["isBase64Encoded"]


@asks("text-not-utf8")
def text_not_utf8(session: Session) -> Iterator[Finding]:
    for content_type in ("text/plain; charset=gbk", "application/json"):
        event = session.event(method="POST", headers=[("Content-Type", content_type)], body="a茶".encode("gbk"))
        yield content_type, "a\ufffd\ufffd", event["body"]


@asks("method")
def method(session: Session) -> Iterator[Finding]:
    for name in METHODS:
        yield name, name, one_header(session.send(method=name), "X-Probe-Method")


@asks("protocol")
def protocol(session: Session) -> Iterator[Finding]:
    yield "protocol", "HTTP/1.1", _http(session.event())["protocol"]


@asks("source-ip")
def source_ip(session: Session) -> Iterator[Finding]:
    yield "sourceIp is an address", True, _is_address(_http(session.event())["sourceIp"])


@asks("domain-name")
def domain_name(session: Session) -> Iterator[Finding]:
    yield "domainName", session.client.hostname, session.event()["requestContext"]["domainName"]


@asks("request-id")
def request_id(session: Session) -> Iterator[Finding]:
    told = session.tell()
    yield "requestId", told["request_id"], told["event"]["requestContext"]["requestId"]


@asks("request-context")
def request_context(session: Session) -> Iterator[Finding]:
    context = session.event()["requestContext"]
    yield "accountId is a number", True, _matches("[0-9]+", context["accountId"])
    yield "domainPrefix", str(context["domainName"]).partition(".")[0], context["domainPrefix"]
    yield "time", True, _matches(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", context["time"])
    yield "timeEpoch is milliseconds", True, _matches("[0-9]{13}", context["timeEpoch"])
    yield "userAgent", "fc-adapter-probe", context["http"]["userAgent"]


def _matches(pattern: str, text: object) -> bool:
    return isinstance(text, str) and re.fullmatch(pattern, text) is not None


def _is_address(text: object) -> bool:
    try:
        return isinstance(text, str) and bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def _http(event: dict[str, Any]) -> dict[str, Any]:
    http: dict[str, Any] = event["requestContext"]["http"]
    return http
