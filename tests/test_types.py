"""The shapes that ``fc_adapter.types`` tells are those that events and results have."""

from __future__ import annotations

import subprocess
import sys

from fc_adapter.contract.request import build_event
from fc_adapter.contract.response import build_result
from fc_adapter.contract.trigger import read_request
from fc_adapter.messages import Response
from fc_adapter.types import HTTPContext, HTTPEvent, HTTPResult, RequestContext


def test_keys_of_an_event():
    event = build_event(read_request("POST", "/a?b=c", [("Host", "h"), ("A", "b")], b"body"))
    assert HTTPEvent.__annotations__.keys() == event.keys()
    assert RequestContext.__annotations__.keys() == event["requestContext"].keys()
    assert HTTPContext.__annotations__.keys() == event["requestContext"]["http"].keys()


def test_keys_of_a_result():
    assert HTTPResult.__annotations__.keys() == build_result(Response(200, (), b"")).keys()


def test_a_deployed_function_never_loads_them():
    program = "import sys, fc_adapter; h = fc_adapter.wrap(lambda e, s: [s('200 OK', [])] and []); "
    program += "h({'rawPath': '/', 'requestContext': {'http': {'method': 'GET'}}}); "
    program += "print('fc_adapter.types' in sys.modules)"
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert output.stdout == "False\n"
