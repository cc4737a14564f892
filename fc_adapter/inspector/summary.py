"""An invocation as one line of the page's list."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from ..contract.trigger import is_async
from ..runner.gateway import Exchange
from .entry import Entry, find_failure
from .masking import Masker, mask_target

_NO_INSTANCE = "-"  # what a reply names that came from none
_TARGET = 300  # characters of a path in the list


def summarize(entry: Entry, mask: Masker) -> dict[str, Any]:
    """One line of the list.

    - ``target``: as the client wrote it; ``decoded``: for people, where that is another text, or None.
    - ``status``: None while it runs. ``ms``: what the client waited, or the function when the client did not.
    - ``failure``: see ``find_failure``.
    """
    exchange, request = entry.exchange, entry.request
    target = shown_target(entry, mask)
    decoded = unquote(target)
    summary: dict[str, Any] = {
        "id": entry.request_id,
        "number": entry.number,
        "version": entry.version,
        "at": round(entry.at * 1000),
        "method": mask(request.method),
        "target": target[:_TARGET],
        "decoded": decoded[:_TARGET] if decoded != target else None,
        "pinned": entry.is_pinned,
        "origin": entry.origin,
        "async": is_async(request),
        "lines": len(entry.lines) + entry.lost_lines,
        "status": None,
    }
    if exchange is None:
        return summary
    reply = exchange.reply
    summary.update(
        status=202 if is_accepted(exchange) else exchange.response.status,
        ms=round(exchange.seconds * 1000, 2),
        instance=reply.instance_id if reply is not None and reply.instance_id != _NO_INSTANCE else None,
        cold=_milliseconds(reply.start_seconds) if reply is not None else None,
        init=_milliseconds(reply.init_seconds) if reply is not None else None,
        failure=find_failure(exchange),
    )
    return summary


def shown_target(entry: Entry, mask: Masker) -> str:
    """The request's target as the client wrote it, masked."""
    return mask_target(entry.target, mask)


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)


def is_accepted(exchange: Exchange) -> bool:
    """Whether the client got its 202 at once."""
    return exchange.event is not None and is_async(exchange.request)
