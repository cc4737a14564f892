"""Whatever comes, the contract makes a valid value of it, or one of our errors that names what is wrong."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fc_adapter import AppError, EventError
from fc_adapter.contract.request import build_event, parse_event
from fc_adapter.contract.response import build_result, dump_result, parse_result
from fc_adapter.messages import Response
from tests.conftest import make_event, read_event
from tests.fuzz.invariants import check_app_error, check_event_error, check_request, check_response, check_result

# Every character there is: lone surrogates, which JSON can hold, line breaks and NUL too.
TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)
HTTP = ("requestContext", "http")
PLACES = [
    *(("rawPath",), ("body",), ("isBase64Encoded",), ("httpMethod",), ("path",), ("version",)),
    *(("headers",), ("headers", "Host"), ("headers", "Content-Type"), ("headers", "content-length"), ("headers", "é")),
    *(("queryParameters",), ("queryParameters", "a"), ("queryParameters", "\ud800")),
    *(("requestContext",), ("requestContext", "domainName"), ("requestContext", "requestId")),
    *(HTTP, (*HTTP, "method"), (*HTTP, "path"), (*HTTP, "protocol"), (*HTTP, "sourceIp")),
]


@st.composite
def events(draw):
    """Events of both kinds with some fields missing, null, of another type or with other text in them."""
    event = json.loads(read_event("api_gateway")) if draw(st.booleans()) else make_event(is_base64=draw(st.booleans()))
    for *parents, key in draw(st.lists(st.sampled_from(PLACES), max_size=4)):
        mapping = event
        for parent in parents:
            mapping = mapping.get(parent) if isinstance(mapping, dict) else None
        if isinstance(mapping, dict):
            mapping.pop(key, None)
            if draw(st.integers(0, 3)):
                mapping[key] = draw(TEXT | JSON)
    return event


@st.composite
def serialized_events(draw):
    """Events as text or bytes: some with a key twice, some no longer UTF-8 or JSON."""
    text = json.dumps(draw(events()), ensure_ascii=draw(st.booleans()))
    if draw(st.booleans()):
        text = f'{{"body": {json.dumps(draw(JSON))}, {text[1:-1]}, "headers": {json.dumps(draw(JSON))}}}'
    if draw(st.booleans()):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(TEXT) + text[at + draw(st.integers(0, 3)) :]
    data = text.encode("utf-8", "surrogatepass")
    return draw(st.sampled_from([text, data, bytearray(data)]))


@given(events() | serialized_events() | JSON | st.binary() | st.dictionaries(st.integers() | st.binary(), st.none()))
def test_any_event_is_a_request_or_an_event_error(event):
    try:
        request = parse_event(event)
    except EventError as error:
        check_event_error(error)
    else:
        check_request(request)
        assert parse_event(build_event(request)).raw_path == request.raw_path


def nested(depth):
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize("depth", [500, 5_000, 200_000])
def test_deeply_nested_event(depth):
    event = b'{"rawPath": "/", "requestContext": {"http": {"method": "GET"}}, "x": %s}' % nested(depth)
    try:
        assert parse_event(event).raw_path == "/"
    except EventError as error:
        assert depth > 500
        check_event_error(error)


HUGE = "é" * 10**5


@pytest.mark.parametrize(
    ("fields", "raw_path", "body"),
    [
        ({"raw_path": HUGE}, "/" + "%C3%A9" * 10**5, b""),
        ({"body": HUGE}, "/", HUGE.encode()),
        ({HUGE: HUGE}, "/", b""),
    ],
    ids=["path", "body", "unknown"],
)
def test_huge_field(fields, raw_path, body):
    request = parse_event(make_event(**fields))
    check_request(request)
    assert (request.raw_path, request.body) == (raw_path, body)


def test_huge_method():
    with pytest.raises(EventError, match="method of the event must be an HTTP method") as raised:
        parse_event(make_event(method=HUGE))
    check_event_error(raised.value)


@pytest.mark.parametrize("number", ["1" * 5000, "1e400", "-1e400", "NaN", "-Infinity"])
def test_numbers_beyond_json(number):
    text = f'{{"rawPath": "/", "headers": {{"a": {number}}}}}'
    with pytest.raises(EventError) as raised:
        parse_event(text)
    check_event_error(raised.value)
    check_response(parse_result(f'{{"statusCode": 200, "body": {number}}}'))
    check_response(parse_result(f'{{"statusCode": {number}}}'))


ENVELOPE = st.dictionaries(st.sampled_from(["statusCode", "headers", "body", "isBase64Encoded"]), JSON)
HEADERS = st.fixed_dictionaries({"statusCode": st.integers(99, 1000), "headers": st.dictionaries(TEXT, TEXT)})


@given(JSON | ENVELOPE | HEADERS | st.binary(), st.booleans())
@example("\ud800", False)
def test_any_result_is_a_response(result, custom_domain):
    try:
        dump_result(result)
    except ValueError:  # text with a lone surrogate in it
        assert isinstance(result, str)
    else:
        check_response(parse_result(result, custom_domain=custom_domain))


@pytest.mark.parametrize("depth", [500, 5_000, 200_000])
def test_deeply_nested_result(depth):
    check_response(parse_result(b'{"statusCode": 200, "body": %s}' % nested(depth)))


@given(st.lists(st.tuples(TEXT, TEXT)), st.integers(100, 999), st.binary(), st.sampled_from(["GET", "HEAD"]))
def test_any_response_is_a_result_or_an_app_error(headers, status, body, method):
    try:
        result = build_result(Response(status, tuple(headers), body), method=method)
    except AppError as error:
        check_app_error(error)
    else:
        check_result(result)
