"""Reading a project's ``s.yaml`` (Serverless Devs, component fc3), resolved once for everyone who asks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..contract.rules import METHODS
from ..errors import ConfigError
from .domain import Domain, read_domain
from .env_file import is_possible
from .function import Function, Hook
from .runtimes import RUNTIMES, Runtime, default_runtime, parse_runtime
from .target import Target
from .unsimulated import not_simulated
from .variables import AS_IT_IS, Note, Resolver, follow, to_text
from .yaml import load_yaml


class Template(NamedTuple):
    """What a template says of one function.

    ``props`` are its properties with all variables replaced; in ``written`` those of the environment still stand as
    they are written, so it is what the file itself gives away. ``document`` is the whole file. Each of ``unresolved``
    names a variable that nobody knows here, each of ``notes`` what else is not as it would be in the cloud, and both
    say what happens instead and what to do.
    """

    path: Path
    resource: str
    function: Function
    runtime: Runtime
    props: dict[str, Any]
    written: dict[str, Any]
    document: dict[str, Any]
    unresolved: tuple[str, ...]
    notes: tuple[str, ...]


class TemplateError(ConfigError):
    """A template that describes no function for these commands: what it is, and what to do."""

    def __init__(self, problem: str, todo: str) -> None:
        super().__init__(f"{problem}; {todo}")
        self.problem = problem
        self.todo = todo


def find_template(directory: Path) -> Path | None:
    """The template in a directory, as Serverless Devs looks for it, or one of the older tool Funcraft."""
    for name in ("s.yaml", "s.yml", "template.yml", "template.yaml"):
        path = directory / name
        if path.is_file() and (name.startswith("s.") or b"ROSTemplateFormatVersion" in path.read_bytes()):
            return path
    return None


def read_template(
    path: Path,
    *,
    resource: str | None = None,
    target: Target | None = None,
    runtime: str | None = None,
    is_alone: bool = True,
) -> Template:
    """The function that ``path`` describes; ``resource`` names it when there are several.

    ``is_alone`` says that nothing else of the template is served, for the notes.
    ``target`` and ``runtime``, a name such as ``"python3.10"``, are taken instead of what the template says of them.
    Raises ConfigError, which says what is missing, for a file that is no template or describes no such function.
    """
    try:
        document = _load(path, ())
        resource = _select(document, path, resource)
        props = _with_base(document, resource, path)
        document["resources"][resource]["props"] = props
        resolver = Resolver(document, path, resource)
        resolved = resolver.resolve(props)
        written = Resolver(document, path, resource, asks_environment=False).resolve(props)
    except RecursionError:
        # A tracer that the limit has hit counts the lines that follow as those of another function.
        raise ConfigError(f"the variables of {path} refer to themselves") from None  # pragma: no cover - see above
    unresolved = tuple(map(_describe, resolver.notes))
    notes = list(not_simulated(resolved, document, resource, is_alone=is_alone))
    found = parse_runtime(runtime) if runtime is not None else _runtime(resolved, props, path, target, notes)
    function = _to_function(resolved, resource, path, target or _target(resolved, props, path), found)
    notes += _not_text(resolved)
    return Template(path, resource, function, found, resolved, written, document, unresolved, tuple(notes))


def list_functions(path: Path) -> list[str]:
    """The names of all functions that ``path`` describes. Raises ConfigError for a file that is no template."""
    return _functions(_load(path, ()))


def read_domains(path: Path) -> list[Domain]:
    """The custom domains that ``path`` describes. Raises ConfigError for a domain that cannot be."""
    document = _load(path, ())
    return [
        _read_domain(document, path, name)
        for name, each in document["resources"].items()
        if isinstance(each, dict) and _component(each) == "fc3-domain" and isinstance(each.get("props"), dict)
    ]


def _read_domain(document: dict[str, Any], path: Path, name: str) -> Domain:
    resolver = Resolver(document, path, name)
    props = _mapping(resolver.resolve(document["resources"][name]["props"]))
    unresolved = tuple(map(_describe, resolver.notes))
    try:
        return read_domain(props, path)._replace(unresolved=unresolved)
    except ConfigError as error:
        raise ConfigError("; ".join([str(error), *unresolved])) from None


def _describe(note: Note) -> str:
    if not note.place:
        return f"{note.text} {note.reason:.300}"
    if note.reason in AS_IT_IS:
        return f"{note.text:.80} in {note.place:.200} {note.reason}; it stays as it is: {AS_IT_IS[note.reason]}"
    variable = note.place.partition("environmentVariables.")[2]
    if note.text.startswith("{{"):
        return f"{note.text:.80} in {note.place:.200} {note.reason:.300}: write a value into the template"
    todo = f"; --env {variable}=... gives it a value" if variable else ""
    return f"{note.text:.80} in {note.place:.200} {note.reason:.300}; it is empty here{todo}"


def _load(path: Path, extended_by: tuple[str, ...]) -> dict[str, Any]:
    """The document, with what it extends. Raises ConfigError for anything but a template of Serverless Devs 3."""
    document = load_yaml(path)
    if not isinstance(document, dict):
        raise ConfigError(f"{path} has no resources; expected a Serverless Devs template (edition 3.0.0)")
    base = document.get("extend")
    if isinstance(base, str):
        if os.path.abspath(path) in extended_by:
            raise ConfigError(f"{path} extends itself")
        document = _merge(_load(path.parent / base, (*extended_by, os.path.abspath(path))), document)
    if "ROSTemplateFormatVersion" in document:
        raise TemplateError(
            f"{path} is a template of Funcraft (fun), for Function Compute 2.0",
            "write an s.yaml for 3.0 with fc-adapter init, or run a handler by itself: fc-adapter serve index:handler",
        )
    services = document.get("services")
    if isinstance(services, dict) and not isinstance(document.get("resources"), dict):
        raise _of_fc2(path, list(services.values()))
    resources = document.get("resources")
    if not isinstance(resources, dict):
        given = f" but {resources!r:.80}" if isinstance(resources, str) else ""
        raise ConfigError(f"{path} has no resources{given}; expected a Serverless Devs template (edition 3.0.0)")
    for each in resources.values():
        if isinstance(each, dict):
            each.update({key: follow(document, each[key]) for key in ("component", "props") if key in each})
    return _mapping(document)


def _of_fc2(path: Path, resources: list[Any]) -> TemplateError:
    handler = ""
    for each in resources:
        function = _mapping(_mapping(_mapping(each).get("props")).get("function"))
        module, _, attribute = str(function.get("handler", "")).rpartition(".")
        code = function.get("codeUri", ".")
        if module and isinstance(code, str) and str(function.get("runtime")).startswith("python"):
            handler = handler or f"{os.path.normpath(os.path.join(code, *module.split('.')))}.py:{attribute}"
    return TemplateError(
        f"{path} is a template of Function Compute 2.0 (component fc)",
        f"convert it, s cli fc3 s2tos3 --source {path} --target s3.yaml, or run its handler by itself: "
        f"fc-adapter serve {handler or 'index:handler'}",
    )


def _mapping(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _merge(base: Any, changes: Any) -> Any:
    """``changes`` above ``base``: mappings are merged, all else is replaced, as the tool does it."""
    if not isinstance(base, dict) or not isinstance(changes, dict):
        return changes
    return {**base, **{key: _merge(base.get(key), each) for key, each in changes.items()}}


def _select(document: dict[str, Any], path: Path, resource: str | None) -> str:
    """The name of the function's resource."""
    resources = document["resources"]
    functions = _functions(document)
    if resource is None and len(functions) == 1:
        resource = functions[0]
    if resource is None or resource not in functions:
        older = [each for each in resources.values() if isinstance(each, dict) and _component(each) == "fc"]
        if not functions and older:
            raise _of_fc2(path, older)
        if not functions:
            unknown = "".join(_unknown_parts(resources))
            raise ConfigError(f"{path} has no function: no resource of the component fc3 with props{unknown:.300}")
        wanted = "several functions" if resource is None else f"no function {resource!r}"
        raise TemplateError(f"{path} has {wanted}", f"name one with --resource: {', '.join(map(str, functions)):.300}")
    return resource


