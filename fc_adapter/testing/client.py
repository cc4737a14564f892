"""werkzeug's test client, with the contract between it and the handler."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import werkzeug.test
from werkzeug.datastructures import MultiDict
from werkzeug.http import dump_cookie

from ..contract.trigger import Trigger, read_request
from .exchange import Exchange, load_function, run

_EXCHANGES = "fc_adapter.exchanges"
_COOKIES = "fc_adapter.cookies"  # of one request, beside those that the client keeps


class TestResponse(werkzeug.test.TestResponse):
    """werkzeug's test response (``status_code``, ``headers``, ``data``, ``text``, ``json``), and how it came about."""

    __test__ = False  # no test class, whatever pytest thinks of the name

    @property
    def event(self) -> dict[str, Any] | None:
        """The event that the handler got, or None when the gateway has refused the request."""
        return self._exchange.event

    @property
    def result(self) -> Any:
        """What the handler returned."""
        return self._exchange.result

    @property
    def error(self) -> Exception | None:
        """What the handler raised at a request with ``X-Fc-Invocation-Type: Async``, whose client has its 202 by then.

        Whatever it raises at any other request comes out of the client.
        """
        return self._exchange.error

    @property
    def _exchange(self) -> Exchange:
        exchanges: list[Exchange] = self.request.environ[_EXCHANGES]
        return exchanges[0]


