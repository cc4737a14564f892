"""What holds for each Request, Response, result and error, whatever the input was."""

from __future__ import annotations

import json
import re

from fc_adapter.asgi import build_scope
from fc_adapter.contract.rules import is_token
from fc_adapter.wsgi import build_environ

_FIELD = r"(requestContext(\.http(\.\w+)?|\.domainName)?|(each name in )?(headers|queryParameters)(\[.*\])?|\w+)"
_EVENT_ERROR = re.compile(
    rf"the event is |not an HTTP event: its keys are |{_FIELD} of the event must be |isBase64Encoded is true, but body",
    re.DOTALL,
)


def check_event_error(error):
    """An EventError names the field, and is short, whatever came."""
    _check_message(error)
    assert _EVENT_ERROR.match(str(error)), error


def check_app_error(error):
    """An AppError says what the app did, and is short, whatever the app sent."""
    _check_message(error)
    assert re.match("the app (sent|called|returned|announced|set|let) ", str(error)), error


def _check_message(error):
    text = str(error)
    assert len(text) < 1000
    text.encode("utf-8")


def check_request(request):
    """A Request is what its docstring says, and becomes a valid environ and a valid scope."""
    assert is_token(request.method)
    assert re.fullmatch(r"/[^\x00-\x20?#\x7f-\U0010ffff]*", request.raw_path)
    assert re.fullmatch(r"[!-~]*", request.query_string)
    assert "#" not in request.query_string
    assert type(request.body) is bytes
    assert request.scheme in ("http", "https")
    assert re.fullmatch(r"\d(\.\d)?", request.http_version)
    name, port = request.server
    assert name
    assert 0 <= port <= 99999
    for text in (request.client, name, *sum(request.headers, ())):
        text.encode("utf-8")
    assert not set("".join(sum(request.headers, ()))) & {"\r", "\n", "\0"}
    lengths = [value for key, value in request.headers if key.lower() == "content-length"]
    assert lengths == [str(len(request.body))] or not (lengths or request.body)
    assert "transfer-encoding" not in [key.lower() for key, _ in request.headers]
    _check_environ(build_environ(request))
    _check_scope(build_scope(request))


def _check_environ(environ):
    """PEP 3333: native strings whose characters stand for bytes."""
    for key, value in environ.items():
        if isinstance(value, str):
            assert type(key) is type(value) is str
            key.encode("ascii")
            value.encode("latin-1")


def _check_scope(scope):
    """The specification's types for ``http``."""
    for key in ("method", "scheme", "path", "root_path", "http_version"):
        scope[key].encode("utf-8")
    for name, value in scope["headers"]:
        assert type(name) is type(value) is bytes
        assert name == name.lower()
    assert scope["client"] is None or [type(part) for part in scope["client"]] == [str, int]
    assert [type(part) for part in scope["server"]] == [str, int]


def check_response(response):
    """A Response that could be written to a wire: names are tokens, and nothing ends a value."""
    assert type(response.status) is int
    assert 100 <= response.status <= 999
    assert type(response.body) is bytes
    for name, value in response.headers:
        _check_header(name, value)


def check_result(result):
    """What a handler returns is what the platform takes: JSON with fields of these types, and valid headers."""
    assert sorted(result) == ["body", "headers", "isBase64Encoded", "statusCode"]
    assert [type(result[key]) for key in sorted(result)] == [str, dict, bool, int]
    assert 100 <= result["statusCode"] <= 999
    for name, value in result["headers"].items():
        _check_header(name, value)
    others = [name.lower() for name in result["headers"] if name.lower() != "set-cookie"]
    assert len(others) == len(set(others))
    assert json.loads(json.dumps(result, allow_nan=False, ensure_ascii=False).encode("utf-8")) == result


def _check_header(name, value):
    assert type(name) is type(value) is str
    assert is_token(name)
    assert not set(value) & {"\r", "\n", "\0"}
    value.encode("utf-8")
