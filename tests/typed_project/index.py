"""A function whose author uses types, and every public name: mypy and pyright check it, each at its strictest."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Optional

from typing_extensions import assert_type

import fc_adapter
from fc_adapter import Handler, Invocation, RequestIdFilter, current_invocation, wrap

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, Scope

    from fc_adapter.types import HTTPEvent, HTTPResult

assert_type(fc_adapter.__version__, str)

log_handler = logging.StreamHandler()
log_handler.addFilter(RequestIdFilter())


def describe(invocation: Invocation) -> str:
    """The id of an invocation, of which no more is known to types."""
    assert_type(invocation.request_id, str)
    return f"{invocation.request_id} {type(invocation.event).__name__} {invocation.context}"


def wsgi_app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with the invocation."""
    invocation = current_invocation()
    assert_type(invocation, Optional[Invocation])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [describe(invocation).encode()] if invocation else []


async def asgi_app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Answer with nothing."""
    await send({"type": "http.response.start", "status": 204, "headers": [], "trailers": False})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def on_other_event(event: Any, context: Any) -> dict[str, int]:
    """Count the bytes of a timer's event."""
    return {"length": len(event)}


async def on_other_event_async(event: Any, context: Any) -> dict[str, int]:
    """Count the bytes of a timer's event in the app's event loop."""
    return {"length": len(event)}


def flush(timeout: float | None = None) -> bool:
    """What telemetry libraries have."""
    return timeout is None


handler = wrap(
    wsgi_app,
    interface="wsgi",
    base_path="/api",
    split_query=["tag"],
    text_types={"application/graphql"},
    on_error="respond",
    on_other_event=on_other_event,
    flush=[logging.shutdown, flush],
)
assert_type(handler, Handler)

asgi_handler = wrap(
    asgi_app,
    interface="auto",
    split_query=True,
    lifespan="off",
    on_other_event=on_other_event_async,
    background_timeout=1,
    deadline_margin=0.5,
)


def by_hand(event: HTTPEvent, context: Any) -> HTTPResult:
    """A handler without this package at run time, whose event and result have types all the same."""
    method = event["requestContext"]["http"]["method"]
    return {"statusCode": 200, "headers": {"X-Method": method}, "isBase64Encoded": False, "body": event["rawPath"]}


initialize: Callable[[Any], None] = handler.initialize
pre_stop: Callable[[Any], None] = handler.pre_stop
