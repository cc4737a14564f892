"""The variables of a template: ``${vars.region}``, ``${env('NAME', 'default')}`` and their like.

Their forms are those of Serverless Devs: https://docs.serverless-devs.com/serverless-devs/variables
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import ConfigError
from .env_file import read_env_file
from .yaml import LIMIT, VALUE, too_large

_VARIABLE = re.compile(r"\$\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}")
_PLACEHOLDER = re.compile(r"\{\{[^{}]*\}\}")
_TOKEN = re.compile(
    r"""\s*(?: (?P<string>'[^']*'|"[^"]*") | (?P<number>-?\d{1,15}(?:\.\d{1,15})?) | (?P<name>[^\W\d][\w.$-]*)
    | (?P<mark>\|\||[(),+]) | (?P<end>$) )""",
    re.VERBOSE,
)
_CONSTANTS = {"true": True, "false": False, "null": None}
_MISSING: Any = object()
_LONGEST = 1000  # characters of an expression
_DEEPEST = 20  # calls in it
_UNCLOSED = re.compile(r"\$\{\s*[\w'\"][^{}]*\Z")
_IN_A_NAME = "is part of a name, where nothing is replaced"
_NOT_CLOSED = "has no closing brace"
AS_IT_IS = {_IN_A_NAME: "write the name itself", _NOT_CLOSED: "write } at its end"}
_TOO_MUCH = "is an expression that only Serverless Devs can evaluate"
_Node = tuple[Any, ...]


class Unknown(Exception):  # noqa: N818 - not an error of anybody's
    """What a variable stands for is not known on this machine; the text says why."""


class Note(NamedTuple):
    """A variable that is not resolved: as it is written, where (``"environmentVariables.KEY"``), and why."""

    text: str
    place: str
    reason: str


class Resolver:
    """The variables of one resource of a template, of which there is as much as it may use in all.

    With ``asks_environment=False`` what comes from the environment or a file stays as it is written.
    """

    def __init__(self, document: dict[str, Any], path: Path, resource: str, *, asks_environment: bool = True) -> None:
        self._notes: dict[Note, None] = {}
        self._document = document
        self._path = path
        self._resource = resource
        self._asks_environment = asks_environment
        self._left = LIMIT
        self._env_file: dict[str, str] | None = None
        self._calls: dict[str, Callable[..., Any]] = {
            "env": self._env,
            "file": self._file,
            "format": _format,
            "json": _json,
            "path": self._absolute,
        }

    def resolve(self, value: Any, place: str = "") -> Any:
        """``value`` with each variable in it replaced. One that is not known here becomes empty, and a note.

        A string that is one variable and nothing else becomes what the variable is, of whatever type. Raises
        ConfigError for ``${vars.name}`` where there is no such variable, and for what has no end.
        """
        self._spend(VALUE)
        if isinstance(value, dict):
            return {
                self._name(key, place): self.resolve(each, f"{place}.{key}" if place else str(key))
                for key, each in value.items()
            }
        if isinstance(value, list):
            return [self.resolve(each, f"{place}[{number}]") for number, each in enumerate(value)]
        if not isinstance(value, str):
            return value
        for match in _PLACEHOLDER.finditer(value):
            self._note(Note(match[0], place, "is a placeholder that nobody has filled in"))
        unclosed = _UNCLOSED.search(_VARIABLE.sub("", value))
        if unclosed:
            self._note(Note(unclosed[0].strip(), place, _NOT_CLOSED))
        whole = _VARIABLE.fullmatch(value.strip())
        if whole:
            return self._evaluate(whole, place)
        text = _VARIABLE.sub(lambda match: to_text(self._evaluate(match, place)), value)
        self._spend(len(text))
        return text

    def _name(self, key: Any, place: str) -> Any:
        """A key, as it is written."""
        for match in (*_VARIABLE.finditer(str(key)), *_PLACEHOLDER.finditer(str(key))):
            self._note(Note(match[0], place or "the template", _IN_A_NAME))
        return key

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise too_large(self._path, "vars")

    @property
    def notes(self) -> list[Note]:
        """What is not resolved, each once."""
        return list(self._notes)

    def _note(self, note: Note) -> None:
        self._notes[note] = None

    def _evaluate(self, match: re.Match[str], place: str) -> Any:
        try:
            if not self._asks_environment and re.search(r"\b(?:env|file)\b", match[1]):
                return match[0]
            return self._value(_Parser(match[1]).parse(), place)
        except Unknown as unknown:
            self._note(Note(match[0], place, str(unknown)))
            return ""

    def _value(self, node: _Node, place: str) -> Any:
        kind, *parts = node
        if kind == "value":
            return parts[0]
        if kind == "name":
            return self._look_up(parts[0], place)
        if kind == "+":
            return "".join(to_text(self._value(part, place)) for part in parts)
        if kind == "call":
            return self._call(parts[0], [self._value(part, place) for part in parts[1:]])
        for part in parts[:-1]:  # of ||: the first that is there
            with contextlib.suppress(Unknown):
                found = self._value(part, place)
                if found:
                    return found
        return self._value(parts[-1], place)

    def _call(self, name: str, arguments: list[Any]) -> Any:
        if name == "config":
            raise Unknown("comes from the credentials of Serverless Devs (s config), which are not read here")
        if name not in self._calls:
            raise Unknown(f"uses {name}(), which is not known here")
        try:
            return self._calls[name](*arguments)
        except TypeError:
            raise Unknown(f"gives {name}() {len(arguments)} values, which it does not take") from None

    def _look_up(self, name: str, place: str) -> Any:
        """What ``a.b.c`` stands for."""
        first, *keys = name.split(".")
        resources = self._document.get("resources")
        assert isinstance(resources, dict)
        if first == "env" and keys:
            return self._env(".".join(keys))
        if first == "vars":
            found = _descend(self._document.get("vars"), keys)
            if found is _MISSING:
                raise ConfigError(
                    f"${{{name:.80}}} is used, but the vars of {self._path} have no {'.'.join(keys)!r:.80}"
                )
            return self.resolve(found, place)
        if first == "this":
            found = _descend(self._this(resources), keys)
        elif first == "resources" and keys:
            found = _descend({key: each for key, each in resources.items() if key == keys[0]}, keys)
        else:
            found = _descend(resources, [first, *keys]) if first in resources and keys[:1] == ["props"] else _MISSING
        if found is _MISSING:
            raise Unknown(_reason(name, keys))
        return self.resolve(found, place)

    def _this(self, resources: dict[Any, Any]) -> dict[str, Any]:
        this = resources[self._resource]
        return {**this, "name": self._resource, "access": this.get("access", self._document.get("access"))}

    def _absolute(self, path: Any = "") -> str:
        return os.path.abspath(self._path.parent / str(path))

    def _env(self, name: str, default: Any = _MISSING) -> Any:
        """From the environment, else from ``.env`` beside the template or in the code, as `s` loads it."""
        with contextlib.suppress(KeyError, ValueError):  # the latter for a name that no environment can hold
            return os.environ[name]
        if self._env_file is None:
            found: dict[str, str] = {}
            for path in self._env_files():
                found = {**self._read(path), **found}
            self._env_file = found
        if name in self._env_file:
            return self._env_file[name]
        if default is _MISSING:
            raise Unknown(f"is not set: there is no variable {name} in this shell, nor in a .env file")
        return default

    def _env_files(self) -> Iterator[Path]:
        props = self._document["resources"][self._resource].get("props")
        code = props.get("code") if isinstance(props, dict) else None
        code = code.get("src") if isinstance(code, dict) else code
        directories = [code] if isinstance(code, str) and "\0" not in code else []
        for path in dict.fromkeys(self._path.parent / directory / ".env" for directory in (*directories, ".")):
            if os.path.isfile(path):
                yield path

    def _read(self, path: Path) -> dict[str, str]:
        try:
            return read_env_file(path)
        except ConfigError as error:
            self._note(Note(str(path), "", f"is left out: {error}"))
            return {}

    def _file(self, name: str) -> str:
        try:
            text = (self._path.parent / name).read_text(encoding="utf-8-sig")
        except (OSError, ValueError) as error:
            raise Unknown(f"cannot be read: {error}") from None
        self._spend(len(text))
        return text


def follow(document: dict[str, Any], value: Any) -> Any:
    """What ``${vars.name}``, as the whole value, stands for in a document; any other value is returned as it is."""
    name = re.fullmatch(r"\s*\$\{\s*vars\.([\w.-]+)\s*\}\s*", value) if isinstance(value, str) else None
    found = _descend(document.get("vars"), name[1].split(".")) if name else _MISSING
    return value if found is _MISSING else found


def _reason(name: str, keys: list[str]) -> str:
    if "output" in keys or "info" in keys:
        return "is known after a deployment only"
    if name.startswith("this."):
        return "names nothing that this resource has"
    return "is not known here"


def _descend(value: Any, keys: list[str]) -> Any:
    for key in keys:
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return _MISSING
    return value


def _format(text: str, *values: Any) -> str:
    """``format('%s-{1}', a, b)``: each ``%s`` is the next value, ``{1}`` the one with this number."""
    rest = iter(values)
    text = re.sub(r"%[sdj]", lambda match: to_text(next(rest, match[0])), to_text(text))
    return re.sub(
        r"\{(\d+)\}", lambda match: to_text(values[int(match[1])]) if int(match[1]) < len(values) else match[0], text
    )


def _json(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise Unknown(f"is no JSON: {error}") from None


def to_text(value: Any) -> str:
    """As a template shows a value inside a longer text: JavaScript's words, not Python's."""
    if value is None or isinstance(value, bool):
        return {None: "", True: "true", False: "false"}[value]
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, (dict, list)) else str(value)


class _Parser:
    """What is between the braces: names, calls, strings, ``+`` and ``||``, as nested tuples.

    Raises Unknown for anything else: the tool takes any expression of JavaScript.
    """

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        self._next = 0
        position, kind = 0, ""
        while kind != "end":
            match = _TOKEN.match(text, position)
            if match is None or len(text) > _LONGEST or text.count("(") > _DEEPEST:
                raise Unknown(_TOO_MUCH)
            kind = match.lastgroup or "end"
            self._tokens.append((kind, match[kind]))
            position = match.end()

    def parse(self) -> _Node:
        found = self._alternatives()
        if self._tokens[self._next][0] != "end":
            raise Unknown(_TOO_MUCH)
        return found

    def _alternatives(self) -> _Node:
        return self._joined("||", lambda: self._joined("+", self._term))

    def _joined(self, mark: str, parse: Callable[[], _Node]) -> _Node:
        parts = [parse()]
        while self._take(mark):
            parts.append(parse())
        return (mark, *parts) if len(parts) > 1 else parts[0]

    def _term(self) -> _Node:
        kind, text = self._tokens[self._next]
        if kind not in {"string", "number", "name"}:
            raise Unknown(_TOO_MUCH)
        self._next += 1
        if kind == "string":
            return ("value", text[1:-1])
        if kind == "number":
            return ("value", float(text) if "." in text else int(text))
        if self._take("("):
            return ("call", text, *self._arguments(text))
        return ("value", _CONSTANTS[text]) if text in _CONSTANTS else ("name", text)

    def _arguments(self, name: str) -> Iterator[_Node]:
        if self._take(")"):
            return
        while True:
            argument = self._alternatives()
            # env(NAME), without quotes, is as good.
            yield ("value", argument[1]) if name in {"env", "config"} and argument[0] == "name" else argument
            if self._take(")"):
                return
            if not self._take(","):
                raise Unknown(_TOO_MUCH)

    def _take(self, mark: str) -> bool:
        is_next = self._tokens[self._next] == ("mark", mark)
        self._next += is_next
        return is_next
