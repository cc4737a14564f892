"""The routes of Litestar's apps. Of headers Litestar itself makes no lists."""

from __future__ import annotations

from sys import modules
from typing import Any

from . import NOTHING, Names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import Scope


def read(app: Any, depth: int) -> _Routes:
    """The routes of ``app``, at ``depth`` within others."""
    return _Routes(app)


class _Routes:
    def __init__(self, app: Any) -> None:
        self._app = app
        self._names: dict[Any, Names] = {}
        for route in app.routes:
            for handler, parameters in getattr(route, "route_handler_map", {}).values():
                names = Names(parameters.sequence_query_parameter_names)
                self._names[handler] = Names.union([names, self._names.get(handler, NOTHING)])
        self.declared = Names.union(self._names.values())

    def find(self, scope: Scope) -> Names:
        # As the app does it, whose router remembers where paths lead.
        path = scope["path"]
        if scope["root_path"]:
            path = path.split(scope["root_path"], maxsplit=1)[-1]
        try:
            found = self._app.asgi_router.handle_routing(
                path=modules["litestar.utils"].normalize_path(path), method=scope["method"]
            )
        except modules["litestar.exceptions"].HTTPException:  # there is no such route
            return NOTHING
        return self._names.get(found[1], NOTHING)
