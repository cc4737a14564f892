"""The response half of the contract: a Response becomes a handler's result, and a result becomes a Response.

``build_result`` is what a deployed function does, ``parse_result`` what the platform does with anything that a handler
may return. ``parse_result(build_result(response))`` equals ``response`` but for these losses:

- repeated headers other than Set-Cookie arrive as one, joined with ``, ``, and every Set-Cookie after the first in
  another letter case (which no client can tell from the first);
- white space around a header's value, which is no part of it, and the letter case of Content-Type do not arrive;
- hop-by-hop headers, Content-Length and what the platform reserves (``rules.RESERVED_RESPONSE_HEADERS``) do not arrive;
- the body of a response that may not have one does not arrive: to HEAD, and of status 1xx, 204 and 304;
- a body without Content-Type arrives as ``application/octet-stream``, no body without Content-Type as
  ``application/json``, which the platform claims.
"""

from __future__ import annotations

import json

from ..errors import AppError
from ..memo import remember
from ..messages import Response, group_values
from .rules import (
    COOKIES,
    DEFAULT_CONTENT_TYPE,
    HOP_BY_HOP_HEADERS,
    RESERVED_PREFIX,
    RESERVED_RESPONSE_HEADERS,
    has_breaks,
    has_no_body,
    is_text_type,
    is_token,
    media_type,
    replace_surrogates,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from ..types import HTTPResult


def build_result(response: Response, *, method: str = "GET", text_types: Collection[str] = ()) -> HTTPResult:
    """What the handler returns for ``response``, to a request with ``method``.

    ``text_types`` are further media types (lower case) whose bodies may travel as text. The body travels as Base64
    unless its type is a text type, it has no Content-Encoding and it is UTF-8, so that every byte arrives.

    Raises AppError when a header would break the response: a name that is no token, CR, LF or NUL in a value, or a
    Content-Length that is not the body's.
    """
    status, pairs, body = response
    headers: dict[str, str] = {}
    spelling: dict[str, str] = {}
    repeats: list[tuple[str, str]] | None = None
    cookies = 0
    length: str | None = None
    for name, value in pairs:
        key = _KEYS[name]
        if not value.isprintable() and has_breaks(value):
            raise AppError(f"the app sent CR, LF or NUL in the value of the header {name[:80]!r}: {value[:80]!r}")
        value = value.strip(" \t")  # RFC 9110 section 5.5: no part of the value
        if key in spelling:
            repeats = repeats or []
            repeats.append((spelling[key], value))
        elif key == "set-cookie":
            headers[_cookie_name(cookies)] = value
            cookies += 1
        elif key == "content-length":
            length = value
        elif key not in HOP_BY_HOP_HEADERS:
            # Whether the platform finds this one in another letter case is not known.
            spelling[key] = name = "Content-Type" if key == "content-type" else name
            headers[name] = value

    if cookies > 1 and COOKIES == "list":
        _list_cookies(headers)
    if repeats is not None:
        for name, values in group_values(repeats).items():
            headers[name] = ", ".join([headers[name], *values])
    kind, is_text = _KINDS[headers.get("Content-Type", "")]
    if body and not kind:
        # The platform would claim JSON.
        headers["Content-Type"] = "application/octet-stream"
    if method == "HEAD" or has_no_body(status):
        body = b""
    elif length is not None and length != str(len(body)):
        raise AppError(f"the app announced Content-Length {length[:40]}, but its body has {len(body)} bytes")

    text = None
    if not body:
        text = ""
    elif (is_text or kind in text_types) and "content-encoding" not in spelling:
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError:
            pass
    is_base64 = text is None
    if text is None:
        from .base64 import encode_base64

        text = encode_base64(body)
    return {"statusCode": status, "headers": headers, "isBase64Encoded": is_base64, "body": text}


def _header_key(name: str) -> str:
    """The name of a header in lower case. Raises AppError when it is none."""
    if not is_token(name):
        raise AppError(f"the app sent a header name that is not an HTTP token: {name[:80]!r}")
    return name.lower()


def _kind(content_type: str) -> tuple[str, bool]:
    """The media type of a body, and whether it travels as text by itself."""
    kind = media_type(content_type)
    return kind, is_text_type(kind) or kind.endswith(("+json", "+xml"))


_KEYS = remember(_header_key)
_KINDS = remember(_kind)


def _cookie_name(index: int) -> str:
    """The ``index``-th spelling of Set-Cookie.

    A result's headers are a map of string to string, and joining cookies with a comma would destroy them. Names that
    differ in letter case alone keep every cookie in the map: each bit of ``index`` swaps the case of one letter.
    """
    if index == 0:
        return "Set-Cookie"
    if index >= 512:
        raise AppError("the app set more than 512 cookies in one response, the most that a result can hold")
    letters = list("Set-Cookie")
    for bit, position in enumerate((9, 8, 7, 6, 5, 4, 2, 1, 0)):
        if index >> bit & 1:
            letters[position] = letters[position].swapcase()
    return "".join(letters)


def _list_cookies(headers: dict[str, Any]) -> None:
    """Put all cookies of ``headers`` under one name, as a list: for a platform that takes lists (``rules.COOKIES``)."""
    names = [name for name in headers if name.lower() == "set-cookie"]
    headers["Set-Cookie"] = [headers.pop(name) for name in names]


# ---- the platform's side ---------------------------------------------------------------------------------------------


def dump_result(result: object) -> bytes:
    """What the runtime sends to the platform for ``result``: strings and bytes as they are, all else as JSON.

    Raises TypeError or ValueError, as ``json.dumps`` does, for what is not JSON: in the runtime a function error.
    """
    if isinstance(result, bytes):
        return result
    if isinstance(result, str):
        return result.encode("utf-8")
    return json.dumps(result).encode("ascii")


def parse_result(result: object, *, custom_domain: bool = False, lists: bool = False) -> Response:
    """The response that the platform makes of what a handler returned.

    ``result`` is anything ``dump_result`` takes, or the bytes that it gave. With ``custom_domain`` a
    Content-Disposition of the application counts; on the default domain the platform ignores it. With ``lists`` a
    header's value may be a list of strings, a header each.

    An envelope that the platform cannot use (``statusCode`` no number, a header that is no string) becomes its
    502 ``BadResponse``. Raises what ``dump_result`` raises.
    """
    data = dump_result(result)
    try:
        envelope = json.loads(data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        envelope = None
    if not isinstance(envelope, dict) or "statusCode" not in envelope:
        # Documented: anything else is the body of a 200.
        return Response(200, (("Content-Type", DEFAULT_CONTENT_TYPE),), data)

    status = envelope["statusCode"]
    if type(status) is not int or not 100 <= status <= 999:
        return platform_error(502, "BadResponse", "statusCode must be an integer from 100 to 999")
    raw_headers = envelope.get("headers")
    if raw_headers is None:
        raw_headers = {}
    pairs = _header_pairs(raw_headers, lists)
    if pairs is None:
        return platform_error(502, "BadResponse", "headers must be an object whose values are strings")
    is_base64 = envelope.get("isBase64Encoded")
    if not (is_base64 is None or isinstance(is_base64, bool) or is_base64 in ("true", "false")):
        return platform_error(502, "BadResponse", "isBase64Encoded must be a boolean")

    headers = []
    has_type = False
    for name, value in pairs:
        key = name.lower()
        if key.startswith(RESERVED_PREFIX):
            continue
        if key in RESERVED_RESPONSE_HEADERS and not (custom_domain and key == "content-disposition"):
            continue
        if key == "transfer-encoding" or not is_token(name):
            continue  # Go's server frames the body itself, leaves out what is no header name,
        has_type = has_type or key == "content-type"
        # and writes a space for a line break, so that no value can begin another header.
        headers.append((name, replace_surrogates(value.replace("\r", " ").replace("\n", " ").replace("\0", " "))))
    if not has_type:
        headers.append(("Content-Type", DEFAULT_CONTENT_TYPE))
    body = b"" if has_no_body(status) else _result_body(envelope.get("body"), is_base64 in (True, "true"))
    return Response(status, tuple(headers), body)


def _header_pairs(headers: object, lists: bool) -> list[tuple[str, str]] | None:
    """The headers of an envelope, or None when they are no object of strings (or, with ``lists``, of lists of such)."""
    if not isinstance(headers, dict):
        return None
    pairs = []
    for name, value in headers.items():
        for each in value if lists and isinstance(value, list) else [value]:
            if not isinstance(each, str):
                return None
            pairs.append((name, each))
    return pairs


def _result_body(body: object, is_base64: bool) -> bytes:
    if body is None:
        return b""
    if not isinstance(body, str):
        body = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    if is_base64:
        from base64 import b64decode

        try:
            return b64decode(body.replace("\r", "").replace("\n", ""), validate=True)
        except ValueError:
            pass  # Documented: the original text is sent, with no error.
    return replace_surrogates(body).encode("utf-8")


def _refuse_constant(name: str) -> None:
    """NaN and Infinity are Python's, not JSON's."""
    raise ValueError(f"{name} is not JSON")


def add_platform_headers(response: Response, *, request_id: str, date: str, custom_domain: bool = False) -> Response:
    """``response`` with the headers that the platform adds for the client.

    ``date`` is an HTTP date. On the default domain the platform makes browsers download what they get.
    """
    added = [("Date", date), ("X-Fc-Request-Id", request_id)]
    if not has_no_body(response.status):
        added.insert(0, ("Content-Length", str(len(response.body))))
    if not custom_domain:
        added.append(("Content-Disposition", "attachment"))
    return response._replace(headers=(*response.headers, *added))


def function_error() -> Response:
    """What an HTTP client gets when the handler raised: documented, and it hides the reason."""
    return Response(502, (("Content-Type", "application/json"),), b"Internal Server Error")


def platform_error(status: int, code: str, message: str) -> Response:
    """An error of the platform itself, with its documented body."""
    body = json.dumps({"errorCode": code, "errorMessage": message}).encode("ascii")
    return Response(status, (("Content-Type", "application/json"),), body)
