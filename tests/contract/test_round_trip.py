"""Both directions are inverse to each other, up to the losses that are listed here and nowhere else.

``as_it_arrives`` and ``as_the_client_gets_it`` are those lists: what each of them changes cannot be carried by an event
or a result. Everything they leave alone must come back exactly.
"""

from __future__ import annotations

import json
from urllib.parse import quote_from_bytes

from hypothesis import given
from hypothesis import strategies as st

from fc_adapter.contract.query import build_query_string, parse_query_string, read_query
from fc_adapter.contract.request import build_event, parse_event
from fc_adapter.contract.response import build_result, parse_result
from fc_adapter.contract.rules import TEXT_TYPES
from fc_adapter.contract.trigger import read_request
from fc_adapter.messages import Response, get_header

TOKEN = st.text("!#$%&'*+-.^_`|~09azAZ", min_size=1, max_size=12) | st.sampled_from(
    ["connection", "X-Fc-A", "Keep-Alive"]
)
# Text of a header: anything but what would end it. Hosts and lengths have their own rules, and tests.
VALUE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=30)
UNICODE = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
MEDIA_TYPES = st.sampled_from(
    [None, "", "image/png", "text/html; charset=gbk", "TEXT/plain", "application/x-www-form-urlencoded", *TEXT_TYPES]
)
ENCODED = st.binary(max_size=20).map(lambda raw: quote_from_bytes(raw, safe="/"))
ALL_ENCODED = st.binary(max_size=20).map(lambda raw: "".join(f"%{byte:02X}" for byte in raw))
LITERAL = st.text("/ab%2F+;@:=&!$'()*,~|^[]{}\"<>\\`-._", max_size=20)
PATHS = st.builds(lambda *parts: "/" + "".join(parts), ENCODED, ALL_ENCODED, LITERAL)
FRAMING = {"content-length", "transfer-encoding", "host", "x-forwarded-proto"}


@st.composite
def requests(draw):
    headers = draw(st.lists(st.tuples(TOKEN, VALUE), max_size=6))
    headers = [header for header in headers if header[0].lower() not in FRAMING]
    content_type = draw(MEDIA_TYPES)
    if content_type is not None:
        headers.append(("Content-Type", content_type))
    headers.append(("Host", draw(st.sampled_from(["a.example", "a.example:8080", "[::1]:9000"]))))
    request = read_request(
        draw(st.sampled_from(["GET", "POST", "PUT", "HEAD", "OPTIONS", "PATCH", "DELETE"])),
        draw(PATHS),
        headers,
        draw(st.binary(max_size=200) | st.text(max_size=50).map(lambda text: text.encode("utf-8", "replace"))),
        scheme=draw(st.sampled_from(["http", "https"])),
        http_version=draw(st.sampled_from(["1.0", "1.1", "2"])),
        client=draw(st.sampled_from(["", "11.11.11.11", "::1"])),
    )
    return request._replace(query_string=build_query_string(draw(st.lists(st.tuples(UNICODE, UNICODE), max_size=5))))


def as_it_arrives(request):
    """``request`` less what an event loses: see the module ``contract.request``."""
    headers = [("X-Forwarded-Proto", request.scheme)]
    for name, value in request.headers:
        if name.lower() not in ("connection", "keep-alive") and not name.lower().startswith("x-fc-"):
            headers.append(("-".join(part.capitalize() for part in name.split("-")), value))
    headers = sorted(joined(headers, ",").items())
    body = request.body
    media_type = (get_header(request.headers, "content-type") or "").partition(";")[0].lower()
    if media_type.startswith("text/") or media_type in TEXT_TYPES:
        body = "".join(
            "\ufffd" if "\udc80" <= character <= "\udcff" else character
            for character in body.decode("utf-8", "surrogateescape")
        ).encode()
    headers = [(name, str(len(body)) if name == "Content-Length" else value) for name, value in headers]
    query = joined(parse_query_string(request.query_string), ",")
    return request._replace(headers=headers, body=body, query_string=build_query_string(query.items()))


def joined(pairs, comma):
    found = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: comma.join(values) for name, values in found.items()}


@given(requests())
def test_request_through_an_event(request):
    event = json.dumps(build_event(request)).encode()
    arrived = parse_event(event)
    assert arrived._replace(headers=sorted(arrived.headers)) == as_it_arrives(request)


@given(st.lists(st.tuples(UNICODE, UNICODE)))
def test_query_string_and_pairs(pairs):
    query_string = build_query_string(pairs)
    assert query_string.isascii()
    assert parse_query_string(query_string) == tuple(pairs)


@given(st.dictionaries(UNICODE, UNICODE))
def test_query_string_of_an_event(parameters):
    assert read_query(parameters) == build_query_string(parameters.items())


RESERVED = {"connection", "content-disposition", "content-length", "date", "keep-alive", "server", "upgrade"}
HOP_BY_HOP = {"proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding"}


@st.composite
def responses(draw):
    names = TOKEN | st.sampled_from(["Set-Cookie", "set-cookie", "Vary", *RESERVED - {"content-length"}, *HOP_BY_HOP])
    headers = draw(st.lists(st.tuples(names, VALUE), max_size=8))
    content_type = draw(MEDIA_TYPES)
    if content_type is not None:
        headers.insert(0, ("Content-Type", content_type))
    if draw(st.booleans()):
        headers.append(("Content-Encoding", draw(st.sampled_from(["gzip", "zstd"]))))
    body = draw(st.binary(max_size=200) | st.text(max_size=50).map(lambda text: text.encode("utf-8", "replace")))
    if draw(st.booleans()):
        headers.append(("Content-Length", str(len(body))))
    return Response(draw(st.integers(100, 999)), tuple(headers), body)


def as_the_client_gets_it(response, method):
    """``response`` less what a result loses (see the module ``contract.response``), its headers as sorted pairs."""
    headers = []
    first_spelling = {}
    for name, value in response.headers:
        key = name.lower()
        if key not in RESERVED | HOP_BY_HOP and not key.startswith("x-fc-"):
            name = "Content-Type" if key == "content-type" else name
            headers.append((first_spelling.setdefault(key, name), value.strip(" \t")))
    cookies = [("set-cookie", value) for name, value in headers if name.lower() == "set-cookie"]
    others = joined([header for header in headers if header[0].lower() != "set-cookie"], ", ")
    if response.body and not others.get("Content-Type", "").partition(";")[0].strip():
        others["Content-Type"] = "application/octet-stream"
    others.setdefault("Content-Type", "application/json")
    body = response.body
    if method == "HEAD" or response.status < 200 or response.status in (204, 304):
        body = b""
    return Response(response.status, sorted([*others.items(), *cookies]), body)


def received(result):
    """What the client gets for ``result``, its headers as sorted pairs."""
    response = parse_result(json.loads(json.dumps(result)))
    headers = [(n.lower() if n.lower() == "set-cookie" else n, v) for n, v in response.headers]
    return response._replace(headers=sorted(headers))


@given(responses(), st.sampled_from(["GET", "POST", "HEAD"]))
def test_response_through_a_result(response, method):
    assert received(build_result(response, method=method)) == as_the_client_gets_it(response, method)
