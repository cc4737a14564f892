"""What the trigger refuses, and what it makes of results that it cannot pass on."""

from __future__ import annotations

import json

import pytest

from fc_adapter.contract import query
from fc_adapter.contract import response as response_module
from fc_adapter.contract.facts import Facts
from fc_adapter.contract.request import parse_event
from fc_adapter.contract.response import build_result
from fc_adapter.contract.trigger import Trigger, read_request
from fc_adapter.messages import Response, get_header

MEGABYTE = 1024 * 1024


@pytest.mark.parametrize(
    ("target", "headers", "size", "is_async", "refused"),
    [
        ("/" + "x" * 4095, [], 0, False, None),
        ("/" + "x" * 4096, [], 0, False, "path with query: 4097 bytes, the limit is 4096"),
        ("/?a=" + "x" * 4093, [], 0, False, "path with query: 4097 bytes"),
        ("/", [("X-A", "x" * 8185)], 0, False, None),
        ("/", [("X-A", "x" * 8186)], 0, False, "request headers: 8193 bytes, the limit is 8192"),
        ("/", [("X-A", "你" * 2729)], 0, False, "request headers"),
        ("/", [], 32 * MEGABYTE, False, None),
        ("/", [], 32 * MEGABYTE + 1, False, "request body: 33554433 bytes, the limit is 33554432"),
        ("/", [], 128 * 1024, True, None),
        ("/", [], 128 * 1024 + 1, True, "request body: 131073 bytes, the limit is 131072"),
    ],
)
def test_sizes_of_requests(target, headers, size, is_async, refused):
    if is_async:
        headers = [("X-Fc-Invocation-Type", "Async")]
    response = Trigger().refuse(read_request("POST", target, headers, bytes(size)))
    if refused is None:
        assert response is None
    else:
        assert (response.status, json.loads(response.body)["errorCode"]) == (400, "InvalidArgument")
        assert refused in json.loads(response.body)["errorMessage"]


def test_methods():
    assert Trigger().refuse(read_request("PATCH", "/")) is None
    for trigger, method, allowed in [
        (Trigger(), "PROPFIND", "GET, POST, PUT, DELETE, HEAD, PATCH, OPTIONS"),
        (Trigger(("GET", "HEAD")), "POST", "GET, HEAD"),
    ]:
        response = trigger.refuse(read_request(method, "/"))
        assert (response.status, json.loads(response.body)) == (
            403,
            {"errorCode": "AccessDenied", "errorMessage": f"the trigger allows {allowed}, not {method}"},
        )


def result(status=200, **headers):
    return {"statusCode": status, "headers": {"Content-Type": "text/plain", **headers}, "body": "ok"}


def test_sizes_of_responses():
    assert Trigger().respond(result(X="x" * 8161)).status == 200
    response = Trigger().respond(result(X="x" * 8162))
    assert (response.status, json.loads(response.body)["errorCode"]) == (502, "BadResponse")
    assert "response headers: 8193 bytes, the limit is 8192" in json.loads(response.body)["errorMessage"]


@pytest.mark.parametrize("status", [100, 101, 199])
def test_statuses_that_are_not_final(status):
    response = Trigger().respond(result(status))
    assert (response.status, json.loads(response.body)["errorMessage"]) == (502, f"status {status} is not a final one")


# ---- what may turn out otherwise -------------------------------------------------------------------------------------


def test_a_platform_that_keeps_one_cookie_and_takes_lists():
    cookies = {"Set-Cookie": "a=1", "Set-CookiE": "b=2"}
    trigger = Trigger(facts=Facts(several_cookies="one", header_lists="each"))
    assert cookies_of(Trigger().respond(result(**cookies))) == ["a=1", "b=2"]
    assert cookies_of(trigger.respond(result(**cookies))) == ["b=2"]
    assert cookies_of(trigger.respond(result(**{"Set-Cookie": ["a=1", "b=2"]}))) == ["a=1", "b=2"]
    for headers in ({"A": ["1", 2]}, {"A": 1}):
        assert trigger.respond(result(**headers)).status == 502
    assert Trigger().respond(result(A=["1"])).status == 502


def cookies_of(response):
    return [value for name, value in response.headers if name.lower() == "set-cookie"]


@pytest.mark.parametrize(
    ("headers", "arrived"),
    [
        ({"Content-Type": "text/html"}, "text/html"),
        ({"content-type": "text/html"}, "application/json"),
        ({"content-type": "text/html", "Content-Type": "text/css"}, "text/css"),
    ],
)
def test_a_platform_that_finds_content_type_as_it_is_spelled(headers, arrived):
    trigger = Trigger(facts=Facts(content_type_case="exact"))
    response = trigger.respond({"statusCode": 200, "headers": headers})
    assert [header for header in response.headers if header[0].lower() == "content-type"] == [("Content-Type", arrived)]


def test_a_platform_that_drops_content_disposition_everywhere():
    returned = result(**{"Content-Disposition": "inline"})
    assert get_header(Trigger(custom_domain=True).respond(returned).headers, "content-disposition") == "inline"
    trigger = Trigger(custom_domain=True, facts=Facts(custom_disposition="dropped"))
    assert get_header(trigger.respond(returned).headers, "content-disposition") is None


def test_a_platform_that_leaves_queries_as_they_are_and_doubles_host():
    request = read_request("GET", "/?tag=a%2Cb&tag=c,d&%E8%8C%B6=x%20y&empty&", [("Host", "h")])
    usual = Trigger().build_event(request, "1-a")
    assert usual["queryParameters"] == {"tag": "a,b,c,d", "茶": "x y", "empty": ""}
    assert usual["headers"]["Host"] == "h"
    event = Trigger(facts=Facts(query_values="raw", host="twice")).build_event(request, "1-a")
    assert event["queryParameters"] == {"tag": "a%2Cb,c,d", "%E8%8C%B6": "x%20y", "empty": ""}
    assert event["headers"]["Host"] == "h,h"


def test_the_adapter_where_values_are_raw(monkeypatch):
    """``%2C`` is a comma of the value's own then, which is split by nobody, and GBK arrives as it was."""
    monkeypatch.setattr(query, "QUERY_VALUES", "raw")
    trigger = Trigger(facts=Facts(query_values="raw"))
    event = trigger.build_event(read_request("GET", "/?tag=a%2Cb&tag=c&name=%C4%E3&plus=1+2"), "1-a")
    assert parse_event(event).query_string == "tag=a%2Cb,c&name=%C4%E3&plus=1+2"
    assert parse_event(event, split_query=["tag"]).query_string == "tag=a%2Cb&tag=c&name=%C4%E3&plus=1+2"


def test_the_adapter_where_cookies_are_a_list(monkeypatch):
    monkeypatch.setattr(response_module, "COOKIES", "list")
    trigger = Trigger(facts=Facts(several_cookies="one", header_lists="each"))
    for cookies in (["a=1"], ["a=1", "b=2", "c=3"]):
        built = build_result(Response(200, tuple(("set-cookie", cookie) for cookie in cookies), b""))
        assert cookies_of(trigger.respond(built)) == cookies
