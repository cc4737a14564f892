"""What does not outlive an instance, or does not run between requests: files beside the code, threads, schedulers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from .check_environment import defaults_of_set
from .findings import Finding
from .project import Project
from .source import Function, Module, last_name, text_of

_SQLITE = re.compile(r"sqlite(?:\+\w+)?:///(?P<path>[^?]*)")
_LOG_FILES = {"FileHandler", "RotatingFileHandler", "TimedRotatingFileHandler", "WatchedFileHandler"}
_SCHEDULERS = {
    "AsyncIOScheduler",
    "BackgroundScheduler",
    "BlockingScheduler",
    "APScheduler",
    "repeat_every",
    "run_pending",
}
_SAFE = ("/tmp/", "/mnt/", "/dev/", ":memory:")
_FILES = "each instance has files of its own, and they are gone when it ends"


def check_databases(project: Project) -> Iterator[Finding]:
    """Whether the code keeps a database in a file that is no instance's but its own."""
    found = []
    for module in project.deployed:
        defaults = defaults_of_set(project, module)
        nodes = [node for node in module.served if id(node) not in defaults and _is_sqlite(module, node)]
        found += [project.place(module, node) for node in nodes]
    if found:
        yield Finding(
            "warning",
            "database",
            f"the code keeps an SQLite database in a file ({'; '.join(dict.fromkeys(found[:3]))})",
            "each instance has a copy of its own, which is lost when the instance ends",
            "use a database server, or a file on NAS",
        )


def _is_sqlite(module: Module, node: ast.AST) -> bool:
    if isinstance(node, ast.Call) and module.dotted(node.func) in {"sqlite3.connect", "aiosqlite.connect"}:
        path = text_of(node.args[0]) if node.args else ""
        return bool(path) and not _is_safe(path)
    text = text_of(node.values[0]) if isinstance(node, ast.JoinedStr) and node.values else text_of(node)
    match = _SQLITE.match(text)
    if match is None or _is_safe(match["path"]):
        return False
    return bool(match["path"]) or isinstance(node, ast.JoinedStr)


def check_files(project: Project) -> Iterator[Finding]:
    """Whether the code writes files beside itself."""
    found = [
        project.place(module, node) for module in project.deployed for node in module.served if _writes(module, node)
    ]
    if found:
        yield Finding(
            "warning",
            "files",
            f"the code writes files beside itself ({'; '.join(found[:3])})",
            _FILES,
            "log to the standard streams, keep data in a database or a storage service; /tmp is for what may be lost",
        )


def _writes(module: Module, node: ast.AST) -> bool:
    """Whether this opens a file for writing at a place that is relative, or made of ``__file__``."""
    if not isinstance(node, ast.Call):
        return False
    name = last_name(node.func)
    if name in _LOG_FILES and node.args:
        return _is_beside(node.args[0])
    if isinstance(node.func, ast.Name) and name == "open" and node.args:
        modes = [text_of(each) for each in node.args[1:2]]
        modes += [text_of(each.value) for each in node.keywords if each.arg == "mode"]
        return any(set(mode) & set("wax+") for mode in modes) and _is_beside(node.args[0])
    if module.dotted(node.func) == "logging.basicConfig":
        return any(each.arg == "filename" and _is_beside(each.value) for each in node.keywords)
    return False


def _is_beside(path: ast.expr) -> bool:
    text = text_of(path)
    if text:
        return not text.startswith("/")
    return any(isinstance(node, ast.Name) and node.id == "__file__" for node in ast.walk(path))


def _is_safe(path: str) -> bool:
    """Whether a database or file is in memory, or where files may be: ``sqlite:////tmp/a.db`` is at ``/tmp/a.db``."""
    return path.startswith(_SAFE)


def check_threads(project: Project) -> Iterator[Finding]:
    """Whether the code starts, when it is imported, what should run on between requests."""
    threads, schedulers = [], []
    for module in project.deployed:
        endless = _endless(module)
        for node in module.served:
            if isinstance(node, ast.Call):
                name = last_name(node.func)
                if name in _SCHEDULERS and name in _imported(module, node.func):
                    schedulers.append(project.place(module, node))
                elif module.dotted(node.func) == "threading.Thread" and _target(node) in endless:
                    threads.append(project.place(module, node))
    why = "between requests the platform freezes the instance: the work is done at another time, or never"
    todo = "do it in a request, or in a function of its own with a timer trigger"
    if threads:
        yield Finding("warning", "threads", f"a thread has an endless loop ({'; '.join(threads[:3])})", why, todo)
    if schedulers:
        yield Finding("warning", "threads", f"the code has a scheduler ({'; '.join(schedulers[:3])})", why, todo)


def _imported(module: Module, node: ast.expr) -> str:
    """The whole name of what is called, where its package is one of schedulers."""
    dotted = module.dotted(node)
    return dotted if re.match(r"apscheduler|flask_apscheduler|fastapi_utils|schedule\b", dotted) else ""


def _endless(module: Module) -> set[str]:
    """The names of the functions with a loop that only a break or a return ends, and that has none."""
    return {
        function.name
        for function in module.nodes
        if isinstance(function, Function) and any(map(_never_ends, ast.walk(function)))
    }


def _never_ends(node: ast.AST) -> bool:
    if not isinstance(node, ast.While) or not isinstance(node.test, ast.Constant) or not node.test.value:
        return False
    return not any(isinstance(inner, (ast.Break, ast.Return)) for inner in ast.walk(node))


def _target(node: ast.Call) -> str:
    return next((last_name(each.value) for each in node.keywords if each.arg == "target"), "")