class Client(werkzeug.test.Client):
    """Sends requests to a handler: ``Client(handler).get("/x")``, ``.post("/y", json={...})`` and so on.

    ``handler`` may also be its name, ``"index:handler"``. In a ``with`` block the hooks are run, as the platform does:
    the initializer when it begins, ``pre_stop`` when it ends.

    It takes what werkzeug's client takes (``headers``, ``query_string``, ``json``, ``data``, ``auth``, ``base_url``,
    ``follow_redirects`` and so on), Flask's ``subdomain`` and ``url_scheme``, and ``params``, ``cookies`` and
    ``content`` as httpx has them. ``files`` is a mapping of field names to files, or a list of such pairs. A file is
    what ``data`` takes, such as ``(io.BytesIO(b"..."), "name.txt")``, what httpx takes, such as
    ``("name.txt", b"...", "text/plain")``, its content alone, or a list of these. Cookies are kept. Exceptions from the
    handler propagate.

    ``context`` is what the handler gets as its context; with ``custom_domain`` responses are as on a custom domain.
    """

    def __init__(self, handler: Callable[..., Any] | str, *, context: Any = None, custom_domain: bool = False) -> None:
        super().__init__(self._serve)
        self.response_wrapper = TestResponse  # as an argument, older versions of werkzeug take no subclass of their own
        self._function = load_function(handler)
        self._context = context
        self._trigger = Trigger(custom_domain=custom_domain)

    def __enter__(self) -> Client:
        """Run the Initializer hook. Raises what it raises."""
        if self._function.initialize is not None:
            self._function.initialize(self._context)
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Run the PreStop hook. Raises what it raises."""
        if self._function.pre_stop is not None:
            self._function.pre_stop(self._context)

    def renew(self) -> Client:
        """A client of the same function that has no cookies yet."""
        return Client(self._function.handler, context=self._context, custom_domain=self._trigger.custom_domain)

    def open(
        self,
        *args: Any,
        files: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
        params: Any = None,
        cookies: Mapping[str, str] | None = None,
        content: str | bytes | None = None,
        subdomain: str = "",
        url_scheme: str = "",
        **kwargs: Any,
    ) -> TestResponse:
        """Send one request."""
        if params is not None:
            kwargs["query_string"] = _to_query(params)
        if content is not None:
            kwargs["data"] = content
        if "data" in kwargs:
            kwargs["data"] = _read_iterable(kwargs["data"])
        if files:
            kwargs["data"] = {**_to_lists(kwargs.get("data") or {}), **_to_files(files)}
        if not args or isinstance(args[0], str):  # otherwise a redirect that is followed
            if (subdomain or url_scheme) and "base_url" in kwargs:
                raise TypeError("give either base_url, or subdomain and url_scheme")
            host = f"{subdomain}.localhost" if subdomain else "localhost"
            kwargs.setdefault("base_url", f"{url_scheme or 'https'}://{host}/")
        overrides: dict[str, Any] = {}
        if cookies:
            overrides[_COOKIES] = cookies
        if args and isinstance(args[0], str) and args[0].startswith("//"):  # which werkzeug takes for a host
            overrides["REQUEST_URI"] = args[0].encode("utf-8").decode("latin-1")
            args = (f"/{args[0].lstrip('/')}", *args[1:])
        if overrides:
            kwargs["environ_overrides"] = {**(kwargs.get("environ_overrides") or {}), **overrides}
        response = super().open(*args, **kwargs)
        assert isinstance(response, TestResponse)
        return response

    if TYPE_CHECKING:
        # werkzeug's own methods, which call open(), but say that they return werkzeug's response.
        def get(self, *args: Any, **kwargs: Any) -> TestResponse: ...
        def post(self, *args: Any, **kwargs: Any) -> TestResponse: ...
        def put(self, *args: Any, **kwargs: Any) -> TestResponse: ...
        def patch(self, *args: Any, **kwargs: Any) -> TestResponse: ...
        def delete(self, *args: Any, **kwargs: Any) -> TestResponse: ...
        def head(self, *args: Any, **kwargs: Any) -> TestResponse: ...
        def options(self, *args: Any, **kwargs: Any) -> TestResponse: ...
        def trace(self, *args: Any, **kwargs: Any) -> TestResponse: ...

    def run_wsgi_app(self, environ: dict[str, Any], buffered: bool = False) -> Any:
        """Run one request, and let its response find the exchange."""
        environ[_EXCHANGES] = []  # a list, since werkzeug passes a copy of the environ on
        return super().run_wsgi_app(environ, buffered)

    def _serve(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if _COOKIES in environ:
            cookies = [dump_cookie(name, value, path=None) for name, value in environ[_COOKIES].items()]
            environ["HTTP_COOKIE"] = "; ".join(filter(None, [environ.get("HTTP_COOKIE"), *cookies]))
        headers = [
            (key[5:].replace("_", "-").title(), value.encode("latin-1").decode("utf-8"))
            for key, value in environ.items()
            if key.startswith("HTTP_")
        ]
        for key, name in (("CONTENT_TYPE", "Content-Type"), ("CONTENT_LENGTH", "Content-Length")):
            if environ.get(key):
                headers.append((name, environ[key]))
        # werkzeug's REQUEST_URI has the path as the test wrote it, without what ``base_url`` and ``query_string`` say.
        target = environ["REQUEST_URI"].partition("?")[0]
        if target.startswith("/"):  # pragma: no branch - as in all environs that werkzeug makes
            target = quote(environ["SCRIPT_NAME"], encoding="latin-1") + target
        if environ["QUERY_STRING"]:
            target += f"?{environ['QUERY_STRING']}"
        request = read_request(
            environ["REQUEST_METHOD"],
            target.encode("latin-1").decode("utf-8"),
            headers,
            environ["wsgi.input"].read(),
            scheme=environ["wsgi.url_scheme"],
            client=environ.get("REMOTE_ADDR") or "127.0.0.1",
        )
        exchange = run(self._function.handler, request, context=self._context, trigger=self._trigger)
        environ[_EXCHANGES].append(exchange)
        status, response_headers, body = exchange.response
        latin1 = [(name, value.encode("utf-8").decode("latin-1")) for name, value in response_headers]
        start_response(f"{status} {exchange.response.reason or 'Unknown'}", latin1)
        return [body]


def _read_iterable(data: Any) -> Any:
    """``data`` as werkzeug takes it: an iterable of chunks is a body, one of names and values a form."""
    if isinstance(data, (str, bytes, Mapping)) or hasattr(data, "read") or not isinstance(data, Iterable):
        return data
    items: list[Any] = list(data)
    if all(isinstance(item, (str, bytes)) for item in items):
        return b"".join([item.encode("utf-8") if isinstance(item, str) else item for item in items])
    return _group(items)


def _to_lists(data: Any) -> dict[str, Any]:
    """The fields of a form, each a value or a list of several."""
    return _group(data.items(multi=True)) if isinstance(data, MultiDict) else dict(data)


def _group(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    groups: dict[str, Any] = {}
    for name, value in pairs:
        groups.setdefault(name, []).append(value)
    return groups


def _to_query(params: Any) -> Any:
    """As httpx has it: in a mapping, a list or tuple is several values of one name, and None is no text."""
    if not isinstance(params, Mapping):
        return params
    lists = [(name, each if isinstance(each, (list, tuple)) else [each]) for name, each in params.items()]
    return MultiDict([(name, _to_text(value)) for name, values in lists for value in values])


def _to_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _to_files(files: Any) -> dict[str, Any]:
    """``files`` as httpx has them (a mapping, or pairs) as werkzeug takes them."""
    pairs: Iterable[tuple[str, Any]] = files.items() if isinstance(files, Mapping) else files
    return _group(
        (name, _to_file(name, each))
        for name, value in pairs
        for each in (value if isinstance(value, list) else [value])
    )


def _to_file(name: str, value: Any) -> Any:
    """A file as werkzeug takes it: the content, the filename and the type."""
    if isinstance(value, (bytes, str)):
        return _to_stream(value), name
    if isinstance(value, tuple) and isinstance(value[0], str) and not all(isinstance(each, str) for each in value[:2]):
        filename, content, *rest = value  # as in httpx
        return (_to_stream(content), filename, *rest)
    return value


def _to_stream(content: Any) -> Any:
    content = content.encode("utf-8") if isinstance(content, str) else content
    return BytesIO(content) if isinstance(content, bytes) else content
