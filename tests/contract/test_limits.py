"""What is too large for the gateway."""

from __future__ import annotations

import json

import pytest

from fc_adapter.contract.limits import refuse_request, refuse_response
from fc_adapter.contract.wire import read_request
from fc_adapter.messages import Response

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
def test_requests(target, headers, size, is_async, refused):
    response = refuse_request(read_request("POST", target, headers, bytes(size)), is_async=is_async)
    if refused is None:
        assert response is None
    else:
        assert (response.status, json.loads(response.body)["errorCode"]) == (400, "InvalidArgument")
        assert refused in json.loads(response.body)["errorMessage"]


def test_responses():
    assert refuse_response(Response(200, (("X-A", "x" * 8185),), b"")) is None
    response = refuse_response(Response(200, (("X-A", "x" * 8186),), b""))
    assert (response.status, json.loads(response.body)["errorCode"]) == (502, "BadResponse")
