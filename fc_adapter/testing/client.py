"""werkzeug's test client, with the contract between it and the handler."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import werkzeug.test

from ..contract.trigger import Trigger, read_request
from .exchange import Exchange, run

_EXCHANGES = "fc_adapter.exchanges"


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
    def _exchange(self) -> Exchange:
        exchanges: list[Exchange] = self.request.environ[_EXCHANGES]
        return exchanges[0]


class Client(werkzeug.test.Client):
    """Sends requests to a handler: ``Client(handler).get("/x")``, ``.post("/y", json={...})`` and so on.

    It takes what werkzeug's client takes (``headers``, ``query_string``, ``json``, ``data``, ``auth``, ``base_url``,
    ``follow_redirects`` and so on), and ``files``: a mapping of field names to what ``data`` takes for a file, such as
    ``(io.BytesIO(b"..."), "name.txt")``, or to bytes. Cookies are kept. Exceptions from the handler propagate.

    ``context`` is what the handler gets as its context; with ``custom_domain`` responses are as on a custom domain.
    """

    def __init__(self, handler: Callable[..., Any], *, context: Any = None, custom_domain: bool = False) -> None:
        super().__init__(self._serve)
        self.response_wrapper = TestResponse  # as an argument, older versions of werkzeug take no subclass of their own
        self._handler = handler
        self._context = context
        self._trigger = Trigger(custom_domain=custom_domain)

    def open(self, *args: Any, files: dict[str, Any] | None = None, **kwargs: Any) -> TestResponse:
        """Send one request."""
        if files:
            fields = {name: _to_file(name, value) for name, value in files.items()}
            kwargs["data"] = {**(kwargs.get("data") or {}), **fields}
        if not args or isinstance(args[0], str):  # otherwise a redirect that is followed
            kwargs.setdefault("base_url", "https://localhost/")
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
        if target.startswith("/"):
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
        exchange = run(self._handler, request, context=self._context, trigger=self._trigger)
        environ[_EXCHANGES].append(exchange)
        status, response_headers, body = exchange.response
        latin1 = [(name, value.encode("utf-8").decode("latin-1")) for name, value in response_headers]
        start_response(f"{status} {exchange.response.reason or 'Unknown'}", latin1)
        return [body]


def _to_file(name: str, value: Any) -> Any:
    if isinstance(value, bytes):
        from io import BytesIO

        return BytesIO(value), name
    return value
