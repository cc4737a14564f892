"""What an instance pays before its first request: importing the adapter and wrapping an app."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from .. import children
from ..measure import Effort, Subject, ratio, summarize, take_turns
from ..report import RATIO, SPREAD, SUBJECT, Column, Table
from ..subjects.requests import JSON_POST, aws_event, fc_event

COLUMNS = (
    SUBJECT,
    Column("median", "import and wrap, ms", "{:.1f}", 1e3),
    SPREAD,
    Column("best", "best", "{:.1f}", 1e3),
    RATIO,
    Column("modules", "modules"),
    Column("first", "with a request, ms", "{:.1f}", 1e3),
    Column("first_ratio", "fc_adapter over it", "{:.2f}"),
    Column("first_modules", "modules"),
)

# Distributions come before the standard library, as on the platform, where they lie beside the function's code.
# What is counted and timed is what comes on top of what the platform's runtime has imported.
SOURCE = """
import json, logging, sys
from time import {clock} as clock
from benchmarks.subjects.apps import {app} as app
sys.path.sort(key=lambda path: not (path in ("", {root!r}) or "site-packages" in path))
{before}
event = {event!r}
modules = len(sys.modules)
start = clock()
{wrap}
wrapped, wrapped_modules = clock(), len(sys.modules)
{serve}
served, served_modules = clock(), len(sys.modules)
assert {check}, result
print(json.dumps([wrapped - start, wrapped_modules - modules, served - start, served_modules - modules]))
"""


class Start(NamedTuple):
    """A cold start: the source ``wrap`` makes ``handler``. ``module`` must be installed; ``is_peer``: it is for AWS."""

    name: str
    wrap: str
    module: str = "fc_adapter"
    is_peer: bool = False


_BY_HAND = "from benchmarks.subjects.handwritten import make_handler"
WSGI = (
    Start("fc_adapter", "import fc_adapter; handler = fc_adapter.wrap(app)"),
    Start("apig-wsgi", "import apig_wsgi; handler = apig_wsgi.make_lambda_handler(app)", "apig_wsgi", True),
    Start(
        "serverless-wsgi",
        "import serverless_wsgi; handler = lambda *both: serverless_wsgi.handle_request(app, *both)",
        "serverless_wsgi",
        True,
    ),
    Start("by hand", f"{_BY_HAND}; handler = make_handler(app)"),
)
ASGI = (
    Start("fc_adapter", "import fc_adapter; handler = fc_adapter.wrap(app)"),
    Start("Mangum", "import mangum; handler = mangum.Mangum(app)", "mangum", True),
    Start("a2wsgi by hand", f"{_BY_HAND}; import a2wsgi; handler = make_handler(a2wsgi.ASGIMiddleware(app))"),
)
# What any of them must import to have an event loop.
ASYNCIO = Start("floor: import asyncio", "import asyncio; handler = None")


def run(effort: Effort) -> list[Table]:
    """A table for each interface; for ASGI also one of what comes on top of asyncio."""
    with TemporaryDirectory() as cache:
        return [
            _run("WSGI", WSGI, "wsgi_app", "", effort, cache),
            _run("ASGI", (*ASGI, ASYNCIO), "asgi_app", "", effort, cache),
            _run("ASGI, asyncio being there already", ASGI, "asgi_app", "import asyncio", effort, cache),
        ]


def _run(title: str, starts: tuple[Start, ...], app: str, before: str, effort: Effort, cache: str) -> Table:
    turns = {
        start.name: partial(children.run, "-c", _source(start, app, before, effort), cache=cache)
        for start in starts
        if find_spec(start.module)
    }
    for turn in turns.values():
        turn()  # compiles what it imports
    return Table(title, COLUMNS, _rows(take_turns(turns, effort.rounds)))


def _source(start: Start, app: str, before: str, effort: Effort) -> str:
    """A program that prints the seconds and modules until the app is wrapped, then until it has served a request."""
    event = (aws_event if start.is_peer else fc_event)(JSON_POST)
    if start is ASYNCIO:
        serve, check = "", "True"
    else:
        serve = "result = handler(json.loads(event), None)" if start.is_peer else "result = handler(event, None)"
        check = "result['statusCode'] == 200"
    clock = "process_time" if effort.counts_cpu else "perf_counter"
    return SOURCE.format(
        root=str(children.ROOT),
        clock=clock,
        app=app,
        before=before,
        event=event,
        wrap=start.wrap,
        serve=serve,
        check=check,
    )


def _rows(results: dict[str, list[list[float]]]) -> list[dict[str, Any]]:
    wrapped, modules, served, served_modules = (
        {name: [values[index] for values in rounds] for name, rounds in results.items()} for index in range(4)
    )
    subjects = [Subject(name, lambda: None, "fc_adapter" if name != "fc_adapter" else "") for name in results]
    rows = summarize(subjects, wrapped)
    for row in rows:
        name = row["subject"]
        row["modules"] = modules[name][0]
        if name != ASYNCIO.name:
            row["first"], row["first_modules"] = median(served[name]), served_modules[name][0]
            row["first_ratio"] = ratio(served["fc_adapter"], served[name]) if row["rival"] else None
    return rows
