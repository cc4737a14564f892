"""Noticing changes of the code."""

from __future__ import annotations

import os

import pytest

from fc_adapter.runner import watch as module
from tests.support.server import wait_until


@pytest.fixture
def watched(tmp_path, monkeypatch):
    """A directory that is watched, and the changes that were noticed."""
    monkeypatch.setattr(module, "_INTERVAL", 0.01)
    (tmp_path / "index.py").write_text("1")
    (tmp_path / "package").mkdir()
    changes = []
    stopped = module.watch(tmp_path, changes.append)
    yield tmp_path, changes
    stopped.set()


def test_changes_are_noticed(watched):
    directory, changes = watched
    (directory / "package" / "new.py").write_text("")
    wait_until(lambda: changes == [[os.path.join("package", "new.py")]])
    os.utime(directory / "index.py", ns=(1, 1))
    wait_until(lambda: changes[1:] == [["index.py"]])
    (directory / "index.py").unlink()
    wait_until(lambda: changes[2:] == [["index.py"]])


def test_what_is_passed_over(watched):
    directory, changes = watched
    for name in ("__pycache__", ".git", "site-packages"):
        (directory / name).mkdir()
        (directory / name / "file.py").write_text("")
    for name in (".hidden", "index.pyc", "index.py~", "data.sqlite3"):
        (directory / name).write_text("")
    (directory / "dangling").symlink_to("nowhere")
    # Seen later than all of these, and alone.
    (directory / "last.py").write_text("")
    wait_until(lambda: changes)
    assert changes == [["last.py"]]
