"""What the options of a command, the project's template and the target make of a function."""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
import sys
from pathlib import Path
from typing import Any

from ..application import NotFoundError
from ..terminal import warn
from .env_file import parse_variable, read_env_file
from .function import Function, Hook, is_like_platform
from .runtimes import parse_runtime
from .target import Target, parse_target
from .template import Template, find_template, read_template


def configure(options: argparse.Namespace) -> Function:
    """The function that the options, the target and the template describe, the former before the latter.

    What cannot be as it would be in the cloud is a note on the terminal. Raises ConfigError for what cannot be used,
    and NotFoundError when there is no such function.
    """
    function, notes, _ = resolve(options)
    for note in notes:
        warn(f"note: {note}")
    return function


def resolve(options: argparse.Namespace, *, is_alone: bool = True) -> tuple[Function, list[str], Template | None]:
    """The function, the notes on what is not as in the cloud, and the template if there is one; see ``configure``.

    ``is_alone`` says that nothing else of the template is served.
    """
    target = parse_target(options.target) if options.target is not None else None
    found = Path(options.template) if options.template else None if target else find_template(Path())
    notes: list[str] = []
    template = None
    if found is not None:
        template = read_template(
            found, resource=options.resource, target=target, runtime=options.runtime, is_alone=is_alone
        )
        function = template.function
        notes += [*template.unresolved, *template.notes]
    elif target is not None:
        version = parse_runtime(options.runtime).version if options.runtime is not None else sys.version_info[:2]
        function = Function(handler=target, runtime=version)
    else:
        raise NotFoundError("there is no s.yaml here; name a handler, such as index:handler, or a --template")
    changes: dict[str, Any] = {}
    for name in ("timeout", "memory"):
        if getattr(options, name) is not None:
            changes[name] = getattr(options, name)
    for name, value in (("initializer", options.initializer), ("pre_stop", options.pre_stop)):
        if value is not None:
            changes[name] = Hook(value, 60.0)
    environment = dict(function.environment)
    if not getattr(options, "bundle", False):
        notes += _localize(environment, function.handler, function.runtime)
    for path in options.env_file:
        environment.update(read_env_file(Path(path)))
    environment.update(parse_variable(variable, "--env") for variable in options.env)
    function = dataclasses.replace(function, **changes, environment=environment)
    function.handler.check_directory()
    return function, notes, template


def localize_path(path: str, directory: Path) -> str:
    """A path list of the platform's, such as PYTHONPATH, on this machine: there, ``/code`` is the code directory."""
    return re.sub(r"(?<![^:])/code(?=/|:|$)", lambda match: str(directory), path)


def python_path(environment: dict[str, str], directory: Path, runtime: tuple[int, int]) -> list[Path]:
    """The directories of the code that the platform's Python imports packages from, besides the code directory itself.

    They are those of PYTHONPATH, and what ``pip install --user`` has filled below PYTHONUSERBASE.
    """
    listed = localize_path(environment.get("PYTHONPATH", ""), directory).split(":")
    base = environment.get("PYTHONUSERBASE")
    if base:
        number = ".".join(map(str, runtime))
        listed.append(f"{localize_path(base, directory)}/lib/python{number}/site-packages")
    return [Path(each) for each in dict.fromkeys(listed) if each]


def _localize(environment: dict[str, str], target: Target, runtime: tuple[int, int]) -> list[str]:
    """Let the variables that name directories of the platform's name those of this machine; the notes on them.

    Packages below ``/code`` that are built for another Python, or another machine, are left out.
    """
    notes = []
    if environment.get("PYTHONPATH") or environment.get("PYTHONUSERBASE"):
        path = python_path(environment, target.directory, runtime)
        names = [name for name in ("PYTHONPATH", "PYTHONUSERBASE") if name in environment]
        written = " and ".join(f"{name}={environment.pop(name)}" for name in names)
        if runtime == sys.version_info[:2] and is_like_platform():
            environment["PYTHONPATH"] = ":".join(map(str, path))
        elif any(each.is_dir() and each != target.directory for each in path):
            number, here = (".".join(map(str, version)) for version in (runtime, sys.version_info[:2]))
            notes.append(
                f"{written:.300} is left out: those packages are built for Python {number} on the platform, and the "
                f"function imports the ones that this Python {here} has"
            )
    if "LD_LIBRARY_PATH" in environment:
        del environment["LD_LIBRARY_PATH"]
        notes.append("LD_LIBRARY_PATH is left out: the libraries that it names are built for the platform")
    if "PATH" in environment:
        listed = localize_path(environment["PATH"], target.directory).split(":")
        environment["PATH"] = ":".join(dict.fromkeys([*listed, *os.environ.get("PATH", "").split(":")]))
    return notes
