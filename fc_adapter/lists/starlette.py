"""The routes of FastAPI's apps, and of Starlette's that contain such."""

from __future__ import annotations

from sys import modules
from typing import Any

from . import NOTHING, Names, read_routes
from .fields import aliases_of, is_list, is_read_early, lists_of, model_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from . import Routes, Scope


def read(app: Any, depth: int) -> _Routes | None:
    """The routes of ``app``, at ``depth`` within others. None without FastAPI: Starlette's own declare nothing."""
    return _Routes(app, depth) if "fastapi.routing" in modules else None


class _Routes:
    def __init__(self, app: Any, depth: int) -> None:
        self._app = app
        self._match = modules["starlette.routing"].Match.FULL
        # Newer versions of FastAPI have the routes of an included router in one route of their own.
        flatten = getattr(modules["fastapi.routing"], "iter_route_contexts", iter)
        self._routes: list[tuple[Any, Names, Routes | None]] = []
        for route in flatten(app.routes):
            is_mount = hasattr(route, "routes")
            inner = read_routes(route.app, depth) if is_mount else None
            names = inner.declared if inner is not None else _read_names(route)
            self._routes.append((route, names, inner))
        self.declared = Names.union(names for _, names, _ in self._routes)

    def find(self, scope: Scope) -> Names:
        # As the app does it: FastAPI puts its own root_path into the scope, and the first route that matches wins.
        root_path = getattr(self._app, "root_path", "") or scope.get("root_path", "")
        scope = {**scope, "app": self._app, "root_path": root_path}
        for route, names, inner in self._routes:
            match, child_scope = route.matches(scope)
            if match is self._match:
                return names if inner is None else inner.find({**scope, **child_scope})
        return NOTHING


def _read_names(route: Any) -> Names:
    """The lists that a route declares, those of its dependencies included."""
    query: set[str] = set()
    headers: set[str] = set()
    for dependant in _flatten(getattr(route, "dependant", None)):
        query.update(_lists(dependant.query_params))
        headers.update(_lists(dependant.header_params))
    # In a model of headers the names of fields stand for names with hyphens, unless it says otherwise.
    return Names(query, {*headers, *[name.replace("_", "-") for name in headers]})


def _flatten(dependant: Any) -> Iterator[Any]:
    if dependant is not None:
        yield dependant
        for each in dependant.dependencies:
            yield from _flatten(each)


def _lists(parameters: Iterable[Any]) -> Iterator[str]:
    for parameter in parameters:
        info = parameter.field_info
        model = model_of(info.annotation)
        if model is not None:
            yield from lists_of(model)
        elif is_list(info.annotation) and not is_read_early(info):
            yield from {parameter.alias, *aliases_of(info)}
