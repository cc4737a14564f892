"""The command ``probe``: the platform is asked whether the contract holds."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

from ..errors import ConfigError
from ..probe.client import Client, NoAnswerError
from ..probe.report import AGREES, DIFFERS, NOT_ASKED, Verdict, ask_all, build_report, describe, write_report
from ..probe.rows import ROWS
from ..probe.session import MOST, Session, WrongAddressError
from ..terminal import tell, warn


def probe(options: argparse.Namespace) -> int:
    """Ask the probe function at ``options.url``; print what differs from the contract. Returns 1 if anything does."""
    token = os.environ.get("PROBE_TOKEN", "")
    if not token:
        raise ConfigError("set PROBE_TOKEN to the token that examples/contract_probe was deployed with")
    if not re.fullmatch(r"[A-Za-z0-9._~-]{8,200}", token):
        raise ConfigError("PROBE_TOKEN must be 8 to 200 letters, digits, '-', '.', '_' or '~'")
    custom = Client(options.custom_domain, timeout=options.timeout) if options.custom_domain else None
    session = Session(Client(options.url, timeout=options.timeout), token, custom=custom)
    verdicts: list[Verdict] = []

    def told(verdict: Verdict) -> None:
        verdicts.append(verdict)
        tell(describe(verdict))

    warn(
        f"asking {options.url} about {len(ROWS)} rows of docs/contract.md, in at most {MOST} requests, "
        "each of which may be billed as an invocation; 100 MB go to and fro"
    )
    try:
        ask_all(session, told)
    except (WrongAddressError, NoAnswerError) as error:
        warn(f"fc-adapter probe: stopped: {error}")
        return 1
    finally:
        if options.json is not None and verdicts:
            write_report(Path(options.json), build_report(session, verdicts))
    counts = {each: sum(verdict.verdict == each for verdict in verdicts) for each in (AGREES, DIFFERS, NOT_ASKED)}
    agree, differ, unasked = (counts[each] for each in (AGREES, DIFFERS, NOT_ASKED))
    tell(f"{agree} rows agree, {differ} differ, {unasked} were not asked; {session.sent} requests")
    if counts[DIFFERS]:
        tell("what differs is worth an issue, with the file that --json FILE writes")
    return int(bool(counts[DIFFERS]))
