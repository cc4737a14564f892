"""How long a cold start's import takes: in a fresh process of the runtime's Python, with nothing but the code."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

from .interpreter import run_code

_TIMEOUT = 60  # seconds for one import
_ENOUGH = 6.0  # seconds for all of them but the first
_TIMES = 3

# Without bytecode, modules below the code's directories are compiled each time; those of the standard library are not.
_PROGRAM = """
import json, logging, os, sys, time
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES, ExtensionFileLoader, FileFinder, SourceFileLoader
paths, module, has_bytecode = json.loads(sys.argv[1])
class Loader(SourceFileLoader):
    def get_data(self, path):
        if path.endswith(".pyc"):
            raise FileNotFoundError(path)
        return super().get_data(path)
find = FileFinder.path_hook((ExtensionFileLoader, EXTENSION_SUFFIXES), (Loader, SOURCE_SUFFIXES))
def hook(path):
    if path.startswith(paths[0]):
        return find(path)
    raise ImportError(path)
if not has_bytecode:
    sys.path_hooks.insert(0, hook)
sys.path[:0] = paths
answer = os.dup(1)
os.dup2(2, 1)
error = None
os.write(2, b"the import begins\\n")
began = time.perf_counter()
try:
    __import__(module)
except BaseException as raised:
    error = f"{type(raised).__name__}: {raised}"
seconds = time.perf_counter() - began
os.write(answer, json.dumps([seconds, error]).encode())
os._exit(0)
"""
_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+([\w.]+)$", re.MULTILINE)


class Share(NamedTuple):
    """What the modules of one top-level name take of an import, without what they import: seconds, and how many."""

    name: str
    seconds: float
    modules: int


class Imported(NamedTuple):
    """The least seconds that an import took, with bytecode and without, and what it went into, the most first.

    ``problem`` says why it failed, and then the others are nothing.
    """

    with_bytecode: float = 0.0
    without: float = 0.0
    shares: tuple[Share, ...] = ()
    problem: str = ""


def measure_import(python: str, path: Sequence[Path], module: str, environment: dict[str, str]) -> Imported:
    """Import ``module`` from ``path``, of which the first is the code directory, some times."""
    run = _Run(python, path, module, environment)
    try:
        run.once(has_bytecode=True)  # files are read from the disk once
        began = time.monotonic()
        times: dict[bool, list[float]] = {True: [], False: []}
        while len(times[True]) < _TIMES and (not times[True] or time.monotonic() - began < _ENOUGH):
            for has_bytecode, seconds in times.items():
                seconds.append(run.once(has_bytecode=has_bytecode))
        return Imported(min(times[True]), min(times[False]), run.shares())
    except _FailedError as error:
        return Imported(problem=str(error))


class _FailedError(Exception):
    """The module cannot be imported; says why."""


class _Run:
    def __init__(self, python: str, path: Sequence[Path], module: str, environment: dict[str, str]) -> None:
        self._python = python
        self._path = [str(each) for each in path]
        self._module = module
        self._environment = {**os.environ, **environment}

    def once(self, *, has_bytecode: bool) -> float:
        """The seconds that one import takes. Raises _FailedError."""
        seconds, _ = self._import([], has_bytecode=has_bytecode)
        return seconds

    def shares(self) -> tuple[Share, ...]:
        """What the import's time goes into, as ``-X importtime`` says."""
        _, text = self._import(["-X", "importtime"], has_bytecode=True)
        found: dict[str, list[int]] = {}
        for microseconds, name in _LINE.findall(text.partition("the import begins")[2]):
            found.setdefault(name.partition(".")[0], []).append(int(microseconds))
        shares = [Share(name, sum(each) / 1e6, len(each)) for name, each in found.items()]
        return tuple(sorted(shares, key=lambda share: -share.seconds))

    def _import(self, options: list[str], *, has_bytecode: bool) -> tuple[float, str]:
        arguments = json.dumps([self._path, self._module, has_bytecode])
        command = [self._python, "-I", "-S", "-B", *options, "-c", _PROGRAM, arguments]
        with TemporaryFile() as out, TemporaryFile() as log:
            status = run_code(
                command, cwd=Path(self._path[0]), env=self._environment, out=out, error=log, seconds=_TIMEOUT
            )
            out.seek(0)
            log.seek(0)
            answer, text = out.read(), log.read()
        if status is None:
            raise _FailedError(f"it takes more than {_TIMEOUT} s")
        if not answer:
            raise _FailedError(f"the process ended with status {status}")
        seconds, error = json.loads(answer)
        if error is not None:
            raise _FailedError(error)
        return float(seconds), text.decode(errors="replace")
