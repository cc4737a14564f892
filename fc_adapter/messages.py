"""Request and Response: the two values that every part of the package exchanges.

Both are immutable, and know nothing of events, WSGI or ASGI. Headers are ordered ``(name, value)`` pairs of text,
never a dict, so that repeated names survive. Text stands for the bytes on the wire by UTF-8.
"""

from __future__ import annotations

from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    # `typing` costs a cold start more than the rest of this package; type checkers alone see these two.
    from collections.abc import Collection, Iterable
    from typing import NamedTuple

    from .memo import HeaderNames

    Pairs = tuple[tuple[str, str], ...]

    class _RequestFields(NamedTuple):
        method: str
        raw_path: str
        query_string: str
        headers: Pairs
        body: bytes
        scheme: str
        http_version: str
        client: str
        server: tuple[str, int]

    class _ResponseFields(NamedTuple):
        status: int
        headers: Pairs
        body: bytes

else:
    _RequestFields = namedtuple(
        "_RequestFields", "method raw_path query_string headers body scheme http_version client server"
    )
    _ResponseFields = namedtuple("_ResponseFields", "status headers body")


class Request(_RequestFields):
    """An HTTP request.

    - ``method`` (str): ``"GET"``.
    - ``raw_path`` (str): the path as it is on the wire: percent-encoded ASCII that begins with ``/``, without a query.
    - ``query_string`` (str): percent-encoded ASCII, without the ``?``.
    - ``headers`` (tuple of (str, str)): names in the sender's letter case. ``Content-Length``, when there is one, is
      the length of ``body``; ``Transfer-Encoding`` does not occur.
    - ``body`` (bytes): decoded from whatever carried it.
    - ``scheme`` (str): ``"http"`` or ``"https"``.
    - ``http_version`` (str): ``"1.1"``.
    - ``client`` (str): the peer's IP address, or ``""`` when it is unknown.
    - ``server`` (tuple of (str, int)): the host name and port that were addressed.

    ``split`` is, for a usual request from an event, what is known of the names of its ``headers``, and their values in
    the same order; None for any other.
    """

    split: tuple[HeaderNames, Collection[str]] | None = None

    @property
    def target(self) -> str:
        """The path with its query, as in a request line (str)."""
        return f"{self.raw_path}?{self.query_string}" if self.query_string else self.raw_path

    @property
    def path_bytes(self) -> bytes:
        """``raw_path`` with its escapes decoded (bytes)."""
        from urllib.parse import unquote_to_bytes

        return unquote_to_bytes(self.raw_path)


class Response(_ResponseFields):
    """An HTTP response, complete.

    - ``status`` (int): 100 to 999.
    - ``headers`` (tuple of (str, str)): in the order in which the application gave them.
    - ``body`` (bytes).
    """

    __slots__ = ()

    @property
    def reason(self) -> str:
        """The reason phrase of ``status``, or ``""`` when it has none: neither events nor results carry one."""
        from http import HTTPStatus

        try:
            return HTTPStatus(self.status).phrase
        except ValueError:
            return ""


def get_header(headers: Pairs, name: str) -> str | None:
    """The first value of the header ``name`` (lower case), or None when it is absent."""
    for key, value in headers:
        if key.lower() == name:
            return value
    return None


def group_values(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The values of each name, in their order."""
    groups: dict[str, list[str]] = {}
    for name, value in pairs:
        groups.setdefault(name, []).append(value)
    return groups
