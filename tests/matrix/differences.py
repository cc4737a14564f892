"""Telling whether two responses are the same to a client, and the differences that are the platform's doing.

``KNOWN_DIFFERENCES`` is the one table of what is accepted, with the reasons. ``surprises`` is empty when it says all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import django

from fc_adapter.contract.rules import decode_as_gateway

from ..apps.content import COMPRESSED, digest
from .exchange import HttpRequest, HttpResponse
from .scenarios import BYTE_PATHS, ECHOED, MOUNTED
from .servers import ASGI_APPS, WSGI_APPS

# What each server says of itself and of its own connection, as the platform does in its turn. It leaves Content-Length
# out of an answer to HEAD.
SERVER_HEADERS = frozenset({"connection", "content-length", "date", "server", "transfer-encoding"})

EVERY_APP = (*WSGI_APPS, *ASGI_APPS)
OCTETS = b"application/octet-stream"
NOTHING = object()

# A body longer than this is compared by its digest, so that a failing test stays readable.
LONG_BODY = 4096


# ---- the comparison --------------------------------------------------------------------------------------------------


def comparable(response: HttpResponse) -> dict[str, Any]:
    """``response`` without what is the server's own, in a shape whose differences can be named.

    Repeated headers are one, as RFC 9110 section 5.3 has it, but for Set-Cookie. The members of Allow are in no order:
    frameworks take them out of a set. A JSON body is what it says. A gzip body has the time at which it
    was made in its header (RFC 1952 section 2.3.1), which is blanked.
    """
    headers: dict[str, Any] = {}
    for name, value in response.headers:
        if name == "set-cookie":
            headers.setdefault(name, []).append(value)
        elif name not in SERVER_HEADERS:
            headers[name] = headers[name] + b", " + value if name in headers else value
    if "allow" in headers:
        headers["allow"] = sorted(headers["allow"].split(b", "))
    body: Any = response.body
    if headers.get("content-encoding") == b"gzip":
        body = body[:4] + bytes(4) + body[8:]
    elif body and headers.get("content-type") == b"application/json":
        body = json.loads(body)
    elif len(body) > LONG_BODY:
        body = {"length": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    return {"status": response.status, "headers": headers, "body": body}


def differences(theirs: HttpResponse, ours: HttpResponse) -> dict[str, tuple[Any, Any]]:
    """Where two responses differ: the dotted path of each difference, and ``(theirs, ours)``, where None is absence."""
    left, right = _flatten(comparable(theirs)), _flatten(comparable(ours))
    paths = sorted(left.keys() | right.keys())
    return {path: (left.get(path), right.get(path)) for path in paths if left.get(path) != right.get(path)}


def _flatten(value: Any, path: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {path: value}
    flat = {}
    for key, item in value.items():
        flat.update(_flatten(item, f"{path}.{key}" if path else key))
    return flat


class Difference(NamedTuple):
    """What differs, and why.

    ``requests`` names those in which it shows, ``ours`` the paths at which it may, each with the adapter's value, or
    ``...`` for any; such a path stands for all below it, too. ``apps`` are those that show it, if not all do. ``split``
    is the handler's ``split_query``, where the difference depends on it.
    """

    reason: str
    requests: tuple[str, ...]
    ours: dict[str, Any]
    apps: tuple[str, ...] = EVERY_APP
    split: bool | None = None


def surprises(
    request: HttpRequest, theirs: HttpResponse, ours: HttpResponse, known: Iterable[Difference] = ()
) -> dict[str, Any]:
    """Differences that are not ``known``, and known ones that do not show; empty when all is as it should be."""
    found = differences(theirs, ours)
    if "content-type" not in dict(theirs.headers):
        known = (*known, _untyped(request, theirs, ours))
    expected = {path: value for difference in known for path, value in difference.ours.items()}
    surprising = {path: pair for path, pair in found.items() if not _is_expected(path, pair[1], expected)}
    hidden = [difference.reason for difference in known if not any(_is_about(path, difference) for path in found)]
    return {**surprising, **dict.fromkeys(hidden, "does not show")}


def _is_expected(path: str, value: Any, expected: dict[str, Any]) -> bool:
    return expected.get(path, expected.get(path.partition(".")[0], NOTHING)) in (..., value)


def _untyped(request: HttpRequest, theirs: HttpResponse, ours: HttpResponse) -> Difference:
    """The difference that a response without a type must have."""
    has_body = theirs.body or (request.method == "HEAD" and dict(ours.headers).get("content-type") == OCTETS)
    return Difference(UNTYPED, (), {"headers.content-type": OCTETS if has_body else b"application/json"})


def _is_about(path: str, difference: Difference) -> bool:
    return path in difference.ours or path.partition(".")[0] in difference.ours


def select(app: str, name: str, *, split: bool = True) -> list[Difference]:
    """Those of ``KNOWN_DIFFERENCES`` that should show in one exchange."""
    return [
        difference
        for difference in KNOWN_DIFFERENCES
        if name in difference.requests and app in difference.apps and difference.split in (None, split)
    ]


def without(frameworks: str | tuple[str, ...], apps: tuple[str, ...] = EVERY_APP) -> tuple[str, ...]:
    """``apps`` less those of ``frameworks``."""
    return tuple(app for app in apps if not app.startswith(frameworks))


# ---- where the apps report what they got -----------------------------------------------------------------------------


def received(body):
    """The body that they got."""
    length = str(len(body))
    return {
        "body.body": digest(body),
        "body.input": digest(body),
        "body.CONTENT_LENGTH": length,
        "body.headers.Content-Length": length,
        "body.headers.content-length": [length],
    }


def received_header(name, value):
    """A header; ``value`` is None when it does not arrive."""
    return {
        f"body.HTTP_{name.upper().replace('-', '_')}": value,
        f"body.headers.{name}": value,
        f"body.headers.{name.lower()}": value if value is None else [value],
    }


def received_query(**values):
    """A query's text, which may be any, and its ``values``."""
    text = ("QUERY_STRING", "RAW_URI", "absolute_uri", "forwarded_uri", "full_path", "query_string", "uri", "url")
    return {**{f"body.{path}": ... for path in text}, **{f"body.args.{name}": value for name, value in values.items()}}


