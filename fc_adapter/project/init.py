"""``fc-adapter init``: the files that make a function of an existing project."""

from __future__ import annotations

import argparse
import importlib.util
import re
from pathlib import Path

from ..config.runtimes import default_runtime, parse_runtime
from ..config.template import TemplateError, list_functions, read_template
from ..errors import ConfigError
from ..terminal import tell
from .find_app import Candidate, find_app
from .joined import read_by_hand
from .requirements import ADAPTER, find_requirements
from .source import Module, defined_names
from .templates import IGNORED, Entry, config_source, entry_source

# The second is for a project whose index.py is something else.
_ENTRIES = ("index", "fc_index")


def init(options: argparse.Namespace) -> int:
    """Write what the current directory lacks of an entry, ``s.yaml`` and ``.fcignore``. Returns 0.

    What is there stays as it is. Raises ConfigError when there is no telling what to write.
    """
    directory = Path.cwd()
    runtime = parse_runtime(options.runtime) if options.runtime else default_runtime()
    name = options.function or _to_name(directory.name)
    _check("--name", name, r"[A-Za-z_][A-Za-z0-9_-]{0,63}", "a letter or _, then up to 63 letters, digits, _ and -")
    _check("--region", options.region, r"[a-z]+(-[a-z0-9]+)+", "such as cn-hangzhou")
    files, notes, package = {}, [], ""
    entry = _existing_entry(directory)
    if entry is not None:
        tell(f"left alone  {entry.module}.py, which has a handler")
        notes += ["--app is for a new entry, and this one stays as it is"] * bool(options.app)
    else:
        found = find_app(directory, options.app)
        tell(f"found {found.app}")
        notes += found.notes
        package = found.app.package
        entry = Entry(_free_module(directory), _has_lifespan(found.app))
        lists = [each.name for each in read_by_hand(directory)]
        files[f"{entry.module}.py"] = entry_source(found.app, entry, directory, lists)
    if not find_requirements([directory]):
        files["requirements.txt"] = "".join(f"{each}\n" for each in (package, ADAPTER) if each)
        notes.append("list in requirements.txt what else the app needs")
    template = "s.yml" if (directory / "s.yml").is_file() and not (directory / "s.yaml").exists() else "s.yaml"
    files[template] = config_source(entry=entry, name=name, region=options.region, runtime=runtime)
    files[".fcignore"] = IGNORED
    left = [file for file, text in files.items() if not _write(directory / file, text, is_dry=options.dry_run)]
    problem = _problem(Path(template)) if template in left else None
    if problem is not None:
        notes.append(f"{problem}; to deploy with {entry.module}.handler, move {template} away and run init again")
    elif template in left:
        notes.append(f"see to it that {template} says handler: {entry.module}.handler")
    if importlib.util.find_spec("yaml") is None:
        notes.append("serve, build and doctor read s.yaml with PyYAML: pip install 'fc-adapter[local]'")
    for note in notes:
        tell(f"note: {note}")
    target = f" {entry.module}:handler" if problem else ""
    when = f", once {template} describes this function" if problem else ""
    tell("next, here:", f"  fc-adapter serve{target}", f"and in the cloud{when}:")
    tell("  fc-adapter build && fc-adapter doctor && s deploy")
    return 0


def _problem(template: Path) -> str | None:
    """What a template is that was there, if it is none of a function with a handler."""
    try:
        if len(list_functions(template)) <= 1:
            read_template(template)
    except TemplateError as error:
        return error.problem
    except ConfigError:
        pass  # to be mended, as doctor says
    return None


def _check(option: str, value: str, pattern: str, expected: str) -> None:
    if not re.fullmatch(pattern, value):
        raise ConfigError(f"{option} is {expected}; got {value!r}")


def _to_name(text: str) -> str:
    """A function name made of a directory's, which may be of any script."""
    name = re.sub(r"[^A-Za-z0-9_]+", "-", text).strip("-")
    return name[:63] if name[:1].isalpha() or name[:1] == "_" else f"web-{name}"[:63].rstrip("-")


def _existing_entry(directory: Path) -> Entry | None:
    """The entry that the project has already: a module with a handler."""
    for name in _ENTRIES:
        path = directory / f"{name}.py"
        if path.is_file():
            module = Module(path)
            names = {*defined_names(module), *module.imports}
            if "handler" in names:
                return Entry(name, {"initialize", "pre_stop"} <= names)
    return None


def _has_lifespan(app: Candidate) -> bool:
    """Whether the app may have a startup and a shutdown: neither WSGI nor Django's ASGI application knows these."""
    return app.made.interface == "asgi" and app.made.framework != "Django"


def _free_module(directory: Path) -> str:
    """The name of an entry that is still to be written. Raises ConfigError when all are taken."""
    for name in _ENTRIES:
        if not (directory / f"{name}.py").exists() and not (directory / name).is_dir():
            return name
    raise ConfigError("index and fc_index are taken, and have no handler; write one: handler = fc_adapter.wrap(app)")


def _write(path: Path, text: str, *, is_dry: bool) -> bool:
    """Write a file unless there is one, and say what was done. Returns whether it was, or would have been."""
    if path.exists() or path.is_symlink():
        tell(f"left alone  {path.name}, which was there")
        return False
    if is_dry:
        tell(f"would write {path.name}:", *text.split("\n"))
        return True
    path.write_text(text, encoding="utf-8")
    tell(f"wrote       {path.name}")
    return True
