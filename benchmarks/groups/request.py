"""One small request, from the event's bytes to the result, through apps that do next to nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Callable

from ..measure import Effort, Subject, measure, summarize
from ..report import MICROSECONDS, OWN_MICROSECONDS, RATIO, SPREAD, SUBJECT, Table
from ..subjects import handlers
from ..subjects.apps import asgi_app, wsgi_app
from ..subjects.requests import (
    HTML_GET,
    JSON_POST,
    Request,
    aws_event,
    call_asgi,
    call_wsgi,
    environ_of,
    fc_event,
    read_answer,
    scope_of,
    with_header,
)

COLUMNS = (SUBJECT, MICROSECONDS, SPREAD, OWN_MICROSECONDS, RATIO)
FC_LOADS, AWS_LOADS = "floor: json.loads of the event", "floor: json.loads of the peers' event"
# Requests in turn, each with one more header than the usual one: its value is new each time, or its name, too. The
# adapter remembers fewer names than there are requests.
VARIED = {
    "new header value": lambda number: ("X-Request-Start", f"t={number:016}"),
    "new header name": lambda number: (f"X-Only-{number}", f"t={number:016}"),
}
VARIATIONS = 3000
APP, LOOP = "floor: the app alone", "floor: run_until_complete of nothing"


def run(effort: Effort) -> list[Table]:
    """A table for each interface and request."""
    with event_loop() as loop:
        return [
            Table(f"{request.name}, {interface}", COLUMNS, _run(make(request, loop), effort))
            for interface, make in (("WSGI", _wsgi), ("ASGI", _asgi))
            for request in (JSON_POST, HTML_GET)
        ]


@contextmanager
def event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that is the current one, which Mangum takes, for the time of a ``with`` block."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield loop
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def _run(subjects: list[Subject], effort: Effort) -> list[dict[str, Any]]:
    return summarize(subjects, measure(subjects, effort))


def _wsgi(request: Request, loop: asyncio.AbstractEventLoop) -> list[Subject]:
    environ = environ_of(request)

    def call() -> tuple[int, bytes]:
        return call_wsgi(wsgi_app, environ, request.body)

    floors = [*loads_of(request), Subject(APP, call, "fc_adapter")]
    subjects = bind_all((*handlers.WSGI, handlers.WITH_ORJSON), wsgi_app, request, call())
    for title, header in VARIED.items():
        requests = [with_header(request, *header(number)) for number in range(VARIATIONS)]
        kinds = [kind._replace(name=f"{kind.name}, {title}", rival=_with(title, kind.rival)) for kind in handlers.WSGI]
        subjects += bind_all(tuple(kinds), wsgi_app, request, call(), *requests)
    return [*subjects, *floors]


def _with(title: str, rival: str) -> str:
    return rival and f"{rival}, {title}"


def _asgi(request: Request, loop: asyncio.AbstractEventLoop) -> list[Subject]:
    scope = scope_of(request)

    def call() -> tuple[int, bytes]:
        # The app never waits, so it runs to its end without an event loop.
        try:
            call_asgi(asgi_app, scope, request.body).send(None)
        except StopIteration as stop:
            return stop.value
        raise AssertionError("the app waited")

    async def nothing() -> None:
        pass

    rival = "fc_adapter, lifespan off"
    floors = [
        *loads_of(request, rival),
        Subject(APP, call, rival),
        Subject(LOOP, lambda: loop.run_until_complete(nothing()), rival),
    ]
    return [*bind_all((*handlers.ASGI_OFF, *handlers.ASGI_AUTO), asgi_app, request, call()), *floors]


def loads_of(request: Request, rival: str = "fc_adapter") -> list[Subject]:
    """Parsing the event of ``request``, on each platform."""
    ours, theirs = fc_event(request), aws_event(request)
    return [
        Subject(FC_LOADS, lambda: json.loads(ours), rival),
        Subject(AWS_LOADS, lambda: json.loads(theirs), rival),
    ]


def bind_all(
    kinds: tuple[handlers.Kind, ...],
    app: Any,
    request: Request,
    expected: tuple[int, bytes],
    *varied: Request,
    floor: str = APP,
) -> list[Subject]:
    """Subjects for those ``kinds`` that are installed, each of which has answered as ``expected``.

    They serve ``request`` again and again, or those that are ``varied`` from it in turn. ``floor`` is the name of the
    subject that is the app alone.
    """
    subjects = []
    for kind in kinds:
        if kind.is_available:
            call = handlers.bind(kind, app, *(varied or (request,)))
            check(kind.name, call, expected)
            subjects.append(Subject(kind.name, call, kind.rival, (AWS_LOADS if kind.is_peer else FC_LOADS, floor)))
    return subjects


def check(name: str, call: Callable[[], Any], expected: tuple[int, bytes]) -> None:
    """Raises AssertionError when the result is not what the app answered."""
    answer = read_answer(call())
    if expected[0] != 200 or answer != expected:
        raise AssertionError(f"{name} answered {answer!r:.200}, expected {expected!r:.200}")