# A report where the real server's client gets an error.
REPORT = {"status": 200, "headers.content-type": b"application/json", "body": ...}


# ---- the differences -------------------------------------------------------------------------------------------------

REWRITTEN = "the event has no raw query string: names and values arrive, not how they were written"
JOINED = "the platform joins repeated names with a comma, which stays without split_query"
SPLIT = "the platform joins repeated names with a comma, so split_query splits at a comma of the client's own too"
REPAIRED = "the event is JSON, whose text is UTF-8: each byte that is not becomes U+FFFD"
DECHUNKED = "the gateway reads a body in chunks to its end, and the event has it whole"
CONNECTION = "what belongs to one connection ends at the gateway"
RESERVED = "the platform keeps X-Fc-* for itself"
REPEATED = "the platform joins repeated headers with a comma"
PEER = "Uvicorn believes X-Forwarded-For, which any client of the platform can send; the event has the peer's address"
OWN_PAGE = "what the app raises is answered by the server, each with a page of its own"
UNTYPED = "the platform claims JSON for a response without a type, so the adapter names one if there is a body"
SCOPE = "the raw ASGI app reports the server's part of the scope: "

# Where the raw ASGI app answers with what it got.
ECHOES = tuple(
    name
    for name, request in {**ECHOED, **MOUNTED, **BYTE_PATHS}.items()
    if request.method != "HEAD" and not request.target.startswith(("/api/redirect", "/api/missing"))
)

