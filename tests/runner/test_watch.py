"""Noticing changes of the code."""

from __future__ import annotations

import os
import subprocess
import sys

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


@pytest.mark.parametrize("flags", [[], ["-O"], ["-OO"]])
def test_bytecode_of_another_edit_in_the_same_second_is_not_used(watched, flags, tmp_path_factory, monkeypatch):
    directory, changes = watched
    monkeypatch.setattr(sys, "pycache_prefix", None)
    second = 1_700_000_000
    source, edited = directory / "index.py", tmp_path_factory.mktemp("editor") / "index.py"

    def save(text, nanoseconds):
        """As editors do, so that nobody sees the file half-way."""
        seen = len(changes)
        edited.write_text(text)
        os.utime(edited, ns=(0, second * 10**9 + nanoseconds))
        os.replace(edited, source)
        wait_until(lambda: changes[seen:] == [["index.py"]])

    def run():
        command = [sys.executable, *flags, "-c", "import index; print(index.number)"]
        unset = dict.fromkeys(("PYTHONDONTWRITEBYTECODE", "PYTHONOPTIMIZE", "PYTHONPYCACHEPREFIX"), "")
        environment = {**os.environ, **unset}
        return int(subprocess.run(command, cwd=directory, env=environment, stdout=subprocess.PIPE, check=True).stdout)

    save("number = 1", 100)
    assert run() == 1
    assert list(directory.glob("__pycache__/index.*.pyc"))
    save("number = 2", 200)
    assert run() == 2