def _functions(document: dict[str, Any]) -> list[str]:
    return [
        name
        for name, each in document["resources"].items()
        if isinstance(each, dict) and _component(each) == "fc3" and isinstance(each.get("props"), dict)
    ]


def _unknown_parts(resources: dict[Any, Any]) -> Iterator[str]:
    """What would make functions of resources, if it were known what it stands for."""
    for name, each in resources.items():
        for key in ("component", "props"):
            value = _mapping(each).get(key)
            if isinstance(value, str) and "${" in value:
                yield f"; {key} of {name!s:.80} is {value:.80}, which is not known here"


def _component(resource: dict[Any, Any]) -> str:
    """``fc3``, also with its publisher or version: ``devsapp/fc3@0.1.0``."""
    return str(resource.get("component")).rpartition("/")[2].partition("@")[0]


def _with_base(document: dict[str, Any], resource: str, path: Path) -> dict[str, Any]:
    """The props of a resource with those of the ``template`` that it extends."""
    each = document["resources"][resource]
    extend = _mapping(each.get("extend"))
    if not extend:
        return _mapping(each["props"])
    base = _mapping(document.get("template")).get(str(extend.get("name")))
    if not isinstance(base, dict):
        raise ConfigError(f"{resource} in {path} extends the template {_short(extend.get('name'))}, which is not there")
    ignored = extend["ignore"] if isinstance(extend.get("ignore"), list) else []
    kept = {key: value for key, value in base.items() if key not in ignored}
    return _mapping(_merge(kept, each["props"]))


