"""Invocations as JSON for the page: all of one, and the list whose lines ``summary`` makes."""

from __future__ import annotations

import copy
import json
from email.utils import formatdate
from typing import Any

from ..contract.query import parse_query_string
from ..contract.response import add_platform_headers
from ..contract.trigger import ACCEPTED
from ..messages import Request, Response, get_header
from ..runner.life import Reply
from .bodies import describe_body
from .changes import Change, Stations, find_changes, read_envelope
from .entry import Entry
from .masking import (
    Masker,
    decode_base64,
    header_secrets,
    is_secret,
    mask_base64,
    mask_bytes,
    mask_header,
    mask_json,
    mask_target,
    unmask_bytes,
)
from .reasons import find_reason
from .summary import is_accepted, shown_target, summarize
from .timeline import describe_timeline

_LONGEST = 86400.0  # seconds of background work, the longest timeout that a function can have
_SHOWN_BODY = 100  # characters of a body within an event or a result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..messages import Pairs


class Describer:
    """Describes invocations. ``secrets`` are never shown, those of headers only when they are asked for."""

    def __init__(self, *, secrets: list[str], custom_domain: bool) -> None:
        self._secrets = secrets
        self._mask_environment = Masker(secrets)
        self._custom_domain = custom_domain

    def summarize(self, entry: Entry) -> dict[str, Any]:
        """One line of the list."""
        return summarize(entry, self._mask_environment)

    def describe(self, entry: Entry, *, reveal: bool) -> dict[str, Any]:
        """All of one invocation. ``reveal``: with the secrets that the client and the app sent."""
        exchange = entry.exchange
        stations = self.stations(entry)
        view = self.view(entry, reveal=reveal)
        description = {
            **summarize(entry, view.mask),
            "reveal": reveal,
            "whole": entry.is_whole,
            "request": _describe_request(entry, view),
            "kept": {name: not entry.is_cut(name) for name in entry.sizes},
            "log": _describe_log(entry, view.mask),
            "lost": entry.lost_lines,
        }
        if exchange is None or stations is None:
            return description
        reply = exchange.reply
        description.update(
            response=_describe_response(stations.response, entry, view),
            changes=[_describe_change(change, view) for change in find_changes(stations)],
            timeline=describe_timeline(entry, exchange, stations.app),
        )
        if exchange.event is not None:
            description["event"] = _describe_event(exchange.event, entry, view)
        if reply is not None and reply.kind != "aborted":
            description["result"] = _describe_result(reply, entry, view)
            if stations.app is not None:
                description["app"] = {**stations.app, "headers": view.pairs(stations.app["headers"])}
        return description

    def conceal(self, entry: Entry, *, reveal: bool) -> Entry:
        """A copy of ``entry`` to be taken along, masked as ``describe`` masks it: its request, event and response."""
        view = self.view(entry, reveal=reveal)
        concealed = copy.copy(entry)
        concealed.request = view.request(entry.request)
        concealed.target = shown_target(entry, view.mask)
        exchange = entry.exchange
        if exchange is None:
            return concealed
        response, reply = exchange.response, exchange.reply
        headers = tuple((view.mask(name), view.header(name, value)) for name, value in response.headers)
        body = mask_bytes(response.body, view.mask)
        concealed.has_masked_response = body != response.body
        concealed.exchange = exchange._replace(
            request=concealed.request,
            event=None if exchange.event is None else view.document(exchange.event),
            response=Response(response.status, headers, body),
            reply=None if reply is None else _conceal_reply(reply, view.mask),
        )
        return concealed

    def stations(self, entry: Entry) -> Stations | None:
        """The four stations of an invocation that is over, as the client and the function saw them."""
        exchange = entry.exchange
        if exchange is None:
            return None
        reply, response = exchange.reply, exchange.response
        accepted = is_accepted(exchange)
        if accepted:
            response = add_platform_headers(
                ACCEPTED,
                request_id=entry.request_id,
                date=formatdate(entry.at, usegmt=True),
                custom_domain=self._custom_domain,
            )
        return Stations(
            request=exchange.request,
            event=exchange.event,
            result=reply.data if reply is not None and reply.kind != "aborted" else None,
            response=response,
            app=_read_report(reply) if reply is not None else None,
            abortion=reply.describe_error() if reply is not None and reply.kind == "aborted" else None,
            is_error=reply is not None and reply.kind == "error",
            is_async=accepted,
            is_cut=entry.is_cut("request"),
            custom_domain=self._custom_domain,
            target=entry.target if entry.is_whole else "",
        )

    def view(self, entry: Entry, *, reveal: bool) -> View:
        """How ``entry`` is shown. ``reveal``: with the secrets that the client and the app sent."""
        if reveal:
            return View(self._mask_environment, reveal)
        headers = entry.request.headers
        if entry.exchange is not None:
            headers += entry.exchange.response.headers
            reply = entry.exchange.reply
            envelope = read_envelope(reply.data) if reply is not None else None
            headers += _text_pairs(envelope.get("headers")) if envelope is not None else ()
        return View(Masker([*self._secrets, *header_secrets(headers)]), reveal)


