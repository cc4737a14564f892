"""A project that is to be deployed, as the checks of ``fc-adapter doctor`` read it."""

from __future__ import annotations

import ast
import re
from functools import cached_property
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from ..config.function import Function
from ..config.options import python_path
from ..config.runtimes import Runtime
from ..config.target import Target
from ..config.template import Template
from .ignore import read_ignored
from .interpreter import find_interpreter
from .source import Module, find_sources

_TEST = re.compile(r"(?:^|/)(?:tests?|conftest|test_\w+|\w+_test)(?:/|\.py$)")


class Project:
    """A function that is to be deployed, as its template describes it."""

    def __init__(self, template: Template) -> None:
        self.template = template

    @property
    def function(self) -> Function:
        """What the template means, all variables replaced."""
        return self.template.function

    @property
    def props(self) -> dict[str, Any]:
        """The function's properties in the template, all variables replaced."""
        return self.template.props

    @property
    def runtime(self) -> Runtime:
        """The platform's runtime."""
        return self.template.runtime

    @property
    def target(self) -> Target:
        """The code directory, and the handler in it."""
        target: Target = self.function.handler
        return target

    @property
    def directory(self) -> Path:
        """The code directory, which is what is uploaded."""
        return self.target.directory

    @property
    def build(self) -> str:
        """The command that installs the packages again."""
        return "fc-adapter build"

    @cached_property
    def python(self) -> str | None:
        """An interpreter of the runtime's version on this machine."""
        return find_interpreter(self.runtime)

    @cached_property
    def path(self) -> list[Path]:
        """The directories in the code that Python imports from."""
        listed = python_path(self.function.environment, self.directory, self.runtime.version)
        return [self.directory, *(each for each in listed if self.directory in each.parents)]

    @cached_property
    def packages(self) -> dict[str, Distribution]:
        """The installed distributions in the code, by their normalized names."""
        found = distributions(path=[str(each) for each in self.path])
        return {canonicalize_name(metadata_field(each, "Name")): each for each in found}

    @cached_property
    def modules(self) -> list[Module]:
        """The project's own Python files."""
        return [Module(path) for path in find_sources(self.directory)]

    @cached_property
    def deployed(self) -> list[Module]:
        """Those of them that are in the archive and that a function may run: no tests, nor what they share."""
        is_ignored = read_ignored(self.directory)

        def is_deployed(module: Module) -> bool:
            place = module.path.relative_to(self.directory)
            above = (f"{each.as_posix()}/" for each in list(place.parents)[:-1])
            return not (_TEST.search(place.as_posix()) or any(map(is_ignored, (*above, place.as_posix()))))

        return [module for module in self.modules if is_deployed(module)]

    @property
    def entry(self) -> Module | None:
        """The file of the handler's module, if it is in the code."""
        for root in self.path:
            place = root.joinpath(*self.target.module.split("."))
            for path in (place / "__init__.py", place.with_name(f"{place.name}.py")):
                if path.is_file():
                    return next((each for each in self.modules if each.path == path), None) or Module(path)
        return None

    def place(self, module: Module, node: ast.AST | None = None) -> str:
        """Where something is, for people: ``shop/app.py, line 3``."""
        name = module.path.relative_to(self.directory)
        return f"{name}, line {node.lineno}" if isinstance(node, (ast.expr, ast.stmt)) else str(name)


def metadata_field(package: Distribution, name: str) -> str:
    """A field of a package's metadata, or ``""``."""
    return package.metadata[name] if name in package.metadata else ""  # noqa: SIM401 - its type promises no get()
