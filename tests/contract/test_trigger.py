"""What the trigger refuses, and what it makes of results that it cannot pass on."""

from __future__ import annotations

import json

import pytest

from fc_adapter.contract.trigger import Trigger, read_request

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
