"""Questions about responses: what the client gets of what the function returns."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

from ..contract.rules import RESERVED_RESPONSE_HEADERS
from ..messages import Response
from .session import Finding, Session, all_headers, asks, is_error, one_header

_JSON = "application/json"


@asks("plain-results")
def plain_results(session: Session) -> Iterator[Finding]:
    for result, body in (
        ("text 茶", "text 茶".encode()),
        (None, b"null"),
        (5, b"5"),
        ([1, "茶"], b'[1, "\\u8336"]'),
    ):
        yield repr(result), body, session.give(result).body
    yield "bytes", "bytes 茶".encode(), session.give("bytes 茶", **{"as": "bytes"}).body


@asks("status")
def status(session: Session) -> Iterator[Finding]:
    for number in (201, 299, 302, 418, 500, 599):
        yield str(number), number, session.envelope(statusCode=number).status


@asks("no-envelope")
def no_envelope(session: Session) -> Iterator[Finding]:
    for result in ({"message": "tea"}, [1]):
        response = session.give(result)
        yield f"{result}: status", 200, response.status
        yield f"{result}: type", _JSON, _type(response)


@asks("response-headers")
def response_headers(session: Session) -> Iterator[Finding]:
    response = session.envelope({"X-One": "1", "x-two": "a, b", "Cache-Control": "no-store"})
    for name, value in (("X-One", "1"), ("X-Two", "a, b"), ("Cache-Control", "no-store")):
        yield name, [value], all_headers(response, name)


@asks("header-lists")
def header_lists(session: Session) -> Iterator[Finding]:
    response = session.envelope({"Set-Cookie": ["a=1; Path=/", "b=2; Path=/"]})
    cookies = all_headers(response, "Set-Cookie")
    yield "a list of two cookies", (502, []), (response.status, cookies)
    if len(cookies) == 2:
        session.facts["header_lists"] = "each"
    elif response.status == 502:
        session.facts["header_lists"] = "refused"


@asks("content-type-missing")
def content_type_missing(session: Session) -> Iterator[Finding]:
    yield "no headers", _JSON, _type(session.give({"statusCode": 200, "headers": {}, "body": "text"}))
    yield "headers is missing", _JSON, _type(session.give({"statusCode": 200, "body": "text"}))


@asks("content-type-case")
def content_type_case(session: Session) -> Iterator[Finding]:
    seen = []
    for name in ("content-type", "CONTENT-TYPE"):
        seen.append(_type(session.give({"statusCode": 200, "headers": {name: "text/csv"}, "body": "text"})))
        yield name, "text/csv", seen[-1]
    if seen in (["text/csv"] * 2, [_JSON] * 2):
        session.facts["content_type_case"] = "exact" if _JSON in seen else "any"


@asks("result-base64")
def result_base64(session: Session) -> Iterator[Finding]:
    encoded = base64.b64encode("茶".encode()).decode()
    for flag, body in ((True, "茶"), ("true", "茶"), (False, encoded), ("false", encoded), (None, encoded)):
        fields: dict[str, Any] = {} if flag is None else {"isBase64Encoded": flag}
        yield f"isBase64Encoded: {flag!r}", body.encode(), session.envelope(body=encoded, **fields).body
    yield "all bytes", bytes(range(256)), session.envelope(isBase64Encoded=True, all_bytes=1).body


@asks("result-not-base64")
def result_not_base64(session: Session) -> Iterator[Finding]:
    response = session.envelope(body="not Base64!", isBase64Encoded=True)
    yield "text that is not Base64", (200, b"not Base64!"), (response.status, response.body)


@asks("result-object")
def result_object(session: Session) -> Iterator[Finding]:
    response = session.envelope(body={"tea": "茶", "n": 1})
    yield "an object", {"tea": "茶", "n": 1}, json.loads(response.body)


@asks("response-reserved")
def response_reserved(session: Session) -> Iterator[Finding]:
    for name in (*sorted(RESERVED_RESPONSE_HEADERS), "x-fc-probe"):
        value = "2" if name == "content-length" else "probe"
        response = session.envelope({name.title(): value})
        yield name, (False, b"text"), (value in all_headers(response, name), response.body)


@asks("connection-headers")
def connection_headers(session: Session) -> Iterator[Finding]:
    for name, value in (
        ("Transfer-Encoding", "chunked"),
        ("Te", "trailers"),
        ("Trailer", "X-A"),
        ("Proxy-Connection", "close"),
    ):
        yield name, b"text", session.envelope({name: value}).body


@asks("no-body")
def no_body(session: Session) -> Iterator[Finding]:
    for number in (204, 304):
        response = session.envelope(statusCode=number)
        yield str(number), (number, b""), (response.status, response.body)
    response = session.envelope(method="HEAD")
    yield "HEAD", (200, b"", "4"), (response.status, response.body, one_header(response, "Content-Length"))


@asks("status-1xx")
def status_1xx(session: Session) -> Iterator[Finding]:
    response = session.envelope(statusCode=103)
    yield "103", True, is_error(response, 502, "BadResponse")


@asks("streaming")
def streaming(session: Session) -> Iterator[Finding]:
    yield "a generator", 502, session.give(["a", "b"], **{"as": "generator"}).status


@asks("added-headers")
def added_headers(session: Session) -> Iterator[Finding]:
    response = session.envelope()
    yield "Content-Length", ["4"], all_headers(response, "Content-Length")
    yield "Date", 1, len([value for value in all_headers(response, "Date") if parsedate_to_datetime(value)])
    yield "X-Fc-Request-Id", 1, len([value for value in all_headers(response, "X-Fc-Request-Id") if value])


@asks("download")
def download(session: Session) -> Iterator[Finding]:
    yield "Content-Disposition", ["attachment"], all_headers(session.envelope(), "Content-Disposition")


@asks("custom-download")
def custom_download(session: Session) -> Iterator[Finding]:
    yield "Content-Disposition", [], all_headers(session.envelope(custom=True), "Content-Disposition")


@asks("custom-disposition")
def custom_disposition(session: Session) -> Iterator[Finding]:
    response = session.envelope({"Content-Disposition": "inline; filename=tea.txt"}, custom=True)
    is_kept = "inline; filename=tea.txt" in all_headers(response, "Content-Disposition")
    yield "the function's", (200, True), (response.status, is_kept)
    if response.status == 200:
        session.facts["custom_disposition"] = "kept" if is_kept else "dropped"


_COOKIE = "a=1; Expires=Wed, 04 May 2033 03:02:01 GMT; Path=/"


@asks("one-cookie")
def one_cookie(session: Session) -> Iterator[Finding]:
    yield "Set-Cookie", [_COOKIE], all_headers(session.envelope({"Set-Cookie": _COOKIE}), "Set-Cookie")


@asks("joined-cookies")
def joined_cookies(session: Session) -> Iterator[Finding]:
    yield "Set-Cookie", ["a=1, b=2"], all_headers(session.envelope({"Set-Cookie": "a=1, b=2"}), "Set-Cookie")


@asks("several-cookies")
def several_cookies(session: Session) -> Iterator[Finding]:
    cookies = {"Set-Cookie": _COOKIE, "Set-CookiE": "b=2", "Set-CooKie": "c=3"}
    seen = sorted(all_headers(session.envelope(dict(cookies)), "Set-Cookie"))
    yield "three letter cases", sorted(cookies.values()), seen
    if len(seen) in (1, 3):
        session.facts["several_cookies"] = "each" if len(seen) == 3 else "one"


def _type(response: Response) -> str | None:
    """The media type of a response, in lower case and without parameters."""
    types = all_headers(response, "Content-Type")
    return types[0].partition(";")[0].strip().lower() if len(types) == 1 else ", ".join(types) or None
