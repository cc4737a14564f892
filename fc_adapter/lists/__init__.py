"""Lists that the app declares: what the trigger has joined for them with commas is split again.

The event of ``?tag=a&tag=b`` is that of ``?tag=a,b``, and a header that is sent twice arrives as one. FastAPI, Litestar
and Django Ninja publish which parameters of which route are lists, so a declared list gets its values back, on its own
route alone. The cost: a comma that the client has written within one value of such a list splits that value, too.

Each framework's own router says which route a request takes. All routes are read once, at the first request that has a
comma anywhere, after the app's startup, which may add some. From then on a request is routed here only if it has a
comma in a parameter that some route declares as a list.

``starlette`` (for FastAPI), ``litestar`` and ``ninja`` read the routes of their framework, which is loaded already;
``fields`` reads what pydantic says of a parameter.
"""

from __future__ import annotations

from logging import getLogger
from sys import modules
from typing import Any, Callable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    from ..messages import Request

    Scope = dict[str, Any]
    Headers = Iterable[tuple[bytes, bytes]]

    class Routes(Protocol):
        """The routes of one app, as far as they declare lists."""

        declared: Names  # by any of them

        def find(self, scope: Scope) -> Names:
            """What the route declares that a request takes; ``scope`` is its HTTP scope, and is left as it is."""
            ...


class Names:
    """The names of lists: ``query`` (str) as they are in a query string, ``headers`` (bytes) in lower case."""

    __slots__ = ("headers", "query")

    def __init__(self, query: Iterable[str] = (), headers: Iterable[str] = ()) -> None:
        from ..contract.query import build_query_string

        self.query = frozenset([build_query_string([(name, "")])[:-1] for name in query])
        self.headers = frozenset([name.lower().encode("utf-8") for name in headers])

    @classmethod
    def union(cls, several: Iterable[Names]) -> Names:
        """All names of ``several``."""
        several = list(several)
        united = cls()
        united.query = frozenset().union(*[each.query for each in several])
        united.headers = frozenset().union(*[each.headers for each in several])
        return united


NOTHING = Names()

# For the class of an app, by its module and its name: the module here that reads the routes of such an app.
_KINDS = {
    ("litestar.app", "Litestar"): "litestar",
    ("starlette.applications", "Starlette"): "starlette",
    ("starlette.routing", "Router"): "starlette",
    ("django.core.handlers.base", "BaseHandler"): "ninja",
}
# Where middlewares of ASGI and WSGI have the app that they wrap.
_WRAPPED = ("app", "application", "_app", "__wrapped__")
_DEEPEST = 20  # apps and middlewares within each other; one that contains itself ends there


