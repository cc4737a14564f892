"""Where the time of one small request goes: the parts of the adapter, one by one."""

from __future__ import annotations

import json
from typing import Any

import fc_adapter
from fc_adapter.asgi import Server as ASGIServer
from fc_adapter.asgi import build_scope
from fc_adapter.contract.request import load_event, parse_loaded
from fc_adapter.contract.response import build_result
from fc_adapter.invocation import Invocation
from fc_adapter.wsgi import build_environ, call

from ..measure import Effort, Subject, measure, summarize
from ..report import MICROSECONDS, SPREAD, SUBJECT, Table
from ..subjects.apps import asgi_app, wsgi_app
from ..subjects.requests import CONTEXT, HTML_GET, REQUEST_ID, fc_event

COLUMNS = (SUBJECT, MICROSECONDS, SPREAD)


def run(effort: Effort) -> list[Table]:
    """One table for the parts of an HTML GET, which can be repeated without being made anew."""
    subjects = _subjects()
    return [Table(f"{HTML_GET.name}, by parts", COLUMNS, summarize(subjects, measure(subjects, effort)))]


def _subjects() -> list[Subject]:
    raw = fc_event(HTML_GET)
    event = load_event(raw)
    request = parse_loaded(event)
    environ = build_environ(request)
    response = call(wsgi_app, environ)
    invocation = Invocation(event, CONTEXT, REQUEST_ID)
    asgi = ASGIServer(asgi_app, lifespan="off")
    handlers: dict[str, Any] = {
        "WSGI": fc_adapter.wrap(wsgi_app),
        "ASGI": fc_adapter.wrap(asgi_app, lifespan="off"),
    }
    return [
        Subject("json.loads of the event", lambda: json.loads(raw)),
        Subject("load_event: JSON, and whether it is HTTP", lambda: load_event(raw)),
        Subject("parse_loaded: the request", lambda: parse_loaded(event)),
        Subject("WSGI: the environ", lambda: build_environ(request)),
        Subject("WSGI: the app, and its response", lambda: call(wsgi_app, environ)),
        Subject("ASGI: the scope", lambda: build_scope(request)),
        Subject("ASGI: scope, task, the app, its response", lambda: asgi.respond(request, invocation)),
        Subject("build_result: the result", lambda: build_result(response)),
        Subject("WSGI: all of it", lambda: handlers["WSGI"](raw, CONTEXT)),
        Subject("ASGI: all of it", lambda: handlers["ASGI"](raw, CONTEXT)),
    ]
