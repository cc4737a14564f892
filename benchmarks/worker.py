"""A process that carries bodies for the group ``size``: ``python -m benchmarks.worker [--without-pybase64]``.

It reads commands from standard input, one JSON list on a line each, and answers each with one line.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from pathlib import Path
from typing import Any, Callable

from .measure import Effort, make_turn
from .subjects.bodies import CARRIERS, Case, check, make_body, make_call


def main() -> None:
    if "--without-pybase64" in sys.argv[1:]:
        sys.modules["pybase64"] = None  # type: ignore[assignment]  # importing it raises ImportError from now on
    asyncio.set_event_loop(asyncio.new_event_loop())  # Mangum takes the current one
    turns: dict[str, Callable[[], float]] = {}
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        if command == "prepare":
            turns = prepare(*arguments)
            answer: Any = list(turns)
        elif command == "turn":
            answer = turns[arguments[0]]()
        else:
            answer = peak(*arguments)
        print(json.dumps(answer), flush=True)


def prepare(names: list[str], case: list[Any], effort: list[Any]) -> dict[str, Callable[[], float]]:
    """For each of the carriers, a function that lets it carry bodies and gives the seconds for one of them."""
    given = Case(*case)
    body = make_body(given)
    turns = {}
    for name in names:
        call = make_call(CARRIERS[name], given, body)
        check(CARRIERS[name], given, body, call())
        turns[name] = make_turn(call, Effort(*effort))
    return turns


def peak(name: str, case: list[Any]) -> int | None:
    """How many bytes more this process needs at the peak of carrying one body; None where that is not known.

    This is the kernel's count of resident memory, which is what the platform limits, whoever has allocated it. What
    was there before is not in it: the event of a request, or the body that an app answers with.
    """
    given = Case(*case)
    small = given._replace(size=1024)
    make_call(CARRIERS[name], small, make_body(small))()  # imports what is imported late
    call = make_call(CARRIERS[name], given, make_body(given))
    gc.collect()
    try:
        Path("/proc/self/clear_refs").write_text("5")  # proc(5): the peak begins anew
        before = _resident("VmRSS")
        result = call()
        return _resident("VmHWM") - before if result else None
    except OSError:
        return None


def _resident(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


if __name__ == "__main__":
    main()
