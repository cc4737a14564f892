"""The short form of ``python -m tests.endurance``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests import endurance


def test_nothing_grows():
    command = [sys.executable, "-m", "tests.endurance", "--invocations", "1000"]
    # Coverage keeps some objects for each thread that was ever started, which no test of the adapter should count.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    root = Path(__file__).parent.parent
    ended = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("grown: nothing") == ended.stdout.count("\n| 1,000 | ") == 2


def test_samples(capsys):
    endurance.main(["--invocations", "20", "--parts", "2"])
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split(" | ")[0] for line in lines if line.startswith(("| 10 ", "| 20 "))]
    assert rows == ["| 10", "| 20"] * 2


def test_nothing_grows_in_the_runner(capsys):
    assert endurance.main(["--minutes", "0.02", "--parts", "2"]) == 0
    out = capsys.readouterr().out
    assert out.count("grown: nothing") == 2
    assert "instances that stay, answers {0: " in out


def test_what_grows_is_named():
    before = endurance.take_sample(0, 0)
    kept = [[number] for number in range(1000)]
    after = endurance.take_sample(len(kept), 1)
    assert endurance.grown([before, after]) == ["objects", "tasks"]
