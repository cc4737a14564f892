"""The one check that runs the project's code: an import of the handler as the platform does it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

from ..config.function import is_like_platform
from .check_bundle import is_pure
from .findings import Finding
from .project import Project

_PATIENCE = 60  # seconds

# Only the code and the standard library are on the path, and no bytecode is written into what is to be uploaded.
_PROGRAM = """
import json, os, sys, time
paths, module = json.loads(sys.argv[1])
sys.path[:0] = paths
answer = os.dup(1)
os.dup2(2, 1)
began = time.perf_counter()
report = {}
try:
    __import__(module)
except BaseException as error:
    import traceback
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    report["error"] = f"{type(error).__name__}: {error}"
    first = error.__cause__ or error
    report["missing"] = first.name if isinstance(first, ModuleNotFoundError) else None
    report["place"] = [frames[-1].filename, frames[-1].lineno] if frames else None
report["seconds"] = time.perf_counter() - began
os.write(answer, json.dumps(report).encode())
os._exit(0)
"""


def check_import(project: Project) -> Iterator[Finding]:
    """Whether the handler's module can be imported from the code alone, by the runtime's version of Python."""
    if not project.packages or project.entry is None:
        return
    python = project.python
    if python is None:
        yield Finding(
            "note", "import", f"the handler was not imported: there is no Python {project.runtime.number} here"
        )
    elif not (is_like_platform() or all(map(is_pure, project.packages.values()))):
        yield Finding("note", "import", "the handler was not imported: this machine cannot load the packages' modules")
    else:
        yield from _describe(project, _try_import(project, python))


def _describe(project: Project, report: dict[str, Any]) -> Iterator[Finding]:
    module, number = project.target.module, project.runtime.number
    if "error" not in report:
        seconds = report["seconds"]
        yield Finding("note", "import", f"Python {number} imports {module} from the code alone, in {seconds:.2f} s")
        return
    place = f" ({', line '.join(map(str, report['place']))})" if report.get("place") else ""
    missing = report.get("missing")
    has_layers = bool(project.props.get("layers"))
    yield Finding(
        "warning" if missing and has_layers else "error",
        "import",
        f"Python {number} cannot import {module}: {report['error']}{place}",
        "every invocation fails with ImportModuleError, and clients get a 502",
        f"see that requirements.txt names what has the module {missing}, and run: {project.build}"
        if missing
        else "mend it; fc-adapter serve shows the whole traceback",
    )


def _try_import(project: Project, python: str) -> dict[str, Any]:
    """What came of it: ``seconds``, and ``error``, ``missing`` (a module) and ``place`` when it failed."""
    environment = {**os.environ, **project.function.platform_environment("doctor")}
    arguments = json.dumps([[str(each) for each in project.path], project.target.module])
    try:
        process = subprocess.run(
            [python, "-I", "-S", "-B", "-c", _PROGRAM, arguments],
            cwd=project.directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"it takes more than {_PATIENCE} s"}
    if not process.stdout:
        return {"error": f"the process ended with status {process.returncode}"}
    report: dict[str, Any] = json.loads(process.stdout)
    return report
