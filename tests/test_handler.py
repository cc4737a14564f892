"""wrap() and the Handler: options, other events, errors, hooks, and the FC 2.0 contract."""

from __future__ import annotations

import json
import logging
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from fc_adapter import AdapterError, AppError, ConfigError, EventError, current_invocation, wrap
from tests.conftest import dump, make_event, read_event


def report(environ, start_response):
    """A WSGI app that reports what it sees."""
    start_response("200 OK", [("Content-Type", "application/json")])
    seen = {key: value for key, value in environ.items() if isinstance(value, str)}
    event = current_invocation().event
    assert {key: environ["fc.event"][key] for key in event or ()} == (event or {})
    return [json.dumps({**seen, "event": event, "context": repr(environ["fc.context"])}).encode()]


def see(handler, event, context=None):
    return json.loads(handler(event, context)["body"])


def test_the_result_is_plain_json(http_event):
    result = wrap(report)(http_event)
    assert json.loads(json.dumps(result)) == result
    assert [type(value) for value in result.values()] == [int, dict, bool, str]


def test_event_context_and_request_id_reach_the_app():
    seen = see(wrap(report), dump(make_event()), SimpleNamespace(request_id="1-context"))
    assert seen["event"] == make_event()
    assert seen["context"] == "namespace(request_id='1-context')"
    assert seen["fc.request_id"] == "1-context"


@pytest.mark.parametrize(
    ("fields", "context", "request_id"),
    [
        ({}, None, "1-event"),
        ({}, SimpleNamespace(request_id=""), "1-event"),
        ({"request_id": ""}, None, ""),
        ({"request_id": None}, None, ""),
        ({"request_id": 7}, None, ""),
    ],
)
def test_request_id(fields, context, request_id):
    assert see(wrap(report), make_event(**fields), context)["fc.request_id"] == request_id


def test_api_gateway_event_is_answered_in_its_form():
    result = wrap(report)(read_event("api_gateway"))
    assert set(result) == {"isBase64Encoded", "statusCode", "headers", "body"}
    seen = json.loads(result["body"])
    assert (seen["PATH_INFO"], seen["fc.request_id"]) == ("/example", "")


def test_split_query():
    event = make_event(query={"tag": "a,b", "name": "x,y"})
    assert see(wrap(report), event)["QUERY_STRING"] == "tag=a,b&name=x,y"
    assert see(wrap(report, split_query=["tag"]), event)["QUERY_STRING"] == "tag=a&tag=b&name=x,y"
    assert see(wrap(report, split_query=True), event)["QUERY_STRING"] == "tag=a&tag=b&name=x&name=y"
    assert see(wrap(report, split_query=False), event)["QUERY_STRING"] == "tag=a,b&name=x,y"


@pytest.mark.parametrize("base_path", ["/api", "/api/"])
def test_base_path(base_path):
    seen = see(wrap(report, base_path=base_path), make_event(raw_path="/api/x"))
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == ("/api", "/x")


def test_base_path_beyond_ascii():
    seen = see(wrap(report, base_path="/接口"), make_event(raw_path="/%E6%8E%A5%E5%8F%A3/x"))
    assert (seen["SCRIPT_NAME"].encode("latin-1").decode(), seen["PATH_INFO"]) == ("/接口", "/x")


def test_text_types():
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "application/x-ndjson; charset=utf-8")])
        return [b"{}\n"]

    assert wrap(app)(make_event())["isBase64Encoded"] is True
    result = wrap(app, text_types=["Application/X-NDJSON"])(make_event())
    assert (result["isBase64Encoded"], result["body"]) == (False, "{}\n")


def test_head_has_no_body():
    assert wrap(report)(make_event(method="HEAD"))["body"] == ""
    assert wrap(lambda environ, start_response: None)(make_event(method="HEAD"))["body"] == ""


def test_other_event_without_a_function_for_it():
    with pytest.raises(EventError, match=r"triggerTime.*on_other_event"):
        wrap(report)(read_event("timer"), None)


@pytest.mark.parametrize("event", [read_event("timer"), b"plain text", b"[1]", {"a": 1}])
def test_other_events_are_passed_on_as_they_came(event):
    context = SimpleNamespace(request_id="1-a")
    handler = wrap(report, on_other_event=lambda *arguments: arguments)
    assert handler(event, context) == (event, context)
    handler = wrap(report, on_other_event=lambda *arguments: current_invocation())
    invocation = handler(event, context)
    assert (invocation.event, invocation.context, invocation.request_id) == (event, context, "1-a")
    assert handler(make_event(), context)["statusCode"] == 200


def test_malformed_http_event_is_a_400(caplog):
    result = wrap(report)(make_event(body="*", is_base64=True))
    assert result["statusCode"] == 400
    assert result["body"] == "Bad Request: isBase64Encoded is true, but body is not valid Base64: the string '*'"
    assert [(record.name, record.levelno) for record in caplog.records] == [("fc_adapter", logging.ERROR)]
    with pytest.raises(EventError, match="not valid Base64"):
        wrap(report, on_error="raise")(make_event(body="*", is_base64=True))


