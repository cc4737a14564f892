"""What a module's names stand for: an app, a function that makes one, or neither. Read from syntax trees alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from .source import Function, Module, assignments, last_name

# What makes an app when it is called: the framework, and the interface of the app.
MAKERS = {
    "apiflask.APIFlask": ("Flask", "wsgi"),
    "bottle.Bottle": ("Bottle", "wsgi"),
    "bottle.default_app": ("Bottle", "wsgi"),
    "channels.routing.ProtocolTypeRouter": ("Django", "asgi"),
    "django.core.asgi.get_asgi_application": ("Django", "asgi"),
    "django.core.wsgi.get_wsgi_application": ("Django", "wsgi"),
    "falcon.App": ("Falcon", "wsgi"),
    "falcon.asgi.App": ("Falcon", "asgi"),
    "fastapi.FastAPI": ("FastAPI", "asgi"),
    "fastapi.applications.FastAPI": ("FastAPI", "asgi"),
    "flask.Flask": ("Flask", "wsgi"),
    "flask.app.Flask": ("Flask", "wsgi"),
    "litestar.Litestar": ("Litestar", "asgi"),
    "quart.Quart": ("Quart", "asgi"),
    "starlette.applications.Starlette": ("Starlette", "asgi"),
}


_WRAPPERS = {"DjangoWhiteNoise", "ProxyFix", "WhiteNoise"}
_NOTHING: dict[str, Made | None] = {}


class Made(NamedTuple):
    """An app, or what makes one.

    ``kind`` is ``"object"``, ``"factory"``, or ``"async factory"``; ``required`` are the parameters that a factory must
    be given.
    """

    framework: str
    interface: str
    kind: str = "object"
    required: tuple[str, ...] = ()


class Reader:
    """Reads the modules of a project, each once, and what they import from each other."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.modules: dict[Path, Module] = {}
        self._pending: set[tuple[Path, str]] = set()

    def module(self, path: Path) -> Module:
        """The module in the file at ``path``."""
        if path not in self.modules:
            self.modules[path] = Module(path)
        return self.modules[path]

    def made_by(self, module: Module, name: str) -> Made | None:
        """What ``name`` of a module is, or None when it has to do with no app."""
        key = (module.path, name)
        if key in self._pending:  # a name that refers to itself, by whatever detour
            return None
        self._pending.add(key)
        try:
            return next(filter(None, self._meanings(module, name)), None)
        finally:
            self._pending.discard(key)

    def _meanings(self, module: Module, name: str) -> Iterator[Made | None]:
        for target, value in assignments(module.statements):
            if target == name:
                yield self._value(module, value)
        for statement in module.statements:
            if isinstance(statement, Function) and statement.name == name:
                yield self._factory(module, statement)
        for origin in (module.imports.get(name), *(f"{each}{name}" for each in module.stars)):
            yield self._elsewhere(module, origin) if origin else None

    def _value(self, module: Module, node: ast.expr | None, local: Mapping[str, Made | None] = _NOTHING) -> Made | None:
        """What an expression gives; ``local`` are the names that come before the module's."""
        if isinstance(node, ast.Name):
            return local[node.id] if node.id in local else self.made_by(module, node.id)
        if not isinstance(node, ast.Call):
            return None
        if wraps(node):
            return self._value(module, node.args[0], local)
        return self._called(module, node.func)

    def _called(self, module: Module, function: ast.expr) -> Made | None:
        """What calling a function or a class gives."""
        name = module.dotted(function)
        if name in MAKERS:
            return Made(*MAKERS[name])
        if last_name(function) == "make_wsgi_app":
            return Made("Pyramid", "wsgi")
        for statement in module.statements:
            if isinstance(statement, ast.ClassDef) and statement.name == name:
                return next(filter(None, (self._called(module, base) for base in statement.bases)), None)
        factory = self.made_by(module, name) if "." not in name else self._elsewhere(module, name)
        return factory._replace(kind="object") if factory and factory.kind == "factory" else None

    def _factory(self, module: Module, function: ast.FunctionDef | ast.AsyncFunctionDef) -> Made | None:
        """A function that returns an app, if it is one. Those with decorators are fixtures and commands."""
        if function.decorator_list:
            return None
        inside = list(_own_nodes(function))
        made: dict[str, Made | None] = {}
        for name, value in assignments(inside):
            made[name] = self._value(module, value, made)
        returned = [self._value(module, node.value, made) for node in inside if isinstance(node, ast.Return)]
        if module.dotted(function.returns) in MAKERS:
            returned.append(Made(*MAKERS[module.dotted(function.returns)]))
        found = next(filter(None, returned), None)
        kind = "async factory" if isinstance(function, ast.AsyncFunctionDef) else "factory"
        return found._replace(kind=kind, required=tuple(_required(function.args))) if found else None

    def _elsewhere(self, module: Module, name: str) -> Made | None:
        """What the full name of something that a module imports stands for."""
        bare = name.lstrip(".")
        level = len(name) - len(bare)
        place, _, attribute = bare.rpartition(".")
        if level:
            roots = [module.path.parents[level - 1]]
        else:
            roots = [*directories_above(module.path, self.directory), self.directory / "src"]
        found = next(filter(None, (find_module(root, place) for root in roots)), None)
        return self.made_by(self.module(found), attribute) if found else None


def directories_above(path: Path, top: Path) -> list[Path]:
    """The directories that ``path`` is in, from its own one up to ``top``."""
    return [each for each in path.parents if top in (each, *each.parents)]


def find_module(root: Path, name: str) -> Path | None:
    """The file of the module ``package.module`` below ``root``, or None."""
    place = root.joinpath(*name.split(".")) if name else root
    for path in (place / "__init__.py", place.with_name(f"{place.name}.py")):
        if path.is_file():
            return path
    return None


def wraps(call: ast.Call) -> bool:
    """Whether a call gives its first argument back in a wrapping, such as ``CORSMiddleware(app, ...)``."""
    name = last_name(call.func)
    return bool(call.args) and (name in _WRAPPERS or name.endswith("Middleware"))


def inner_apps(module: Module) -> set[str]:
    """The names of apps that are mounted on others, or that a middleware of another name wraps."""
    inner: set[str] = set()
    for node in module.nodes:
        if isinstance(node, ast.Call) and last_name(node.func).lower() == "mount":
            inner.update(last_name(each) for each in (*node.args, *(keyword.value for keyword in node.keywords)))
    for name, value in assignments(module.statements):
        if isinstance(value, ast.Call) and wraps(value):
            inner.add(last_name(value.args[0]))
            inner.discard(name)
    return inner


def _own_nodes(function: ast.AST) -> Iterator[ast.stmt]:
    """The statements of a function without those of the functions and classes in it."""
    for node in ast.iter_child_nodes(function):
        if isinstance(node, (Function, ast.ClassDef, ast.Lambda)):
            continue
        if isinstance(node, ast.stmt):
            yield node
        yield from _own_nodes(node)


def _required(arguments: ast.arguments) -> Iterator[str]:
    """The parameters that have no default value."""
    positional = [*arguments.posonlyargs, *arguments.args]
    yield from (each.arg for each in positional[: len(positional) - len(arguments.defaults)])
    for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults):
        if default is None:
            yield each.arg
