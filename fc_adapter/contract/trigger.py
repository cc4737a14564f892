"""The gateway's way, without I/O: what the HTTP trigger does to a request, and to what became of it.

The local server, ``fc-adapter invoke`` and the testing clients use ``read_request`` and one ``Trigger`` each.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from ..errors import EventError
from ..messages import Request, Response, get_header
from .facts import DEFAULT_FACTS, Facts
from .fields import check_pair
from .headers import normalize_headers
from .query import quote_query
from .request import build_event, server_address, wire_path
from .response import add_platform_headers, parse_result, platform_error
from .rules import ACCOUNT_ID, LIMITS, METHODS, has_breaks, is_token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from ..messages import Pairs

ACCEPTED = Response(202, (), b"")  # Documented: the answer to an asynchronous request, before the function runs.


class Trigger(NamedTuple):
    """One HTTP trigger.

    - ``methods``: those that it allows.
    - ``custom_domain``: whether requests come over a custom domain, where the platform adds no
      ``Content-Disposition: attachment`` and leaves the function's own alone.
    - ``facts``: how the platform behaves where nobody has written it down.

    A request goes through ``refuse``, ``build_event``, the function, ``respond`` and ``finish``. When it ``is_async``,
    the client gets ``ACCEPTED`` instead of what ``respond`` makes of the result.
    """

    methods: tuple[str, ...] = METHODS
    custom_domain: bool = False
    facts: Facts = DEFAULT_FACTS

    def refuse(self, request: Request) -> Response | None:
        """The platform's 400 or 403 for a request that it does not pass on, or None."""
        refusal = (
            _refuse_size("path with query", len(request.target), LIMITS["target"])
            or _refuse_size("request headers", _size(request.headers), LIMITS["request_headers"])
            or refuse_body(request)
        )
        if refusal is None and request.method not in self.methods:
            allowed = ", ".join(self.methods)
            return platform_error(403, "AccessDenied", f"the trigger allows {allowed}, not {request.method}")
        return refusal

    def build_event(self, request: Request, request_id: str) -> dict[str, Any]:
        """The event of a request that arrives now."""
        epoch_ms = time.time_ns() // 1_000_000
        event = build_event(request, account_id=ACCOUNT_ID, request_id=request_id, epoch_ms=epoch_ms)
        return self.facts.change_event(event, request)

    def respond(self, result: object) -> Response:
        """The response that the platform makes of a function's result, which is anything ``parse_result`` takes."""
        lists = self.facts.header_lists == "each"
        response = parse_result(result, custom_domain=self.custom_domain, lists=lists)
        response = self.facts.change_response(response, custom_domain=self.custom_domain)
        size, limit = _size(response.headers), LIMITS["response_headers"]
        if size > limit:
            return platform_error(502, "BadResponse", f"response headers: {size} bytes, the limit is {limit}")
        if response.status < 200:
            return platform_error(502, "BadResponse", f"status {response.status} is not a final one")
        return response

    def finish(self, response: Response, request_id: str) -> Response:
        """``response`` as it goes out now, with the platform's headers. HEAD is the transport's business."""
        from email.utils import formatdate

        return add_platform_headers(
            response, request_id=request_id, date=formatdate(usegmt=True), custom_domain=self.custom_domain
        )


def read_request(
    method: str,
    target: str,
    headers: Collection[tuple[str, str]] = (),
    body: bytes = b"",
    *,
    scheme: str = "https",
    http_version: str = "1.1",
    client: str = "",
) -> Request:
    """The request that a client sent, as the gateway reads it off the wire.

    ``target`` is a path with its query (``"/a%20b?x=1"``) or an absolute URL, whose scheme and host then count.
    ``headers`` are pairs of text; Content-Length is stated anew when there is one or a body, and Transfer-Encoding
    left out, as in a Request that comes from an event. Raises ValueError for an invalid URL or header.
    """
    from urllib.parse import urlsplit

    if not is_token(method):
        raise EventError(f"{method!r} is not an HTTP method")
    for name, value in headers:
        check_pair("headers", name, value)
        if not is_token(name) or has_breaks(value):
            raise EventError(f"{name[:40]!r} with the value {value[:40]!r} is not an HTTP header")
    if not target.startswith("/"):
        parts = urlsplit(target)
        scheme = parts.scheme
        headers = [
            ("Host", parts.netloc.rpartition("@")[2]),
            *(header for header in headers if header[0].lower() != "host"),
        ]
        target = parts.path + (f"?{parts.query}" if parts.query else "")
    raw_path, _, query_string = target.partition("#")[0].partition("?")
    kept, host, _ = normalize_headers(headers, len(body))
    return Request(
        method,
        wire_path(raw_path, encoded=True),
        quote_query(query_string),
        kept,
        body,
        scheme,
        http_version,
        client,
        server_address("", host, scheme),
    )


def is_async(request: Request) -> bool:
    """Whether the client does not wait for the result. Documented: ``X-Fc-Invocation-Type: Async``."""
    return (get_header(request.headers, "x-fc-invocation-type") or "").lower() == "async"


def refuse_body(request: Request) -> Response | None:
    """The platform's 400 for a body that it does not take, whether that is a request's or an event, or None."""
    return _refuse_size("request body", len(request.body), LIMITS["async_body" if is_async(request) else "body"])


def _refuse_size(what: str, size: int, limit: int) -> Response | None:
    if size <= limit:
        return None
    return platform_error(400, "InvalidArgument", f"{what}: {size} bytes, the limit is {limit}")


def _size(headers: Pairs) -> int:
    """How many bytes ``headers`` take on the wire."""
    return sum([len(f"{name}: {value}\r\n".encode("utf-8", "replace")) for name, value in headers])
