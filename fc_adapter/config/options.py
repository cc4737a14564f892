"""What the options of a command, the project's template and the target make of a function."""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys
from pathlib import Path
from typing import Any

from ..application import NotFoundError
from ..errors import ConfigError
from .env_file import parse_variable, read_env_file
from .function import Function, Hook, is_like_platform
from .target import Target, parse_target
from .template import read_template


def configure(options: argparse.Namespace) -> Function:
    """The function that the options, the target and the template describe, the former before the latter.

    Raises ConfigError for what cannot be used, and NotFoundError when there is no such function.
    """
    template = Path(options.template) if options.template else Path("s.yaml")
    if options.template or (options.target is None and template.is_file()):
        function = read_template(template, resource=options.resource)
    elif options.target is not None:
        function = Function(handler=parse_target(options.target), runtime=sys.version_info[:2])
    else:
        raise NotFoundError("there is no s.yaml here; name a handler, such as index:handler, or a --template")
    changes: dict[str, Any] = {}
    if options.target is not None:
        changes["handler"] = parse_target(options.target)
    if options.runtime is not None:
        changes["runtime"] = _parse_runtime(options.runtime)
    for name in ("timeout", "memory"):
        if getattr(options, name) is not None:
            changes[name] = getattr(options, name)
    for name, value in (("initializer", options.initializer), ("pre_stop", options.pre_stop)):
        if value is not None:
            changes[name] = Hook(value, 60.0)
    environment = dict(function.environment)
    runtime = changes.get("runtime", function.runtime)
    _localize_python_path(environment, changes.get("handler", function.handler), runtime)
    for path in options.env_file:
        environment.update(read_env_file(Path(path)))
    environment.update(parse_variable(variable, "--env") for variable in options.env)
    function = dataclasses.replace(function, **changes, environment=environment)
    function.handler.check_directory()
    return function


def localize_path(path: str, directory: Path) -> str:
    """A path list of the platform's, such as PYTHONPATH, on this machine: there, ``/code`` is the code directory."""
    return re.sub(r"(?<![^:])/code(?=/|:|$)", lambda match: str(directory), path)


def _localize_python_path(environment: dict[str, str], target: Target, runtime: tuple[int, int]) -> None:
    """Packages below ``/code`` that are built for another Python, or another machine, are left out."""
    path = environment.get("PYTHONPATH")
    if path is not None:
        if runtime == sys.version_info[:2] and is_like_platform():
            environment["PYTHONPATH"] = localize_path(path, target.directory)
        else:
            del environment["PYTHONPATH"]


def _parse_runtime(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"python(\d)\.(\d+)", text)
    if match is None:
        raise ConfigError(f"--runtime is such as python3.10, got {text!r}")
    return int(match[1]), int(match[2])
