"""Bytecode for the runtime's Python, which an instance would otherwise make of what it imports at each cold start.

That of packages is "unchecked": Python takes it without a look at the source, whose time an archive does not keep.
The function's own code lies where it is worked on, and the console has an editor for it: its bytecode is "checked"
(PEP 552), so that Python compares a hash of the source, and a change is never overlooked.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

# What is in memory and the order of a set go into bytecode: nothing else is imported, and hashes are not random.
_PROGRAM = """
import sys
sys.path.pop(0)
import importlib.util, json, os, py_compile
files, mode = json.load(sys.stdin)
mode = py_compile.PycInvalidationMode[mode]
def is_current(path, cached):
    if mode is not py_compile.PycInvalidationMode.CHECKED_HASH:
        return False
    try:
        with open(cached, "rb") as file:
            head = file.read(16)
        with open(path, "rb") as file:
            expected = importlib.util.MAGIC_NUMBER + bytes([3, 0, 0, 0]) + importlib.util.source_hash(file.read())
    except OSError:
        return False
    return head == expected
for path, name in files:
    problem, is_new = "", False
    try:
        cached = importlib.util.cache_from_source(path)
        if not is_current(path, cached):
            is_new = True
            py_compile.compile(path, cached, name, doraise=True, invalidation_mode=mode)
    except py_compile.PyCompileError as error:
        value = error.exc_value
        line = getattr(value, "lineno", None)
        problem = f"line {line}: {value.msg}" if line else str(value)
    except (OSError, MemoryError, RecursionError, ValueError) as error:
        problem = str(error) or "too complex to parse"
    print(json.dumps([path, problem]) if problem else "new" if is_new else "", flush=True)
"""


class Compiled(NamedTuple):
    """What came of compiling: how many files have new bytecode, and why others have none."""

    new: int
    problems: dict[Path, str]


def compile_files(
    python: str,
    files: Sequence[tuple[Path, str]],
    *,
    is_checked: bool,
    progress: Callable[[int], None] = lambda count: None,
) -> Compiled:
    """Compile files by the interpreter ``python``, into their ``__pycache__`` directories, each at once or not at all.

    Each file comes with the name that it has in the cloud. ``progress`` gets the number of files done.
    """
    mode = "CHECKED_HASH" if is_checked else "UNCHECKED_HASH"
    number = 1 if len(files) < 100 else min(4, os.cpu_count() or 1)
    parts = [files[start::number] for start in range(number)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    processes = [_start(python, environment) for _ in parts]
    done, new, problems = 0, 0, {}
    try:
        for process, part in zip(processes, parts):
            assert process.stdin is not None
            with process.stdin as stream:
                stream.write(json.dumps([[(str(path), name) for path, name in part], mode]).encode())
        for process in processes:
            assert process.stdout is not None
            for line in process.stdout:
                done += 1
                progress(done)
                new += line == b"new\n"
                if line.startswith(b"["):
                    path, problem = json.loads(line)
                    problems[Path(path)] = problem
    finally:
        for process in processes:
            with process:
                process.kill()
    return Compiled(new, problems)


def _start(python: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [python, "-s", "-S", "-W", "ignore", "-c", _PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**environment, "PYTHONHASHSEED": "0"},
        close_fds=False,  # the lock is held for as long as any of them works here
    )
