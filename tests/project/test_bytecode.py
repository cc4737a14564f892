"""Bytecode by an interpreter: which is checked, what cannot be compiled, that it is the same each time."""

from __future__ import annotations

import importlib.util
import marshal
import sys
from pathlib import Path

import pytest

from fc_adapter.project.bytecode import Compiled, compile_files


@pytest.fixture
def compile_project(project):
    def compile_project(**options):
        files = sorted(path for path in project.directory.rglob("*.py"))
        names = [(path, f"/code/{path.relative_to(project.directory)}") for path in files]
        return compile_files(sys.executable, names, **options)

    return compile_project


def flags(project, name):
    """The first bytes of a file's bytecode: which kind it is (PEP 552)."""
    data = Path(importlib.util.cache_from_source(str(project.directory / name))).read_bytes()
    assert data[:4] == importlib.util.MAGIC_NUMBER
    return int.from_bytes(data[4:8], "little")


def test_packages_are_not_checked_and_code_is(project, compile_project):
    project.write({"a.py": "x = 1\n"})
    assert compile_project(is_checked=False) == Compiled(1, {})
    assert flags(project, "a.py") == 0b01
    assert compile_project(is_checked=True) == Compiled(1, {})
    assert flags(project, "a.py") == 0b11
    assert compile_project(is_checked=True) == Compiled(0, {})
    project.write({"a.py": "x = 2\n"})
    assert compile_project(is_checked=True) == Compiled(1, {})


def test_what_cannot_be_compiled_is_told(project, compile_project):
    project.write({"a.py": "x = 1\n", "b.py": "x = (\n", "c.py": b"x = '\0'\n", "d.py": b"# coding: nonsense\n"})
    compiled = compile_project(is_checked=False)
    problems = {path.name: problem for path, problem in compiled.problems.items()}
    assert (compiled.new, list(problems)) == (1, ["b.py", "c.py", "d.py"])
    assert problems["b.py"].startswith("line 1: ")


def test_many_files_are_told_as_they_are_done_and_are_the_same_each_time(project, compile_project, monkeypatch):
    source = "def f(x):\n    return x in {'a', 'b', 'c', 'd'} and {'path': x, 'name': __name__}\n"
    project.write({f"m{number}.py": source for number in range(120)})
    caches, done = [], []
    for _ in range(2):
        assert compile_project(is_checked=False, progress=done.append) == Compiled(120, {})
        cache = project.directory / "__pycache__"
        caches.append({path.name: path.read_bytes() for path in cache.iterdir()})
        monkeypatch.setenv("PYTHONHASHSEED", "7")
    assert caches[0] == caches[1]
    assert done == [*range(1, 121)] * 2


def test_it_knows_its_name_in_the_cloud(project, compile_project):
    project.write({"shop/a.py": "x = 1\n"})
    compile_project(is_checked=False)
    cached = importlib.util.cache_from_source(str(project.directory / "shop" / "a.py"))
    assert marshal.loads(Path(cached).read_bytes()[16:]).co_filename == "/code/shop/a.py"
