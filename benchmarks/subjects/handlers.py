"""The adapter, its peers and handlers written by hand, all as ``handler(event_bytes, context)``.

What is imported is imported by ``Kind.make``, so that a peer may be missing.
"""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from itertools import cycle
from typing import Any, Callable, NamedTuple

from .requests import CONTEXT, Request, aws_event, fc_event

Handler = Callable[[bytes, Any], Any]


class Kind(NamedTuple):
    """A way to make a handler.

    - ``make(app)``: gives ``handler(event, context)``.
    - ``rival``: the name of the adapter's own kind that it is compared with, or ``""``.
    - ``module``: what it needs beside the adapter's own dependencies, or ``""``.
    - ``is_peer``: it is for AWS, and takes a parsed event.
    """

    name: str
    make: Callable[[Any], Any]
    rival: str = ""
    module: str = ""
    is_peer: bool = False

    @property
    def is_available(self) -> bool:
        """Whether what it needs is installed."""
        return not self.module or find_spec(self.module) is not None


def _fc_adapter(**options: Any) -> Callable[[Any], Handler]:
    def make(app: Any) -> Handler:
        import fc_adapter

        return fc_adapter.wrap(app, **options)

    return make


def _fc_adapter_with_orjson(app: Any) -> Handler:
    """The adapter in a process where the app has imported orjson. For the others that is undone after each call."""
    import orjson

    handler = _fc_adapter()(app)
    del sys.modules["orjson"]

    def call(event: bytes, context: Any) -> Any:
        sys.modules["orjson"] = orjson
        try:
            return handler(event, context)
        finally:
            del sys.modules["orjson"]

    return call


def _apig_wsgi(app: Any) -> Handler:
    from apig_wsgi import make_lambda_handler

    return make_lambda_handler(app)


def _serverless_wsgi(app: Any) -> Handler:
    from serverless_wsgi import handle_request

    return lambda event, context: handle_request(app, event, context)


def _handwritten(app: Any) -> Handler:
    from .handwritten import make_handler

    return make_handler(app)


def _mangum(lifespan: str) -> Callable[[Any], Handler]:
    def make(app: Any) -> Handler:
        from mangum import Mangum

        return Mangum(app, lifespan=lifespan)

    return make


WSGI = (
    Kind("fc_adapter", _fc_adapter()),
    Kind("apig-wsgi", _apig_wsgi, "fc_adapter", "apig_wsgi", True),
    Kind("serverless-wsgi", _serverless_wsgi, "fc_adapter", "serverless_wsgi", True),
    Kind("by hand", _handwritten, "fc_adapter"),
)
WITH_ORJSON = Kind("fc_adapter, orjson imported", _fc_adapter_with_orjson, "fc_adapter", "orjson")
# a2wsgi by hand is measured by its cold start alone: it leaves a thread that runs a loop, and the adapter looks at each
# thread beside a request.
ASGI_OFF = (
    Kind("fc_adapter, lifespan off", _fc_adapter(lifespan="off")),
    Kind("Mangum, lifespan off", _mangum("off"), "fc_adapter, lifespan off", "mangum", True),
)
ASGI_AUTO = (
    Kind("fc_adapter, lifespan auto", _fc_adapter()),
    Kind("Mangum, lifespan auto", _mangum("auto"), "fc_adapter, lifespan auto", "mangum", True),
)


def bind(kind: Kind, app: Any, *requests: Request) -> Callable[[], Any]:
    """A function that serves one request, from the event's bytes to the result: each of ``requests`` in turn."""
    handler = kind.make(app)
    if not kind.is_peer:
        events = cycle(map(fc_event, requests))
        return lambda: handler(next(events), CONTEXT)
    peer_events, loads = cycle(map(aws_event, requests)), json.loads
    return lambda: handler(loads(next(peer_events)), CONTEXT)
