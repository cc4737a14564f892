"""The current invocation, wherever the code of a request runs."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pprint import pformat
from types import SimpleNamespace

import fastapi
import pytest
from asgiref.sync import sync_to_async

import fc_adapter
from fc_adapter import Invocation, RequestIdFilter, current_invocation, wrap
from tests.conftest import make_event

CONTEXT = SimpleNamespace(request_id="1-context")


def answer(start_response):
    start_response("204 No Content", [])
    return []


def parts(invocation):
    return invocation.event, invocation.context, invocation.request_id


def test_nothing_outside():
    assert current_invocation() is None


def test_in_a_wsgi_app_and_no_longer_after_it():
    seen = []

    def app(environ, start_response):
        seen.append(current_invocation())
        return answer(start_response)

    wrap(app)(make_event(), CONTEXT)
    assert [parts(invocation) for invocation in seen] == [(make_event(), CONTEXT, "1-context")]
    assert current_invocation() is None


def test_nested_handlers():
    seen = []

    def inner(environ, start_response):
        seen.append(current_invocation().request_id)
        return answer(start_response)

    def outer(environ, start_response):
        wrap(inner)(make_event(request_id="1-inner"))
        seen.append(current_invocation().request_id)
        return answer(start_response)

    wrap(outer)(make_event(request_id="1-outer"))
    assert seen == ["1-inner", "1-outer"]


def test_nested_handlers_before_anybody_has_asked(monkeypatch):
    monkeypatch.setattr("fc_adapter.invocation._variable", None)
    seen = []

    def inner(environ, start_response):
        return answer(start_response)

    def outer(environ, start_response):
        wrap(inner)(make_event(request_id="1-inner"))
        seen.append(current_invocation().request_id)
        return answer(start_response)

    wrap(outer)(make_event(request_id="1-outer"))
    assert seen == ["1-outer"]


def test_it_is_left_after_an_error():
    def app(environ, start_response):
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        wrap(app, on_error="raise")(make_event())
    assert current_invocation() is None


def test_in_tasks_and_threads_of_an_asgi_app():
    seen = {}

    def note(place):
        seen[place] = current_invocation().request_id

    app = fastapi.FastAPI()

    @app.get("/")
    async def page():
        note("coroutine")
        asyncio.ensure_future(task())
        await sync_to_async(note)("sync_to_async")
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(note, "thread"))
        thread.start()
        thread.join()

    async def task():
        await asyncio.sleep(0)
        note("task")

    @app.get("/def")
    def plain():
        note("def route")

    handler = wrap(app)
    handler(make_event(), CONTEXT)
    handler(make_event(raw_path="/def"), CONTEXT)
    handler.pre_stop()
    assert seen == dict.fromkeys(["coroutine", "sync_to_async", "thread", "task", "def route"], "1-context")


def test_under_fc2():
    seen = []

    def app(environ, start_response):
        start_response("204 No Content", [])
        yield b""
        seen.append(current_invocation())

    list(wrap(app)({"REQUEST_METHOD": "GET", "fc.context": CONTEXT}, lambda *start: None))
    assert [parts(invocation) for invocation in seen] == [(None, CONTEXT, "1-context")]
    assert current_invocation() is None


@pytest.mark.parametrize(("request_id", "shown"), [("1-a", "1-a"), ("", "-")])
def test_log_records_carry_the_request_id(request_id, shown, caplog):
    logger = logging.getLogger("tests.app")

    def app(environ, start_response):
        logger.warning("inside")
        return answer(start_response)

    caplog.handler.addFilter(RequestIdFilter())
    logger.warning("outside")
    wrap(app)(make_event(request_id=request_id))
    assert [(record.message, record.request_id) for record in caplog.records] == [("outside", "-"), ("inside", shown)]


def test_a_thread_without_the_context_knows_of_no_request():
    seen = []

    def app(environ, start_response):
        seen.append(pool.submit(current_invocation).result())
        seen.append(current_invocation().request_id)
        return answer(start_response)

    with ThreadPoolExecutor(1) as pool:
        for number in range(2):
            wrap(app)(make_event(request_id=f"1-{number}"))
    assert seen == [None, "1-0", None, "1-1"]


def test_unknown_name_in_the_package():
    with pytest.raises(AttributeError, match="module 'fc_adapter' has no attribute 'spam'"):
        _ = fc_adapter.spam


def test_first_use_in_the_middle_of_a_request_and_no_import_before():
    program = """
import json, sys, threading
import fc_adapter

event = {"rawPath": "/", "requestContext": {"http": {"method": "GET"}, "requestId": "1-a"}}
seen = []

def app(environ, start_response):
    start_response("204 No Content", [])
    if environ["REQUEST_METHOD"] == "GET":
        thread = threading.Thread(target=lambda: seen.append(fc_adapter.current_invocation()))
        thread.start()
        thread.join()
        seen.append(fc_adapter.current_invocation().request_id)
    return []

handler = fc_adapter.wrap(app)
handler({**event, "requestContext": {"http": {"method": "HEAD"}}})
seen.append(sorted({"contextvars", "logging", "asyncio"} & set(sys.modules)))
handler(event)
seen.append(fc_adapter.current_invocation())
print(json.dumps(seen))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout) == [[], None, "1-a", None]


@pytest.mark.parametrize(
    "show", [repr, str, format, pformat, "{}".format, lambda value: json.dumps(value, default=repr)]
)
def test_event_in_the_environ_shows_nothing(show):
    shown = []

    def app(environ, start_response):
        shown.append(show(environ["fc.event"]))
        return answer(start_response)

    wrap(app)(make_event(body="s3cr3t"), CONTEXT)
    assert shown[0].strip('"') == "<fc_adapter event>"


def test_event_in_the_environ_is_read_by_its_keys():
    def app(environ, start_response):
        event = environ["fc.event"]
        assert event["rawPath"] == "/"
        assert event.get("body") == "s3cr3t"
        assert event.get("missing") is None
        assert event.get("missing", 1) == 1
        assert "headers" in event
        assert "missing" not in event
        with pytest.raises(KeyError, match="missing"):
            event["missing"]
        assert not isinstance(event, (Mapping, Sequence, Iterable))
        for walk in (list, dict, vars, len):
            with pytest.raises(TypeError):
                walk(event)
        return answer(start_response)

    assert wrap(app, on_error="raise")(make_event(body="s3cr3t"), CONTEXT)["statusCode"] == 204


def test_invocation_shows_its_id_alone():
    invocation = Invocation(make_event(body="s3cr3t"), CONTEXT, "1-a")
    assert repr(invocation) == pformat(invocation) == "<fc_adapter.Invocation '1-a'>"
    assert not isinstance(invocation, (Mapping, Sequence, Iterable))