class View:
    """How much is shown: ``mask`` hides secrets in texts, the methods those of headers and in Base64 too."""

    def __init__(self, mask: Masker, reveal: bool) -> None:
        self.mask = mask
        self._reveal = reveal

    def pairs(self, headers: Pairs) -> list[dict[str, Any]]:
        """Headers as a table."""
        return [
            {"name": self.mask(name), "value": self.header(name, value), "secret": is_secret(name)}
            for name, value in headers
        ]

    def header(self, name: str, value: str) -> str:
        """What is shown of one header."""
        return self.mask(value if self._reveal else mask_header(name, value))

    def document(self, document: dict[str, Any]) -> dict[str, Any]:
        """An event or a result."""
        headers, body = document.get("headers"), document.get("body")
        if isinstance(headers, dict):
            values = {
                name: self.header(name, value) if isinstance(value, str) else value for name, value in headers.items()
            }
            document = {**document, "headers": values}
        if isinstance(body, str) and is_base64(document):
            document = {**document, "body": mask_base64(body, self.mask)}
        if isinstance(document.get("rawPath"), str):
            document = {**document, "rawPath": mask_target(document["rawPath"], self.mask)}
        shown: dict[str, Any] = mask_json(document, self.mask)
        return shown

    def request(self, request: Request) -> Request:
        """A request."""
        path, _, query = mask_target(request.target, self.mask).partition("?")
        return request._replace(
            method=self.mask(request.method),
            raw_path=path,
            query_string=query,
            headers=tuple((self.mask(name), self.header(name, value)) for name, value in request.headers),
            body=mask_bytes(request.body, self.mask),
        )

    def unmask(self, edited: bytes, original: bytes) -> bytes:
        """What was shown of ``original`` and has been edited, with the secrets put back."""
        return unmask_bytes(edited, original, self.mask)

    def body(self, data: bytes, size: int, headers: Pairs) -> dict[str, Any]:
        """A body that ``headers`` describe."""
        kind, encoding = get_header(headers, "content-type"), get_header(headers, "content-encoding")
        return describe_body(data, size, kind, encoding, self.mask)


def _conceal_reply(reply: Reply, mask: Masker) -> Reply:
    """A reply with the secrets masked in its error; a result that is no error is not taken along."""
    error = mask_json(read_error(reply), mask) if reply.kind != "result" else None
    return reply._replace(data=json.dumps(error).encode("ascii"), traceback=None, report=None)


def _describe_request(entry: Entry, view: View) -> dict[str, Any]:
    request = entry.request
    return {
        "method": view.mask(request.method),
        "target": shown_target(entry, view.mask),
        "path": mask_target(request.raw_path, view.mask),
        "query": _describe_query(entry, view),
        "version": request.http_version,
        "client": request.client,
        "headers": view.pairs(request.headers),
        "body": view.body(request.body, entry.sizes["request"], request.headers),
    }


def _describe_query(entry: Entry, view: View) -> list[dict[str, Any]]:
    """The decoded parameters; ``raw``: as the client wrote one that is not UTF-8."""
    pairs = parse_query_string(entry.request.query_string)
    raws = [piece for piece in shown_target(entry, view.mask).partition("#")[0].partition("?")[2].split("&") if piece]
    if len(raws) != len(pairs):
        raws = [""] * len(pairs)
    return [
        {
            "name": view.mask(name),
            "value": view.mask(value),
            "raw": raw if "\ufffd" in name + value else "",
        }
        for (name, value), raw in zip(pairs, raws)
    ]


def _describe_event(event: dict[str, Any], entry: Entry, view: View) -> dict[str, Any]:
    described = {"document": _shorten(view.document(event)), "size": entry.sizes["event"]}
    if event["isBase64Encoded"] and event["body"]:
        described["body"] = view.body(_decode(event["body"]), entry.sizes["request"], entry.request.headers)
    return described


