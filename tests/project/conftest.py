"""Projects in a temporary directory, and the commands as a user runs them there."""

from __future__ import annotations

import pytest

from fc_adapter.runner.cli import run


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
