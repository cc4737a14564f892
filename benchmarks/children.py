"""Processes of their own, for what only a fresh interpreter can show."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def run(*arguments: str, cache: str) -> Any:
    """Run this interpreter, and give what it prints as JSON. What it imports is compiled once, into ``cache``."""
    command = [sys.executable, "-X", f"pycache_prefix={cache}", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def environment(**additions: str) -> dict[str, str]:
    """An environment without what would slow a child down or keep it from writing compiled files."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV_", "COVERAGE_"))}
    return {**kept, "PYTHONPATH": str(ROOT), **additions}


class Worker:
    """A running ``benchmarks.worker``."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, *command: Any) -> Any:
        """Let it do something, and wait for its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@contextmanager
def worker(*options: str, **variables: str) -> Iterator[Worker]:
    """A worker for the time of a ``with`` block, with ``variables`` in its environment."""
    process = subprocess.Popen(
        [sys.executable, "-B", "-m", "benchmarks.worker", *options],
        cwd=ROOT,
        env=environment(**variables),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield Worker(process)
        assert process.stdin is not None
        process.stdin.close()
