"""Checks of the project's own source, which is read and not run."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator

from ..contract.rules import RESERVED_PREFIX, RESERVED_RESPONSE_HEADERS
from .findings import Finding
from .interpreter import compile_files
from .joined import find_unnamed
from .project import Project
from .source import Function, Module, assignments, defined_names, last_name, text_of

# The platform states its own Content-Length, and it is the same.
_DROPPED = RESERVED_RESPONSE_HEADERS - {"content-length"}
_HEADER_METHODS = {"add", "add_header", "append", "append_header", "set", "set_header", "setdefault"}

_STREAMS = {"EventSourceResponse", "Stream", "StreamingHttpResponse", "StreamingResponse", "stream_with_context"}
_SOCKETS = {
    "AsyncWebsocketConsumer",
    "SocketIO",
    "WebSocketEndpoint",
    "WebSocketRoute",
    "WebsocketConsumer",
    "add_api_websocket_route",
    "add_websocket_route",
    "websocket",
    "websocket_route",
}

# What collects and sends later, by its package and its name: what people call it, and what is to be done.
_FLUSH_HANDLER = "give wrap() the handler's flush: wrap(app, flush=[log_handler.flush])"
_FLUSH_QUEUE = "give wrap() the join of the queue that a QueueListener empties: wrap(app, flush=[records.join])"
_SENDERS = {
    "aliyun.QueuedLogHandler": (
        "QueuedLogHandler",
        "use SimpleLogHandler, or the function's logConfig: the flush() of a QueuedLogHandler ends its thread",
    ),
    "logfire.configure": ("Logfire", "wrap(app, flush=[logfire.force_flush])"),
    "logging.MemoryHandler": ("MemoryHandler", _FLUSH_HANDLER),
    "logging.QueueHandler": ("QueueHandler", _FLUSH_QUEUE),
    "logging_loki.LokiQueueHandler": ("LokiQueueHandler", _FLUSH_QUEUE),
    "logtail.LogtailHandler": ("LogtailHandler", _FLUSH_HANDLER),
    "opentelemetry.BatchLogRecordProcessor": (
        "BatchLogRecordProcessor",
        "wrap(app, flush=[logger_provider.force_flush])",
    ),
    "opentelemetry.BatchSpanProcessor": ("BatchSpanProcessor", "wrap(app, flush=[tracer_provider.force_flush])"),
    "opentelemetry.PeriodicExportingMetricReader": (
        "PeriodicExportingMetricReader",
        "wrap(app, flush=[meter_provider.force_flush])",
    ),
    "sentry_sdk.init": ("Sentry", "wrap(app, flush=[sentry_sdk.flush])"),
}

_LIFESPAN_OPTIONS = {"lifespan", "on_shutdown", "on_startup"}
_LIFESPAN_NAMES = {"add_event_handler", "after_serving", "before_serving", "on_event", "while_serving"}


def check_handler(project: Project) -> Iterator[Finding]:
    """Whether the modules and names that ``s.yaml`` calls are in the source."""
    entry = project.entry
    if entry is None:
        yield Finding(
            "error",
            "handler",
            f"there is no module {project.target.module!r} in {project.directory}",
            "every invocation would fail with ImportModuleError, and clients get a 502",
            f"write {project.target.module.replace('.', '/')}.py, or name the right handler in s.yaml; fc-adapter init "
            "writes both",
        )
        return
    known = {*defined_names(entry), *entry.imports}
    for role, name, example in _called_names(project):
        if entry.tree is not None and name not in known and "*" not in known:
            yield Finding(
                "error",
                "handler",
                f"{project.place(entry)} has no {name!r}, which s.yaml names as the {role}",
                "the platform cannot call it",
                f"define it: {name} = {example}",
            )


def _called_names(project: Project) -> Iterator[tuple[str, str, str]]:
    """What the platform calls in the handler's module: the role, the name, and what it could be."""
    yield "handler", project.target.attribute, "fc_adapter.wrap(app)"
    function = project.function
    for role, hook, attribute in (
        ("initializer", function.initializer, "initialize"),
        ("preStop", function.pre_stop, "pre_stop"),
    ):
        if hook is not None and hook.handler.startswith(f"{project.target.module}."):
            yield role, hook.handler.rpartition(".")[2], f"handler.{attribute}"


def check_syntax(project: Project) -> Iterator[Finding]:
    """Whether the runtime's version of Python can read the project's files."""
    for module, problem in _syntax_problems(project):
        yield Finding(
            "warning",
            "syntax",
            f"{project.place(module)}, {problem}",
            f"Python {project.runtime.number} cannot import this file",
            "change it if the function needs it, or choose a newer runtime in s.yaml",
        )


