"""An interpreter of the runtime's version on this machine, and what it says of a project."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from ..config.runtimes import Runtime

_TIMEOUT = 60  # seconds

_COMPILE = """
import json, sys
problems = {}
for path in json.load(sys.stdin):
    try:
        with open(path, "rb") as file:
            compile(file.read(), path, "exec", dont_inherit=True)
    except SyntaxError as error:
        problems[path] = f"line {error.lineno}: {error.msg}"
    except (MemoryError, RecursionError, ValueError) as error:
        problems[path] = str(error) or "too complex to parse"
json.dump(problems, sys.stdout)
"""


def find_interpreter(runtime: Runtime) -> str | None:
    """An interpreter of this version: the running one, or one on the path, of pyenv or of uv."""
    return next(find_interpreters(runtime), None)


def find_interpreters(runtime: Runtime) -> Iterator[str]:
    """All of them, in this order."""
    if sys.version_info[:2] == runtime.version:
        yield sys.executable
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    uv = os.environ.get("UV_PYTHON_INSTALL_DIR") or os.path.expanduser("~/.local/share/uv/python")
    candidates = [*filter(None, [shutil.which(runtime.name)])]
    for directory, pattern in (
        (pyenv, f"versions/{runtime.number}.*/bin/python"),
        (uv, f"cpython-{runtime.number}.*/bin/{runtime.name}"),
    ):
        with contextlib.suppress(OSError):  # such as another user's, after su
            candidates += map(str, Path(directory).glob(pattern))
    yield from (each for each in candidates if _is_version(each, runtime))


def _is_version(python: str, runtime: Runtime) -> bool:
    """Whether an interpreter runs, and is of this version; a shim of pyenv's may be neither."""
    program = f"import sys; sys.exit(sys.version_info[:2] != {runtime.version})"
    try:
        return subprocess.run([python, "-I", "-c", program], capture_output=True, timeout=_TIMEOUT).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def run_code(
    arguments: Sequence[str], *, cwd: Path, env: dict[str, str], out: IO[bytes], error: IO[bytes], seconds: float
) -> int | None:
    """Run a process that has a project's code in it, and end all that it has started.

    ``out`` and ``error`` are files: of a pipe, who reads it waits for whatever else has it. Returns the status of the
    process, or None where it took more than ``seconds``.
    """
    process = subprocess.Popen(
        arguments,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=error,
        start_new_session=True,
    )
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        with contextlib.suppress(AttributeError, OSError):  # it, or what it has started; not on Windows
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()


def compile_files(python: str, files: list[Path]) -> dict[Path, str]:
    """The files that an interpreter cannot compile, and why."""
    process = subprocess.run(
        [python, "-I", "-S", "-W", "ignore", "-c", _COMPILE],
        input=json.dumps([str(file) for file in files]).encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    return {Path(path): problem for path, problem in json.loads(process.stdout).items()}
