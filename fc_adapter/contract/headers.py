"""The headers of an event, as an application gets them."""

from __future__ import annotations

from ..memo import HeaderNames, HeaderSets
from .fields import check_pair, malformed
from .rules import has_breaks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from ..messages import Pairs
    from .fields import Event


def read_ascii_headers(
    headers: dict[str, str], body_length: int
) -> tuple[Pairs, str, str, tuple[HeaderNames, Collection[str]] | None]:
    """``read_headers`` for values that are ASCII, as nearly all are: then most need no change.

    Also returns ``Request.split``, which is None if the headers need the full check.
    """
    names = _HEADER_SETS[tuple(headers)]
    if names is None:
        return *read_headers(headers, body_length), None
    host_name, length_name, proto_name = names.special
    host = headers.get(host_name, "")
    if "," in host:
        host = _single_host(host)
        headers = {**headers, host_name: host}
    length = str(body_length)
    if headers.get(length_name, "0") != length:
        is_new = length_name not in headers
        headers = {**headers, length_name: length}
        if is_new:
            names = _HEADER_SETS[tuple(headers)]
    split = (names, headers.values()) if names is not None else None
    return tuple(headers.items()), host, headers.get(proto_name, "").lower(), split


def _read_names(names: tuple[str, ...]) -> HeaderNames | None:
    """How Host, Content-Length and X-Forwarded-Proto are spelled among ``names``, or would be.

    None if the headers need the full check.
    """
    try:
        text = "\n".join(names)
    except TypeError:
        return None
    if not text.isascii() or "\r" in text or "\0" in text or text.count("\n") != len(names) - 1:
        return None
    known = HeaderNames(names, text)
    if not known.text:
        names = tuple([name for name in names if len(name) <= _LONGEST_SPECIAL])
        text = "\n".join(names)
    spelling = dict(zip(text.lower().split("\n"), names))
    if len(spelling) != len(names) or "transfer-encoding" in spelling:
        return None
    get = spelling.get
    known.special = (
        get("host", "Host"),
        get("content-length", "Content-Length"),
        get("x-forwarded-proto", "X-Forwarded-Proto"),
    )
    return known


_LONGEST_SPECIAL = len("X-Forwarded-Proto")


_HEADER_SETS = HeaderSets(_read_names)


def read_headers(headers: Event, body_length: int) -> tuple[Pairs, str, str]:
    """The headers of an event for the application, and the values of Host and X-Forwarded-Proto (``""`` when absent).

    Raises EventError if a name or value is not a string, or could not have been in a request.
    """
    for name, value in headers.items():
        check_pair("headers", name, value)
        if has_breaks(name):
            raise malformed("each name in headers", "without line breaks and NUL", name)
        if has_breaks(value):
            raise malformed(f"headers[{name[:40]!r}]", "without line breaks and NUL", value)
    return normalize_headers(headers.items(), body_length)


def normalize_headers(raw: Iterable[tuple[str, str]], body_length: int) -> tuple[Pairs, str, str]:
    """As ``read_headers``, for pairs of text.

    The event's Content-Length counts the bytes on the wire before the gateway had them, so it is stated anew;
    a body that came without one gets one. Transfer-Encoding described a framing that is gone.
    """
    headers = []
    host = forwarded_proto = ""
    has_length = False
    for name, value in raw:
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


def _single_host(value: str) -> str:
    """Host has been seen doubled in recorded events (``"h,h"``). Two different hosts are left for the app to refuse."""
    if "," not in value:
        return value
    hosts = {host.strip() for host in value.split(",")}
    return hosts.pop() if len(hosts) == 1 else value
