"""``fc-adapter build``: from a project to what can be deployed.

Packages are installed, and compiled, in a directory beside the one that is in use, which takes its place when all is
done: a build that fails or is interrupted leaves the last one. A stamp in it says what it was built from.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import signal
import sys
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from .. import __version__
from ..config.function import Function, is_like_platform
from ..config.options import python_path
from ..config.runtimes import STAMP, Runtime, parse_runtime
from ..config.template import find_template, read_template
from ..errors import ConfigError
from ..terminal import tell
from .archive import list_files, write_archive
from .bytecode import Compiled, compile_files
from .installer import find_installer
from .interpreter import find_interpreter
from .requirements import Requirements, find_requirements, read_requirements
from .source import find_sources
from .staging import replace, strangers, work_directory
from .summary import describe_import, describe_sizes, megabytes


class Plan(NamedTuple):
    """What is to be built: the packages of the code in ``directory``, into ``target``, for a runtime.

    ``function`` is what the template describes, None where there is none; ``files`` say what it requires.
    """

    directory: Path
    target: Path
    runtime: Runtime
    function: Function | None
    files: list[Path]
    requirements: Requirements


def build(options: argparse.Namespace) -> int:
    """Build what the template describes. Returns 0.

    Raises ConfigError for what cannot be built, and then nothing has changed.
    """
    missing = [name for name in ("pathspec", "yaml") if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f"build needs {' and '.join(missing)}: pip install 'fc-adapter[local]'")
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _build(options)
    finally:
        signal.signal(signal.SIGTERM, previous)


def _build(options: argparse.Namespace) -> int:
    _check_outputs(options)
    plan = _make_plan(options)
    with work_directory(plan.directory, plan.target) as work:
        stamp = read_stamp(plan.target)
        wanted = _stamp(plan, options)
        is_current = not options.force and _is_current(plan, stamp, wanted)
        python = _find_python(plan, stamp, options)
        if not is_current or (python and not stamp.get("compiled")):
            is_current = False
            stamp = _build_packages(plan, options, work, wanted, python)
        else:
            tell(f"up to date  {_name(plan.target)}: {_describe(plan, stamp)}")
        _compile_code(plan, python if stamp.get("compiled") else None)
    tag = f"cpython-{plan.runtime.number.replace('.', '')}" if stamp.get("compiled") else None
    _write_archives(plan, options, tag)
    if not is_current:
        _summarize(plan, options, python, tag)
    return 0


def read_stamp(target: Path) -> dict[str, Any]:
    """What a directory of packages was built from; nothing where no build has made it."""
    try:
        stamp = json.loads((target / STAMP).read_bytes())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def is_outdated(directory: Path, target: Path) -> bool:
    """Whether the files that say what a project requires have changed since its packages were built."""
    stamp = read_stamp(target)
    if not stamp:
        return False
    try:
        requirements = read_requirements([directory / name for name in stamp["named"]])
        return bool(requirements.fingerprint() != stamp["requirements"])
    except (ConfigError, KeyError):  # a file is gone, or the stamp is another version's
        return True


def _check_outputs(options: argparse.Namespace) -> None:
    """Raises ConfigError when an archive would take the place of something else."""
    outputs = [Path(each) for each in (options.zip, options.layer) if each]
    for path in outputs:
        if path.exists() and not zipfile.is_zipfile(path):
            raise ConfigError(f"{path} is there and is no ZIP archive; name another file")
    if len({path.absolute() for path in outputs}) < len(outputs):
        raise ConfigError(f"--zip and --layer name the same file, {outputs[0]}")


def _make_plan(options: argparse.Namespace) -> Plan:
    path = Path(options.template) if options.template else find_template(Path())
    function = None
    if path is not None:
        template = read_template(path, resource=options.resource, runtime=options.runtime)
        function, runtime = template.function, template.runtime
        directory: Path = function.handler.directory
        if not directory.is_dir():
            raise ConfigError(f"code in {path} is {str(directory)!r}, which is not a directory")
    elif options.runtime:
        directory, runtime = Path.cwd(), parse_runtime(options.runtime)
    else:
        raise ConfigError("there is no s.yaml here: fc-adapter init writes one; or name a --runtime")
    target = _package_directory(directory, function)
    beside = path.absolute().parent if path else directory
    files = list(map(Path, options.requirements)) or find_requirements([directory, beside])
    if not files:
        raise ConfigError(
            f"nothing in {directory} says what the project requires; expected requirements.txt or a pyproject.toml "
            "with [project], or a file that you name: --requirements FILE"
        )
    return Plan(directory, target, runtime, function, files, read_requirements(files))


def _package_directory(directory: Path, function: Function | None) -> Path:
    """Where the function looks for packages, below its code."""
    if function is None:
        return directory / "python"
    listed = python_path(function.environment, directory, function.runtime)
    inside = [each for each in (Path(os.path.normpath(each)) for each in listed) if directory in each.parents]
    if not inside:
        tell("note: the function does not find its packages without PYTHONPATH: /code/python in s.yaml")
    return inside[0] if inside else directory / "python"


def _stamp(plan: Plan, options: argparse.Namespace) -> dict[str, Any]:
    """All that a build depends on, but what indexes have. An address may hold a password, and is not kept."""
    return {
        "version": __version__,
        "runtime": plan.runtime.name,
        "named": [os.path.relpath(file, plan.directory) for file in plan.files],
        "requirements": plan.requirements.fingerprint(),
        "options": hashlib.sha256(repr((options.index_url, sorted(options.no_binary))).encode()).hexdigest(),
        "bytecode": not options.no_bytecode,
    }


def _is_current(plan: Plan, stamp: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return {**stamp, **wanted} == stamp and stamp["content"] == _measure(plan.target)


def _measure(target: Path) -> list[int]:
    """How many files a directory has, and their bytes, without the stamp, and without bytecode that Python adds."""
    count = size = 0
    for parent, _, names in os.walk(target):
        for name in names:
            if not name.endswith(".pyc") and name != STAMP:
                count += 1
                size += os.lstat(os.path.join(parent, name)).st_size
    return [count, size]


def _find_python(plan: Plan, stamp: dict[str, Any], options: argparse.Namespace) -> str | None:
    """An interpreter of the runtime's version: that of the last build, or one that is looked for."""
    if options.no_bytecode:
        return None
    last = stamp.get("python")
    is_there = stamp.get("runtime") == plan.runtime.name and last and os.access(last, os.X_OK)
    return str(last) if is_there else find_interpreter(plan.runtime)


