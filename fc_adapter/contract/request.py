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
from .rules import (
    RESERVED_PREFIX,
    RESERVED_REQUEST_HEADERS,
    canonical_name,
    decode_as_gateway,
    is_text_type,
    is_token,
    media_type,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import Any, Union

    from ..messages import Pairs

    Event = dict[str, Any]
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
        raise EventError(f"the event is {_describe(event)}; expected the JSON object of an HTTP trigger")
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
    context = _mapping(event, "requestContext")
    http = _mapping(context, "http", "requestContext.")
    if http or "httpMethod" not in event:
        method = _text(http, "method", "requestContext.http.")
        encoded = _text(event, "rawPath")
        raw_path = wire_path(encoded or _text(http, "path", "requestContext.http."), encoded=bool(encoded))
    else:
        # API Gateway does not say whether its path is decoded. Read as encoded, a path is wrong only where a decoded
        # one holds a literal percent sign; read as decoded, it is wrong wherever an encoded one holds an escape.
        method = _text(event, "httpMethod")
        raw_path = wire_path(_text(event, "path"), encoded=True)
    if not is_token(method):
        field = "httpMethod" if not http and "httpMethod" in event else "requestContext.http.method"
        raise _malformed(field, "an HTTP method such as 'GET'", method or None)

    body = _parse_body(event)
    headers, host, forwarded_proto = _parse_headers(_mapping(event, "headers").items(), len(body))
    scheme = forwarded_proto if forwarded_proto in ("http", "https") else "https"
    return Request(
        method,
        raw_path,
        _parse_query(_mapping(event, "queryParameters"), split_query),
        headers,
        body,
        scheme,
        _http_version(_text(http, "protocol", "requestContext.http.")),
        _text(http, "sourceIp", "requestContext.http."),
        _server(_text(context, "domainName", "requestContext."), host, scheme),
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
    left out, as in a Request that comes from an event. Raises ValueError for a URL or header that is none.
    """
    from urllib.parse import urlsplit

    if not is_token(method):
        raise EventError(f"{method!r} is not an HTTP method")
    for name, value in headers:
        if not is_token(name) or "\r" in value or "\n" in value or "\0" in value:
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
    kept, host, _ = _parse_headers(headers, len(body))
    return Request(
        method,
        wire_path(raw_path, encoded=True),
        parse_query_string(query_string),
        kept,
        body,
        scheme,
        http_version,
        client,
        _server("", host, scheme),
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


def _parse_headers(raw: Iterable[tuple[str, str]], body_length: int) -> tuple[Pairs, str, str]:
    """The headers for the application, and the values of Host and X-Forwarded-Proto (``""`` when absent).

    The event's Content-Length counts the bytes on the wire before the gateway had them, so it is stated anew;
    a body that came without one gets one. Transfer-Encoding described a framing that is gone.
    """
    headers = []
    host = forwarded_proto = ""
    has_length = False
    for name, value in raw:
        if not (type(name) is type(value) is str and name.isascii() and value.isascii()):
            _check_pair("headers", name, value)
        key = name.lower()
        if key == "host":
            host = value = _single_host(value)
        elif key == "content-length":
            if has_length:
                continue
            value = str(body_length)
            has_length = True
        elif key == "transfer-encoding":
            continue
        elif key == "x-forwarded-proto":
            forwarded_proto = value.lower()
        headers.append((name, value))
    if body_length and not has_length:
        headers.append(("Content-Length", str(body_length)))
    return tuple(headers), host, forwarded_proto


def _build_headers(request: Request) -> dict[str, str]:
    kept = []
    for name, value in request.headers:
        key = name.lower()
        if key in RESERVED_REQUEST_HEADERS or key.startswith(RESERVED_PREFIX) or key == "x-forwarded-proto":
            continue
        kept.append((canonical_name(name), value))
    kept.append(("X-Forwarded-Proto", request.scheme))
    return _join(kept)


def _single_host(value: str) -> str:
    """Host has been seen doubled in recorded events (``"h,h"``). Two different hosts are left for the app to refuse."""
    if "," not in value:
        return value
    hosts = {host.strip() for host in value.split(",")}
    return hosts.pop() if len(hosts) == 1 else value


def _server(domain: str, host: str, scheme: str) -> tuple[str, int]:
    """Name and port of the host that was addressed: what the platform says, else what the client wrote."""
    name, colon, port = host.rpartition(":")
    if not colon or not port.isdecimal() or not port.isascii() or len(port) > 5:
        name, port = host, ""
    return domain or name or "localhost", int(port or (80 if scheme == "http" else 443))


# ---- path and query --------------------------------------------------------------------------------------------------


def wire_path(path: str, *, encoded: bool) -> str:
    """``path`` as a request line could hold it: ASCII without spaces, ``?`` and ``#``, from ``/`` on.

    ``encoded`` says that its escapes are escapes; even so, hand-made events hold spaces and plain text in it.
    """
    if not path.startswith("/"):
        path = "/" + path
    if (encoded or "%" not in path) and path.isascii() and path.isprintable() and not any(c in path for c in " ?#"):
        return path
    safe = "/!\"$&'()*+,:;<=>@[\\]^`{|}~"
    return _quote_text(path, safe=f"{safe}%" if encoded else safe)


def _quote_text(text: str, *, safe: str) -> str:
    """``text`` percent-encoded as UTF-8; bytes that came as surrogate escapes are themselves."""
    from urllib.parse import quote

    return quote(text.encode("utf-8", "surrogateescape"), safe=safe)


def _parse_query(parameters: Event, split: SplitQuery) -> Pairs:
    if not parameters:
        return ()
    pairs = []
    for name, value in parameters.items():
        if not (type(name) is type(value) is str and name.isascii() and value.isascii()):
            _check_pair("queryParameters", name, value)
        if split and "," in value and (split is True or name in split):
            pairs += [(name, part) for part in value.split(",")]
        else:
            pairs.append((name, value))
    return tuple(pairs)


def parse_query_string(query_string: str) -> Pairs:
    """The decoded names and values of a query string from the wire: the inverse of ``Request.query_string``."""
    from urllib.parse import parse_qsl

    if not query_string.isascii():
        query_string = _quote_text(query_string, safe="".join(map(chr, range(33, 127))))
    pairs = parse_qsl(query_string, keep_blank_values=True, encoding="latin-1")
    return tuple(
        (decode_as_gateway(name.encode("latin-1")), decode_as_gateway(value.encode("latin-1"))) for name, value in pairs
    )


def _join(pairs: Pairs | list[tuple[str, str]]) -> dict[str, str]:
    """Documented: repeated names are joined with ``,`` in headers and in queries alike."""
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


# ---- body ------------------------------------------------------------------------------------------------------------


def _parse_body(event: Event) -> bytes:
    encoded = _boolean(event, "isBase64Encoded")
    body = _text(event, "body")
    if not encoded:
        return body.encode("utf-8")
    decoded = _decode_base64(body)
    if decoded is None:
        # Files that people encode by hand are wrapped into lines.
        decoded = _decode_base64("".join(body.split()))
    if decoded is None:
        raise EventError(f"isBase64Encoded is true, but body is not valid Base64: {_describe(body)}")
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


# ---- fields ----------------------------------------------------------------------------------------------------------


def _mapping(parent: Event, key: str, prefix: str = "") -> Event:
    value = parent.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _malformed(prefix + key, "an object", value)
    return value


def _text(parent: Event, key: str, prefix: str = "") -> str:
    value = parent.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _malformed(prefix + key, "a string", value)
    if not value.isascii():
        _check_unicode(prefix + key, value)
    return value


def _boolean(parent: Event, key: str) -> bool:
    """A boolean field, which some senders write as a string."""
    value = parent.get(key)
    if value is None or value is True or value is False:
        return bool(value)
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise _malformed(key, 'true, false, "true" or "false"', value)


def _http_version(protocol: str) -> str:
    """``"HTTP/1.1"`` gives ``"1.1"``, ``"HTTP/2.0"`` gives ``"2"``, as ASGI writes them."""
    version = protocol.partition("/")[2]
    return {"1.0": "1.0", "1.1": "1.1", "2": "2", "2.0": "2", "3": "3", "3.0": "3"}.get(version, "1.1")


def _check_pair(field: str, name: object, value: object) -> None:
    """Refuse what cannot be one name and value of ``field``."""
    if not isinstance(name, str):
        raise _malformed(f"each name in {field}", "a string", name)
    if not isinstance(value, str):
        raise _malformed(f"{field}[{name[:40]!r}]", "a string", value)
    _check_unicode(f"each name in {field}", name)
    _check_unicode(f"{field}[{name[:40]!r}]", value)


def _check_unicode(field: str, text: str) -> None:
    """Refuse lone surrogates (``"\\ud800"`` is valid JSON): no bytes on a wire stand for them."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise _malformed(field, "valid Unicode", text) from None


def _malformed(field: str, expected: str, value: object) -> EventError:
    return EventError(f"{field} of the event must be {expected}, got {_describe(value)}")


def _describe(value: object) -> str:
    """What a value is, for an error message: short, whatever its size."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return f"the string {value[:40]!r}{'...' if len(value) > 40 else ''}"
    return f"a value of type {type(value).__name__}"
