"""When what happened in an invocation, and how long its instance was frozen afterwards."""

from __future__ import annotations

from typing import Any

from ..runner.gateway import Exchange
from ..runner.life import AnyInstance, State
from .entry import Entry

_NOTABLE = 1.0  # milliseconds of background work from which on it is shown


def describe_timeline(entry: Entry, exchange: Exchange, app: dict[str, Any] | None) -> list[dict[str, Any]]:
    """What happened when, in milliseconds since the request came: ``name``, ``from``, ``to``.

    ``frozen`` is before the request, ``wait`` is for a free instance, ``background`` is after the app's response.
    """
    reply = exchange.reply
    if reply is None:
        return []
    spans: list[dict[str, Any]] = [
        {"name": name, "from": _since(entry, began), "to": _since(entry, ended)} for name, began, ended in reply.spans
    ]
    background = app["background"] if app is not None else None
    if background is not None and spans and background * 1000 > _NOTABLE:
        handler = spans[-1]
        middle = round(handler["to"] - background * 1000, 2)
        spans.append({"name": "background", "from": middle, "to": handler["to"]})
        handler["to"] = middle
    return spans


def find_freeze(entry: Entry, entries: list[Entry], instance: AnyInstance | None) -> dict[str, Any] | None:
    """How the instance stood still after ``entry``, as a span whose ``to`` is None while it lasts, or None.

    ``entries`` are all that are kept, ``instance`` is that of ``entry``.
    """
    reply = entry.exchange.reply if entry.exchange is not None else None
    if reply is None or not reply.spans:
        return None
    done = reply.spans[-1][2]
    for later in entries:
        other = later.exchange.reply if later.exchange is not None else None
        if other is not None and other.instance_id == reply.instance_id:
            for name, began, ended in other.spans:
                if name == "frozen" and began >= done:
                    return {"name": "freeze", "from": _since(entry, began), "to": _since(entry, ended)}
    if instance is not None and instance.life.state is State.FROZEN and instance.life.frozen_at >= done:
        return {"name": "freeze", "from": _since(entry, instance.life.frozen_at), "to": None}
    return None


def _since(entry: Entry, moment: float) -> float:
    return round((moment - entry.began) * 1000, 2)
