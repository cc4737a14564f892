"""Which processes are found below another, and what is known of them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from fc_adapter.runner import processes
from fc_adapter.runner.processes import Descendants, read_memory, read_share, read_stat
from tests.support.server import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
NEST = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"


@pytest.fixture
def nest():
    """A process and one below it, which both wait for a line."""
    with subprocess.Popen([sys.executable, "-c", NEST], stdin=subprocess.PIPE) as process:
        yield process
        process.stdin.close()


def test_processes_below_another(nest):
    below = Descendants(nest.pid)
    [inner] = wait_until(below.find)
    assert read_stat(inner)[0][1] == nest.pid
    assert {nest.pid, inner} <= set(Descendants(os.getpid()).find())
    nest.stdin.close()
    wait_until(lambda: not Descendants(nest.pid).find())


def test_what_is_known_is_forgotten_when_ids_are_given_anew(nest, monkeypatch):
    below = Descendants(nest.pid)
    [inner] = wait_until(below.find)
    monkeypatch.setattr(processes, "newest_process", lambda: 2**30)
    below.find()
    below._others.add(inner)  # as if it had been another process before
    monkeypatch.setattr(processes, "newest_process", lambda: 1)
    assert [*below.find()] == [inner]


def test_process_that_ends_while_it_is_looked_at(nest, monkeypatch):
    below = Descendants(nest.pid)
    [inner] = wait_until(below.find)
    monkeypatch.setattr(processes, "read_stat", lambda pid: [] if pid == inner else read_stat(pid))
    monkeypatch.setattr(processes, "newest_process", lambda: 2**30)
    assert (below.find(), below.is_certain) == (set(), False)
    monkeypatch.undo()
    wait_until(lambda: [*below.find()] == [inner] and below.is_certain)


def test_process_whose_parent_is_gone_already_is_not_taken_for_anothers(nest, monkeypatch):
    below = Descendants(os.getpid())
    [inner] = wait_until(Descendants(nest.pid).find)
    monkeypatch.setattr(processes, "read_stat", lambda pid: [] if pid == nest.pid else read_stat(pid))
    assert inner not in below.find()
    monkeypatch.undo()
    assert {nest.pid, inner} <= set(below.find())


def test_memory():
    peak, held = read_memory(os.getpid())
    assert peak >= held > 0
    assert 0 < read_share(os.getpid()) <= held + 2**20
    assert (read_stat(2**30), read_memory(2**30), read_share(2**30)) == ([], (0, 0), 0)
