"""What the gateway refuses for its size, on the way in and on the way out."""

from __future__ import annotations

from ..messages import Request, Response
from .response import platform_error
from .rules import LIMITS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..messages import Pairs


def refuse_request(request: Request, *, is_async: bool = False) -> Response | None:
    """The platform's 400 for a request that it would not pass on, or None. ``is_async``: it is not waited for."""
    target = len(request.raw_path) + (len(request.query_string) + 1 if request.query_string else 0)
    for what, size, limit in (
        ("path with query", target, LIMITS["target"]),
        ("request headers", _size(request.headers), LIMITS["request_headers"]),
        ("request body", len(request.body), LIMITS["async_body" if is_async else "body"]),
    ):
        if size > limit:
            return platform_error(400, "InvalidArgument", f"{what}: {size} bytes, the limit is {limit}")
    return None


def refuse_response(response: Response) -> Response | None:
    """The platform's 502 for a response that it would not pass on, or None."""
    size, limit = _size(response.headers), LIMITS["response_headers"]
    if size <= limit:
        return None
    return platform_error(502, "BadResponse", f"response headers: {size} bytes, the limit is {limit}")


def _size(headers: Pairs) -> int:
    """How many bytes ``headers`` take on the wire."""
    return sum([len(f"{name}: {value}\r\n".encode("utf-8", "replace")) for name, value in headers])
