"""What does not outlive an instance, or does not run between requests: files beside the code, threads, schedulers."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator

from .check_environment import defaults_of_set
from .findings import Finding
from .project import Project
from .source import Function, Module, last_name, text_of

_SQLITE = re.compile(r"sqlite(?:\+\w+)?:///(?P<path>[^?]*)")
_LOG_FILES = {"FileHandler", "RotatingFileHandler", "TimedRotatingFileHandler", "WatchedFileHandler"}
_OPENERS = {"open", "io.open", "codecs.open", "gzip.open", "aiofiles.open"}
_JOINS = {"os.fspath", "os.path.join", "pathlib.Path", "str"}
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
        nodes = [node for node in module.served if id(node) not in defaults and _is_sqlite(module, node, defaults)]
        found += [project.place(module, node) for node in nodes]
    if found:
        yield Finding(
            "warning",
            "database",
            f"the code keeps an SQLite database in a file ({'; '.join(dict.fromkeys(found[:3]))})",
            "each instance has a copy of its own, which is lost when the instance ends",
            "use a database server, or a file on NAS",
        )


def _is_sqlite(module: Module, node: ast.AST, defaults: set[int]) -> bool:
    if isinstance(node, ast.Call) and module.dotted(node.func) in {"sqlite3.connect", "aiosqlite.connect"}:
        return bool(node.args) and _is_beside(module, node.args[0], defaults)
    text = text_of(node.values[0]) if isinstance(node, ast.JoinedStr) and node.values else text_of(node)
    match = _SQLITE.match(text)
    if match is None or _is_safe(match["path"]):
        return False
    return bool(match["path"]) or isinstance(node, ast.JoinedStr)


def check_files(project: Project, seen: Collection[str] = ()) -> Iterator[Finding]:
    """Whether the code writes files beside itself, others than those that it was ``seen`` to write."""
    found = []
    known = {name.rpartition("/")[2] for name in seen}
    for module in project.deployed:
        defaults = defaults_of_set(project, module)
        for node in module.served:
            path = _written_path(module, node)
            if path is not None and _is_beside(module, path, defaults) and not known & _texts(module, path):
                found.append(project.place(module, node))
    if found:
        yield Finding(
            "warning",
            "files",
            f"the code writes files beside itself ({'; '.join(found[:3])})",
            _FILES,
            "log to the standard streams, keep data in a database or a storage service; /tmp is for what may be lost",
        )


def _written_path(module: Module, node: ast.AST) -> ast.expr | None:
    """The path of the file that a call opens for writing, or writes; None for any other node."""
    if not isinstance(node, ast.Call):
        return None
    name, dotted = last_name(node.func), module.dotted(node.func)
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    first = node.args[0] if node.args else None
    if dotted in _OPENERS:
        return first if _is_for_writing(node, 1) else None
    if owner is not None and name in {"write_bytes", "write_text"}:  # of a pathlib.Path
        return owner
    if owner is not None and name == "open":
        return owner if _is_for_writing(node, 0) else None
    # Of an uploaded file, an image or a workbook. A storage's has the content beside the name.
    is_saved = owner is not None and name == "save" and len(node.args) == 1 and _is_file_name(first)
    if name in _LOG_FILES or is_saved:
        return first
    if dotted == "logging.basicConfig":
        return next((each.value for each in node.keywords if each.arg == "filename"), None)
    return None


def _is_for_writing(node: ast.Call, position: int) -> bool:
    """Whether a call of an ``open()`` whose mode is the argument at ``position`` names one for writing."""
    modes = [text_of(each) for each in node.args[position : position + 1]]
    modes += [text_of(each.value) for each in node.keywords if each.arg == "mode"]
    return any(re.fullmatch("[rwaxbt+]+", mode) and set(mode) & set("wax+") for mode in modes)


def _is_file_name(path: ast.expr | None) -> bool:
    """Whether what is saved to may be a file: any expression, and such text as has a directory or a suffix."""
    text = text_of(path)
    return not isinstance(path, ast.Constant) or "/" in text or "." in text


def _is_beside(module: Module, path: ast.expr, defaults: set[int]) -> bool:
    """Whether a path is relative, or made of ``__file__``, also by way of names that the module assigns once.

    A path that depends on something, such as on where the code runs, is not known to be.
    """
    head = _head(module, path)
    text = text_of(head)
    if text:
        return not (text.startswith("/") or _is_safe(text) or (head is not path and ":" in text))
    values = dict(module.values)
    pending: list[ast.AST] = [path]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.IfExp) or id(node) in defaults:
            continue
        if isinstance(node, ast.Name):
            if node.id == "__file__":
                return True
            pending += [values.pop(node.id)] if node.id in values else []
        if isinstance(node, ast.Call) and module.dotted(node.func) == "pathlib.Path" and node.args:
            text = text_of(node.args[0])
            if text:
                return not text.startswith("/")
        pending += ast.iter_child_nodes(node)
    return False


def _head(module: Module, path: ast.expr) -> ast.expr:
    """What a path begins with: ``"uploads"`` of ``os.path.join("uploads", name)``, as far as this can be followed."""
    values = dict(module.values)
    while True:
        if isinstance(path, ast.Name) and path.id in values:
            path = values.pop(path.id)
        elif isinstance(path, ast.JoinedStr) and path.values:
            path = path.values[0]
        elif isinstance(path, ast.FormattedValue):
            path = path.value
        elif isinstance(path, ast.BinOp) and isinstance(path.op, (ast.Add, ast.Div)):
            path = path.left
        elif isinstance(path, ast.Call) and path.args and module.dotted(path.func) in _JOINS:
            path = path.args[0]
        elif isinstance(path, ast.Call) and isinstance(path.func, ast.Attribute) and path.func.attr == "joinpath":
            path = path.func.value
        else:
            return path


def _texts(module: Module, path: ast.expr) -> set[str]:
    """The last parts of all text that a path is made of: the name of its file is one of them, if it is known."""
    if isinstance(path, ast.Name):
        path = module.values.get(path.id, path)
    return {text_of(node).rpartition("/")[2] for node in ast.walk(path)} - {""}


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
