"""Lists that code reads out of the query by hand, such as ``request.args.getlist("tag")``."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from .source import Module, find_sources, last_name, text_of

_METHODS = {"getlist", "getall"}
# What frameworks call the query of a request, or the query and the form together.
_QUERIES = {"GET", "args", "params", "query", "query_params", "values"}


class HandRead(NamedTuple):
    """A list that is read by hand: its name in the query, and where."""

    name: str
    module: Module
    node: ast.expr


def read_by_hand(directory: Path) -> list[HandRead]:
    """The lists that the project in ``directory`` reads by hand, and that no ``wrap()`` of it names."""
    return find_unnamed([Module(path) for path in find_sources(directory)])


def find_unnamed(modules: list[Module]) -> list[HandRead]:
    """As ``read_by_hand``; none where a ``wrap()`` says something else of them than their names."""
    named: set[str] = set()
    for value in _split_queries(modules):
        names = [text_of(each) for each in value.elts] if isinstance(value, (ast.List, ast.Set, ast.Tuple)) else [""]
        if "" in names:
            return []
        named.update(names)
    found: dict[str, HandRead] = {}
    for module in modules:
        for node in module.nodes:
            name = _list_name(node)
            if name and name not in named and isinstance(node, ast.expr):
                found.setdefault(name, HandRead(name, module, node))
    return list(found.values())


def _split_queries(modules: Iterable[Module]) -> Iterator[ast.expr]:
    """What is given to ``wrap()`` as ``split_query``."""
    for module in modules:
        for node in module.nodes:
            if isinstance(node, ast.Call) and last_name(node.func) == "wrap":
                yield from (each.value for each in node.keywords if each.arg == "split_query")


def _list_name(node: ast.AST) -> str:
    """The name in a call that reads a list out of the query, or ``""``."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
        return ""
    is_read = node.func.attr in _METHODS and last_name(node.func.value) in _QUERIES
    return text_of(node.args[0]) if is_read or node.func.attr == "get_param_as_list" else ""
