"""Requests that the page sends: one of the history once more, one that was edited, a new one."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

from ..contract.trigger import read_request
from ..messages import Request
from ..runner.observer import Sent
from .describe import Describer
from .entry import KEPT, Entry
from .history import History
from .snippets import UnavailableError
from .summary import shown_target

_PRINTABLE = "".join(map(chr, range(33, 127)))


def repeat(entry: Entry, history: History) -> tuple[Request, Sent]:
    """The request of ``entry`` to send again. Raises UnavailableError where it is not kept whole, or was none."""
    if not entry.is_whole:
        raise UnavailableError("malformed")
    body = history.body(entry)
    if body is None:
        raise UnavailableError("cut")
    return entry.request._replace(body=body), Sent(entry.target)


def describe_form(entry: Entry, history: History, describer: Describer, *, reveal: bool) -> dict[str, Any]:
    """A request to be edited. Its masked secrets are put back when it is sent, unless they have been edited.

    ``body`` is ``{"text": ...}``, ``{"base64": ...}``, or ``{"kept": size}`` for a large one, which stays as it is.
    Raises UnavailableError as ``repeat`` does.
    """
    repeat(entry, history)
    view = describer.view(entry, reveal=reveal)
    request = view.request(entry.request)
    body: dict[str, Any]
    if entry.sizes["request"] > KEPT:
        body = {"kept": entry.sizes["request"]}
    else:
        try:
            body = {"text": request.body.decode("utf-8")}
        except UnicodeDecodeError:
            body = {"base64": base64.b64encode(request.body).decode("ascii")}
    headers = [[name, value] for name, value in request.headers if name.lower() != "content-length"]
    target = shown_target(entry, view.mask)
    return {"method": request.method, "target": target, "headers": headers, "body": body, "reveal": reveal}


def compose(
    fields: dict[str, Any], original: Entry | None, history: History, describer: Describer
) -> tuple[Request, Sent]:
    """The request that the page's form describes; ``original`` is what was edited.

    Raises ValueError, TypeError, KeyError or AttributeError for a form that does not describe a request, and
    UnavailableError where the original's body is to be sent and is not kept.
    """
    headers = [(str(name), str(value)) for name, value in fields["headers"]]
    method, target = str(fields["method"]), str(fields["target"])
    if not target.startswith(("/", "http://", "https://")):
        raise ValueError(f"the target must begin with /, got {target[:40]!r}")
    data = _read_body(fields["body"], original, history)
    if original is not None:
        view = describer.view(original, reveal=fields.get("reveal") is True)
        request = original.request
        masked = view.request(request)
        originals: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for header, shown in zip(request.headers, masked.headers):
            originals.setdefault(shown, []).append(header)
        headers = [originals[header].pop(0) if originals.get(header) else header for header in headers]
        target = view.unmask(target.encode("utf-8"), original.target.encode("ascii")).decode("utf-8")
        if "kept" not in fields["body"]:
            data = view.unmask(data, request.body)
        method = request.method if method == masked.method else method
    composed = read_request(method, target, headers, data, scheme="http", client="127.0.0.1")
    return composed, Sent(quote(target.encode("utf-8"), safe=_PRINTABLE))


def _read_body(body: dict[str, Any], original: Entry | None, history: History) -> bytes:
    if "kept" in body:
        if original is None:
            raise UnavailableError("cut")
        return repeat(original, history)[0].body
    if "base64" in body:
        return base64.b64decode(body["base64"], validate=True)
    return bytes(body["text"].encode("utf-8"))
