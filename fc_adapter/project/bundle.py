"""Running what would be deployed: the archive's content, by the runtime's interpreter, without this environment."""

from __future__ import annotations

import dataclasses
import importlib.util
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ..config.function import Function, is_like_platform
from ..config.options import python_path
from ..config.runtimes import parse_runtime
from ..errors import ConfigError
from .interpreter import find_interpreter


@contextmanager
def unpacked(function: Function) -> Generator[tuple[Function, list[str]], None, None]:
    """The function with a copy of its archive as its code, for as long as the context lasts; and notes on it.

    Raises ConfigError where there is no interpreter of the runtime's version.
    """
    if importlib.util.find_spec("pathspec") is None:
        raise ConfigError("--bundle needs pathspec: pip install 'fc-adapter[local]'")
    from .archive import copy_files

    runtime = parse_runtime(f"python{function.runtime[0]}.{function.runtime[1]}")
    interpreter = find_interpreter(runtime)
    if interpreter is None:
        raise ConfigError(
            f"--bundle needs Python {runtime.number}, and there is none here: uv python install {runtime.number}"
        )
    with tempfile.TemporaryDirectory(prefix="fc-adapter-bundle-") as directory:
        code = Path(directory).resolve()
        tag = f"cpython-{runtime.number.replace('.', '')}"
        copy_files(function.handler.directory, code, cache_tag=tag)
        environment = dict(function.environment)
        notes = []
        paths = python_path(environment, code, runtime.version)
        environment.pop("PYTHONUSERBASE", None)
        if paths:
            environment["PYTHONPATH"] = ":".join(map(str, paths))
        missing = [str(each).replace(str(code), "/code") for each in paths if not each.is_dir()]
        if missing:
            notes.append(f"the archive has no {', '.join(missing)}; fc-adapter build installs the packages there")
        if not is_like_platform():
            notes.append("packages with compiled parts are for Linux on x86_64, and cannot be loaded on this machine")
        handler = function.handler._replace(directory=code)
        yield (
            dataclasses.replace(function, handler=handler, environment=environment, interpreter=interpreter),
            notes,
        )
