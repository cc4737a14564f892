"""``python -m benchmarks [GROUP ...]``: measure, and print tables."""

from __future__ import annotations

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from . import machine
from .measure import Effort

# For each group: its effort, and that of the short form.
GROUPS = {
    "request": (Effort(400, 0.001), Effort(40, 0.0005)),
    "parts": (Effort(400, 0.001), Effort(20, 0.0005)),
    "frameworks": (Effort(150, 0.002), Effort(8, 0.002)),
    "cold": (Effort(25), Effort(4)),
    "size": (Effort(9, 0.005), Effort(3, 0.002)),
    "runner": (Effort(9, 0.5), Effort(2, 0.1)),
}


def main() -> None:
    arguments = _parse()
    report: dict[str, Any] = {"machine": machine.describe(), "groups": {}}
    print(machine.write(report["machine"]))
    # In this order whatever was asked for: FastAPI imports orjson, which the adapter would use from then on.
    for name in [name for name in GROUPS if not arguments.groups or name in arguments.groups]:
        counts_cpu = arguments.cpu and name != "runner"  # whose work is done by other processes
        effort = GROUPS[name][arguments.quick]._replace(is_quick=arguments.quick, counts_cpu=counts_cpu)
        if arguments.rounds:
            effort = effort._replace(rounds=arguments.rounds)
        print(f"\n== {name}: {effort.rounds} rounds{' of CPU time' if counts_cpu else ''}", flush=True)
        tables = import_module(f"benchmarks.groups.{name}").run(effort)
        for table in tables:
            print(f"\n{table}", flush=True)
        report["groups"][name] = {
            "rounds": effort.rounds,
            "counts_cpu": counts_cpu,
            "tables": [table.as_dict() for table in tables],
        }
    if "uvloop" in sys.modules:
        raise SystemExit("uvloop was imported: the event loops are not the same for all")
    if arguments.json:
        arguments.json.write_text(json.dumps(report, ensure_ascii=False, indent=1), encoding="utf-8")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks", description="Measure the adapter beside its peers.")
    parser.add_argument("groups", metavar="GROUP", nargs="*", help=f"{', '.join(GROUPS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="the short form, for a first look and for CI")
    parser.add_argument("--cpu", action="store_true", help="count the processor's time, on a machine that is busy")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often each subject takes its turn")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers to a file as well")
    arguments = parser.parse_args()
    for name in arguments.groups:
        if name not in GROUPS:
            parser.error(f"there is no group {name!r}; there are: {', '.join(GROUPS)}")
    if arguments.rounds is not None and arguments.rounds < 1:
        parser.error("--rounds must be at least 1")
    return arguments


if __name__ == "__main__":
    main()