def _to_function(props: dict[str, Any], resource: str, path: Path, target: Target, runtime: Runtime) -> Function:
    """Defaults are those of the component's schema: 512 MB, 3 s."""
    environment = _get(props, "environmentVariables", dict, path)
    hooks = _get(props, "instanceLifecycleConfig", dict, path)
    function = Function(
        handler=target,
        name=_known(props, "functionName") or str(resource),
        region=_known(props, "region") or "cn-hangzhou",
        runtime=runtime.version,
        timeout=_number(props, "timeout", 3, path),
        memory=max(1, int(_number(props, "memorySize", 512, path))),
        environment={str(name): to_text(value) for name, value in environment.items()},
        initializer=_to_hook(hooks, "initializer", path),
        pre_stop=_to_hook(hooks, "preStop", path),
        methods=_methods(_get(props, "triggers", list, path), path),
    )
    for name, value in function.platform_environment("-").items():
        if not is_possible(name, value):
            raise ConfigError(
                f"{path} makes {_short(name)} = {_short(value)} a variable, which no environment can hold"
            )
    return function


def _known(props: dict[str, Any], key: str) -> str:
    """A text, or ``""`` where it is not filled in."""
    text = str(props.get(key) or "")
    return "" if "{{" in text else text


def _runtime(
    props: dict[str, Any], raw: dict[str, Any], path: Path, target: Target | None, notes: list[str]
) -> Runtime:
    """Raises ConfigError for a runtime that calls no handlers, or that there is not."""
    name = str(props.get("runtime"))
    if name in RUNTIMES:
        return RUNTIMES[name]
    if name.startswith("custom"):
        starts = _command(props) or ("an image" if "container" in name else "a server of its own")
        if target is not None:
            notes.append(f"runtime: {name:.80} starts {starts}, which is not simulated: here, the handler gets events")
            return default_runtime()
        raise TemplateError(
            f"runtime in {path} is {_short(name)}: it starts {starts} and calls no handler, so nothing of it runs here",
            "serve the app by a handler, fc-adapter serve index:handler, and deploy it on a built-in runtime such as "
            "python3.10, which is smaller and needs no server (docs/migrate.md, A custom runtime)",
        )
    raise ConfigError(
        f"runtime in {path} is {_written(raw, props, 'runtime')}; expected one of {', '.join(RUNTIMES)}, the runtimes "
        "of Function Compute 3.0 for Python"
    )


def _command(props: dict[str, Any]) -> str:
    config = _mapping(props.get("customRuntimeConfig"))
    lists = [config[key] for key in ("command", "args") if isinstance(config.get(key), list)]
    parts = [each for found in lists for each in found if isinstance(each, str)]
    return f"{' '.join(parts)!r:.120}" if parts else ""


