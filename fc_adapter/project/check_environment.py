"""Whether the template sets the environment variables that the code reads."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from .findings import Finding
from .project import Project
from .source import Module, last_name, text_of

# Set by the platform, by every system, or by those who start a server of their own.
_PLATFORM = re.compile(r"FC_\w+|ALIBABA_CLOUD_(?:ACCESS_KEY_ID|ACCESS_KEY_SECRET|SECURITY_TOKEN)")
_USUAL = {"HOME", "HOSTNAME", "LANG", "PATH", "PWD", "PYTHONPATH", "SHELL", "TEMP", "TMP", "TMPDIR", "TZ", "USER"}

_READERS = {"os.environ.get", "os.getenv", "decouple.config"}
# Of django-environ and environs: env("NAME"), env.str("NAME"), where env is an Env().
_ENVS = {"environ.Env", "environs.Env", "environs.EnvParser", "environ.FileAwareEnv"}


class _Read(NamedTuple):
    name: str
    place: str
    is_needed: bool


def check_environment(project: Project) -> Iterator[Finding]:
    """Whether each variable is set that the code cannot do without; which others it reads."""
    reads: dict[str, _Read] = {}
    for module in project.deployed:
        for each in _reads(project, module):
            if each.name not in reads or (each.is_needed and not reads[each.name].is_needed):
                reads[each.name] = each
    known = {name.upper() for name in (*project.function.environment, *_USUAL, *_assigned(project))}
    unset = [each for each in map(reads.get, sorted(reads)) if each and each.name.upper() not in known]
    unset = [each for each in unset if not _PLATFORM.fullmatch(each.name)]
    needed = [each for each in unset if each.is_needed]
    if needed:
        first = needed[0].name
        yield Finding(
            "warning",
            "environment",
            "the code reads variables that s.yaml does not set: "
            + ", ".join(f"{each.name} ({each.place})" for each in needed[:20]),
            "it raises where they are missing, and the function sees nothing of this shell nor of a .env file",
            f"set them below environmentVariables: {first}: ${{env('{first}')}}",
        )
    others = [each.name for each in unset if not each.is_needed]
    if others:
        yield Finding(
            "note", "environment", f"the code also reads, with a default or a check: {', '.join(others[:50])}"
        )


def _assigned(project: Project) -> Iterator[str]:
    """The variables that the code sets itself."""
    for module in project.deployed:
        for node in module.served:
            if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
                if module.dotted(node.value) == "os.environ":
                    yield text_of(node.slice)
            elif isinstance(node, ast.Call) and module.dotted(node.func) == "os.environ.setdefault" and node.args:
                yield text_of(node.args[0])


def defaults_of_set(project: Project, module: Module) -> set[int]:
    """The ids of the expressions that are defaults of variables which the template sets: they count for nothing."""
    envs = _env_names(module)
    found: set[int] = set()
    for node in module.served:
        if isinstance(node, ast.Call) and node.args and _is_set(project, _called(module, node, envs)[0]):
            found.update(id(inner) for argument in [*node.args[1:], *node.keywords] for inner in ast.walk(argument))
        elif isinstance(node, ast.ClassDef) and _is_settings(node):
            for read, value in _settings(project, module, node):
                if value is not None and _is_set(project, read.name):
                    found.update(map(id, ast.walk(value)))
    return found


def _is_set(project: Project, name: str) -> bool:
    return bool(name) and name.upper() in {each.upper() for each in project.function.environment}


def _is_settings(node: ast.ClassDef) -> bool:
    return any(last_name(base) == "BaseSettings" for base in node.bases)


def _reads(project: Project, module: Module) -> Iterator[_Read]:
    """The variables that a module reads by names that are written in it."""
    envs = _env_names(module)
    checked = {text_of(node.left) for node in module.nodes if isinstance(node, ast.Compare)}
    for node in module.served:
        name, is_needed = "", False
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            if module.dotted(node.value) == "os.environ":
                name, is_needed = text_of(node.slice), not _is_guarded(module, node)
        elif isinstance(node, ast.Call) and node.args:
            name, is_needed = _called(module, node, envs)
        elif isinstance(node, ast.ClassDef) and _is_settings(node):
            yield from (read for read, _ in _settings(project, module, node))
        if name and re.fullmatch(r"\w+", name):
            yield _Read(name, project.place(module, node), is_needed and name not in checked)


def _called(module: Module, node: ast.Call, envs: set[str]) -> tuple[str, bool]:
    """The variable that a call reads, and whether it raises when there is none."""
    called = module.dotted(node.func)
    has_default = len(node.args) > 1 or any(each.arg == "default" for each in node.keywords)
    if called in _READERS:
        return text_of(node.args[0]), called == "decouple.config" and not has_default
    if called.partition(".")[0] in envs and not called.endswith(("read_env", "read_envfile", "Env")):
        return text_of(node.args[0]), not has_default
    return "", False


def _env_names(module: Module) -> set[str]:
    """What a module calls its Env() of django-environ or environs."""
    names = set()
    for node in module.nodes:
        value = node.value if isinstance(node, ast.Assign) else None
        if isinstance(node, ast.Assign) and isinstance(value, ast.Call) and module.dotted(value.func) in _ENVS:
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


def _is_guarded(module: Module, node: ast.Subscript) -> bool:
    """Whether a KeyError of this is caught."""
    for each in module.nodes:
        if isinstance(each, ast.Try) and each.body[0].lineno <= node.lineno <= (each.body[-1].end_lineno or 0):
            caught = [name for handler in each.handlers for name in _caught(handler)]
            if {"KeyError", "LookupError", "Exception", ""} & set(caught):
                return True
    return False


def _caught(handler: ast.ExceptHandler) -> list[str]:
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return [last_name(each) if each is not None else "" for each in types]


def _settings(project: Project, module: Module, node: ast.ClassDef) -> Iterator[tuple[_Read, ast.expr | None]]:
    """The fields of pydantic settings, which are read from variables of these names, with what they are without."""
    prefix = ""
    for each in ast.walk(node):
        is_option = isinstance(each, ast.keyword) and each.arg == "env_prefix"
        if is_option or (isinstance(each, ast.Assign) and last_name(each.targets[0]) == "env_prefix"):
            prefix = text_of(each.value)  # type: ignore[attr-defined]
    for field in node.body:
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            name = field.target.id
            if name != "model_config" and not name.startswith("_") and "ClassVar" not in ast.dump(field.annotation):
                aliases = [text_of(each) for each in _aliases(field.value)]
                is_needed = field.value is None or _is_field_without_default(field.value)
                names = aliases or [f"{prefix}{name}".upper()]
                yield _Read(names[0], project.place(module, field), is_needed), field.value


def _aliases(value: ast.expr | None) -> Iterator[ast.expr]:
    if isinstance(value, ast.Call):
        for keyword in value.keywords:
            if keyword.arg in {"alias", "env", "validation_alias"} and text_of(keyword.value):
                yield keyword.value


def _is_field_without_default(value: ast.expr) -> bool:
    """Whether this is ``Field(...)`` without a default."""
    if not isinstance(value, ast.Call) or last_name(value.func) != "Field":
        return isinstance(value, ast.Constant) and value.value is ...
    if any(keyword.arg in {"default", "default_factory"} for keyword in value.keywords):
        return False
    return not value.args or (isinstance(value.args[0], ast.Constant) and value.args[0].value is ...)
