"""What a run was made on, without which its numbers mean little."""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .measure import Effort, Subject, measure, spread

PEERS = ("apig-wsgi", "serverless-wsgi", "mangum", "a2wsgi", "pybase64", "orjson")
SERVERS = ("flask", "django", "fastapi", "gunicorn")


def describe() -> dict[str, Any]:
    """The machine, the interpreter, the versions (None: not installed), and how much the machine fluctuates."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "system": platform.platform(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "versions": {name: installed(name) for name in ("fc-adapter", *PEERS, *SERVERS)},
        "noise": _noise(),
    }


def installed(name: str) -> str | None:
    """The version of a distribution, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def write(machine: dict[str, Any]) -> str:
    """``machine`` as text."""
    versions = machine["versions"]
    load = "unknown" if machine["load"] is None else f"{machine['load']:.2f}"
    lines = [
        f"{machine['cpu']}, {machine['cores']} cores, load {load}, {machine['system']}",
        f"{machine['python']}; " + ", ".join(f"{name} {number}" for name, number in versions.items() if number),
        f"noise: the same json.loads, over and over, has a spread of {machine['noise']:.1%}",
    ]
    missing = [name for name, number in versions.items() if number is None]
    if missing:
        lines.append(f"not installed, so left out: {', '.join(missing)}")
    return "\n".join(lines)


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _noise() -> float:
    text = json.dumps({"numbers": list(range(100))})
    return spread(measure([Subject("", lambda: json.loads(text))], Effort(100, 0.002))[""])
