"""What a probe has seen, row by row: asked here, told as a table, and kept as a file that may be given away."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from .. import __version__
from ..contract.facts import Facts, read_facts
from ..errors import ConfigError
from . import ask_platform, ask_request, ask_response
from .client import NoAnswerError
from .rows import ROWS, Row
from .session import QUESTIONS, Finding, NotAskedError, OtherAnswerError, Session

AGREES, DIFFERS, NOT_ASKED = "agrees", "differs", "not asked"

_SHOWN = 160  # characters of a finding in the table
_IN_VAIN = 3  # requests without an answer, one after the other, before it is given up

ASKED_IN = (ask_platform, ask_request, ask_response)  # the modules that enter the questions


class Verdict(NamedTuple):
    """What has been seen of one row: ``verdict`` is AGREES, DIFFERS or NOT_ASKED, ``seen`` says it in a few words."""

    row: Row
    verdict: str
    seen: str
    findings: tuple[Finding, ...]
    evidence: tuple[dict[str, Any], ...]


def ask_all(session: Session, told: Callable[[Verdict], None] = lambda verdict: None) -> list[Verdict]:
    """Ask the questions of all rows, in their order. ``told(verdict)`` gets each as it comes.

    Raises WrongAddressError when it is not the probe function that answers, and NoAnswerError when nothing does.
    """
    session.greet()
    verdicts: list[Verdict] = []
    in_vain = 0
    for row in ROWS:
        session.evidence = []
        verdict, error = _ask(session, row)
        in_vain = in_vain + 1 if error is not None else 0
        if error is not None and in_vain == _IN_VAIN:
            raise error
        verdicts.append(verdict)
        told(verdict)
    return verdicts


def _ask(session: Session, row: Row) -> tuple[Verdict, NoAnswerError | None]:
    """Ask the questions of one row; also the error when there was no answer."""
    findings: list[Finding] = []

    def judge(verdict: str, seen: str) -> Verdict:
        return Verdict(row, verdict, seen, tuple(findings), tuple(session.evidence))

    try:
        for question in QUESTIONS:
            if question.row == row.name:
                findings.extend(question.ask(session))
    except NotAskedError as error:
        return judge(NOT_ASKED, str(error)), None
    except NoAnswerError as error:
        return judge(NOT_ASKED, str(error)), error
    except OtherAnswerError as error:
        return judge(DIFFERS, f"the function was not reached: {error}"), None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return judge(DIFFERS, f"the answer lacks what was looked at: {type(error).__name__} {error}"), None
    wrong = [
        f"{what}: expected {session.show(repr(expected), _SHOWN)}, got {session.show(repr(seen), _SHOWN)}"
        for what, expected, seen in findings
        if expected != seen
    ]
    if wrong:
        return judge(DIFFERS, "; ".join(wrong)), None
    return judge(AGREES, f"{len(findings)} of {len(findings)} as expected"), None


def describe(verdict: Verdict) -> str:
    """A line of the table."""
    row = verdict.row
    line = f"{verdict.verdict:9}  {row.sure:10}  {row.name:23} {row.rule}"
    if verdict.verdict == AGREES:
        return line
    lines = [line, f"           {verdict.seen[: 4 * _SHOWN]}"]
    if verdict.verdict == DIFFERS:
        lines.append(f"           it stands in {row.place}")
    return "\n".join(lines)


def build_report(session: Session, verdicts: Iterable[Verdict]) -> dict[str, Any]:
    """The report as JSON holds it, without what belongs to the account: token, id, addresses and host names."""
    return {
        "probe": 1,
        "adapter": __version__,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "python": session.python,
        "requests": session.sent,
        "platform": dict(session.facts),
        "rows": [
            {
                "row": verdict.row.name,
                "rule": verdict.row.rule,
                "sure": verdict.row.sure,
                "verdict": verdict.verdict,
                "seen": session.show(verdict.seen),
                "place": verdict.row.place,
                "findings": [
                    {"what": what, "expected": _plain(expected, session), "seen": _plain(seen, session)}
                    for what, expected, seen in verdict.findings
                ],
                "evidence": list(verdict.evidence),
            }
            for verdict in verdicts
        ],
    }


def write_report(path: Path, report: dict[str, Any]) -> None:
    """Write ``report`` as JSON. Raises ConfigError when it cannot be written."""
    try:
        path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", "utf-8", "backslashreplace")
    except OSError as error:
        raise ConfigError(f"cannot write {str(path)!r}: {os.strerror(error.errno or 0)}") from error


def read_report_facts(path: Path) -> Facts:
    """The facts that a report has found out. Raises ConfigError for what is no report."""
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"cannot read {str(path)!r}: {error}") from error
    if not isinstance(document, dict) or document.get("probe") != 1:
        raise ConfigError(f"{str(path)!r} is not a report; expected what fc-adapter probe --json writes")
    return read_facts(document.get("platform"))


def _plain(value: object, session: Session) -> object:
    """``value`` as JSON can hold it and a report may."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    if isinstance(value, str):
        return session.show(value, _SHOWN)
    if isinstance(value, dict):
        return {str(key): _plain(each, session) for key, each in value.items()}
    if isinstance(value, (list, set, tuple)):
        return [_plain(each, session) for each in (sorted(value) if isinstance(value, set) else value)]
    return value
