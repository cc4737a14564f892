"""The short form of ``python -m tests.endurance``."""

from __future__ import annotations

from tests import endurance


def test_nothing_grows(capsys):
    assert endurance.main(["--invocations", "1000"]) == 0
    out = capsys.readouterr().out
    assert out.count("grown: nothing") == out.count("\n| 1,000 | ") == 2


def test_nothing_grows_in_the_runner(capsys):
    assert endurance.main(["--minutes", "0.025"]) == 0
    out = capsys.readouterr().out
    assert out.count("grown: nothing") == 2
    assert "instances that stay, answers {0: " in out


def test_what_grows_is_named():
    before = endurance.take_sample(0, 0)
    kept = [[number] for number in range(1000)]
    after = endurance.take_sample(len(kept), 1)
    assert endurance.grown([before, after]) == ["objects", "tasks"]