class Lists:
    """The lists that ``app`` declares. For an ASGI app it is that app, which then gets its lists split."""

    def __init__(self, app: Callable[..., Any]) -> None:
        self._app = app
        self._routes: Routes | None = None
        self._is_read = False
        self._has_warned = False

    def __call__(self, scope: Scope, receive: Any, send: Any) -> Any:
        """Call the ASGI app, and return what it does."""
        self.split_scope(scope)
        return self._app(scope, receive, send)

    @property
    def are_none(self) -> bool:
        """Whether it is known that the app declares no list."""
        return self._is_read and self._routes is None

    def may_be_in(self, request: Request) -> bool:
        """Whether a request can hold a list that has been joined, as far as can be told at once."""
        if self._routes is not None and self._routes.declared.headers:
            return True  # a look at the headers of the scope takes less time than one at those of the request
        return "," in request.query_string or not self._is_read

    def split_scope(self, scope: Scope) -> None:
        """Split the lists in the query and the headers of an HTTP scope."""
        routes = self._read()
        if routes is None:
            return
        declared, query_string, headers = routes.declared, scope["query_string"], scope["headers"]
        joined = _joined_names(query_string.decode("ascii")) if b"," in query_string else set()
        fields = set()
        if not declared.headers.isdisjoint(dict(headers)):
            fields = {name for name, value in headers if b"," in value}
        if declared.headers.isdisjoint(fields) and declared.query.isdisjoint(joined):
            return
        names = self._find(routes, scope)
        if not names.query.isdisjoint(joined):
            scope["query_string"] = _split_query(query_string.decode("ascii"), names.query).encode("ascii")
        if not names.headers.isdisjoint(fields):
            scope["headers"] = _split_headers(headers, names.headers)

    def split_environ(self, environ: dict[str, Any]) -> None:
        """Split the lists in the query of a WSGI environ; of a header WSGI has one value in any case."""
        routes = self._read()
        query_string: str = environ["QUERY_STRING"]
        joined = _joined_names(query_string)
        if routes is None or routes.declared.query.isdisjoint(joined):
            return
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        scope = {"type": "http", "method": environ["REQUEST_METHOD"], "path": path, "root_path": "", "headers": []}
        names = self._find(routes, scope)
        if not names.query.isdisjoint(joined):
            environ["QUERY_STRING"] = split = _split_query(query_string, names.query)
            environ["RAW_URI"] = environ["REQUEST_URI"] = f"{environ['RAW_URI'].partition('?')[0]}?{split}"

    def _read(self) -> Routes | None:
        """The app's routes, read when it is called for the first time; None if they declare no list."""
        if not self._is_read:
            try:
                routes = read_routes(self._app)
                if routes is not None and (routes.declared.query or routes.declared.headers):
                    self._routes = routes
            except Exception as error:
                self._warn(error)
            self._is_read = True
        return self._routes

    def _find(self, routes: Routes, scope: Scope) -> Names:
        try:
            return routes.find(scope)
        except Exception as error:  # such as a converter's, for one path: the next request may be in order
            self._warn(error)
            return NOTHING

    def _warn(self, error: Exception) -> None:
        if self._has_warned:
            return
        self._has_warned = True
        getLogger("fc_adapter").warning(
            "cannot tell from the app's routes which parameters are lists (%s: %s), so ?tag=a&tag=b stays tag=a,b; "
            "name those that are lists: wrap(app, split_query=['tag'])",
            type(error).__name__,
            error,
        )


def read_routes(app: Any, depth: int = 0) -> Routes | None:
    """The routes of ``app``, or of the app that its middlewares wrap; None where none can be read.

    ``depth``: how many apps contain it.
    """
    for level in range(depth, _DEEPEST):
        for (module, name), reader in _KINDS.items():
            if module in modules and isinstance(app, getattr(modules[module], name)):
                from importlib import import_module

                routes: Routes = import_module(f"{__name__}.{reader}").read(app, level + 1)
                return routes
        app = next(filter(callable, [getattr(app, name, None) for name in _WRAPPED]), None)
        if app is None:
            break
    return None


def _joined_names(query_string: str) -> set[str]:
    """The names of the parameters that have a comma in their value."""
    pairs = [pair.partition("=") for pair in query_string.split("&")]
    return {name for name, _, value in pairs if "," in value}


def _split_query(query_string: str, names: frozenset[str]) -> str:
    pairs = []
    for pair in query_string.split("&"):
        name, _, value = pair.partition("=")
        if name in names:
            pairs += [f"{name}={part}" for part in value.split(",")]
        else:
            pairs.append(pair)
    return "&".join(pairs)


def _split_headers(headers: Headers, names: frozenset[bytes]) -> list[tuple[bytes, bytes]]:
    split = []
    for name, value in headers:
        if name in names and b"," in value:
            split += [(name, element) for element in _split_elements(value)]
        else:
            split.append((name, value))
    return split


def _split_elements(value: bytes) -> list[bytes]:
    """The elements of a header that is a list (RFC 9110 section 5.6.1); a quoted string may hold commas."""
    elements: list[list[bytes]] = []
    is_quoted = False
    for piece in value.split(b","):
        if is_quoted:
            elements[-1].append(piece)
        else:
            elements.append([piece])
        quotes = piece.replace(b"\\\\", b"").replace(b'\\"', b"").count(b'"')
        is_quoted ^= quotes % 2 == 1
    return [b",".join(pieces).strip(b" \t") for pieces in elements]