KNOWN_DIFFERENCES = [
    Difference(
        REWRITTEN,
        (
            "query a",
            "query a&b=1&",
            "query &&a=1",
            "query a=1+2",
            "query a=b=c",
            "query a=1;b=2",
            "query a=?b=/c",
            "query a=%zz&b=%",
            "query a[]=1&a%5B%5D=2",
        ),
        received_query(),
    ),
    Difference(REWRITTEN, ("query ",), received_query(), apps=("raw_wsgi",)),
    Difference(REWRITTEN, ('query a="<>\\^`{|}',), received_query(), apps=without("django")),
    Difference(
        REWRITTEN,
        ("query of a redirect",),
        {**received_query(), "headers.location": ..., "body": ...},
        apps=without("falcon"),
    ),
    Difference(
        REWRITTEN + ", and ; is no separator to the gateway",
        ("query a=1;b=2",),
        received_query(a=["1;b=2"], b=None),
        apps=("pyramid_wsgi",),
    ),
    Difference(REWRITTEN, ("query a=1&b=2&a=3",), received_query(), split=True),
    Difference(REWRITTEN, ("query a=1%2C2",), received_query(), split=False),
    Difference(SPLIT, ("query a=1,2", "query a=1%2C2"), received_query(a=["1", "2"]), split=True),
    Difference(SPLIT, ("query a=1,2&a=3",), received_query(a=["1", "2", "3"]), split=True),
    Difference(JOINED, ("query a=1&a=2&a=3", "query a=1,2&a=3"), received_query(a=["1,2,3"]), split=False),
    Difference(JOINED, ("query a=1&b=2&a=3",), received_query(a=["1,3"]), split=False),
    Difference(JOINED, ("query a[]=1&a%5B%5D=2",), received_query(**{"a[]": ["1,2"]}), split=False),
    Difference(REPAIRED, ("query a=%ff",), received_query(a=["\ufffd"])),
    Difference(REPAIRED, ("query a=%C4%E3",), received_query(a=["\ufffd\ufffd"])),
    Difference(
        REPAIRED + ", where these apps fail",
        ("query a=%ff", "query a=%C4%E3"),
        REPORT,
        apps=("bottle_wsgi", "pyramid_wsgi"),
    ),
    Difference(REPAIRED, ("body of text, GBK",), received("\ufffd\ufffd\ufffd\ufffd".encode())),
    Difference(
        REPAIRED,
        ("body of JSON, invalid UTF-8",),
        {**received('{"a": "\ufffd\ufffd\ufffd"}'.encode()), "body.json.a": "\ufffd\ufffd\ufffd"},
    ),
    Difference(REPAIRED, ("body of JSON, compressed",), received(decode_as_gateway(COMPRESSED).encode())),
    Difference(
        REPAIRED + ", where this app fails",
        ("body of JSON, invalid UTF-8", "body of JSON, compressed"),
        REPORT,
        apps=("quart_asgi",),
    ),
    Difference(
        REPAIRED, ("header in Latin-1",), received_header("X-Text", "caf\ufffd \ufffd".encode().decode("latin-1"))
    ),
    Difference(
        DECHUNKED, ("body in chunks",), {**received("分块".encode()), **received_header("Transfer-Encoding", None)}
    ),
    Difference(DECHUNKED + ", where this app fails", ("body in chunks",), REPORT, apps=("bottle_wsgi",)),
    Difference(
        CONNECTION,
        ("headers of one connection",),
        {**received_header("Connection", None), **received_header("Keep-Alive", None)},
    ),
    Difference(
        CONNECTION, ("GET /reserved", "HEAD /reserved"), {"headers.proxy-authenticate": None}, apps=("raw_asgi",)
    ),
    Difference(RESERVED, ("header of the platform",), received_header("X-Fc-Custom", None)),
    Difference(RESERVED, ("GET /reserved", "HEAD /reserved"), {"headers.x-fc-custom": None}),
    Difference(
        REPEATED,
        ("header, repeated",),
        received_header("X-A", "1,3, 4,"),
        apps=without(("django", "falcon"), ASGI_APPS),
    ),
    Difference(
        REPEATED + ", also Cookie, of which a client sends one",
        ("header Cookie, twice",),
        {
            **received_header("Cookie", "a=1,b=2"),
            "body.cookies.a": "1,b=2",
            "body.cookies.b": None,
            "body.cookie_values.a": ["1,b=2"],
            "body.cookie_values.b": None,
        },
        apps=without("django", ASGI_APPS) if django.VERSION < (6,) else ASGI_APPS,  # before, it joined them so itself
    ),
    Difference(
        "a result is JSON, whose text goes out as UTF-8",
        ("GET /latin1", "HEAD /latin1"),
        {"headers.x-latin1": "café".encode()},
    ),
    Difference(
        PEER,
        ("headers of a proxy",),
        {
            "body.access_route": ["1.2.3.4", "127.0.0.1"],
            "body.client": "127.0.0.1",
            "body.client.host": "127.0.0.1",
            "body.headers.Remote-Addr": "127.0.0.1",
            "body.remote_addr": "127.0.0.1",
        },
        apps=ASGI_APPS,
    ),
    Difference(
        OWN_PAGE,
        ("GET /error", "HEAD /error"),
        {"headers.content-type": b"text/plain; charset=utf-8", "body": b"Internal Server Error"},
        apps=("raw_wsgi",),
    ),
    Difference(
        "Gunicorn adds to the headers where PEP 3333 has start_response replace them",
        ("GET /replaced", "HEAD /replaced"),
        {"headers.content-type": b"text/plain; charset=utf-8", "headers.x-first": None},
    ),
    Difference(
        SCOPE + "send() never fails here (2.4), so that Starlette need not watch for a disconnect while it streams",
        ECHOES,
        {"body.asgi.spec_version": "2.4"},
        apps=("raw_asgi",),
    ),
    Difference(
        SCOPE + "the event has the client's address without its port, as X-Forwarded-For has",
        tuple(name for name in ECHOES if name != "headers of a proxy"),
        {"body.client.port": 0},
        apps=("raw_asgi",),
    ),
    Difference(
        SCOPE + "Uvicorn tells its socket's address, the adapter that which the client addressed; Host is the same",
        ECHOES,
        {"body.server.host": ..., "body.server.port": ...},
        apps=("raw_asgi",),
    ),
    Difference(
        SCOPE + "the adapter adds the invocation",
        ECHOES,
        {"body.types.fc.event": "EventFields", "body.types.fc.context": "NoneType", "body.types.fc.request_id": "str"},
        apps=("raw_asgi",),
    ),
]
