"""The routes of a custom domain (component fc3-domain): which function answers a path, and what path it sees.

Documented in "Configure a rewrite policy": the three kinds of rules, and that they change path and query alone.
Inferred: an exact path goes before one with ``*``, and of those the longest; of the rules, those for the exact path
come first, then those with wildcards, then the regular expressions, and the first that matches is the only one.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from ..contract.rules import METHODS
from ..errors import ConfigError


class Rule(NamedTuple):
    """A rewriting: what ``pattern`` finds in a path becomes ``replacement``, in which ``$1`` is the first group."""

    pattern: re.Pattern[str]
    replacement: str

    def apply(self, path: str) -> str | None:
        """The path and query instead of ``path``, or None if the rule does not match."""
        text, number = self.pattern.subn(self._expand, path)
        return text if number else None

    def _expand(self, match: re.Match[str]) -> str:
        groups = match.groups(default="")
        return _REFERENCE.sub(lambda found: groups[int(found[1]) - 1] if int(found[1]) <= len(groups) else "", self[1])


_REFERENCE = re.compile(r"\$([1-9]\d?)")


class Route(NamedTuple):
    """``path``, such as ``/api/*``, belongs to the function called ``function``."""

    path: str
    function: str
    methods: tuple[str, ...] = METHODS
    rules: tuple[Rule, ...] = ()

    def matches(self, method: str, path: str) -> bool:
        """Whether a request is this route's."""
        if method not in self.methods:
            return False
        return path.startswith(self.path[:-1]) if self.path.endswith("*") else path == self.path

    def rewrite(self, path: str, query: str) -> tuple[str, str]:
        """The path and the query that the function gets."""
        for rule in self.rules:
            found = rule.apply(path)
            if found is not None:
                path, _, added = found.partition("?")
                return path if path.startswith("/") else f"/{path}", "&".join(filter(None, (added, query)))
        return path, query


class Domain(NamedTuple):
    """A custom domain and its routes; ``unresolved`` names each variable of it that is not known here."""

    name: str
    routes: tuple[Route, ...]
    unresolved: tuple[str, ...] = ()

    def find(self, method: str, path: str) -> Route | None:
        """The route of a request, if there is one."""
        fitting = [route for route in self.routes if route.matches(method, path)]
        return max(fitting, key=lambda route: (not route.path.endswith("*"), len(route.path)), default=None)


def read_domain(props: dict[str, Any], path: Path) -> Domain:
    """The domain that the resolved props of an fc3-domain resource describe.

    Raises ConfigError for a route without path or function, and for a regular expression that is none.
    """
    routes = tuple(_read_route(each, path) for each in _list(_mapping(props.get("routeConfig")).get("routes")))
    return Domain(str(props.get("domainName") or "auto"), routes)


def _read_route(config: Any, path: Path) -> Route:
    config = _mapping(config)
    place, function = config.get("path"), config.get("functionName")
    if not isinstance(place, str) or not place.startswith("/") or not function:
        raise ConfigError(f"a route in {path} is {config!r:.120}; expected a path such as /api/* and a functionName")
    methods = tuple(str(each).upper() for each in _list(config.get("methods"))) or METHODS
    rules = tuple(_read_rules(_mapping(config.get("rewriteConfig")), path))
    return Route(_encode(place), str(function), methods, rules)


def _read_rules(config: dict[Any, Any], path: Path) -> Iterator[Rule]:
    for match, replacement in _pairs(config.get("equalRules")):
        yield Rule(re.compile(rf"\A{re.escape(_encode(match))}\Z"), _encode(replacement))
    for match, replacement in _pairs(config.get("wildcardRules")):
        # Documented: /old matches /test/old, too, whose whole becomes the replacement; ^ stands for the beginning.
        begin = r"\A" if match.startswith("^") else r"\A.*?"
        literals = map(re.escape, _encode(match).lstrip("^").split("*"))
        yield Rule(re.compile(rf"{begin}{'(.*)'.join(literals)}.*\Z"), _encode(replacement))
    for match, replacement in _pairs(config.get("regexRules")):
        try:
            yield Rule(re.compile(match), _encode(replacement))
        except re.error as error:
            raise ConfigError(f"{match!r:.80} in the regexRules of {path} is no regular expression: {error}") from error


def _pairs(rules: Any) -> Iterator[tuple[str, str]]:
    for rule in _list(rules):
        yield str(_mapping(rule).get("match", "")), str(_mapping(rule).get("replacement", ""))


def _encode(text: str) -> str:
    """A path as it is on the wire: what is neither ASCII nor printable, percent-encoded."""
    return quote(text, safe=string.punctuation)


def _mapping(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
