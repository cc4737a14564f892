"""Requests with large bodies and apps with large answers, for each adapter and for the floor."""

from __future__ import annotations

import base64
import json
import random
from functools import partial
from typing import Any, Callable, NamedTuple

from . import apps, handlers
from .requests import HTML_GET, read_answer, upload

MB = 1024 * 1024
TYPES = {"text": "text/plain; charset=utf-8", "binary": "application/octet-stream"}
_LINE = "一段文字, with some more text in it; 2023-09-05\n".encode()


class Case(NamedTuple):
    """A body: ``direction`` is ``request`` or ``response``, ``kind`` ``text`` or ``binary``, ``size`` in bytes."""

    direction: str
    kind: str
    size: int


class Carrier(NamedTuple):
    """Something that carries a body. ``interface`` is ``WSGI`` or ``ASGI``; ``kind`` is None for the floor."""

    name: str
    rival: str
    interface: str = ""
    kind: handlers.Kind | None = None


def _carriers() -> dict[str, Carrier]:
    found = [Carrier("floor", "fc_adapter, WSGI")]
    for interface, kinds in (("WSGI", handlers.WSGI), ("ASGI", handlers.ASGI_OFF)):
        for kind in kinds:
            title = kind.name.partition(",")[0]
            rival = f"fc_adapter, {interface}" if kind.rival else ""
            if kind.is_available and title in ("fc_adapter", "apig-wsgi", "Mangum", "by hand"):
                found.append(Carrier(f"{title}, {interface}", rival, interface, kind))
    return {carrier.name: carrier for carrier in found}


CARRIERS = _carriers()


def make_body(case: Case) -> bytes:
    """Random bytes, or text that is not all ASCII; the same in each process."""
    block = random.Random(0).randbytes(min(case.size, MB)) if case.kind == "binary" else _LINE
    return (block * (case.size // len(block))).ljust(case.size, b".")


def make_call(carrier: Carrier, case: Case, body: bytes) -> Callable[[], Any]:
    """A function that carries ``body`` once, from the event's bytes to the result."""
    content_type = TYPES[case.kind]
    request = upload(body, content_type) if case.direction == "request" else HTML_GET
    if carrier.kind is None:
        return _make_floor(case, handlers.fc_event(request), body)
    if case.direction == "request":
        app = apps.wsgi_upload if carrier.interface == "WSGI" else apps.asgi_upload
    else:
        make_app = apps.make_wsgi_download if carrier.interface == "WSGI" else apps.make_asgi_download
        app = make_app(body, content_type)
    return handlers.bind(carrier.kind, app, request)


def check(carrier: Carrier, case: Case, body: bytes, result: Any) -> None:
    """Raises AssertionError when the body was not carried."""
    if carrier.kind is not None:
        expected = str(len(body)).encode() if case.direction == "request" else body
        assert read_answer(result) == (200, expected), f"{carrier.name} did not carry {case}"


def _make_floor(case: Case, event: bytes, body: bytes) -> Callable[[], Any]:
    """What cannot be avoided: parsing the event, and one conversion of the body from text or Base64, or to it."""
    encode, decode = _codec()
    return {
        ("request", "text"): lambda: json.loads(event)["body"].encode(),
        ("request", "binary"): lambda: decode(json.loads(event)["body"]),
        ("response", "text"): lambda: json.loads(event) and body.decode(),
        ("response", "binary"): lambda: json.loads(event) and encode(body),
    }[case.direction, case.kind]


def _codec() -> tuple[Callable[[bytes], str], Callable[[str], bytes]]:
    """Base64 there and back: pybase64's, unless it is missing or kept out."""
    try:
        import pybase64
    except ImportError:
        return lambda body: base64.b64encode(body).decode("ascii"), base64.b64decode
    return pybase64.b64encode_as_string, partial(pybase64.b64decode, validate=True)
