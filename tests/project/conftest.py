"""Projects in a temporary directory, and the commands as a user runs them there."""

from __future__ import annotations

import json
import sys

import pytest

from fc_adapter.cli import run
from fc_adapter.config.runtimes import RUNTIMES, Runtime
from tests.support.shop import HERE, Shop


class Project:
    """A directory of files that a test writes; it is also the current directory."""

    def __init__(self, directory):
        self.directory = directory

    def write(self, files):
        """Write files, given as ``{"shop/app.py": source}``, a str or bytes."""
        for name, content in files.items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def read(self, name):
        """The text of a file."""
        return (self.directory / name).read_text(encoding="utf-8")

    def files(self):
        """The names of all files."""
        return sorted(
            path.relative_to(self.directory).as_posix() for path in self.directory.rglob("*") if path.is_file()
        )


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty project, called shop."""
    directory = tmp_path / "shop"
    directory.mkdir()
    monkeypatch.chdir(directory)
    return Project(directory)


@pytest.fixture
def command(project, capsys):
    """Run a command in the project: ``(status, standard output, standard error)``."""

    def command(*arguments):
        status = run(arguments)
        return status, *capsys.readouterr()

    return command


@pytest.fixture
def shop(project, monkeypatch):
    """A project without fault, for a runtime of this interpreter's version with glibc 2.28."""
    monkeypatch.setitem(RUNTIMES, HERE, Runtime(sys.version_info[:2], (2, 28), "x86_64-manylinux_2_28"))
    monkeypatch.setenv("SECRET_KEY", "the shell's")
    return Shop(project)


@pytest.fixture
def diagnose(command):
    """What doctor finds: ``(level, check, message)`` of each finding but the notes, and its whole report."""

    def diagnose(*arguments, imports=False):
        status, out, err = command("doctor", "--json", *([] if imports else ["--no-import"]), *arguments)
        report = json.loads(out)
        assert err == ""
        assert status == (1 if report["error"] else 0)
        assert all(each["why"] and each["todo"] for each in report["findings"] if each["level"] != "note")
        found = [(each["level"], each["check"], each["message"]) for each in report["findings"]]
        return [each for each in found if each[0] != "note"], report

    return diagnose