def _build_packages(
    plan: Plan, options: argparse.Namespace, work: Path, wanted: dict[str, Any], python: str | None
) -> dict[str, Any]:
    """Build the packages and put them in their place, unless that holds something else. Returns their stamp."""
    unknown = strangers(plan.target)
    if unknown:
        raise ConfigError(
            f"{plan.target} is replaced by each build, and has what belongs to no package: {', '.join(unknown[:5])}; "
            "move it, or have the packages elsewhere: PYTHONPATH in s.yaml"
        )
    began = time.monotonic()
    choice = find_installer(plan.runtime)
    tell(f"installing  for {plan.runtime.name}, by {choice.kind.name}: {' '.join(map(str, choice.command))}")
    new = work / "python"
    new.mkdir()
    allowed = {*options.no_binary, *plan.requirements.built_here}
    installer = choice.kind(choice.command, choice.python, plan.runtime, options.index_url, allowed)
    installer.install(plan.requirements, new, work)
    problems = 0
    if python:
        problems = len(_compile_packages(plan, python, new).problems)
    (new / ".gitignore").write_text("*\n", encoding="utf-8")  # built from what is in git; no part of it
    stamp = {
        **wanted,
        "python": python,
        "compiled": bool(python),
        "packages": len(list(new.glob("*.dist-info"))),
        "content": _measure(new),
    }
    (new / STAMP).write_text(json.dumps(stamp, indent=1, sort_keys=True), encoding="utf-8")
    plan.target.parent.mkdir(parents=True, exist_ok=True)
    replace(new, plan.target, work)
    tell(f"built       {_name(plan.target)}: {_describe(plan, stamp)}, in {time.monotonic() - began:.1f} s")
    if problems:
        tell(f"note: {problems} files of packages are not for Python {plan.runtime.number}, and have no bytecode")
    if python is None and not options.no_bytecode:
        number = plan.runtime.number
        tell(
            f"note: no bytecode, as there is no Python {number} here, and cold starts take two to four times as long; "
            f"to get one: uv python install {number}"
        )
    return stamp


def _compile_packages(plan: Plan, python: str, new: Path) -> Compiled:
    place = plan.target.relative_to(plan.directory).as_posix()
    files = [
        (path, f"/code/{place}/{path.relative_to(new).as_posix()}")
        for path in sorted(new.rglob("*.py"))
        if path.is_file()
    ]
    with _Progress(f"compiling   by {python}", len(files)) as progress:
        return compile_files(python, files, is_checked=False, progress=progress.show)