def _target(props: dict[str, Any], raw: dict[str, Any], path: Path) -> Target:
    module, _, attribute = str(props.get("handler") or "").rpartition(".")
    if not module or not attribute:
        raise ConfigError(f"handler in {path} is {_written(raw, props, 'handler')}; expected such as index.handler")
    _check_module(module, f"{module}.{attribute}", "handler", path)
    code = props.get("code") or "."
    if isinstance(code, dict):
        if code.get("ossObjectName") and not code.get("src"):
            place = f"{code.get('ossBucketName')!s:.80}/{code['ossObjectName']!s:.200}"
            raise TemplateError(
                f"code in {path} is in OSS ({place}), which is not read here",
                "unpack it and name the directory, code: ./code, or serve a handler in it: "
                f"fc-adapter serve DIRECTORY/{module.replace('.', '/')}.py:{attribute}",
            )
        code = code.get("src") or "."
    try:
        directory = (path.parent / str(code)).resolve()
        is_file = directory.is_file()
    except (OSError, ValueError) as error:
        raise ConfigError(f"code in {path} is {_short(code)}, which is not a directory: {error}") from error
    if is_file:
        raise TemplateError(
            f"code in {path} is the file {_short(str(code))}, and only directories can be run",
            f"unpack it and name the directory, code: ./code, or serve a handler in it: "
            f"fc-adapter serve DIRECTORY/{module.replace('.', '/')}.py:{attribute}",
        )
    if directory == directory.parent:
        raise TemplateError(
            f"code in {path} is {_short(str(code))}, the root of this machine's files",
            "name the directory of the code, relative to the template: code: .",
        )
    return Target(directory, module, attribute)


def _check_module(module: str, handler: str, key: str, path: Path) -> None:
    """Raise TemplateError for a handler that is a path: documented is ``file.function``."""
    if "/" in module:
        names = [name for name in module.split("/") if name.strip(".")]
        meant = f"{'.'.join(names)}.{handler.rpartition('.')[2]}"
        raise TemplateError(
            f"{key} in {path} is {_short(handler)}, a path; handlers are module.function, relative to code",
            f"write {meant:.200}",
        )


def _written(raw: dict[str, Any], props: dict[str, Any], key: str) -> str:
    """A value for a message: as it is written, and what that means where it is something else."""
    if raw.get(key) is None:
        return "missing"
    before, after = _short(raw[key]), _short(props.get(key))
    return before if before == after else f"{before}, which is {after}"


def _short(value: Any) -> str:
    """``repr()``, shortened; Python refuses that of a number with thousands of digits."""
    try:
        return f"{value!r:.80}"
    except ValueError:
        return "a number with thousands of digits"


def _get(parent: dict[str, Any], key: str, kind: type, path: Path) -> Any:
    """The mapping or list ``parent[key]``, empty where there is none."""
    value = parent.get(key)
    if value is None or value == "":
        return kind()
    if not isinstance(value, kind):
        raise ConfigError(f"{key} in {path} is {_short(value)}; expected a {'mapping' if kind is dict else 'list'}")
    return value


def _number(parent: dict[str, Any], key: str, default: float, path: Path) -> float:
    value = parent.get(key)
    if value is None or value == "":
        return default
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = 0.0
    if not 0 < number < float("inf"):
        raise ConfigError(f"{key} in {path} is {_short(value)}; expected a number above 0")
    return number


def _not_text(props: dict[str, Any]) -> Iterator[str]:
    for name, value in _mapping(props.get("environmentVariables")).items():
        if isinstance(value, (dict, list)):
            kind = "mapping" if isinstance(value, dict) else "list"
            yield (
                f"environmentVariables.{name!s:.80} is a {kind}, and a variable is text: here it is JSON, and s deploy "
                "refuses it; write that text into the template, in quotes"
            )


def _to_hook(hooks: dict[str, Any], key: str, path: Path) -> Hook | None:
    """A hook's default timeout is 3 s: documented."""
    config = _get(hooks, key, dict, path)
    if not config.get("handler"):
        return None
    handler = str(config["handler"])
    _check_module(handler.rpartition(".")[0], handler, f"the handler of {key}", path)
    return Hook(handler, _number(config, "timeout", 3, path))


def _methods(triggers: list[Any], path: Path) -> tuple[str, ...]:
    """Those of the HTTP trigger; a function without one is served all the same."""
    for trigger in triggers:
        if isinstance(trigger, dict) and trigger.get("triggerType") == "http":
            methods = _get(_get(trigger, "triggerConfig", dict, path), "methods", list, path)
            return tuple(str(each) for each in methods if each) or METHODS
    return METHODS
