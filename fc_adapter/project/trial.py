"""Running a function as the platform would, in a process of its own: import, Initializer, one request, PreStop.

It has a copy of what would be in the archive, the environment that the template and the platform set, the standard
library, and nothing else of this machine's Python.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from ..config.options import localize_path
from ..contract.trigger import Trigger, read_request
from .archive import copy_files
from .interpreter import run_code
from .project import Project

_TIMEOUT = 60.0  # seconds for all of it, besides what the hooks may take
_LOG = 20_000  # characters of its end that are kept

# Only the code and the standard library are on the path, and no bytecode is written. A line of JSON tells of each step,
# since a step may end the process.
_PROGRAM = """
import json, logging, os, sys, threading, time, traceback, types
config = json.loads(sys.argv[1])
code = os.getcwd()
sys.path[:0] = config["paths"]
answer = os.dup(1)
os.dup2(2, 1)

def tell(step, **fields):
    os.write(answer, json.dumps({"step": step, **fields}).encode() + b"\\n")

def attempt(step, call):
    began = time.perf_counter()
    try:
        result = call()
        found = {}
        if step == "request" and isinstance(result, dict):
            found["status"] = result.get("statusCode")
    except BaseException as error:
        frames = [each for each in traceback.extract_tb(error.__traceback__) if not each.filename.startswith("<")]
        own = [each for each in frames if is_own(each.filename)]
        chain, each = [], error
        while each is not None and len(chain) < 20:
            chain.append(each)
            each = each.__cause__ or each.__context__
        missing = next((each.name for each in chain[:2] if isinstance(each, ModuleNotFoundError)), None)
        found = {
            "error": f"{type(error).__name__}: {error}",
            "missing": missing,
            "place": [frames[-1].filename, frames[-1].lineno] if frames else None,
            "own": [own[-1].filename, own[-1].lineno] if own else None,
            "remote": any(isinstance(each, (ConnectionError, TimeoutError)) for each in chain),
            "traceback": "".join(traceback.format_exception(type(error), error, error.__traceback__)),
        }
    tell(step, seconds=time.perf_counter() - began, **found)
    return "error" not in found

def named(name):
    module, _, attribute = name.rpartition(".")
    __import__(module)
    return getattr(sys.modules[module], attribute)

def is_own(file):
    return file.startswith(code + os.sep) and not file.startswith(tuple(config["packages"]))

def threads():
    for thread in threading.enumerate()[1:]:
        for each in (getattr(thread, "_target", None), getattr(thread, "function", None), type(thread).run):
            source = getattr(each, "__code__", None)
            file = source.co_filename if source else ""
            if is_own(file):
                yield [thread.name, file, source.co_firstlineno]
                break

logging.basicConfig(level=logging.INFO)
context = types.SimpleNamespace(**{
    **config["context"],
    "logger": logging.getLogger(),
    "function": types.SimpleNamespace(**config["context"]["function"]),
    "credentials": types.SimpleNamespace(access_key_id="", access_key_secret="", security_token=""),
    "service": types.SimpleNamespace(name="", log_project="", log_store="", qualifier="LATEST", version_id=""),
    "tracing": types.SimpleNamespace(openTracingSpanContext="", openTracingSpanBaggages={}, jaegerEndpoint=""),
})
is_going = attempt("import", lambda: __import__(config["handler"].rpartition(".")[0]))
if is_going and config["initializer"]:
    is_going = attempt("initializer", lambda: named(config["initializer"])(context))
if is_going and config["event"]:
    attempt("request", lambda: named(config["handler"])(config["event"].encode(), context))
if is_going:
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(0.05)
    tell("threads", threads=list(threads()))
    if config["pre_stop"]:
        attempt("pre_stop", lambda: named(config["pre_stop"])(context))
