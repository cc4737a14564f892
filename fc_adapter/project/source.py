"""A project's Python files, found and read as syntax trees. Nothing of them is imported or run."""

from __future__ import annotations

import ast
import os
import warnings
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

Function = (ast.FunctionDef, ast.AsyncFunctionDef)

# Directories that hold no part of an app, besides hidden ones, environments and vendored packages.
_SKIPPED = {"__pycache__", "node_modules", "site-packages", "build", "dist"}


def find_sources(directory: Path) -> Iterator[Path]:
    """The ``*.py`` files of the project in ``directory``, in the order of their names, the upper ones first."""
    for parent, directories, files in os.walk(directory):
        directories[:] = sorted(name for name in directories if not _is_foreign(os.path.join(parent, name)))
        paths = (Path(parent, name) for name in sorted(files) if name.endswith(".py"))
        yield from (path for path in paths if path.is_file() and os.access(path, os.R_OK))


def _is_foreign(directory: str) -> bool:
    """Whether a directory holds no part of the project: caches, a virtual environment, vendored packages."""
    name = os.path.basename(directory)
    if name.startswith(".") or name in _SKIPPED or not os.access(directory, os.R_OK | os.X_OK):
        return True
    entries = os.listdir(directory)
    return "pyvenv.cfg" in entries or any(entry.endswith(".dist-info") for entry in entries)


class Module:
    """A Python file. ``tree`` is its syntax tree, or None, and then ``problem`` says why."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem = ""
        self.tree = self._parse()

    def _parse(self) -> ast.Module | None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of an invalid escape, for one: not our concern
                return ast.parse(self.path.read_bytes(), str(self.path))
        except SyntaxError as error:
            self.problem = f"line {error.lineno}: {error.msg}"
        except (MemoryError, RecursionError, ValueError) as error:
            self.problem = str(error) or "too complex to parse"
        return None

    def problem_for(self, version: tuple[int, int]) -> str:
        """Why an older version of Python could not read the file, or ``""``; ``ast`` sees most of that, not all."""
        if self.tree is None:
            return self.problem
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ast.parse(self.path.read_bytes(), feature_version=version)
        except SyntaxError as error:
            return f"line {error.lineno}: {error.msg}"
        return ""

    @cached_property
    def statements(self) -> list[ast.stmt]:
        """The statements that an import of the module runs, those in ``if``, ``try`` and ``with`` included."""
        return list(_flatten(self.tree.body)) if self.tree else []

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Everything in it."""
        return list(ast.walk(self.tree)) if self.tree else []

    @cached_property
    def served(self) -> list[ast.AST]:
        """Everything in it but what ``if __name__ == "__main__"`` guards, which no function runs."""
        found: list[ast.AST] = []
        pending: list[ast.AST] = [self.tree] if self.tree else []
        while pending:
            node = pending.pop()
            found.append(node)
            if isinstance(node, ast.If) and _is_main_guard(node.test):
                pending += reversed(node.orelse)
            else:
                pending += reversed(list(ast.iter_child_nodes(node)))
        return found

    @cached_property
    def values(self) -> dict[str, ast.expr]:
        """What names stand for that the module assigns once, and those of functions that nothing else binds."""
        assigned = list(assignments(self.statements))
        names = [name for name, _ in assigned]
        values = {name: value for name, value in assigned if names.count(name) == 1}
        bound = [node.id for node in self.nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)]
        bound += [node.arg for node in self.nodes if isinstance(node, ast.arg)]
        counts = Counter([*bound, *self.imports])
        inner = assignments([node for node in self.nodes if isinstance(node, ast.stmt)])
        return {**{name: value for name, value in inner if counts[name] == 1}, **values}

    @cached_property
    def imports(self) -> dict[str, str]:
        """What each imported name stands for: ``{"F": "flask.Flask"}``; relative ones keep their dots in front."""
        names = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    top = alias.name.partition(".")[0]
                    names[alias.asname or top] = alias.name if alias.asname else top
            elif isinstance(node, ast.ImportFrom):
                names.update({alias.asname or alias.name: f"{_origin(node)}{alias.name}" for alias in node.names})
        return names

    @property
    def stars(self) -> list[str]:
        """The modules from which everything is imported, with a dot behind."""
        froms = [node for node in self.statements if isinstance(node, ast.ImportFrom)]
        return [_origin(node) for node in froms if node.names[0].name == "*"]

    def dotted(self, node: ast.expr | None) -> str:
        """The full name of what ``a.b.c`` refers to, or ``""`` when the expression is no such name."""
        if isinstance(node, ast.Name):
            return self.imports.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            owner = self.dotted(node.value)
            return f"{owner}.{node.attr}" if owner else ""
        return ""


def _origin(node: ast.ImportFrom) -> str:
    """The prefix of what is imported: ``"flask."`` or ``".models."``."""
    return "." * node.level + (f"{node.module}." if node.module else "")


def _flatten(statements: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in statements:
        yield statement
        if isinstance(statement, ast.If):
            if not _is_main_guard(statement.test):
                yield from _flatten(statement.body)
            yield from _flatten(statement.orelse)
        elif isinstance(statement, ast.With):
            yield from _flatten(statement.body)
        elif isinstance(statement, ast.Try):
            handlers = [each for handler in statement.handlers for each in handler.body]
            yield from _flatten([*statement.body, *handlers, *statement.orelse, *statement.finalbody])


def _is_main_guard(test: ast.expr) -> bool:
    """Whether this is the test of ``if __name__ == "__main__"``, which is false in an import."""
    return any(isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(test))


def assignments(statements: list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    """Each ``name = value`` among them."""
    for statement in statements:
        if isinstance(statement, ast.Assign):
            yield from ((target.id, statement.value) for target in statement.targets if isinstance(target, ast.Name))
        elif isinstance(statement, ast.AnnAssign) and statement.value and isinstance(statement.target, ast.Name):
            yield statement.target.id, statement.value


def last_name(node: ast.expr) -> str:
    """``c`` of ``a.b.c`` and of ``a.b().c``; ``""`` when it is none of these."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def text_of(node: ast.AST | None) -> str:
    """The value of a string literal, or ``""``."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def defined_names(module: Module) -> list[str]:
    """The names that a module assigns, and its functions and classes, in their order."""
    defined = [each.name for each in module.statements if isinstance(each, (*Function, ast.ClassDef))]
    return list(dict.fromkeys([*(name for name, _ in assignments(module.statements)), *defined]))
