"""Finding the app that a project deploys, and how to import it."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..errors import ConfigError
from .apps import Made, Reader, directories_above, find_module, inner_apps
from .source import Function, Module, assignments, defined_names, find_sources, text_of

# A file without any of these words makes no app by itself; reading only the others keeps large projects quick.
_WORDS = re.compile(rb"bottle|channels|django|falcon|fastapi|flask|litestar|pyramid|quart|starlette", re.IGNORECASE)
# Usual names of entry modules.
_ENTRY_FILES = {"app", "application", "asgi", "index", "main", "server", "wsgi"}
_APP_NAMES = {"app", "application", "api", "asgi", "asgi_app", "server", "wsgi", "wsgi_app"}
_FACTORY_NAMES = {"app_factory", "build_app", "create_app", "create_application", "get_app", "make_app"}
# What PEP 3333 and ASGI call the parameters of an app.
_PARAMETERS: dict[tuple[str, ...], str] = {("environ", "start_response"): "wsgi", ("scope", "receive", "send"): "asgi"}
# Files and directories with such a word in their names hold no app that a project deploys.
_UNLIKELY = re.compile(
    r"(?:^|[/_])(?:bench(?:marks?)?|conftest|demos?|docs?|docs_src|examples?|samples?|scripts?|tests?)(?=[/_.]|$)"
)


@dataclass(frozen=True)
class Candidate:
    """An app of a project: ``module:attribute`` when ``root`` is on the import path, made by the file at ``path``.

    ``made`` says what it is. Without an attribute the module is the settings of a Django site that has no wsgi.py.
    ``is_inner`` is an app that another one contains, ``is_installed`` one of an installed package.
    """

    path: Path
    root: Path
    module: str
    attribute: str
    made: Made
    is_inner: bool = False
    is_installed: bool = False

    @property
    def name(self) -> str:
        """As on the command line: ``shop.app:app``, and ``shop:create_app()`` for a factory."""
        if not self.attribute:
            return self.module
        return f"{self.module}:{self.attribute}" + ("()" if self.is_factory else "")

    @property
    def is_factory(self) -> bool:
        """Whether it makes the app when it is called."""
        return "factory" in self.made.kind

    @property
    def package(self) -> str:
        """What to install for it, where nothing else tells: the framework, or the package that the app is in."""
        if not self.is_installed:
            return self.made.framework.lower()
        owners = (
            each.metadata["Name"]
            for each in importlib.metadata.distributions()
            if any(file.name == self.path.name and file.locate() == self.path for file in each.files or [])
        )
        return next(owners, self.module.partition(".")[0])

    def __str__(self) -> str:
        details = ", ".join(filter(None, (self.made.framework, self.made.interface.upper())))
        return f"{self.name} ({details})" if details else self.name

    @property
    def objection(self) -> str:
        """Why an entry cannot just call it, or ``""``."""
        if self.made.required:
            return f"it must be given {', '.join(self.made.required)}"
        return "it is a coroutine function" if self.made.kind == "async factory" else ""


class Found(NamedTuple):
    """The app of a project, and what its developer should know of the search."""

    app: Candidate
    notes: list[str]


def find_app(directory: Path, name: str | None = None) -> Found:
    """The app of the project in ``directory``; ``name`` says which it is.

    Raises ConfigError when there is none, or no telling which, with what there is and what to do.
    """
    finder = _Finder(directory)
    found = Found(finder.named(name), []) if name is not None else _choose(finder, finder.candidates())
    app = found.app
    if app.objection:
        raise ConfigError(
            f"{app.name} makes the app, but {app.objection}. Call it in a module of your own, such as wsgi.py with "
            f"app = {app.attribute}(...), and run: fc-adapter init --app wsgi:app"
        )
    return found


def _choose(finder: _Finder, candidates: list[Candidate]) -> Found:
    notes = [f"cannot read {problem}" for problem in finder.problems]
    if not candidates:
        raise ConfigError(
            f"found no WSGI or ASGI app in {finder.directory} that importing a module makes, nor a function that makes "
            "one; name yours: fc-adapter init --app package.module:app" + "".join(f"\n  {note}" for note in notes)
        )
    first, *others = candidates
    equals = [each for each in candidates if finder.rank(each) == finder.rank(first)]
    if len(equals) > 1:
        raise ConfigError("found several apps; name one of them:" + "".join(f"\n  --app {each}" for each in equals))
    rivals = [each for each in others if not (each.is_factory or each.is_inner or finder.is_unlikely(each))]
    if rivals:
        notes.append(f"there are other apps, for --app to name: {', '.join(map(str, rivals[:5]))}")
    return Found(first, notes)


class _Finder:
    """All apps of a project, in the order in which it is likely to deploy them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.problems: list[str] = []
        self._reader = Reader(directory)

    def candidates(self) -> list[Candidate]:
        """The likeliest first."""
        found: list[Candidate] = []
        for path in find_sources(self.directory):
            if path.stem in _ENTRY_FILES or _WORDS.search(path.read_bytes()):
                found += self._apps_in(self._reader.module(path))
        if not any(each.made.framework == "Django" for each in found):
            found += self._sites()
        if not found:
            found += self._others()
        return sorted(found, key=lambda each: (self.rank(each), each.name))

    def rank(self, candidate: Candidate) -> tuple[int, ...]:
        """The lower, the likelier. Equals cannot be told apart."""
        made, place = candidate.made, os.path.relpath(candidate.path, self.directory)
        usual = _FACTORY_NAMES if candidate.is_factory else _APP_NAMES
        return (
            self.is_unlikely(candidate),
            bool(candidate.objection),
            candidate.is_inner,
            candidate.is_factory,
            made.framework == "Django" and made.interface == "asgi",
            candidate.attribute not in usual,
            place.count(os.sep) - (candidate.path.name == "__init__.py"),
            candidate.path.stem not in _ENTRY_FILES,
        )

    def is_unlikely(self, candidate: Candidate) -> bool:
        """Whether it is one of the project's tests or examples."""
        return bool(_UNLIKELY.search(candidate.path.relative_to(self.directory).as_posix()))

    def named(self, name: str) -> Candidate:
        """The app that the user calls ``name``: ``shop.app:app``, ``shop:create_app()``. Raises ConfigError."""
        is_called = name.endswith("()")
        module_name, _, attribute = (name[:-2] if is_called else name).partition(":")
        if not all(map(str.isidentifier, (*module_name.split("."), attribute))):
            raise ConfigError(f"--app is such as shop.app:app or shop:create_app(), got {name!r}")
        path, root, is_installed = self._find(module_name)
        module = self._reader.module(path)
        if module.problem:
            raise ConfigError(f"cannot read {path}, {module.problem}")
        made = self._reader.made_by(module, attribute)
        names = defined_names(module)
        if made is None and attribute not in names and attribute not in module.imports and not module.stars:
            public = [each for each in names if not each.startswith("_")]
            raise ConfigError(f"{path} has no {attribute!r}; it has: {', '.join(public[:20]) or 'nothing'}")
        if any(isinstance(each, ast.ClassDef) and each.name == attribute for each in module.statements):
            raise ConfigError(
                f"{name} is a class; make an app of it in a module of your own, such as wsgi.py, and name that"
            )
        made = made or Made("", "", "factory" if is_called else "object")
        return Candidate(path, root, module_name, attribute, made, is_installed=is_installed)

    def _find(self, name: str) -> tuple[Path, Path, bool]:
        """The file of a module, the directory in the project to import it from, and whether it is an installed one."""
        for root in (self.directory, self.directory / "src"):
            path = find_module(root, name)
            if path is not None:
                return path, root, False
        for root in map(Path, sys.path):
            path = find_module(root, name)
            if path is not None:
                return path, self.directory, True
        raise ConfigError(f"there is no module {name!r} in {self.directory}, and none is installed here")

    def _apps_in(self, module: Module) -> Iterator[Candidate]:
        """The apps and factories that a file defines."""
        if module.problem:
            self.problems.append(f"{os.path.relpath(module.path, self.directory)}, {module.problem}")
        root, name = self._place(module)
        inner = inner_apps(module)
        aliases = {name for name, value in assignments(module.statements) if isinstance(value, ast.Name)}
        for attribute in defined_names(module):
            made = self._reader.made_by(module, attribute)
            if made is None or attribute.startswith("_") or attribute in aliases:
                continue
            if name:
                yield Candidate(module.path, root, name, attribute, made, attribute in inner)
            else:
                self.problems.append(f"{os.path.relpath(module.path, self.directory)} as a module: rename the file")

    def _place(self, module: Module) -> tuple[Path, str]:
        """The directory that a file is imported from, and its name there, or ``""`` when it cannot have one.

        Of the directories above the file it is the one that holds most of what the file imports. Where that does not
        tell, it is the one that holds the file's package, and for a file in no package ``src`` or the project's own.
        """
        above = directories_above(module.path, self.directory)
        packages = [each for each in above if (each / "__init__.py").is_file()]
        if packages[:1] == above[:1]:
            usual = next((each for each in above if each not in packages), self.directory)
        else:
            usual = max(set(above) & {self.directory, self.directory / "src"})
        wanted = {origin.partition(".")[0] for origin in module.imports.values()} - {""}

        def rank(root: Path) -> tuple[bool, int, bool]:
            held = sum((root / name).is_dir() or find_module(root, name) is not None for name in wanted)
            return bool(_module_name(root, module.path)), held, root == usual

        root = max(above, key=rank)
        return root, _module_name(root, module.path)

    def _sites(self) -> Iterator[Candidate]:
        """Django sites by their manage.py, which names the settings."""
        for path in find_sources(self.directory):
            if path.name == "manage.py":
                for node in self._reader.module(path).nodes:
                    values = [text_of(each) for each in node.args] if isinstance(node, ast.Call) else []
                    if values[:1] == ["DJANGO_SETTINGS_MODULE"] and values[1:]:
                        yield Candidate(path, path.parent, values[1], "", Made("Django", "wsgi"))

    def _others(self) -> Iterator[Candidate]:
        """What is no framework's, but called as an app in a file that is called so, or has an app's parameters."""
        for path in find_sources(self.directory):
            if path.stem in _ENTRY_FILES:
                module = self._reader.module(path)
                root, name = self._place(module)
                for attribute, made in _possible_apps(module):
                    yield Candidate(path, root, name, attribute, made)


def _possible_apps(module: Module) -> Iterator[tuple[str, Made]]:
    for name, value in assignments(module.statements):
        if name in _APP_NAMES and isinstance(value, ast.Call):
            yield name, Made("", "")
    for statement in module.statements:
        if isinstance(statement, Function):
            interface = _PARAMETERS.get(tuple(each.arg for each in statement.args.args))
            if interface:
                yield statement.name, Made("", interface)


def _module_name(root: Path, path: Path) -> str:
    """What a file is called in an import from ``root``, or ``""``."""
    parts = list(path.relative_to(root).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts) if parts and all(map(str.isidentifier, parts)) else ""
