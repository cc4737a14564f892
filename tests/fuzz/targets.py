"""What a fuzzer calls with each input: it returns when all is well, and raises when it is not."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import secrets
import tempfile
from pathlib import Path

from fc_adapter import EventError
from fc_adapter.config.env_file import read_env_file
from fc_adapter.config.function import Function
from fc_adapter.config.template import read_template
from fc_adapter.contract import request as request_half
from fc_adapter.contract import response as response_half
from fc_adapter.contract.rules import is_token
from fc_adapter.errors import ConfigError
from fc_adapter.runner.frames import Frame, read_frame
from fc_adapter.runner.instance import Reply, _is_reply
from fc_adapter.terminal import printable
from tests.contract.test_round_trip import as_the_client_gets_it, received
from tests.fuzz.choices import Choices
from tests.fuzz.exchanges import check_inspector, check_record
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


def frames(data):
    """``data`` (bytes) as what comes through an instance's pipe: frames, and of each whether it is a reply to show."""
    stream = io.BytesIO(data)
    while True:
        frame = read_frame(stream)
        if frame is None:
            return
        assert type(frame.payload) is bytes
        assert _is_reply(Frame(frame.kind, dict(frame.fields), frame.payload), secrets.token_hex(8)) is False
        if _is_reply(frame, frame.fields.get("token")):
            traceback = frame.fields.get("traceback")
            reply = Reply(frame.kind, frame.payload, "c-1", traceback=traceback, report=frame.fields.get("report"))
            if frame.kind == "error":
                assert not UNSAFE.search(printable(reply.describe_error()))


UNSAFE = re.compile("[\0-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\ud800-\udfff]")


def _read_function(path):
    return read_template(path).function


def templates(data):
    """``data`` (bytes) as ``s.yaml`` and as an env file: a Function and variables, or an error in one line."""
    with tempfile.TemporaryDirectory() as directory, contextlib.redirect_stderr(io.StringIO()):
        path = Path(directory, "s.yaml")
        path.write_bytes(data)
        for read, kind in ((_read_function, Function), (read_env_file, dict)):
            try:
                found = read(path)
            except ConfigError as error:
                assert 0 < len(str(error)) < 1000, error
                assert len(printable(str(error)).split("\n")) == 1, error
            else:
                assert isinstance(found, kind)
                if kind is Function:
                    check_function(found)


def check_function(function):
    """A Function that an instance could be made of."""
    for name, value in function.platform_environment("c-1").items():
        assert name
        assert "=" not in name
        assert b"\0" not in os.fsencode(name) + os.fsencode(value)
    assert 0 < function.timeout < float("inf")
    assert type(function.memory) is int
    assert function.memory > 0
    assert all(type(text) is str for text in (function.name, function.region, function.label, *function.methods))


def inspector(data):
    """``data`` (bytes) as an exchange that the inspector is asked about: what ``check_inspector`` says."""
    check_inspector(Choices(data))


def records(data):
    """``data`` (bytes) as an exchange to keep, or as a file to read: what ``check_record`` says."""
    check_record(Choices(data))


TARGETS = {
    target.__name__: target for target in (parse_event, parse_result, invocation, frames, templates, inspector, records)
}
