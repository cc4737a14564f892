"""The cells of the matrix: every app is asked every request."""

from __future__ import annotations

import json

import pytest

from .alone import ALONE
from .answers import CONTENTS, SEEN, SENT, statuses
from .differences import select, surprises
from .exchange import http, through_adapter
from .scenarios import ANSWERED, ECHOED, QUERIES


def requests_of(app):
    """All that ``app`` is asked, by name."""
    return {**ECHOED, **ANSWERED, **ALONE.get(app, {})}


def each_cell(apps):
    """The parameters of a test with every request of each of ``apps``; queries are also left joined."""
    cells = [(app, True, name) for app in apps for name in requests_of(app)]
    cells += [(app, False, name) for app in apps for name in QUERIES]
    ids = [f"{app}-{'split' if split else 'joined'}-{name}" for app, split, name in cells]
    return pytest.mark.parametrize(("app", "split", "name"), cells, ids=ids)


def judge(app, name, request, theirs, ours, *, split=True):
    """What is wrong with the two answers in one cell; empty when nothing is, and the real server's is a good one."""
    expected = statuses(app, name)
    status = {} if theirs.status in expected else {"their status": (theirs.status, expected)}
    return {**status, **surprises(request, theirs, ours, select(app, name, split=split))}


def seen_by(handler):
    """What an app reports of ``SENT``, for comparison with ``SEEN``."""
    report = json.loads(through_adapter(handler, SENT).body)
    report["files"] = {name: [file[:3] for file in files] for name, files in report["files"].items()}
    return {key: report[key] for key in SEEN}


def contents_of(handler):
    """The bodies that an app gives, for comparison with ``CONTENTS``."""
    return {path: through_adapter(handler, http("GET", path)).body for path in CONTENTS}