def _compile_code(plan: Plan, python: str | None) -> None:
    """Compile the function's own code, where it lies."""
    if python is None:
        return
    sources = [path for path in find_sources(plan.directory) if plan.target not in path.parents]
    files = [(path, f"/code/{path.relative_to(plan.directory).as_posix()}") for path in sources]
    compiled = compile_files(python, files, is_checked=True)
    if compiled.new:
        tell(f"compiled    {compiled.new} of {len(files)} files of the function's own code")
    for path, problem in compiled.problems.items():
        tell(f"note: {path.relative_to(plan.directory)} has no bytecode: {problem}")


def _write_archives(plan: Plan, options: argparse.Namespace, tag: str | None) -> None:
    outputs = {Path(each).absolute() for each in (options.zip, options.layer) if each}
    if options.zip and not (plan.directory / ".fcignore").is_file():
        tell("note: there is no .fcignore, so all files are in the archive; fc-adapter init writes one")
    files = [each for each in list_files(plan.directory, cache_tag=tag) if each[1].absolute() not in outputs]
    if options.layer:
        inner = plan.target.relative_to(plan.directory).as_posix() + "/"
        layer = [(f"python/{name[len(inner) :]}", path) for name, path in files if name.startswith(inner)]
        files = [(name, path) for name, path in files if not name.startswith(inner)]
        _write(Path(options.layer), layer, f"the layer, which is unpacked to /opt/python for {plan.runtime.name}")
    if options.zip:
        _write(Path(options.zip), files, "the code without its packages" if options.layer else "the code")
    for name in [name for name, path in list_files(plan.directory) if path.absolute() in outputs] if outputs else ():
        tell(f"note: s deploy would upload {name}, too: add /{name} to .fcignore")


def _write(target: Path, files: list[tuple[str, Path]], what: str) -> None:
    sizes = write_archive(target.absolute(), files).values()
    unpacked = sum(size.unpacked for size in sizes)
    tell(f"wrote       {target}: {what}, {megabytes(target.stat().st_size)}, unpacked {megabytes(unpacked)}")


def _summarize(plan: Plan, options: argparse.Namespace, python: str | None, tag: str | None) -> None:
    files = list(list_files(plan.directory, cache_tag=tag))
    with _Progress("packing     to see how large the archive is", 0):
        lines = describe_sizes(plan.directory, plan.target, files)
    tell("", *lines)
    if options.no_import or plan.function is None:
        return
    if python is None:
        tell("", f"The import was not timed: there is no Python {plan.runtime.number} here")
    elif not is_like_platform():
        tell("", "The import was not timed: this machine cannot load packages that are compiled for the platform")
    else:
        environment = plan.function.platform_environment("build")
        with _Progress("importing   the handler, to see how long that takes", 0):
            lines = describe_import(python, [plan.directory, plan.target], plan.function.handler.module, environment)
        tell("", *lines)


def _describe(plan: Plan, stamp: dict[str, Any]) -> str:
    bytecode = "with bytecode" if stamp["compiled"] else "without bytecode"
    return f"{stamp['packages']} packages for {plan.runtime.name}, {bytecode}, {megabytes(stamp['content'][1])}"


def _name(target: Path) -> str:
    """A path as short as it can be told."""
    with suppress(ValueError):
        return f"{target.relative_to(Path.cwd()).as_posix()}/"
    return f"{target}/"


class _Progress:
    """A line on the terminal that says how far a step is, and goes when it is done; in a pipe, there is none."""

    def __init__(self, text: str, total: int) -> None:
        self._text = text
        self._total = total
        self._is_shown = sys.stdout.isatty()
        self._last = 0.0

    def __enter__(self) -> _Progress:
        self.show(0)
        return self

    def show(self, count: int) -> None:
        """Show it, ten times a second at most."""
        if self._is_shown and (now := time.monotonic()) - self._last > 0.1:
            self._last = now
            counted = f": {count} of {self._total} files" if self._total else ""
            sys.stdout.write(f"\r\x1b[K{self._text}{counted}")
            sys.stdout.flush()

    def __exit__(self, *error: object) -> None:
        if self._is_shown:
            sys.stdout.write("\r\x1b[K")
            sys.stdout.flush()


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt
