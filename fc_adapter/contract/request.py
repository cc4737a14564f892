"""The request half of the contract: an event becomes a Request, and a Request becomes an event.

``parse_event`` is what a deployed function does, ``build_event`` what the gateway does. An event holds less than HTTP
does, so ``parse_event(build_event(request))`` equals ``request`` but for these losses:

- repeated headers and repeated query names arrive as one, joined with a comma (and so out of their order);
- header names arrive in canonical letter case, and ``x-fc-*``, ``Connection`` and ``Keep-Alive`` do not arrive;
- the gateway states the scheme itself, in ``X-Forwarded-Proto``;
- a text body, a header or a query that is not UTF-8 arrives with U+FFFD for each byte that is wrong.
"""

from __future__ import annotations

import json
from sys import modules

from ..errors import EventError, shorten
from ..messages import Request, get_header, group_values
from .fields import check_unicode, describe, get_boolean, get_mapping, get_text, malformed
from .headers import read_ascii_headers, read_headers
from .query import parse_query_string, read_query
from .rules import (
    RESERVED_PREFIX,
    RESERVED_REQUEST_HEADERS,
    canonical_name,
    decode_as_gateway,
    has_breaks,
    is_text_type,
    is_token,
    media_type,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..messages import Pairs
    from .fields import Event
    from .query import SplitQuery


def load_event(event: object) -> Event:
    """The event as a dict, once it is known to come from an HTTP trigger or from API Gateway.

    ``event`` is ``bytes`` from the platform; ``str``, ``bytearray`` and an already parsed ``dict`` are taken too.
    Raises EventError for anything else: no JSON, no JSON object, or the event of a timer, a queue or another trigger.
    """
    if isinstance(event, (bytes, str, bytearray)):
        try:
            event = _load_json(event)
        except (ValueError, RecursionError) as error:
            raise EventError(f"the event is not JSON ({error}); expected the JSON object of an HTTP trigger") from error
    if not isinstance(event, dict):
        raise EventError(f"the event is {describe(event)}; expected the JSON object of an HTTP trigger")
    if "rawPath" not in event and "httpMethod" not in event and not _is_http_context(event.get("requestContext")):
        keys = ", ".join([shorten(key) for key in list(event)[:8]]) or "none"
        raise EventError(
            f"not an HTTP event: its keys are {keys}; expected requestContext.http (HTTP trigger) or httpMethod "
            "(API Gateway). To handle other events too, give wrap() a function as on_other_event"
        )
    return event


def _load_json(event: bytes | str | bytearray) -> object:
    orjson = modules.get("orjson")  # importing it takes longer than it could save, unless the app has done so
    if orjson is not None:
        try:
            return orjson.loads(event)
        except ValueError:  # also what only the standard library takes, such as NaN
            pass
    # Decoded here, since json.loads() would guess at the encoding of bytes first: it is UTF-8.
    text = event if isinstance(event, str) else event.decode("utf-8")
    if text[:1] == "{":
        # What json.loads() does, but for its two searches for white space.
        found, end = _decode_json(text)
        if end == len(text) or not text[end:].strip(" \t\r\n"):
            return found
    return json.loads(text)


_decode_json = json.JSONDecoder().raw_decode


def _is_http_context(context: object) -> bool:
    return isinstance(context, dict) and "http" in context


def parse_event(event: object, *, split_query: SplitQuery = ()) -> Request:
    """The request that an event describes.

    ``event`` is as for ``load_event``. ``split_query`` names the query parameters whose value is split at its commas
    (True: all of them), since the event of ``?a=1&a=2`` is the event of ``?a=1,2``.

    Raises EventError, which names the field, when the event is not an HTTP event or one of its fields is malformed.
    """
    return parse_loaded(load_event(event), split_query=split_query)


def parse_loaded(event: Event, *, split_query: SplitQuery = ()) -> Request:
    """``parse_event`` for an event that ``load_event`` has returned."""
    # Nearly every event has all of its fields, and ASCII in them: then one look is enough for all.
    usual = None
    try:
        context, headers, parameters = event["requestContext"], event["headers"], event["queryParameters"]
        http = context["http"]
        texts = http["method"], event["rawPath"], http["protocol"], http["sourceIp"], context["domainName"]
        text = "".join([*texts, *headers.values()])
        if text.isascii() and not has_breaks(text) and texts[0] in _USUAL_METHODS and texts[1] != "":
            usual = texts, headers, parameters
    except (AttributeError, KeyError, TypeError):
        pass
    if usual is not None:
        texts, headers, parameters = usual
        if type(parameters) is not dict:
            parameters = get_mapping(event, "queryParameters")
        body = _parse_body(event)
        pairs, host, forwarded_proto, split = read_ascii_headers(headers, len(body))
    else:
        texts = _read_texts(event)
        headers = get_mapping(event, "headers")
        parameters = get_mapping(event, "queryParameters")
        body = _parse_body(event)
        pairs, host, forwarded_proto = read_headers(headers, len(body))
        split = None
    method, raw_path, protocol, client, domain = texts
    scheme = forwarded_proto if forwarded_proto in ("http", "https") else "https"
    request = Request(
        method,
        wire_path(raw_path, encoded=True),
        read_query(parameters, split_query),
        pairs,
        body,
        scheme,
        _HTTP_VERSIONS.get(protocol, "1.1"),
        client,
        server_address(domain, host, scheme),
    )
    if split is not None:
        request.split = split
    return request


def _read_texts(event: Event) -> tuple[str, str, str, str, str]:
    """Method, encoded path, protocol, client and domain of an event, each of which may be missing or wrong."""
    context = get_mapping(event, "requestContext")
    http = get_mapping(context, "http", "requestContext.")
    if http or "httpMethod" not in event:
        field = "requestContext.http.method"
        method = get_text(http, "method", "requestContext.http.")
        raw_path = get_text(event, "rawPath")
        if not raw_path:
            raw_path = wire_path(get_text(http, "path", "requestContext.http."), encoded=False)
    else:
        # API Gateway does not say whether its path is decoded. Read as encoded, a path is wrong only where a decoded
        # one holds a literal percent sign; read as decoded, it is wrong wherever an encoded one holds an escape.
        field = "httpMethod"
        method = get_text(event, "httpMethod")
        raw_path = get_text(event, "path")
    if not is_token(method):
        raise malformed(field, "an HTTP method such as 'GET'", method or None)
    return (
        method,
        raw_path,
        get_text(http, "protocol", "requestContext.http."),
        get_text(http, "sourceIp", "requestContext.http."),
        get_text(context, "domainName", "requestContext."),
    )


_USUAL_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

# As ASGI writes them.
_HTTP_VERSIONS = {"HTTP/1.0": "1.0", "HTTP/1.1": "1.1", "HTTP/2": "2", "HTTP/2.0": "2", "HTTP/3": "3", "HTTP/3.0": "3"}


def build_event(request: Request, *, account_id: str = "", request_id: str = "", epoch_ms: int = 0) -> Event:
    """The event that the gateway makes of ``request`` (a JSON-compatible dict).

    ``account_id`` and ``request_id`` go into the event as they are; ``epoch_ms`` is the time of the request in
    milliseconds since 1970.
    """
    from time import gmtime, strftime
    from urllib.parse import unquote_to_bytes

    from .base64 import encode_base64

    content_type = get_header(request.headers, "content-type")
    as_text = is_text_type(media_type(content_type))
    encode = decode_as_gateway if as_text else encode_base64
    domain = request.server[0]
    return {
        "version": "v1",
        "rawPath": request.raw_path,
        "headers": _build_headers(request),
        "queryParameters": _join(parse_query_string(request.query_string)),
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


# ---- joining ---------------------------------------------------------------------------------------------------------


def _join(pairs: Pairs | list[tuple[str, str]]) -> dict[str, str]:
    """Documented: repeated names are joined with ``,`` in headers and in queries alike."""
    return {name: ",".join(values) for name, values in group_values(pairs).items()}


# ---- body ------------------------------------------------------------------------------------------------------------


def _parse_body(event: Event) -> bytes:
    body = event.get("body")
    if not isinstance(body, str):
        body = get_text(event, "body")
    is_base64 = event.get("isBase64Encoded")
    if type(is_base64) is not bool:
        is_base64 = get_boolean(event, "isBase64Encoded")
    if not (is_base64 and body):
        try:
            return body.encode("utf-8")
        except UnicodeEncodeError:
            check_unicode("body", body)
    from .base64 import decode_base64

    decoded = decode_base64(body)
    if decoded is None:
        # Files that people encode by hand are wrapped into lines.
        decoded = decode_base64("".join(body.split()))
    if decoded is None:
        raise EventError(f"isBase64Encoded is true, but body is not valid Base64: {describe(body)}")
    return decoded


def server_address(domain: str, host: str, scheme: str) -> tuple[str, int]:
    """Name and port of the host that was addressed: what the platform says, else what the client wrote."""
    default = 80 if scheme == "http" else 443
    if ":" not in host:
        return domain or host or "localhost", default
    name, _, port = host.rpartition(":")
    if not port.isdecimal() or not port.isascii() or len(port) > 5 or int(port) > 65535:
        name, port = host, ""
    return domain or name or "localhost", int(port or default)


def wire_path(path: str, *, encoded: bool) -> str:
    """``path`` as a request line could hold it: ASCII without spaces, ``?`` and ``#``, from ``/`` on.

    ``encoded`` says that its escapes are escapes; even so, hand-made events hold spaces and plain text in it.
    """
    if not path.startswith("/"):
        path = "/" + path
    if (
        path.isascii()
        and path.isprintable()
        and (encoded or "%" not in path)
        and not (" " in path or "?" in path or "#" in path)
    ):
        return path
    safe = "/!\"$&'()*+,:;<=>@[\\]^`{|}~"
    return _quote_text(path, safe=f"{safe}%" if encoded else safe)


def _quote_text(text: str, *, safe: str) -> str:
    """``text`` percent-encoded as UTF-8; bytes that came as surrogate escapes are themselves."""
    from urllib.parse import quote

    return quote(text.encode("utf-8", "surrogateescape"), safe=safe)