def _syntax_problems(project: Project) -> Iterator[tuple[Module, str]]:
    """As an interpreter of that version sees them. Without one ``ast`` tells most of what is newer than it."""
    version = project.runtime.version
    if project.python == sys.executable:
        problems = {module.path: module.problem for module in project.modules}
    elif project.python is not None:
        problems = compile_files(project.python, [module.path for module in project.modules])
    elif sys.version_info[:2] > version:
        problems = {module.path: module.problem_for(version) for module in project.modules}
    else:
        problems = {}
    yield from ((module, problems[module.path]) for module in project.modules if problems.get(module.path))


def check_lifespan(project: Project) -> Iterator[Finding]:
    """Whether the hooks are configured that an app with a startup or a shutdown needs."""
    places = list(_find(project, _has_lifespan))
    missing = [
        key
        for key, hook in (("initializer", project.function.initializer), ("preStop", project.function.pre_stop))
        if hook is None
    ]
    if places and missing:
        yield Finding(
            "warning",
            "hooks",
            f"the app has a lifespan ({places[0]}), and s.yaml has no {' and no '.join(missing)}",
            "without an initializer the first request waits for the startup; without preStop there may be no shutdown",
            "define initialize = handler.initialize and pre_stop = handler.pre_stop in the handler's module, and name "
            "them in instanceLifecycleConfig, as fc-adapter init does",
        )


def check_headers(project: Project) -> Iterator[Finding]:
    """Whether the app sets response headers that the platform drops."""
    found: dict[str, str] = {}
    for module in project.modules:
        for node in module.nodes:
            for name in _response_headers(node):
                if name.lower() in _DROPPED or name.lower().startswith(RESERVED_PREFIX):
                    found.setdefault(name, project.place(module, node))
    for name, place in found.items():
        if name.lower() == "content-disposition":
            why = "on the default domain (*.fcapp.run) the platform drops it, and has browsers download every response"
            todo = "bind a custom domain"
        else:
            why, todo = "the platform drops it", "do without it, or use a header of another name"
        yield Finding("warning", "headers", f"a response sets {name} ({place})", why, todo)


def check_streaming(project: Project) -> Iterator[Finding]:
    """Whether the app streams, or speaks WebSocket."""
    streams, sockets = list(_find(project, _streams)), list(_find(project, _is_socket))
    if streams:
        yield Finding(
            "warning",
            "streaming",
            f"the app streams responses ({_few(streams)})",
            "clients get them whole, at the end; an endless one ends with the function's timeout, as a 502",
            "see to it that each one ends soon; for server-sent events use a custom runtime",
        )
    if sockets:
        yield Finding(
            "warning",
            "streaming",
            f"the app has WebSocket routes ({_few(sockets)})",
            "the built-in runtimes have no WebSocket: clients cannot connect",
            "let clients poll, or use a custom runtime",
        )


def check_flush(project: Project) -> Iterator[Finding]:
    """Whether telemetry and log records that are sent from a thread are waited for."""
    if any(_flushes(module, node) for module in project.modules for node in module.nodes):
        return
    found: dict[str, str] = {}
    for module in project.modules:
        for node in module.nodes:
            name = _sender(module, node)
            if name in _SENDERS:
                found.setdefault(name, project.place(module, node))
    for name, place in found.items():
        sender, todo = _SENDERS[name]
        yield Finding(
            "warning",
            "flush",
            f"{sender} sends later ({place}), and wrap() has no flush",
            "the platform freezes the instance when the handler returns: what is not sent by then waits for the next "
            "request, or is lost",
            todo,
        )


def check_lists(project: Project) -> Iterator[Finding]:
    """Whether lists are named that the app reads out of the query by hand, as nothing declares them."""
    unnamed = find_unnamed(project.modules)
    if unnamed:
        names = [each.name for each in unnamed]
        places = [project.place(each.module, each.node) for each in unnamed]
        yield Finding(
            "warning",
            "lists",
            f"the app reads a list out of the query ({_few(places)})",
            "the platform joins ?tag=a&tag=b into tag=a,b: without its name in wrap(), the list has one value, 'a,b'",
            f"wrap(app, split_query={names}), or split_query=False if none of them comes more than once",
        )


def check_hosts(project: Project) -> Iterator[Finding]:
    """Whether Django's settings allow the names under which the platform calls the site."""
    for module in project.modules:
        for name, value in assignments(module.statements):
            if name != "ALLOWED_HOSTS" or not isinstance(value, (ast.List, ast.Tuple)):
                continue
            hosts = [text_of(each) for each in value.elts]
            if all(hosts) and not any(host == "*" or host.endswith(".fcapp.run") for host in hosts):
                yield Finding(
                    "warning",
                    "hosts",
                    f"ALLOWED_HOSTS has no name under fcapp.run ({project.place(module, value)})",
                    "Django answers every request on the default domain with 400, though it works on this machine",
                    "add '.fcapp.run', or '.example.com' for a custom domain",
                )


