"""Invocations as an HTTP Archive (HAR 1.2), which browsers' developer tools and other programs read.

The format has no place for what is of a function: ``_requestId``, ``_instance`` and ``_log`` are additions, which it
allows.
"""

from __future__ import annotations

import base64
from datetime import datetime, timezone
from typing import Any
from urllib.parse import parse_qsl

from ..messages import Response, get_header
from .bodies import read_text
from .entry import Entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..messages import Pairs

CREATOR = "fc-adapter"


def build_har(entries: list[dict[str, Any]], *, version: str) -> dict[str, Any]:
    """The archive of what ``build_entry`` has made; ``version`` is this package's."""
    return {"log": {"version": "1.2", "creator": {"name": CREATOR, "version": version}, "entries": entries}}


def build_entry(entry: Entry, url: str) -> dict[str, Any]:
    """An invocation that is over, unmasked unless ``entry`` is. ``url`` is the runner's."""
    exchange = entry.exchange
    assert exchange is not None
    milliseconds = round(exchange.seconds * 1000, 2)
    reply = exchange.reply
    return {
        "startedDateTime": datetime.fromtimestamp(entry.at, timezone.utc).isoformat(timespec="milliseconds"),
        "time": milliseconds,
        "request": _build_request(entry, url),
        "response": _build_response(exchange.response, entry),
        "cache": {},
        "timings": {"send": 0, "wait": milliseconds, "receive": 0},
        "_requestId": entry.request_id,
        "_instance": reply.instance_id if reply is not None else "",
        "_log": [line.data.decode("utf-8", "backslashreplace").rstrip("\r\n") for line in list(entry.lines)],
    }


def _build_request(entry: Entry, url: str) -> dict[str, Any]:
    request = entry.request
    query = parse_qsl(entry.path.partition("?")[2], keep_blank_values=True, errors="replace")
    document: dict[str, Any] = {
        "method": request.method,
        "url": f"{url}{entry.path}" if entry.path.startswith("/") else url,
        "httpVersion": f"HTTP/{request.http_version}",
        "cookies": [],
        "headers": _build_pairs(request.headers),
        "queryString": _build_pairs(tuple(query)),
        "headersSize": -1,
        "bodySize": entry.sizes["request"],
    }
    if request.body:
        content = _build_content(request.body, request.headers, entry.sizes["request"])
        names = {"mimeType": "mimeType", "text": "text", "encoding": "_encoding", "comment": "comment"}
        document["postData"] = {names[name]: content[name] for name in names if name in content}
    return document


def _build_response(response: Response, entry: Entry) -> dict[str, Any]:
    return {
        "status": response.status,
        "statusText": response.reason,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _build_pairs(response.headers),
        "content": _build_content(response.body, response.headers, entry.sizes["response"]),
        "redirectURL": get_header(response.headers, "location") or "",
        "headersSize": -1,
        "bodySize": entry.sizes["response"],
    }


def _build_content(body: bytes, headers: Pairs, size: int) -> dict[str, Any]:
    """A body as text, or as Base64 where it is not text; ``comment`` says that it is not all of it.

    Nobody can tell what secrets are in one that is still compressed, such as by Brotli: it is left out.
    """
    kind = get_header(headers, "content-type") or ""
    encoding = (get_header(headers, "content-encoding") or "").strip()
    text = read_text(body, kind, encoding)
    content: dict[str, Any] = {"size": size, "mimeType": kind, "text": text}
    if body and not text and encoding.lower() not in ("", "identity"):
        content["comment"] = f"left out: secrets could not be masked in it, as its Content-Encoding is {encoding}"
        return content
    if body and not text:
        content.update(text=base64.b64encode(body).decode("ascii"), encoding="base64")
    if size > len(body):
        content["comment"] = f"the first {len(body)} of {size} bytes"
    return content


def _build_pairs(pairs: Pairs) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs]
