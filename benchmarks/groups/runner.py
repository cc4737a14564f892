"""How many requests per second the local platform serves, beside Gunicorn."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.util import find_spec
from statistics import median
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

from .. import children
from ..measure import Effort, Subject, summarize, take_turns
from ..report import RATIO, SPREAD, SUBJECT, Column, Table

CONNECTIONS = 8
PATIENCE = 30  # seconds for a server to start
WARM_UP = 2.0  # seconds of load, in which all instances start
APP = "benchmarks.subjects.apps:wsgi_app"
COLUMNS = (
    SUBJECT,
    Column("rate", "requests/s", "{:.0f}"),
    SPREAD,
    RATIO,
    Column("latency", "latency, ms", "{:.1f}", 1e3),
    Column("p99", "99 % below", "{:.1f}", 1e3),
)
SERVE = ["-m", "fc_adapter", "serve", APP, "--port", "0"]
ONE, FOUR = "fc-adapter serve, 1 instance", "fc-adapter serve, 4 instances"


def run(effort: Effort) -> list[Table]:
    """One table: all servers stand ready, and each is loaded when it is its turn."""
    servers = _servers()
    with ExitStack() as stack:
        cache = stack.enter_context(TemporaryDirectory())
        ports = {name: stack.enter_context(_serve(command)) for name, (command, _) in servers.items()}
        turns = {
            name: partial(_load, port, CONNECTIONS, effort.slice_seconds, cache=cache) for name, port in ports.items()
        }
        for port in ports.values():
            _load(port, CONNECTIONS, WARM_UP, cache=cache)  # starts the instances
        results = take_turns(turns, effort.rounds)
    subjects = [Subject(name, lambda: None, rival) for name, (_, rival) in servers.items()]
    samples = {name: [each["seconds"] / each["requests"] for each in rounds] for name, rounds in results.items()}
    rows = summarize(subjects, samples)
    for row in rows:
        rounds = results[row["subject"]]
        row["rate"] = 1 / row["median"]
        row["latency"] = median([each["median"] for each in rounds])
        row["p99"] = median([each["p99"] for each in rounds])
    notes = (
        f"{CONNECTIONS} connections; the ratio is of seconds per request, so below 1 fc-adapter serve is faster.",
        "Sync workers close each connection, the others keep it. The runner logs each request, Gunicorn does not.",
    )
    return [Table("a WSGI app behind HTTP", COLUMNS, rows, notes)]


def _servers() -> dict[str, tuple[list[str], str]]:
    """For each server: its command, and the name of what it is compared with."""
    servers = {
        ONE: ([*SERVE, "--instances", "1"], ""),
        f"{ONE}, not frozen": ([*SERVE, "--instances", "1", "--no-freeze"], ONE),
        FOUR: ([*SERVE, "--instances", "4"], ""),
    }
    if find_spec("gunicorn"):
        servers.update(
            {
                "Gunicorn, 1 sync worker": (_gunicorn("--workers", "1"), ONE),
                "Gunicorn, 4 sync workers": (_gunicorn("--workers", "4"), FOUR),
                "Gunicorn, 1 worker of 8 threads": (_gunicorn("--workers", "1", "--threads", "8"), ONE),
                "Gunicorn, 4 workers of 8 threads": (_gunicorn("--workers", "4", "--threads", "8"), FOUR),
            }
        )
    servers["floor: a server that only writes"] = (["-m", "benchmarks.subjects.canned"], ONE)
    return servers


def _gunicorn(*options: str) -> list[str]:
    from gunicorn.config import KNOWN_SETTINGS

    # Newer versions open a socket in the user's home directory; older ones do not know the option.
    quiet = [setting.cli[0] for setting in KNOWN_SETTINGS if setting.name == "control_socket_disable"]
    return ["-m", "gunicorn", "--bind", "127.0.0.1:0", *options, "--keep-alive", "60", *quiet, APP]


@contextmanager
def _serve(arguments: list[str]) -> Iterator[int]:
    """Run a server, and give its port, which it writes."""
    with TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=children.ROOT,
            env=children.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        try:
            yield _wait_for_port(process, log)
        finally:
            process.terminate()
            process.wait()


def _wait_for_port(process: subprocess.Popen[bytes], log: Any) -> int:
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        log.seek(0)
        found = re.search(rb"http://127\.0\.0\.1:(\d+)", log.read())
        if found:
            return int(found[1])
        time.sleep(0.01)
    raise RuntimeError(f"{process.args} did not start")


def _load(port: int, connections: int, seconds: float, *, cache: str) -> dict[str, Any]:
    return children.run("-m", "benchmarks.load", str(port), str(connections), str(seconds), cache=cache)
