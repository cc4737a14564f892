"""The routes of Django Ninja in a Django site. Of headers Ninja itself makes no lists."""

from __future__ import annotations

from sys import modules
from typing import Any

from . import NOTHING, Names
from .fields import fields_of, model_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from . import Scope


def read(app: Any, depth: int) -> _Routes | None:
    """The routes of the site, at ``depth`` within others. None for a site without Ninja."""
    urls = modules["django.urls"]
    views = list(_views(urls.get_resolver().url_patterns))  # imports the site's URLs, as this request would do
    return _Routes(urls, views) if "ninja.operation" in modules else None


class _Routes:
    def __init__(self, urls: Any, views: Iterable[Any]) -> None:
        self._urls = urls
        self._operations: dict[Any, list[tuple[list[str], Names]]] = {}
        for view in views:
            path_view = find_path_view(view)
            if path_view is not None:
                self._operations[view] = [(each.methods, _read_names(each)) for each in path_view.operations]
        self.declared = Names.union(names for each in self._operations.values() for _, names in each)

    def find(self, scope: Scope) -> Names:
        path = scope["path"]
        if scope["root_path"] and path.startswith(scope["root_path"]):
            path = path[len(scope["root_path"]) :]
        try:
            view = self._urls.resolve(path).func
        except self._urls.Resolver404:
            return NOTHING
        operations = self._operations.get(view, [])
        return next((names for methods, names in operations if scope["method"] in methods), NOTHING)


def _views(patterns: Iterable[Any]) -> Iterator[Any]:
    for pattern in patterns:
        if hasattr(pattern, "url_patterns"):
            yield from _views(pattern.url_patterns)
        else:
            yield pattern.callback


def find_path_view(view: Any) -> Any:
    """The object of Ninja that a view belongs to, as a method or a closure of it; None for any other view."""
    if getattr(view, "__module__", "") != "ninja.operation":
        return None
    if hasattr(view, "__self__"):
        return view.__self__
    return next(cell.cell_contents for cell in view.__closure__ if hasattr(cell.cell_contents, "operations"))


def _read_names(operation: Any) -> Names:
    names: set[str] = set()
    for model in operation.models:
        if model.__ninja_param_source__ == "query":
            names.update(model.__ninja_collection_fields__)
            names.difference_update(_read_early(model))
    return Names(names)


def _read_early(model: Any) -> Iterator[str]:
    """The names of what is read before pydantic does so, in a model and in those that it contains."""
    for name, info, is_early in fields_of(model):
        inner = model_of(info.annotation)
        if inner is not None:
            yield from _read_early(inner)
        elif is_early:
            yield info.alias or name
