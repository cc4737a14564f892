"""The same small requests through real frameworks: how much of a request is the adapter's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from ..measure import Effort, Subject, measure, summarize
from ..report import MICROSECONDS, OWN_MICROSECONDS, RATIO, SHARE, SPREAD, SUBJECT, Table
from ..subjects import handlers
from ..subjects.requests import HTML_GET, JSON_POST, Request, call_asgi, call_wsgi, environ_of, scope_of
from .request import APP, bind_all, event_loop, loads_of

UVICORN = "floor: the app alone, in a loop that runs as Uvicorn's does"
COLUMNS = (SUBJECT, MICROSECONDS, SPREAD, OWN_MICROSECONDS, SHARE, RATIO)


class Framework(NamedTuple):
    """An app of a framework: ``module`` is the framework's, ``path`` the app's own, without its package.

    ``prefix`` is where its views lie. Those that run in ``threads`` are compared with a loop that never stops.
    """

    title: str
    module: str
    path: str
    kinds: tuple[handlers.Kind, ...]
    prefix: str = ""
    threads: bool = False


FRAMEWORKS = (
    Framework("Flask", "flask", "flask_app:app", handlers.WSGI),
    Framework("Django, WSGI", "django", "django_site:wsgi_app", handlers.WSGI),
    # Django has no lifespan; its synchronous views would each be a trip to a thread.
    Framework("Django, ASGI", "django", "django_site:asgi_app", handlers.ASGI_OFF, "/async"),
    Framework("FastAPI", "fastapi", "fastapi_app:app", (*handlers.ASGI_OFF, *handlers.ASGI_AUTO)),
    Framework(
        "FastAPI, def routes", "fastapi", "fastapi_app:app", (*handlers.ASGI_OFF, *handlers.ASGI_AUTO), "/def", True
    ),
)


def run(effort: Effort) -> list[Table]:
    """A table for each framework that is installed, and each request."""
    with event_loop() as loop:
        tables = []
        for framework in FRAMEWORKS:
            if find_spec(framework.module):
                for request in (JSON_POST, HTML_GET):
                    subjects = _subjects(framework, request._replace(path=framework.prefix + request.path), loop)
                    rows = summarize(subjects, measure(subjects, effort))
                    tables.append(Table(f"{request.name}, {framework.title}", COLUMNS, rows))
        return tables


def _subjects(framework: Framework, request: Request, loop: asyncio.AbstractEventLoop) -> list[Subject]:
    module, _, name = framework.path.partition(":")
    app = getattr(import_module(f"benchmarks.subjects.{module}"), name)
    is_wsgi = framework.kinds is handlers.WSGI
    environ, scope = environ_of(request), scope_of(request)

    def call() -> Any:
        if is_wsgi:
            return call_wsgi(app, environ, request.body)
        return loop.run_until_complete(call_asgi(app, scope, request.body))

    floor = InRunningLoop(loop, partial(call_asgi, app, scope, request.body)) if framework.threads else call
    rival = framework.kinds[0].name
    return [
        *bind_all(framework.kinds, app, request, call(), floor=UVICORN if framework.threads else APP),
        *loads_of(request, rival),
        Subject(UVICORN if framework.threads else APP, floor, rival),
    ]


class InRunningLoop:
    """Calls of a coroutine function, all of them in one run of the loop: what they cost in a real server's."""

    def __init__(self, loop: asyncio.AbstractEventLoop, function: Callable[[], Awaitable[Any]]) -> None:
        self._loop = loop
        self._function = function

    def __call__(self) -> None:
        self.repeat(1)

    def repeat(self, number: int) -> None:
        self._loop.run_until_complete(self._run(number))

    async def _run(self, number: int) -> None:
        for _ in range(number):
            await self._function()
