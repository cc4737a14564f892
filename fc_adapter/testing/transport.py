"""The transport that puts a handler behind httpx."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from ..contract.rules import decode_as_gateway
from ..contract.trigger import Trigger, read_request
from .exchange import load_function, run


class Transport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """For ``httpx.Client(transport=Transport(handler), base_url=...)``, and for ``httpx.AsyncClient`` alike.

    ``context`` and ``custom_domain`` are as for ``Client``. Exceptions from the handler propagate. A response has
    the event and the result in its ``extensions``, as ``"fc_adapter.event"`` and ``"fc_adapter.result"``, and as
    ``"fc_adapter.error"`` what the handler raised at an asynchronous request.
    """

    def __init__(self, handler: Callable[..., Any] | str, *, context: Any = None, custom_domain: bool = False) -> None:
        self._handler = load_function(handler).handler
        self._context = context
        self._trigger = Trigger(custom_domain=custom_domain)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        return self._respond(request, request.read())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; the handler runs to its end meanwhile, as it does on the platform."""
        return self._respond(request, await request.aread())

    def _respond(self, request: httpx.Request, body: bytes) -> httpx.Response:
        exchange = run(
            self._handler,
            read_request(
                request.method,
                request.url.raw_path.decode("ascii"),
                [(name.decode("latin-1"), decode_as_gateway(value)) for name, value in request.headers.raw],
                body,
                scheme=request.url.scheme,
                client="127.0.0.1",
            ),
            context=self._context,
            trigger=self._trigger,
        )
        status, headers, content = exchange.response
        return httpx.Response(
            status,
            headers=[(name.encode("ascii"), value.encode("utf-8")) for name, value in headers],
            content=content,
            extensions={
                "fc_adapter.event": exchange.event,
                "fc_adapter.result": exchange.result,
                "fc_adapter.error": exchange.error,
            },
        )
