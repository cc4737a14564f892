"""What a fuzzer calls with each input: it returns when all is well, and raises when it is not."""

from __future__ import annotations

import json

from fc_adapter import EventError
from fc_adapter.contract import request as request_half
from fc_adapter.contract import response as response_half
from fc_adapter.contract.rules import is_token
from tests.contract.test_round_trip import as_the_client_gets_it, received
from tests.fuzz.choices import Choices
from tests.fuzz.invariants import check_event_error, check_request, check_response, check_result
from tests.fuzz.scripts import check_invocation


def parse_event(data):
    """``data`` (bytes) as an event: a valid Request, which an event carries whole, or an EventError."""
    try:
        request = request_half.parse_event(data)
    except EventError as error:
        check_event_error(error)
        return
    check_request(request)
    assert request_half.parse_event(json.loads(data)) == request
    request_half.parse_event(data, split_query=True).query_string.encode("ascii")
    if all(is_token(name) for name, _ in request.headers):
        arrived = _through_an_event(request)
        check_request(arrived)
        assert _through_an_event(arrived) == arrived
        assert (arrived.method, arrived.raw_path, arrived.server) == (request.method, request.raw_path, request.server)


def _through_an_event(request):
    return request_half.parse_event(json.dumps(request_half.build_event(request)))


def parse_result(data):
    """``data`` (bytes) as what a handler has returned: a valid Response, which a result carries whole."""
    for custom_domain in (False, True):
        response = response_half.parse_result(data, custom_domain=custom_domain)
        check_response(response)
    result = response_half.build_result(response)
    check_result(result)
    assert received(result) == as_the_client_gets_it(response, "GET")


def invocation(data):
    """``data`` (bytes) as an event and an app: what ``check_invocation`` says."""
    choices = Choices(data)
    interface = choices.pick(["wsgi", "asgi"])
    event = choices.event()
    rest = choices.rest()
    check_invocation(interface, event, lambda: Choices(rest).script(interface))


TARGETS = {target.__name__: target for target in (parse_event, parse_result, invocation)}
