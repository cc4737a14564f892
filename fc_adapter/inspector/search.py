"""Finding invocations by what is in them: targets, headers, bodies and logs, as people read them.

What is masked is not found, so a search tells no more than the page shows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, unquote_plus

from ..messages import get_header
from .bodies import read_text
from .describe import Describer, View
from .entry import Entry
from .summary import shown_target

_WORDS = 20  # of a search

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..messages import Pairs


def search(entries: list[Entry], text: str, describer: Describer) -> dict[str, list[str]]:
    """The ids of those that have each word of ``text``, with where the words are.

    The places are ``"target"``, ``"request"``, ``"response"`` (headers and bodies) and ``"log"``. Letter case does not
    count.
    """
    words = text.casefold().split()[:_WORDS]
    found: dict[str, list[str]] = {}
    for entry in entries if words else ():
        places = _find(entry, words, describer.view(entry, reveal=False))
        if places is not None:
            found[entry.request_id] = places
    return found


def _find(entry: Entry, words: list[str], view: View) -> list[str] | None:
    """Where ``words`` are in ``entry``, or None where one of them is nowhere."""
    missing = set(words)
    places: list[str] = []
    for place, text in _texts(entry, view):
        folded = text.casefold()
        present = {word for word in words if word in folded}
        if present and place not in places:
            places.append(place)
        missing -= present
    return None if missing else places


def _texts(entry: Entry, view: View) -> Iterator[tuple[str, str]]:
    request, exchange = entry.request, entry.exchange
    target = shown_target(entry, view.mask)
    yield "target", f"{view.mask(request.method)} {target} {unquote(target)} {entry.request_id}"
    yield from (("request", text) for text in _message(request.headers, request.body, view))
    if exchange is not None:
        response = exchange.response
        yield "response", f"{response.status} {response.reason}"
        yield from (("response", text) for text in _message(response.headers, response.body, view))
        if exchange.reply is not None and exchange.reply.kind != "result":
            yield "log", view.mask(exchange.reply.describe_error())
    for line in list(entry.lines):
        yield "log", view.mask(line.data.decode("utf-8", "backslashreplace"))


def _message(headers: Pairs, body: bytes, view: View) -> Iterator[str]:
    for name, value in headers:
        yield f"{view.mask(name)}: {view.header(name, value)}"
    kind = get_header(headers, "content-type")
    text = read_text(body, kind, get_header(headers, "content-encoding"))
    if not text:
        return
    yield view.mask(text)
    if "\\u" in text:
        yield view.mask(_without_escapes(text))
    if "%" in text and (kind or "").startswith("application/x-www-form-urlencoded"):
        yield view.mask(unquote_plus(text))


def _without_escapes(text: str) -> str:
    """JSON with its escapes decoded; ``""`` for what is not JSON, or not all of it."""
    try:
        document: Any = json.loads(text)
        return json.dumps(document, ensure_ascii=False)
    except (ValueError, RecursionError):
        return ""
