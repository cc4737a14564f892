"""A directory that is replaced by a new one, and is whole at any time."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading

import pytest

from fc_adapter.project import staging
from fc_adapter.project.staging import WORK, replace, strangers, work_directory


@pytest.fixture
def target(project):
    project.write({"python/old.py": ""})
    return project.directory / "python"


def replace_once(project, target):
    with work_directory(project.directory, target) as work:
        (work / "python").mkdir()
        (work / "python" / "new.py").write_text("")
        replace(work / "python", target, work)


def no_exchange(monkeypatch, library):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)


class Refusing:
    """A system whose file system cannot exchange directories."""

    def renameat2(self, *arguments):
        return -1

    renamex_np = renameat2


@pytest.mark.parametrize("library", [None, object(), Refusing()], ids=["this system", "an old one", "a network drive"])
def test_the_new_one_takes_the_place_of_the_old(project, target, monkeypatch, library):
    if library is not None:
        no_exchange(monkeypatch, library)
    replace_once(project, target)
    assert project.files() == ["python/new.py"]


def test_there_was_none(project):
    replace_once(project, project.directory / "python")
    assert project.files() == ["python/new.py"]


@pytest.mark.parametrize(("system", "name"), [("linux", "renameat2"), ("darwin", "renamex_np")])
def test_each_system_has_a_call_of_its_own(project, target, monkeypatch, system, name):
    calls = []

    class Library:
        def __getattr__(self, called):
            return lambda *arguments: calls.append(called) or 0

    no_exchange(monkeypatch, Library())
    monkeypatch.setattr(staging.sys, "platform", system)
    assert staging._exchange(target, target)
    assert calls == [name]


def test_what_an_interrupted_build_has_left_is_put_right(project, target):
    project.write({f"{WORK}/python/half.py": "", f"{WORK}/old/older.py": ""})
    with work_directory(project.directory, target):
        assert project.files() == ["python/old.py"]
    os.makedirs(project.directory / WORK)
    target.rename(project.directory / WORK / "old")
    with work_directory(project.directory, target) as work:
        assert (project.files(), list(work.iterdir())) == (["python/old.py"], [])
    assert not work.exists()


def test_a_file_in_the_way_is_removed(project, target):
    project.write({WORK: ""})
    with work_directory(project.directory, target) as work:
        assert work.is_dir()


def test_one_at_a_time(project, target, capfd):
    program = (
        "import pathlib, sys, time\nfrom fc_adapter.project.staging import work_directory\n"
        "with work_directory(pathlib.Path.cwd(), pathlib.Path('python')) as work:\n"
        "    print('in', flush=True)\n    sys.stdin.read()\n"
    )
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", program], **options) as other:
        assert other.stdout.readline() == "in\n"
        timer = threading.Timer(0.3, other.stdin.close)
        timer.start()
        with work_directory(project.directory, target):
            assert other.wait(30) == 0
        timer.join()
    assert capfd.readouterr().out == "waiting for another build of this project to end\n"


def test_the_lock_goes_to_those_that_build(project, target):
    with work_directory(project.directory, target):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
    try:
        with pytest.raises(BlockingIOError):
            lock_now(project.directory)
    finally:
        child.communicate()
    lock_now(project.directory)


def lock_now(directory):
    import fcntl

    lock = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(lock)


def test_a_system_without_such_locks(project, target, monkeypatch):
    monkeypatch.setattr(staging.sys, "platform", "win32")
    with work_directory(project.directory, target) as work:
        assert work.is_dir()


def test_strangers_are_what_no_package_has(project):
    assert strangers(project.directory / "python") == []
    info = "python/shop-1.0.dist-info"
    project.write(
        {
            f"{info}/RECORD": f'shop/__init__.py,,\n"a,b.py",,\n../../bin/shop,,\n{info}/RECORD,,\n',
            "python/shop/__init__.py": "",
            "python/bin/shop": "",
            "python/mine.py": "",
            "python/__pycache__/x.pyc": "",
        }
    )
    assert strangers(project.directory / "python") == ["mine.py"]
