"""What the contract changed: each difference between two stations has a mark, and each mark a difference."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fc_adapter
from fc_adapter.contract.query import parse_query_string
from fc_adapter.contract.request import build_event
from fc_adapter.contract.response import (
    add_platform_headers,
    dump_result,
    function_error,
    parse_result,
    platform_error,
)
from fc_adapter.contract.trigger import Trigger, read_request
from fc_adapter.inspector.changes import Stations, find_changes
from fc_adapter.messages import Response, get_header
from fc_adapter.runner.tap import Tap
from tests.contract.test_round_trip import requests, responses
from tests.support.inspecting import inspected
from tests.support.server import wait_until


def through(request, answer, *, custom_domain=False):
    """The stations of ``request``, which an app answers with the Response ``answer``."""

    def app(environ, start_response):
        start_response(f"{answer.status} Answer", [(name, latin1(value)) for name, value in answer.headers])
        return [answer.body]

    handler = fc_adapter.wrap(app)
    probe = Tap(handler)
    event = build_event(request)
    result = dump_result(handler(json.dumps(event).encode()))
    response = parse_result(result, custom_domain=custom_domain)
    response = add_platform_headers(response, request_id="1", date="now", custom_domain=custom_domain)
    return Stations(request, event, result, response, app=probe.report(), custom_domain=custom_domain)


def latin1(text):
    return text.encode().decode("latin-1")


def marks(stations):
    """The rules by place."""
    found = {}
    for change in find_changes(stations):
        found.setdefault((change.station, *change.path), set()).add(change.rule)
    return found


@given(requests(), responses().filter(lambda response: response.status >= 200), st.booleans())
def test_each_difference_is_marked_and_each_mark_is_a_difference(request_, answer, custom_domain):
    stations = through(request_, answer, custom_domain=custom_domain)
    found = marks(stations)
    assert places(found, "request", "headers") == {
        index for index, (name, _) in enumerate(request_.headers) if canonical(name) not in stations.event["headers"]
    }
    single = {}
    for name, value in request_.headers:
        single.setdefault(name, []).append(value)
    assert places(found, "event", "headers") == {
        name for name, value in stations.event["headers"].items() if single.get(name) != [value]
    }
    queries = [name for name, _ in parse_query_string(request_.query_string)]
    assert places(found, "event", "queryParameters") == {name for name in queries if queries.count(name) > 1}
    body_differs = stations.event["body"].encode() != request_.body or stations.event["isBase64Encoded"]
    assert (("event", "body") in found) == bool(request_.body and body_differs)

    result = json.loads(stations.result)
    assert ("result", "statusCode") not in found
    returned = {name.lower() for name in result["headers"]}
    assert places(found, "app", "headers") == {
        index for index, (name, _) in enumerate(answer.headers) if name.lower() not in returned
    }
    cookies = [name for name in result["headers"] if name.lower() == "set-cookie"]
    assert places_of(found, *BY_ADAPTER) == {
        name
        for name, value in result["headers"].items()
        if (len(cookies) > 1 if name in cookies else found_otherwise(name, value, answer))
    }
    passed = [name for name, _ in stations.response.headers]
    assert places_of(found, "header-reserved") == {name for name in result["headers"] if name not in passed}
    added = [index for index, name in enumerate(passed) if name not in result["headers"] or index >= len(passed) - 4]
    assert places(found, "response", "headers") <= set(added)
    assert {index for index, name in enumerate(passed) if name not in result["headers"]} <= places(
        found, "response", "headers"
    )


BY_ADAPTER = ["cookies-split", "answer-header-joined", "answer-type-renamed", "answer-type-defaulted"]


def found_otherwise(name, value, answer):
    """Whether a header of a result is not one that the app sent, in the same letters."""
    sent = [(each, text.strip(" \t")) for each, text in answer.headers if each.lower() == name.lower()]
    return len(sent) != 1 or (name == "Content-Type" and sent[0][0] != name)


def canonical(name):
    key = name.lower()
    return None if key == "x-forwarded-proto" else "-".join(part.capitalize() for part in name.split("-"))


def places(found, *beginning):
    return {place[-1] for place in found if place[:-1] == beginning}


def places_of(found, *rules):
    return {place[-1] for place, its in found.items() if its & set(rules)}


def returning(result):
    return lambda event, context: result


BIG = {"X-Big": "x" * 9000}


@pytest.mark.parametrize(
    ("result", "place", "rule"),
    [
        ({"message": "hi"}, ("result",), "no-envelope"),
        ("plain text", ("result",), "no-envelope"),
        ({"statusCode": "200"}, ("response", "status"), "result-refused"),
        ({"statusCode": 502, "headers": []}, ("response", "status"), "result-refused"),
        ({"statusCode": 101}, ("response", "status"), "result-refused"),
        ({"statusCode": 200, "headers": BIG}, ("response", "status"), "result-refused"),
        ({"statusCode": 200, "headers": {"X-A": "a\nb"}}, ("result", "headers", "X-A"), "header-cleaned"),
        ({"statusCode": 200, "headers": {"a b": "c"}}, ("result", "headers", "a b"), "header-invalid"),
        ({"statusCode": 200, "headers": {"server": "s"}}, ("result", "headers", "server"), "header-reserved"),
        ({"statusCode": 200, "headers": {"X-A": "1"}}, ("response", "headers", 1), "type-defaulted"),
        ({"statusCode": 200}, ("response", "headers", 0), "type-defaulted"),
        ({"statusCode": 204, "body": "x"}, ("result", "body"), "body-dropped"),
        ({"statusCode": 200, "body": {"a": 1}}, ("response", "body"), "body-serialised"),
        ({"statusCode": 200, "body": "eA==", "isBase64Encoded": "true"}, ("response", "body"), "body-decoded"),
        ({"statusCode": 200, "body": "!", "isBase64Encoded": True}, ("response", "body"), "base64-invalid"),
    ],
)
def test_what_the_platform_does_to_a_result(result, place, rule):
    with inspected(returning(result)) as subject:
        stations = subject.describer.stations(subject.send())
    assert rule in marks(stations)[place]


def test_result_that_only_looks_like_an_error_of_the_platform():
    refusal = platform_error(502, "BadResponse", "no")
    result = {"statusCode": 502, "headers": dict(refusal.headers), "body": refusal.body.decode()}
    with inspected(returning(result)) as subject:
        found = marks(subject.describer.stations(subject.send()))
    assert ("response", "status") not in found


def fail(event, context):
    raise ValueError("broken")


@pytest.mark.parametrize(
    ("handler", "request_", "rule"),
    [
        (fail, {}, "function-error"),
        (returning({}), {"method": "TRACE"}, "refused"),
        (returning({}), {"headers": [("X-A", "x" * 9000)]}, "refused"),
        (fail, {"headers": [("X-Fc-Invocation-Type", "Async")]}, "async"),
    ],
)
def test_answers_that_are_not_the_function_s(handler, request_, rule):
    with inspected(handler) as subject:
        subject.send(**request_)
        wait_until(lambda: subject.last().exchange)
        stations = subject.describer.stations(subject.last())
    assert marks(stations)["response", "status"] == {rule}
    assert (stations.event is None) == (rule == "refused")


def test_reason_of_a_refusal_is_told():
    with inspected(returning({"statusCode": "x"})) as subject:
        changes = find_changes(subject.describer.stations(subject.send()))
    [reason] = [change.values["reason"] for change in changes if change.rule == "result-refused"]
    assert reason == "statusCode must be an integer from 100 to 999"


@pytest.mark.parametrize(("custom_domain", "rule"), [(False, "attachment-forced"), (True, None)])
def test_forced_download(custom_domain, rule):
    result = {"statusCode": 200, "headers": {"Content-Disposition": "inline", "Content-Type": "text/plain"}}
    with inspected(returning(result), custom_domain=custom_domain) as subject:
        stations = subject.describer.stations(subject.send())
    found = marks(stations)
    assert (rule in {each for its in found.values() for each in its}) == (not custom_domain)
    assert (("result", "headers", "Content-Disposition") in found) == (not custom_domain)


@pytest.mark.parametrize(
    ("body", "content_type", "is_cut", "rule"),
    [
        (b"plain", "text/plain", False, None),
        (b"plain", None, False, "body-base64"),
        ("你".encode("gbk"), "text/plain", False, "body-damaged"),
        ("�".encode(), "text/plain", False, None),
        ("你".encode()[:2], "text/plain", True, None),
        (b"\xff ok", "text/plain", True, "body-damaged"),
    ],
)
def test_body_of_a_request(body, content_type, is_cut, rule):
    headers = [("Content-Type", content_type)] if content_type else []
    request = read_request("POST", "/", headers, body)
    stations = Stations(request, build_event(request), None, function_error(), is_cut=is_cut)
    assert marks(stations).get(("event", "body")) == ({rule} if rule else None)


def test_path_that_arrives_decoded_beside_itself():
    with inspected(returning({})) as subject:
        found = marks(subject.describer.stations(subject.send(target="/a%2Fb")))
    assert found["event", "requestContext", "http", "path"] == {"path-decoded"}


def test_scheme_that_the_client_claims():
    with inspected(returning({})) as subject:
        found = marks(subject.describer.stations(subject.send(headers=[("x-forwarded-proto", "https")])))
    assert found["request", "headers", 0] == {"proto-replaced"}
    assert found["event", "headers", "X-Forwarded-Proto"] == {"proto-stated"}


def test_body_that_an_answer_to_head_may_not_have():
    with inspected(returning({"statusCode": 200, "body": "x"})) as subject:
        found = marks(subject.describer.stations(subject.send("HEAD")))
    assert found["response", "body"] == {"head-body"}


def adapted(status, headers, body=b""):
    def app(environ, start_response):
        start_response(f"{status} Answer", headers)
        return [body]

    return fc_adapter.wrap(app)


@pytest.mark.parametrize(
    ("status", "headers", "body", "place", "rule"),
    [
        (200, [("Content-Length", "2")], b"ok", ("app", "headers", 0), "answer-header-dropped"),
        (200, [("TE", "x")], b"", ("app", "headers", 0), "answer-header-dropped"),
        (200, [("content-type", "text/css")], b"a", ("result", "headers", "Content-Type"), "answer-type-renamed"),
        (200, [], b"a", ("result", "headers", "Content-Type"), "answer-type-defaulted"),
        (200, [("Vary", "a"), ("vary", "b")], b"", ("result", "headers", "Vary"), "answer-header-joined"),
        (
            200,
            [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")],
            b"",
            ("result", "headers", "Set-CookiE"),
            "cookies-split",
        ),
        (200, [("Content-Type", "image/png")], b"\x89", ("result", "body"), "answer-base64"),
        (204, [("Content-Type", "text/plain")], b"x", ("result", "body"), "answer-body-dropped"),
        (200, [("X-A", "a\0b")], b"", ("result", "statusCode"), "answer-replaced"),
    ],
)
def test_what_the_adapter_does_to_an_answer(status, headers, body, place, rule):
    with inspected(adapted(status, headers, body)) as subject:
        stations = subject.describer.stations(subject.send())
    assert rule in marks(stations)[place]


def test_single_cookie_and_what_a_wrapper_returns_are_no_changes_of_the_adapter_s():
    handler = adapted(200, [("Set-Cookie", "a=1"), ("Content-Type", "text/plain")])

    def around(event, context):
        return {**handler(event, context), "headers": None}

    with inspected(handler) as subject:
        entry = subject.send()
    stations = subject.describer.stations(entry)
    assert not {place for place in marks(stations) if place[0] in ("app", "result")}
    replaced = stations._replace(result=dump_result(around(b'{"rawPath": "/", "httpMethod": "GET"}', None)))
    assert {place for place in marks(replaced) if place[0] == "result"} == set()


def test_answer_is_not_known_of_a_handler_that_is_not_wrapped():
    with inspected(returning({"statusCode": 200, "isBase64Encoded": True, "body": "eA=="})) as subject:
        stations = subject.describer.stations(subject.send())
    assert stations.app is None
    assert not {place for place in marks(stations) if place[0] == "app"}


def test_refusal_by_its_limits_is_the_gateway_s_own():
    request = read_request("GET", "/" + "x" * 5000)
    response = Trigger().refuse(request)
    assert marks(Stations(request, None, None, response))["response", "status"] == {"refused"}
    assert get_header(response.headers, "content-type") == "application/json"


def test_platform_s_error_without_a_reason():
    stations = Stations(read_request("GET", "/"), None, None, Response(403, (), b"not JSON"))
    [change] = [change for change in find_changes(stations) if change.rule == "refused"]
    assert change.values == {"reason": ""}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/?name=%C4%E3%BA%C3&name=%ff&city=%E4%BD%A0", {"name": {"text": "name=你好"}}),
        ("/?%c4%e3=1", {"\ufffd\ufffd": {"text": "你=1"}}),
        ("/?a=%ff", {"a": {}}),
        ("/?a=b&c=%E4%BD%A0+x", {}),
        ("/%ff", {}),
        ("", {}),
    ],
)
def test_query_that_is_not_utf8(target, expected):
    request = read_request("GET", target or "/")
    stations = through(request, Response(200, (), b""))._replace(target=target)
    changes = [change for change in find_changes(stations) if change.rule == "query-damaged"]
    assert {change.path[1]: dict(change.values) for change in changes} == expected
    assert all(change.path[1] in stations.event["queryParameters"] for change in changes)
