"""One request through a handler, by the platform's rules."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any, NamedTuple
from uuid import uuid4

from ..contract.limits import refuse_request, refuse_response
from ..contract.request import build_event
from ..contract.response import add_platform_headers, dump_result, parse_result
from ..messages import Request, Response


class Exchange(NamedTuple):
    """The event that the handler got, the result that it returned, and the response that the client gets.

    Event and result are None when the gateway has refused the request.
    """

    event: dict[str, Any] | None
    result: Any
    response: Response


def run(handler: Callable[..., Any], request: Request, *, context: Any, custom_domain: bool) -> Exchange:
    """Run ``request`` through ``handler``. What the handler raises comes out, as does what no runtime could send."""
    request_id = f"1-{uuid4()}"
    event = result = None
    response = refuse_request(request)
    if response is None:
        event = build_event(request, request_id=request_id, epoch_ms=time.time_ns() // 1_000_000)
        result = handler(json.dumps(event).encode("ascii"), context)
        response = parse_result(dump_result(result), custom_domain=custom_domain)
        response = refuse_response(response) or response
    response = add_platform_headers(
        response, request_id=request_id, date=formatdate(usegmt=True), custom_domain=custom_domain
    )
    if request.method == "HEAD":
        response = response._replace(body=b"")
    return Exchange(event, result, response)
