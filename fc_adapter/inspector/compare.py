"""What differs between two invocations, line by line: above all between a request and its repetition."""

from __future__ import annotations

import difflib
import json
import re
from typing import Any

from ..messages import get_header
from ..runner.record import VARYING
from .bodies import read_text
from .describe import View
from .entry import Entry
from .masking import mask_bytes
from .summary import shown_target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..messages import Pairs

_LINES = 1000  # of each section
_LINE = 1000  # characters
_WIDTH = 200  # characters from which on text without line breaks is cut into several lines
_LAID_OUT = 1024 * 1024  # characters of JSON with its indents, more than one value of a body has
# Times and ids in a log, which are others each time.
_STAMPS = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,\d]*Z?|\b1-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{12}\b")


def compare(first: Entry, first_view: View, second: Entry, second_view: View) -> list[dict[str, Any]]:
    """The sections ``"request"``, ``"response"`` and ``"log"`` of two invocations.

    Each has ``same``; ``cut``: how many lines were compared if not all, otherwise 0; ``lines``: pairs of a text after
    ``" "``, ``"-"`` (of the first alone) or ``"+"`` (of the second alone).
    """
    sections = []
    before, after = _sections(first, first_view), _sections(second, second_view)
    for name in before:
        lines = [*_diff(before[name][:_LINES], after[name][:_LINES])]
        is_cut = max(len(before[name]), len(after[name])) > _LINES
        is_same = all(mark == " " for mark, _ in lines)
        sections.append({"name": name, "same": is_same, "cut": _LINES if is_cut else 0, "lines": lines})
    return sections


def _diff(before: list[str], after: list[str]) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for kind, start, end, new_start, new_end in difflib.SequenceMatcher(None, before, after).get_opcodes():
        if kind == "equal":
            lines += [(" ", line) for line in before[start:end]]
        else:
            lines += [("-", line) for line in before[start:end]]
            lines += [("+", line) for line in after[new_start:new_end]]
    return lines


def _sections(entry: Entry, view: View) -> dict[str, list[str]]:
    request, exchange = entry.request, entry.exchange
    response: list[str] = []
    if exchange is not None:
        response = [f"{exchange.response.status} {exchange.response.reason}"]
        response += _message(exchange.response.headers, exchange.response.body, view)
    return {
        "request": [
            f"{view.mask(request.method)} {shown_target(entry, view.mask)}",
            *_message(request.headers, request.body, view),
        ],
        "response": response,
        "log": [
            _STAMPS.sub("…", view.mask(line.data.decode("utf-8", "backslashreplace").rstrip("\r\n")))[:_LINE]
            for line in list(entry.lines)
        ],
    }


def _message(headers: Pairs, body: bytes, view: View) -> list[str]:
    lines = [
        f"{view.mask(name)}: {'…' if name.lower() in VARYING else view.header(name, value)}" for name, value in headers
    ]
    return [*lines, "", *_body_lines(headers, body, view)]


def _body_lines(headers: Pairs, body: bytes, view: View) -> list[str]:
    """A body as lines: JSON laid out, text as it is, anything else in hex."""
    text = read_text(body, get_header(headers, "content-type"), get_header(headers, "content-encoding"))
    if body and not text:
        return _fold(mask_bytes(body, view.mask).hex())
    return [piece for line in view.mask(_lay_out(text)).splitlines() for piece in _fold(line)]


def _lay_out(text: str) -> str:
    """JSON with a line for each value, the first of them where nesting makes the indents long; other text as it is."""
    pieces: list[str] = []
    size = 0
    try:
        for piece in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(json.loads(text)):
            pieces.append(piece)
            size += len(piece)
            if size > _LAID_OUT:
                break
    except (ValueError, RecursionError):
        return text  # It is no JSON.
    return "".join(pieces)


def _fold(line: str) -> list[str]:
    return [line[start : start + _WIDTH] for start in range(0, len(line), _WIDTH)] or [""]
