"""The query of a request: a string on the wire and for applications, a map of strings in an event."""

from __future__ import annotations

from .fields import check_pair
from .rules import QUERY_VALUES, decode_as_gateway

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import Union

    from ..messages import Pairs
    from .fields import Event

    SplitQuery = Union[Collection[str], bool]


def read_query(parameters: Event, split: SplitQuery = ()) -> str:
    """The query string (percent-encoded ASCII) of an event's ``queryParameters``.

    ``split`` names the parameters whose value is split at its commas (True: all of them). Raises
    EventError if a name or value is not a string.
    """
    if not parameters:
        return ""
    if QUERY_VALUES == "raw":
        return "&".join([f"{quote_query(name)}={quote_query(value)}" for name, value in _split(parameters, split)])
    if not split:
        try:
            text = "&".join(map("=".join, parameters.items()))
            special = text.encode("utf-8").translate(None, _UNESCAPED_AND_SPACE)
        except (TypeError, UnicodeEncodeError):
            pass  # The error that names the parameter comes from below.
        else:
            if len(special) == 2 * len(parameters) - 1:  # the separators, and nothing that needs an escape
                return text.replace(" ", "%20")
            return build_query_string(parameters.items())
    return build_query_string(_split(parameters, split))


def _split(parameters: Event, split: SplitQuery) -> list[tuple[str, str]]:
    """The names and values of ``parameters``. Raises EventError for what is no text."""
    pairs = []
    for name, value in parameters.items():
        check_pair("queryParameters", name, value)
        if split and "," in value and (split is True or name in split):
            pairs += [(name, part) for part in value.split(",")]
        else:
            pairs.append((name, value))
    return pairs


def build_query_string(pairs: Iterable[tuple[str, str]]) -> str:
    """Decoded names and values, percent-encoded. A space is written ``%20``, which every parser reads alike."""
    return "&".join([f"{_escape(name)}={_escape(value)}" for name, value in pairs])


def parse_query_string(query_string: str) -> Pairs:
    """The decoded names and values of a query string: the inverse of ``build_query_string``, for any client's."""
    from urllib.parse import parse_qsl

    pairs = parse_qsl(quote_query(query_string), keep_blank_values=True, encoding="latin-1")
    return tuple(
        (decode_as_gateway(name.encode("latin-1")), decode_as_gateway(value.encode("latin-1"))) for name, value in pairs
    )


def quote_query(query_string: str) -> str:
    """A client's query string as it would be on the wire: what is no printable ASCII, or a space, is escaped."""
    from urllib.parse import quote

    if query_string.isascii() and query_string.isprintable() and " " not in query_string:
        return query_string
    return quote(query_string.encode("utf-8", "surrogateescape"), safe="".join(map(chr, range(33, 127))))


# The characters that RFC 3986 section 3.4 allows in a query, without those that form parsers treat as separators.
_UNESCAPED = b"/:,@!$'()*-._~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_UNESCAPED_AND_SPACE = _UNESCAPED + b" "
_escapes: list[str] = []  # for each byte; made when first needed


def _escape(text: str) -> str:
    data = text.encode("utf-8")
    if not data.translate(None, _UNESCAPED):
        return text
    if not _escapes:
        _escapes.extend([chr(byte) if byte in _UNESCAPED else f"%{byte:02X}" for byte in range(256)])
    return "".join([_escapes[byte] for byte in data])