def check_database(project: Project) -> Iterator[Finding]:
    """Whether Django's settings name a database that is a file in the code."""
    places = list(_find(project, lambda module, node: text_of(node) == "django.db.backends.sqlite3"))
    if places:
        yield Finding(
            "warning",
            "database",
            f"the settings name an SQLite database ({places[0]})",
            "each instance has a copy of its own, which is lost when the instance ends",
            "use a database server, or a file on NAS",
        )


def _find(project: Project, matches: Callable[[Module, ast.AST], bool]) -> Iterator[str]:
    """The places in the project's source that match."""
    for module in project.modules:
        yield from (project.place(module, node) for node in module.nodes if matches(module, node))


def _few(places: list[str]) -> str:
    return "; ".join(places[:3]) + (f"; and {len(places) - 3} more" if len(places) > 3 else "")


def _has_lifespan(module: Module, node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return isinstance(node, ast.Attribute) and node.attr in _LIFESPAN_NAMES - {"on_event", "add_event_handler"}
    if last_name(node.func) in {"on_event", "add_event_handler"}:
        return text_of(node.args[0]) in {"startup", "shutdown"} if node.args else False
    has_option = any(keyword.arg in _LIFESPAN_OPTIONS for keyword in node.keywords)
    return has_option and module.dotted(node.func).partition(".")[0] in {"fastapi", "litestar", "starlette"}


def _streams(module: Module, node: ast.AST) -> bool:
    """A streaming response, or a generator as the body of a common one."""
    if not isinstance(node, ast.Call):
        return False
    if last_name(node.func) in _STREAMS:
        return last_name(node.func) != "Stream" or module.dotted(node.func).startswith("litestar.")
    body = node.args[0] if node.args and last_name(node.func) == "Response" else None
    return isinstance(body, ast.Call) and last_name(body.func) in _generators(module)


def _generators(module: Module) -> set[str]:
    functions = [node for node in module.nodes if isinstance(node, Function)]
    return {
        each.name for each in functions if any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in ast.walk(each))
    }


def _flushes(module: Module, node: ast.AST) -> bool:
    """Whether this is ``wrap(app, flush=...)``, or a flush by the project's own code."""
    if isinstance(node, ast.Call) and last_name(node.func) == "wrap":
        return any(keyword.arg in {"flush", None} and not _is_empty(keyword.value) for keyword in node.keywords)
    if isinstance(node, (ast.Attribute, ast.Name)):
        return last_name(node) == "force_flush" or module.dotted(node) in {"sentry_sdk.flush", "sentry_sdk.api.flush"}
    return False


def _is_empty(node: ast.expr) -> bool:
    return isinstance(node, (ast.List, ast.Tuple)) and not node.elts


def _sender(module: Module, node: ast.AST) -> str:
    """The package and the name of what is called here, or of the class that a configuration of logging names."""
    if isinstance(node, ast.Call):
        name = module.dotted(node.func)
    elif isinstance(node, ast.Dict):
        name = next(
            (text_of(value) for key, value in zip(node.keys, node.values) if text_of(key) in {"class", "()"}), ""
        )
    else:
        return ""
    return f"{name.partition('.')[0]}.{name.rpartition('.')[2]}"


def _is_socket(module: Module, node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return last_name(node.func) in _SOCKETS
    return isinstance(node, ast.ClassDef) and any(last_name(base) in _SOCKETS for base in node.bases)


def _response_headers(node: ast.AST) -> Iterator[str]:
    """The names of the headers that a piece of source sets in a response."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Subscript) and _is_response(target.value):
                yield text_of(target.slice)
    elif isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
        for each in node.value.elts:
            yield from _keys(each)
    elif isinstance(node, ast.Call):
        name = last_name(node.func)
        if name.endswith("Response") or name in {"HTTPException", "make_response"}:
            for keyword in node.keywords:
                if keyword.arg == "headers":
                    yield from _keys(keyword.value)
        elif name in _HEADER_METHODS and isinstance(node.func, ast.Attribute) and _is_response(node.func.value):
            yield from map(text_of, node.args[:1])
        options = {keyword.arg for keyword in node.keywords}
        if (name.startswith("send_") and "as_attachment" in options) or (
            name == "FileResponse" and options & {"as_attachment", "filename"}
        ):
            yield "Content-Disposition"


def _keys(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Dict):
        yield from map(text_of, node.keys)


def _is_response(node: ast.expr) -> bool:
    """Whether an expression is a response or the headers of one, as far as its name tells."""
    if last_name(node) == "headers" and isinstance(node, ast.Attribute):
        return "req" not in last_name(node.value)
    return last_name(node) in {"resp", "response"}
