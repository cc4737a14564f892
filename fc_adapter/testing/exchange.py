"""One request through a handler, by the platform's rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import uuid4

from ..contract.response import dump_result
from ..contract.trigger import ACCEPTED, Trigger, is_async
from ..messages import Request, Response


class Exchange(NamedTuple):
    """The event that the handler got, the result that it returned, and the response that the client gets.

    Event and result are None when the gateway has refused the request.
    """

    event: dict[str, Any] | None
    result: Any
    response: Response


def run(handler: Callable[..., Any], request: Request, *, context: Any, trigger: Trigger) -> Exchange:
    """Run ``request`` through ``handler``. Exceptions from the handler propagate, as do results that are not JSON.

    An asynchronous request has been served when this returns, so that its result can be looked at.
    """
    request_id = f"1-{uuid4()}"
    event = result = None
    response = trigger.refuse(request)
    if response is None:
        event = trigger.build_event(request, request_id)
        result = handler(json.dumps(event).encode("ascii"), context)
        data = dump_result(result)
        response = ACCEPTED if is_async(request) else trigger.respond(data)
    response = trigger.finish(response, request_id)
    if request.method == "HEAD":
        response = response._replace(body=b"")
    return Exchange(event, result, response)
