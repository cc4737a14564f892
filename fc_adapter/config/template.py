"""Reading a project's ``s.yaml`` (Serverless Devs, component fc3) into a Function."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from ..contract.rules import METHODS
from ..errors import ConfigError
from ..terminal import warn
from .env_file import is_possible
from .function import Function, Hook
from .target import Target


def read_template(path: Path, *, resource: str | None = None) -> Function:
    """The function that ``path`` describes; ``resource`` names it when there are several.

    Raises ConfigError, which says what is missing, for a file that is no template or describes no such function.
    """
    document, props = _select(path, resource)
    try:
        return _to_function(_Variables(document, path).resolve(props), path)
    except RecursionError:
        raise ConfigError(f"the vars of {path} refer to themselves") from None


def read_props(path: Path, *, resource: str | None = None) -> dict[str, Any]:
    """The props of that function as they are written, variables and all. Raises ConfigError as well."""
    return _select(path, resource)[1]


def _select(path: Path, resource: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The whole document, and the props of one function in it."""
    document = _load_yaml(path)
    resources = document.get("resources") if isinstance(document, dict) else None
    if not isinstance(resources, dict):
        raise ConfigError(f"{path} has no resources; expected a Serverless Devs template (edition 3.0.0)")
    functions = {
        name: each["props"]
        for name, each in resources.items()
        if isinstance(each, dict) and _is_fc3(each.get("component")) and isinstance(each.get("props"), dict)
    }
    if resource is None and len(functions) == 1:
        resource = next(iter(functions))
    if resource not in functions:
        if not functions:
            raise ConfigError(f"{path} has no function: no resource of the component fc3 with props")
        wanted = "several functions" if resource is None else f"no function {resource!r}"
        raise ConfigError(f"{path} has {wanted}; name one with --resource: {', '.join(map(str, functions)):.300}")
    return document, functions[resource]


def _is_fc3(component: Any) -> bool:
    """``fc3``, also with its publisher or version: ``devsapp/fc3@0.1.0``."""
    return str(component).rpartition("/")[2].partition("@")[0] == "fc3"