def _describe_result(reply: Reply, entry: Entry, view: View) -> dict[str, Any]:
    """The result as the platform reads it: ``document`` (JSON), or ``body`` where it is no JSON."""
    size = entry.sizes["result"]
    if reply.kind == "error":
        document = mask_json(read_error(reply), view.mask)
        trace = view.mask(str(reply.traceback)) if reply.traceback else None
        return {"kind": "error", "document": document, "traceback": trace, "size": size}
    envelope = read_envelope(reply.data)
    try:
        document = _shorten(view.document(envelope)) if envelope is not None else None
    except RecursionError:  # pragma: no cover - on some Pythons reading the JSON comes to its limit before
        envelope = document = None
    if envelope is None:
        return {"kind": "raw", "body": view.body(reply.data, size, ()), "size": size}
    described = {"kind": "envelope", "document": document, "size": size}
    body = envelope.get("body")
    if isinstance(body, str) and len(body) > (0 if is_base64(envelope) else _SHOWN_BODY):
        data = _decode(body) if is_base64(envelope) else body.encode("utf-8", "replace")
        length = max(len(data), entry.sizes["response"]) if entry.is_cut("result") else len(data)
        described["body"] = view.body(data, length, _text_pairs(envelope.get("headers")))
    return described


def read_error(reply: Reply) -> dict[str, Any]:
    """The platform's error object. What a function has written into the runner's pipe instead is its message."""
    try:
        error = json.loads(reply.data)
        trace = error.get("stackTrace")
    except (ValueError, AttributeError, RecursionError):
        return {"errorMessage": reply.data.decode("utf-8", "replace")}
    texts = {name: error[name] for name in ("errorMessage", "errorType") if isinstance(error.get(name), str)}
    return {**texts, "stackTrace": trace} if _is_stack_trace(trace) else texts


def _is_stack_trace(trace: Any) -> bool:
    return isinstance(trace, list) and all(
        isinstance(frame, list) and all(isinstance(part, str) for part in frame) for frame in trace
    )


def _read_report(reply: Reply) -> dict[str, Any] | None:
    """What a Tap reported, unless a function has written something else into the runner's pipe."""
    report = reply.report
    try:
        headers = tuple([(str(name), str(value)) for name, value in report["headers"]])  # type: ignore[index]
        status, size, background = (report[key] for key in ("status", "size", "background"))  # type: ignore[index]
    except (TypeError, KeyError, ValueError, RecursionError):
        return None
    if type(status) is not int or type(size) is not int:
        return None
    if background is not None and not (type(background) is float and 0 <= background <= _LONGEST):
        return None
    return {"status": status, "headers": headers, "size": size, "background": background}


def is_base64(document: dict[str, Any]) -> bool:
    """Whether the body of an event or a result is Base64."""
    return document.get("isBase64Encoded") in (True, "true")


def _text_pairs(headers: Any) -> Pairs:
    """The headers of a result, as far as they are any."""
    pairs = headers.items() if isinstance(headers, dict) else ()
    return tuple((name, value) for name, value in pairs if isinstance(value, str))


def _decode(body: str) -> bytes:
    """A body that should be Base64, as it is where it is not."""
    data = decode_base64(body)
    return body.encode("utf-8", "replace") if data is None else data


def _shorten(document: dict[str, Any]) -> dict[str, Any]:
    """An event or a result whose body is shown beside it."""
    body = document.get("body")
    if isinstance(body, str) and len(body) > _SHOWN_BODY:
        return {**document, "body": f"{body[:_SHOWN_BODY]}…"}
    return document


def _describe_response(response: Response, entry: Entry, view: View) -> dict[str, Any]:
    size = entry.sizes["response"] if response.body else 0
    return {
        "status": response.status,
        "reason": response.reason,
        "headers": view.pairs(response.headers),
        "body": view.body(response.body, size, response.headers),
    }


def _describe_change(change: Change, view: View) -> dict[str, Any]:
    return {
        "rule": change.rule,
        "station": change.station,
        "path": [view.mask(step) if isinstance(step, str) else step for step in change.path],
        "loses": change.loses,
        "values": mask_json(dict(change.values), view.mask),
        "reason": find_reason(view.mask(str(change.values.get("reason", "")))),
    }


def _describe_log(entry: Entry, mask: Masker) -> list[dict[str, Any]]:
    return [
        {
            "phase": line.phase,
            "ms": round((line.time - entry.began) * 1000, 1),
            "text": mask(line.data.decode("utf-8", "backslashreplace").rstrip("\r\n")),
            "lost": line.size - len(line.data),
        }
        for line in list(entry.lines)
    ]