def test_event_error_of_an_app_is_a_500(caplog):
    """The client's request was right; and the page for it would tell of the app."""

    def app(environ, start_response):
        raise EventError("secret")

    assert wrap(app)(make_event())["body"] == "Internal Server Error"
    assert "EventError: secret" in caplog.text


def test_log_record_without_a_request_id(caplog):
    wrap(lambda environ, start_response: None)(make_event(request_id=""))
    assert "request (no id) failed with AppError" in caplog.text


def test_on_error_raise():
    def app(environ, start_response):
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        wrap(app, on_error="raise")(make_event())


def test_errors_share_a_base():
    for error in (AppError, ConfigError, EventError):
        assert issubclass(error, AdapterError)


def test_hooks_of_a_wsgi_app_do_nothing():
    handler = wrap(report)
    assert handler.initialize(SimpleNamespace()) is None
    assert handler.pre_stop(SimpleNamespace()) is None


def test_fc2_call_is_wsgi():
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/api/x",
        "fc.context": "context",
        "fc.request_uri": "/api/x",
        "fc.event": None,
    }
    started = []
    (body,) = wrap(report)(environ, lambda *start: started.append(start))
    assert started == [("200 OK", [("Content-Type", "application/json")])]
    assert json.loads(body)["PATH_INFO"] == "/api/x"
    assert json.loads(body)["event"] is None
    for outer in ("", "/outer"):
        environ.update(SCRIPT_NAME=outer, PATH_INFO="/api/x")
        (body,) = wrap(report, base_path="/api")(environ, lambda *start: None)
        assert (json.loads(body)["SCRIPT_NAME"], json.loads(body)["PATH_INFO"]) == (f"{outer}/api", "/x")


def test_fc2_call_that_fails(caplog):
    def app(environ, start_response):
        start_response("200 OK", [])
        yield b"half"
        raise ValueError("broken")

    environ = {"REQUEST_METHOD": "GET", "fc.context": SimpleNamespace(request_id="1-fc2")}
    started = []
    assert wrap(app)(environ, lambda *start: started.append(start)) == [b"Internal Server Error"]
    assert [start[0] for start in started] == ["200 OK", "500 Internal Server Error"]
    assert started[1][2][0] is ValueError
    assert "request 1-fc2 failed with ValueError: broken" in caplog.text
    with pytest.raises(ValueError, match="broken"):
        wrap(app, on_error="raise")(environ, lambda *start: None)


def test_context_may_be_a_mock():
    assert see(wrap(report), make_event(), Mock(request_id="1-mock"))["fc.request_id"] == "1-mock"


async def async_handler(event, context):
    """What the runtime would not await."""


def test_repr():
    assert repr(wrap(report)).startswith("<fc_adapter.Handler of the WSGI app <function report")
    assert repr(wrap(async_app)).startswith("<fc_adapter.Handler of the ASGI app <function async_app")


async def async_app(scope, receive, send):
    """An ASGI app."""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interface": "http"}, "interface must be 'auto' or 'wsgi' or 'asgi', got 'http'"),
        ({"interface": None}, "interface must be"),
        ({"on_error": "ignore"}, "on_error must be 'respond' or 'raise', got 'ignore'"),
        ({"on_other_event": "later"}, "on_other_event must be a function of"),
        ({"base_path": "api"}, "base_path must be '' or a path that begins with '/'"),
        ({"base_path": None}, "base_path must be"),
        ({"base_path": "/\ud800"}, "base_path must be"),
        ({"on_other_event": async_handler}, "a WSGI app has no event loop"),
        ({"text_types": ["/"]}, "text_types takes media types"),
        (
            {"split_query": "tag"},
            r"split_query must be a collection of strings, got the string 'tag'; write \('tag',\)",
        ),
        ({"split_query": None}, "split_query must be a collection of strings, got None"),
        ({"split_query": [1]}, "split_query must be a collection of strings, got 1 in it"),
        ({"text_types": "text/x"}, "text_types must be a collection"),
        ({"text_types": ["x"]}, "text_types takes media types such as .*, got 'x'"),
        ({"text_types": ["a/b; charset=utf-8"]}, "text_types takes media types"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ConfigError, match=message):
        wrap(report, **options)


def test_wrap_twice():
    with pytest.raises(ConfigError, match="wrapped already"):
        wrap(wrap(report))


@pytest.mark.parametrize("interface", ["auto", "wsgi"])
def test_app_that_is_not_callable(interface):
    with pytest.raises(ConfigError, match="callable"):
        wrap(7, interface=interface)


def test_app_by_name():
    assert see(wrap("tests.test_handler:report"), make_event(raw_path="/x"))["PATH_INFO"] == "/x"
