"""The short form of ``python -m tests.endurance``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests import endurance


def test_nothing_grows():
    command = [sys.executable, "-m", "tests.endurance", "--invocations", "1000"]
    ended = subprocess.run(command, cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=True)
    assert ended.stdout.count("grown: nothing") == ended.stdout.count("\n| 1,000 | ") == 2


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
