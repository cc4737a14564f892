"""The cells of the matrix: every app is asked every request."""

from __future__ import annotations

import json

from .alone import ALONE
from .answers import CONTENTS, SEEN, SENT, statuses
from .differences import select, surprises
from .exchange import http, through_adapter
from .scenarios import ANSWERED, ECHOED


def requests_of(app):
    """All that ``app`` is asked, by name."""
    return {**ECHOED, **ANSWERED, **ALONE.get(app, {})}


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
