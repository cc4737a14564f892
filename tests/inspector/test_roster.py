"""The instances that the inspector remembers."""

from __future__ import annotations

from fc_adapter.config.function import Function
from fc_adapter.inspector.roster import Roster
from fc_adapter.runner.in_process import LocalInstance


def make_instances(count):
    return [LocalInstance(Function(handler=print), log=lambda *line: None) for _ in range(count)]


def test_those_that_live_and_the_last_that_have_ended():
    roster = Roster()
    assert (roster.latest(), roster.find("in-process"), roster.describe()) == (None, None, [])
    alive, *others = make_instances(30)
    for instance in (alive, *others):
        roster.add(instance)
        if instance is not alive:
            instance.kill()
    latest, *_ = make_instances(1)
    roster.add(latest)
    assert roster.latest() is roster.find("in-process") is latest
    described = roster.describe()
    assert len(described) == 22
    assert [each["state"] for each in described] == ["starting", *["ended"] * 20, "starting"]
    assert described[1]["ended"] >= described[1]["began"]
    assert (described[0]["ended"], described[0]["held"], described[0]["peak"]) == (None, 0, 0)
    assert roster.find("c-none") is None
