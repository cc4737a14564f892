"""Finding an interpreter of the runtime's version on this machine."""

from __future__ import annotations

import sys

import pytest

from fc_adapter.config.runtimes import Runtime
from fc_adapter.project import interpreter
from fc_adapter.project.interpreter import find_interpreter

FUTURE = Runtime((3, 99), (2, 28), "")


def make_program(path, status):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nexit {status}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine without any interpreter but this one."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "uv"))
    return tmp_path


def test_the_running_one(machine):
    assert find_interpreter(Runtime(sys.version_info[:2], (2, 28), "")) == sys.executable


def test_none(machine):
    assert find_interpreter(FUTURE) is None


@pytest.mark.parametrize(
    "place",
    ["bin/python3.99", "pyenv/versions/3.99.1/bin/python", "uv/cpython-3.99.1-linux-x86_64-gnu/bin/python3.99"],
)
def test_one_that_is_installed(machine, place):
    expected = make_program(machine / place, 0)
    assert find_interpreter(FUTURE) == expected


def test_one_that_does_not_run_is_passed_over(machine):
    make_program(machine / "bin" / "python3.99", 127)
    (machine / "pyenv" / "versions" / "3.99.1" / "bin" / "python").mkdir(parents=True)
    expected = make_program(machine / "uv" / "cpython-3.99.1" / "bin" / "python3.99", 0)
    assert find_interpreter(FUTURE) == expected


def test_directory_that_cannot_be_read_is_passed_over(machine, monkeypatch):
    monkeypatch.setenv("PYENV_ROOT", str(machine / ("x" * 300)))  # root may read any, but not one with such a name
    expected = make_program(machine / "uv" / "cpython-3.99.1" / "bin" / "python3.99", 0)
    assert find_interpreter(FUTURE) == expected


def test_one_that_hangs_is_passed_over(machine, monkeypatch):
    monkeypatch.setattr(interpreter, "_TIMEOUT", 0.05)
    path = machine / "bin" / "python3.99"
    make_program(path, 0)
    path.write_text("#!/bin/sh\nwhile :; do :; done\n")
    assert find_interpreter(FUTURE) is None


def test_the_places_of_an_ordinary_machine(machine, monkeypatch):
    monkeypatch.delenv("PYENV_ROOT")
    monkeypatch.delenv("UV_PYTHON_INSTALL_DIR")
    monkeypatch.setenv("HOME", str(machine))
    expected = make_program(machine / ".local/share/uv/python/cpython-3.99.0/bin/python3.99", 0)
    assert find_interpreter(FUTURE) == expected
    expected = make_program(machine / ".pyenv/versions/3.99.0/bin/python", 0)
    assert find_interpreter(FUTURE) == expected