tell("end")
os._exit(0)
"""


class Trial(NamedTuple):
    """What came of it.

    ``steps`` are those that were taken, by their names, each with ``seconds``, or ``error`` and what is known of it.
    ``ended`` says what stopped the process before its end, or ``""``. ``files`` are those that it has written beside
    the code, ``log`` is the end of what it has printed and logged.
    """

    steps: dict[str, dict[str, Any]]
    ended: str
    files: list[str]
    log: str


def run_trial(project: Project, python: str) -> Trial:
    """Run the project's function once with ``python``, an interpreter of its runtime's version."""
    with tempfile.TemporaryDirectory(prefix="fc-adapter-doctor-") as directory:
        code = Path(directory).resolve() / "code"
        before = _copy(project, code)
        output, log = Path(directory, "output"), Path(directory, "log")
        ended = _run(project, python, code, output, log)
        files = sorted(name for name, stamp in _stamps(code).items() if before.get(name) != stamp)
        home = str(project.directory)
        copied, own = (json.dumps(name)[1:-1] for name in (str(code), home))
        lines = output.read_text(encoding="utf-8", errors="replace").replace(copied, own).splitlines()
        text = log.read_bytes()[-_LOG:].decode(errors="replace").replace(str(code), home)
    steps = {step.pop("step"): step for step in map(json.loads, filter(lambda line: line.endswith("}"), lines))}
    return Trial(steps, "" if "end" in steps else ended, files, text)


def _copy(project: Project, code: Path) -> dict[str, tuple[int, int]]:
    tag = "cpython-" + "".join(map(str, project.runtime.version))
    copy_files(project.directory, code, cache_tag=tag)
    return _stamps(code)


def _stamps(code: Path) -> dict[str, tuple[int, int]]:
    """Which files there are, and which of them have changed."""
    paths = [path for path in code.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return {path.relative_to(code).as_posix(): (path.stat().st_mtime_ns, path.stat().st_size) for path in paths}


def _run(project: Project, python: str, code: Path, output: Path, log: Path) -> str:
    """Run it to its end, or to that of our patience; what stopped it before."""
    function = project.function
    hooks = [hook for hook in (function.initializer, function.pre_stop) if hook is not None]
    patience = _TIMEOUT + sum(min(hook.timeout, _TIMEOUT) for hook in hooks)
    arguments = [python, "-I", "-S", "-B", "-c", _PROGRAM, json.dumps(_settings(project, code))]
    with output.open("wb") as out, log.open("wb") as error:
        environment = _environment(project, code)
        status = run_code(arguments, cwd=code, env=environment, out=out, error=error, seconds=patience)
    return f"it takes more than {patience:g} s" if status is None else f"the process ended with status {status}"


def _settings(project: Project, code: Path) -> dict[str, Any]:
    function = project.function
    below = [path.relative_to(project.directory) for path in project.path]
    names = {"name": function.name, "handler": function.label, "memory": function.memory}
    return {
        "paths": [str(code / path) for path in below],
        "packages": [f"{code / path}{os.sep}" for path in below[1:] if any((project.directory / path).glob("*-info"))],
        "handler": function.label,
        "initializer": function.initializer.handler if function.initializer else "",
        "pre_stop": function.pre_stop.handler if function.pre_stop else "",
        "event": _event(project) if "GET" in function.methods else "",
        "context": {
            "request_id": "doctor",
            "region": function.region,
            "account_id": "",
            "retry_count": 0,
            "function": {**names, "timeout": int(function.timeout), "version_id": "", "qualifier": "LATEST"},
        },
    }


def _event(project: Project) -> str:
    """``GET /`` on the trigger's own address, for a function that has one."""
    triggers = project.props.get("triggers")
    kinds = [each.get("triggerType") for each in triggers if isinstance(each, dict)] if triggers else ["http"]
    if "http" not in kinds:
        return ""
    host = f"{project.function.name}.{project.function.region}.fcapp.run"
    request = read_request("GET", "/", [("Host", host), ("Accept", "*/*")], b"", client="127.0.0.1")
    return json.dumps(Trigger().build_event(request, "doctor"))


def _environment(project: Project, code: Path) -> dict[str, str]:
    """What the platform and the template set, and of this shell's variables only what no process can do without."""
    function = project.function
    variables = {name: os.environ[name] for name in ("SYSTEMROOT", "TMPDIR", "TEMP") if name in os.environ}
    variables |= {"HOME": "/tmp", "LANG": "C.UTF-8", "PATH": os.defpath}
    if project.props.get("role"):
        names = ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN")
        variables.update({f"ALIBABA_CLOUD_{name}": "of-the-role" for name in names})
    variables |= function.platform_environment("c-doctor")
    for name in ("FC_FUNC_CODE_PATH", "PYTHONPATH", "PYTHONUSERBASE", "PATH", "LD_LIBRARY_PATH"):
        if name in variables:
            variables[name] = localize_path(variables[name], code)
    return {**variables, "FC_FUNC_CODE_PATH": str(code)}