def _load_yaml(path: Path) -> Any:
    try:
        import yaml
    except ImportError:
        raise ConfigError(f"reading {path} needs PyYAML: pip install 'fc-adapter[local]'") from None
    try:
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8-sig"))
        try:
            root = loader.get_single_node()
            if root is None:
                return None
            if _size(root, {}) > _LIMIT:
                raise _too_large(path, "aliases")
            return loader.construct_document(root)
        finally:
            loader.dispose()
    except (OSError, ValueError, OverflowError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read {path}: {' '.join(str(error).split()):.300}") from error
    except RecursionError:
        raise ConfigError(f"cannot read {path}: it is nested too deeply, or an alias contains itself") from None


def _size(node: Any, sizes: dict[int, int]) -> int:
    """How large a YAML node is when its aliases are written out. Each node is looked at once."""
    if id(node) not in sizes:
        size = _VALUE
        if isinstance(node.value, str):
            size += len(node.value)
        else:
            for each in node.value:
                size += sum([_size(part, sizes) for part in (each if isinstance(each, tuple) else (each,))])
        sizes[id(node)] = size
    return sizes[id(node)]


_LIMIT = 10_000_000  # characters of a template with its aliases and variables written out
_VALUE = 100  # characters that a value counts for, besides its own


def _too_large(path: Path, what: str) -> ConfigError:
    return ConfigError(
        f"{path} has more than {_LIMIT // 1_000_000} MB with its {what} written out, a value being {_VALUE} bytes; "
        f"expected a few KB: look for {what} that refer to others, which refer to others again"
    )


def _to_function(props: dict[str, Any], path: Path) -> Function:
    """Defaults are those of the component's schema: 512 MB, 3 s."""
    runtime = re.fullmatch(r"python(\d)\.(\d+)", str(props.get("runtime")))
    if runtime is None:
        raise ConfigError(f"runtime in {path} is {_short(props.get('runtime'))}; only python3.9 to python3.12 run here")
    module, _, attribute = str(props.get("handler", "")).rpartition(".")
    if not module or not attribute:
        raise ConfigError(f"handler in {path} is {_short(props.get('handler'))}; expected such as index.handler")
    code = props.get("code") or "."
    if isinstance(code, dict):
        code = code.get("src") or "."
    environment = _get(props, "environmentVariables", dict, path)
    hooks = _get(props, "instanceLifecycleConfig", dict, path)
    try:
        directory = (path.parent / str(code)).resolve()
    except (OSError, ValueError) as error:
        raise ConfigError(f"code in {path} is {_short(code)}, which is not a directory: {error}") from error
    function = Function(
        handler=Target(directory, module, attribute),
        name=str(props.get("functionName") or "local"),
        region=str(props.get("region") or "cn-hangzhou"),
        runtime=(int(runtime[1]), int(runtime[2])),
        timeout=_number(props, "timeout", 3, path),
        memory=max(1, int(_number(props, "memorySize", 512, path))),
        environment={str(name): _to_variable(value) for name, value in environment.items()},
        initializer=_to_hook(hooks, "initializer", path),
        pre_stop=_to_hook(hooks, "preStop", path),
        methods=_methods(_get(props, "triggers", list, path), path),
    )
    for name, value in function.platform_environment("-").items():
        _check_variable(name, value, path)
    return function


def _check_variable(name: str, value: str, path: Path) -> None:
    """Raise ConfigError for what cannot be in the environment of a process."""
    if not is_possible(name, value):
        raise ConfigError(f"{path} makes {_short(name)} = {_short(value)} a variable, which no environment can hold")


def _short(value: Any) -> str:
    """``repr()``, shortened; Python refuses that of a number with thousands of digits."""
    try:
        return f"{value!r:.80}"
    except ValueError:
        return "a number with thousands of digits"


def _get(parent: dict[str, Any], key: str, kind: type, path: Path) -> Any:
    """The mapping or list ``parent[key]``, empty where there is none."""
    value = parent.get(key)
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise ConfigError(f"{key} in {path} is {_short(value)}; expected a {'mapping' if kind is dict else 'list'}")
    return value


def _number(parent: dict[str, Any], key: str, default: float, path: Path) -> float:
    value = parent.get(key, default)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = 0.0
    if not 0 < number < float("inf"):
        raise ConfigError(f"{key} in {path} is {_short(value)}; expected a number above 0")
    return number


def _to_variable(value: Any) -> str:
    """A value as an environment variable: YAML's ``true`` and ``null`` are not Python's."""
    if value is None or isinstance(value, bool):
        return {None: "", True: "true", False: "false"}[value]
    return str(value)


def _to_hook(hooks: dict[str, Any], key: str, path: Path) -> Hook | None:
    """A hook's default timeout is 3 s: documented."""
    config = _get(hooks, key, dict, path)
    return Hook(str(config["handler"]), _number(config, "timeout", 3, path)) if config.get("handler") else None


def _methods(triggers: list[Any], path: Path) -> tuple[str, ...]:
    """Those of the HTTP trigger; a function without one is served all the same."""
    for trigger in triggers:
        if isinstance(trigger, dict) and trigger.get("triggerType") == "http":
            methods = _get(_get(trigger, "triggerConfig", dict, path), "methods", list, path)
            return tuple(map(str, methods)) or METHODS
    return METHODS


_VARIABLE = re.compile(r"\$\{\s*(?:env\((?P<env>[^)]*)\)|vars\.(?P<vars>[\w.-]+))\s*\}")


class _Variables:
    """The variables of a template, of which there is as much as it may use in all."""

    def __init__(self, document: dict[str, Any], path: Path) -> None:
        self._document = document
        self._path = path
        self._left = _LIMIT

    def resolve(self, value: Any) -> Any:
        """``value`` with each ``${env('NAME', 'default')}`` and ``${vars.path.to.it}`` in it replaced.

        A string that is one variable and nothing else becomes what the variable is, of whatever type.
        """
        self._spend(_VALUE)
        if isinstance(value, dict):
            return {key: self.resolve(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.resolve(each) for each in value]
        if not isinstance(value, str):
            return value
        whole = _VARIABLE.fullmatch(value.strip())
        if whole:
            return self._lookup(whole)
        text = _VARIABLE.sub(lambda match: str(self._lookup(match)), value)
        self._spend(len(text))
        return text

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise _too_large(self._path, "vars")

    def _lookup(self, match: re.Match[str]) -> Any:
        if match["vars"] is None:
            return _read_variable(match)
        found: Any = self._document.get("vars")
        for key in match["vars"].split("."):
            if not isinstance(found, dict) or key not in found:
                raise ConfigError(f"{match[0]:.80} is used, but the vars of {self._path} have no {match['vars']!r:.80}")
            found = found[key]
        return self.resolve(found)


def _read_variable(match: re.Match[str]) -> str:
    name, *default = [part.strip().strip("'\"") for part in match["env"].split(",", 1)]
    if name in os.environ:
        return os.environ[name]
    if not default:
        warn(f"note: {match[0]} in the template is empty: there is no variable {name}")
    return default[0] if default else ""
