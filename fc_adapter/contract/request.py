"""The request half of the contract: an event becomes a Request, and a Request becomes an event.

``parse_event`` is what a deployed function does, ``build_event`` what the gateway does. An event holds less than HTTP
does, so ``parse_event(build_event(request))`` equals ``request`` but for these losses:

- repeated headers and repeated query names arrive as one, joined with a comma (and so out of their order);
- header names arrive in canonical letter case, and ``x-fc-*``, ``Connection`` and ``Keep-Alive`` do not arrive;
- the gateway states the scheme itself, in ``X-Forwarded-Proto``;
- a text body, a header or a query that is not UTF-8 arrives with U+FFFD for each byte that is wrong.
"""

from __future__ import annotations

import binascii
import json

from ..errors import EventError
from ..messages import Request, get_header
from .fields import check_pair, describe, get_boolean, get_mapping, get_text, malformed
from .rules import (
    RESERVED_PREFIX,
    RESERVED_REQUEST_HEADERS,
    canonical_name,
    decode_as_gateway,
    is_text_type,
    is_token,
    media_type,
)
from .wire import normalize_headers, server_address, wire_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Union

    from ..messages import Pairs
    from .fields import Event

    SplitQuery = Union[Collection[str], bool]


def load_event(event: object) -> Event:
    """The event as a dict, once it is known to come from an HTTP trigger or from API Gateway.

    ``event`` is ``bytes`` from the platform; ``str``, ``bytearray`` and an already parsed ``dict`` are taken too.
    Raises EventError for anything else: no JSON, no JSON object, or the event of a timer, a queue or another trigger.
    """
    if isinstance(event, (bytes, str, bytearray)):
        try:
            # Decoded here, since json.loads() would guess at the encoding of bytes first: it is UTF-8.
            event = json.loads(event if isinstance(event, str) else event.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise EventError(f"the event is not JSON ({error}); expected the JSON object of an HTTP trigger") from error
    if not isinstance(event, dict):
        raise EventError(f"the event is {describe(event)}; expected the JSON object of an HTTP trigger")
    if "rawPath" not in event and "httpMethod" not in event and not _is_http_context(event.get("requestContext")):
        keys = ", ".join([str(key)[:40] for key in list(event)[:12]]) or "none"
        raise EventError(
            f"not an HTTP event: its keys are {keys}; expected requestContext.http (HTTP trigger) or httpMethod "
            "(API Gateway). To handle other events too, give wrap() a function as on_other_event"
        )
    return event


def _is_http_context(context: object) -> bool:
    return isinstance(context, dict) and "http" in context


def parse_event(event: object, *, split_query: SplitQuery = ()) -> Request:
    """The request that an event describes.

    ``event`` is as for ``load_event``. ``split_query`` names the query parameters whose value is split at its commas
    (True: all of them), since the event of ``?a=1&a=2`` is the event of ``?a=1,2``.

    Raises EventError, which names the field, when the event is not an HTTP event or one of its fields is malformed.
    """
    event = load_event(event)
    context = get_mapping(event, "requestContext")
    http = get_mapping(context, "http", "requestContext.")
    if http or "httpMethod" not in event:
        method = get_text(http, "method", "requestContext.http.")
        encoded = get_text(event, "rawPath")
        raw_path = wire_path(encoded or get_text(http, "path", "requestContext.http."), encoded=bool(encoded))
    else:
        # API Gateway does not say whether its path is decoded. Read as encoded, a path is wrong only where a decoded
        # one holds a literal percent sign; read as decoded, it is wrong wherever an encoded one holds an escape.
        method = get_text(event, "httpMethod")
        raw_path = wire_path(get_text(event, "path"), encoded=True)
    if not is_token(method):
        field = "httpMethod" if not http and "httpMethod" in event else "requestContext.http.method"
        raise malformed(field, "an HTTP method such as 'GET'", method or None)

    body = _parse_body(event)
    headers, host, forwarded_proto = normalize_headers(get_mapping(event, "headers").items(), len(body))
    scheme = forwarded_proto if forwarded_proto in ("http", "https") else "https"
    return Request(
        method,
        raw_path,
        _parse_query(get_mapping(event, "queryParameters"), split_query),
        headers,
        body,
        scheme,
        _http_version(get_text(http, "protocol", "requestContext.http.")),
        get_text(http, "sourceIp", "requestContext.http."),
        server_address(get_text(context, "domainName", "requestContext."), host, scheme),
    )


def build_event(request: Request, *, account_id: str = "", request_id: str = "", epoch_ms: int = 0) -> Event:
    """The event that the gateway makes of ``request`` (a JSON-compatible dict).

    ``account_id`` and ``request_id`` go into the event as they are; ``epoch_ms`` is the time of the request in
    milliseconds since 1970.
    """
    from time import gmtime, strftime
    from urllib.parse import unquote_to_bytes

    content_type = get_header(request.headers, "content-type")
    as_text = is_text_type(media_type(content_type))
    encode = decode_as_gateway if as_text else _encode_base64
    domain = request.server[0]
    return {
        "version": "v1",
        "rawPath": request.raw_path,
        "headers": _build_headers(request),
        "queryParameters": _join(request.query),
        "body": encode(request.body),
        "isBase64Encoded": not as_text,
        "requestContext": {
            "accountId": account_id,
            "domainName": domain,
            "domainPrefix": domain.partition(".")[0],
            "http": {
                "method": request.method,
                "path": decode_as_gateway(unquote_to_bytes(request.raw_path)),
                "protocol": f"HTTP/{request.http_version}",
                "sourceIp": request.client,
                "userAgent": get_header(request.headers, "user-agent") or "",
            },
            "requestId": request_id,
            "time": strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(epoch_ms // 1000)),
            "timeEpoch": str(epoch_ms),
        },
    }


# ---- headers ---------------------------------------------------------------------------------------------------------


def _build_headers(request: Request) -> dict[str, str]:
    kept = []
    for name, value in request.headers:
        key = name.lower()
        if key in RESERVED_REQUEST_HEADERS or key.startswith(RESERVED_PREFIX) or key == "x-forwarded-proto":
            continue
        kept.append((canonical_name(name), value))
    kept.append(("X-Forwarded-Proto", request.scheme))
    return _join(kept)


# ---- path and query --------------------------------------------------------------------------------------------------


def _parse_query(parameters: Event, split: SplitQuery) -> Pairs:
    if not parameters:
        return ()
    pairs = []
    for name, value in parameters.items():
        if not (type(name) is type(value) is str and name.isascii() and value.isascii()):
            check_pair("queryParameters", name, value)
        if split and "," in value and (split is True or name in split):
            pairs += [(name, part) for part in value.split(",")]
        else:
            pairs.append((name, value))
    return tuple(pairs)


def _join(pairs: Pairs | list[tuple[str, str]]) -> dict[str, str]:
    """Documented: repeated names are joined with ``,`` in headers and in queries alike."""
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


# ---- body ------------------------------------------------------------------------------------------------------------


def _parse_body(event: Event) -> bytes:
    encoded = get_boolean(event, "isBase64Encoded")
    body = get_text(event, "body")
    if not encoded:
        return body.encode("utf-8")
    decoded = _decode_base64(body)
    if decoded is None:
        # Files that people encode by hand are wrapped into lines.
        decoded = _decode_base64("".join(body.split()))
    if decoded is None:
        raise EventError(f"isBase64Encoded is true, but body is not valid Base64: {describe(body)}")
    return decoded


def _encode_base64(body: bytes) -> str:
    return binascii.b2a_base64(body, newline=False).decode("ascii")


def _decode_base64(text: str) -> bytes | None:
    """``text`` decoded, or None when it is not Base64 to the letter.

    The decoder skips what is not of its alphabet, which then shows in the length of what it returns.
    """
    try:
        decoded = binascii.a2b_base64(text)
    except ValueError:  # binascii.Error, and text that is not ASCII
        return None
    padding = 2 if text.endswith("==") else text.endswith("=")
    return decoded if len(decoded) == len(text) // 4 * 3 - padding and len(text) % 4 == 0 else None


def _http_version(protocol: str) -> str:
    """``"HTTP/1.1"`` gives ``"1.1"``, ``"HTTP/2.0"`` gives ``"2"``, as ASGI writes them."""
    version = protocol.partition("/")[2]
    return {"1.0": "1.0", "1.1": "1.1", "2": "2", "2.0": "2", "3": "3", "3.0": "3"}.get(version, "1.1")
