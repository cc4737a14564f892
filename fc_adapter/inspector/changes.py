"""What the contract changed on the way of a request, each change with its place. Pure: from stations to marks.

The rules are those of ``contract/``; here is only what each of them has done this time. The page has a sentence for
each rule, in its own language.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from ..contract.query import parse_query_string
from ..contract.request import build_event
from ..contract.response import add_platform_headers, parse_result, platform_error
from ..contract.rules import (
    HOP_BY_HOP_HEADERS,
    canonical_name,
    decode_as_gateway,
    has_no_body,
    is_token,
    media_type,
)
from ..contract.trigger import Trigger
from ..messages import Request, Response, get_header


class Change(NamedTuple):
    """One change.

    - ``rule``: which, such as ``"query-joined"``.
    - ``station``: where it shows: ``"request"``, ``"event"``, ``"app"`` (what the app answered, before the adapter),
      ``"result"`` or ``"response"``.
    - ``path``: where in it: the names and numbers that lead there. Headers and queries that are pairs have numbers.
    - ``loses``: whether something is lost, or other than one might expect.
    - ``values``: what the sentence about it names.
    """

    rule: str
    station: str
    path: tuple[str | int, ...]
    loses: bool = False
    values: Mapping[str, Any] = {}


class Stations(NamedTuple):
    """What is known of one invocation. ``event``, ``result`` and ``app`` are None where there was none.

    - ``result`` (bytes): what the handler returned, after the JSON step; ``app``: what a Tap reported.
    - ``abortion``: why the runner stopped it before it finished, if so; then there is no result.
    - ``is_error``: whether the function failed; ``result`` is the error object then.
    - ``is_cut``: whether the request's body is only its beginning; ``target``: as the client wrote it, or ``""``.
    """

    request: Request
    event: dict[str, Any] | None
    result: bytes | None
    response: Response
    app: dict[str, Any] | None = None
    abortion: str | None = None
    is_error: bool = False
    is_async: bool = False
    is_cut: bool = False
    custom_domain: bool = False
    target: str = ""


def find_changes(stations: Stations) -> list[Change]:
    """All that the contract changed, in the order of the way."""
    changes: list[Change] = []
    if stations.event is not None:
        changes += _on_headers_in(stations.request)
        changes += _on_query(stations.request)
        changes += _on_damaged_query(stations.target)
        changes += _on_path(stations.event)
        changes += _on_body_in(stations.request, stations.event, stations.is_cut)
    envelope = read_envelope(stations.result) if stations.result is not None and not stations.is_error else None
    if envelope is not None and stations.app is not None:
        changes += _by_adapter(stations.request, stations.app, envelope)
    return [*changes, *_on_the_way_out(stations, envelope)]


def read_envelope(result: bytes) -> dict[str, Any] | None:
    """The result as the platform reads it, or None where it is no envelope but the body itself."""
    try:
        envelope = json.loads(result, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None
    return envelope if isinstance(envelope, dict) and "statusCode" in envelope else None


def _refuse_constant(name: str) -> None:
    """NaN and Infinity are Python's, not JSON's."""
    raise ValueError(f"{name} is not JSON")


# ---- request -> event ------------------------------------------------------------------------------------------------


def _on_headers_in(request: Request) -> Iterator[Change]:
    seen: dict[str, int] = {}
    for index, (name, _) in enumerate(request.headers):
        canonical = canonical_name(name)
        if canonical == "X-Forwarded-Proto":
            yield Change("proto-replaced", "request", ("headers", index), True, {"scheme": request.scheme})
            continue
        if not _passes(name):
            yield Change("header-dropped", "request", ("headers", index), True, {"name": name})
            continue
        seen[canonical] = seen.get(canonical, 0) + 1
        if canonical != name and seen[canonical] == 1:
            yield Change("header-renamed", "event", ("headers", canonical), False, {"from": name, "to": canonical})
    for canonical, count in seen.items():
        if count > 1:
            yield Change("header-joined", "event", ("headers", canonical), True, {"name": canonical, "count": count})
    yield Change("proto-stated", "event", ("headers", "X-Forwarded-Proto"), False, {"scheme": request.scheme})


def _passes(name: str) -> bool:
    """Whether the gateway passes a header of this name on: the contract is asked."""
    request = Request("GET", "/", "", ((name, ""),), b"", "http", "1.1", "", ("", 0))
    return canonical_name(name) in build_event(request)["headers"]


def _on_query(request: Request) -> Iterator[Change]:
    counts: dict[str, int] = {}
    for name, _ in parse_query_string(request.query_string):
        counts[name] = counts.get(name, 0) + 1
    for name, count in counts.items():
        if count > 1:
            yield Change("query-joined", "event", ("queryParameters", name), True, {"name": name, "count": count})


def _on_damaged_query(target: str) -> Iterator[Change]:
    """Values that are not UTF-8, such as old forms and payment callbacks send. Only the first of each name counts."""
    seen = set()
    for name, value in parse_qsl(target.partition("?")[2], keep_blank_values=True, encoding="latin-1"):
        raw = (name.encode("latin-1", "replace"), value.encode("latin-1", "replace"))
        key = decode_as_gateway(raw[0])
        if key not in seen and "\ufffd" in key + decode_as_gateway(raw[1]):
            seen.add(key)
            yield Change("query-damaged", "event", ("queryParameters", key), True, _as_gbk(b"=".join(raw)))


def _as_gbk(data: bytes) -> dict[str, str]:
    """What ``data`` says in the charset that it is most often in, if it is."""
    try:
        return {"text": data.decode("gb18030")}
    except UnicodeDecodeError:
        return {}


def _on_path(event: dict[str, Any]) -> Iterator[Change]:
    if event["requestContext"]["http"]["path"] != event["rawPath"]:
        yield Change("path-decoded", "event", ("requestContext", "http", "path"))


def _on_body_in(request: Request, event: dict[str, Any], is_cut: bool) -> Iterator[Change]:
    if not request.body:
        return
    if event["isBase64Encoded"]:
        kind = media_type(get_header(request.headers, "content-type"))
        yield Change("body-base64", "event", ("body",), False, {"type": kind})
    elif _is_damaged(request.body, is_cut):
        yield Change("body-damaged", "event", ("body",), True)


def _is_damaged(body: bytes, is_cut: bool) -> bool:
    """Whether ``body`` as text is not itself any more; the cut may have gone through its last character."""
    text = decode_as_gateway(body)
    if is_cut:
        text = text.rstrip("\ufffd")
    return not body.startswith(text.encode("utf-8"))


# ---- what the app answered -> result ---------------------------------------------------------------------------------


def _by_adapter(request: Request, app: dict[str, Any], envelope: dict[str, Any]) -> Iterator[Change]:
    """What this package did. ``envelope`` may hold anything: a handler around the wrapped one may have changed it."""
    headers = envelope.get("headers")
    headers = headers if isinstance(headers, dict) else {}
    if app["status"] != envelope["statusCode"]:
        values = {"status": app["status"], "to": _brief(envelope["statusCode"])}
        yield Change("answer-replaced", "result", ("statusCode",), True, values)
        return
    counts: dict[str, int] = {}
    for index, (name, _) in enumerate(app["headers"]):
        key = name.lower()
        if key in HOP_BY_HOP_HEADERS or key == "content-length":
            yield Change("answer-header-dropped", "app", ("headers", index), False, {"name": name})
            continue
        counts[key] = counts.get(key, 0) + 1
        if key == "content-type" and name != "Content-Type":
            yield Change("answer-type-renamed", "result", ("headers", "Content-Type"), False, {"from": name})
    for name in headers:
        key = name.lower()
        if key == "set-cookie":
            if counts.get(key, 0) > 1:
                yield Change("cookies-split", "result", ("headers", name), True, {"count": counts[key]})
        elif counts.get(key, 0) > 1:
            yield Change("answer-header-joined", "result", ("headers", name), False, {"count": counts[key]})
        elif key == "content-type" and key not in counts:
            yield Change("answer-type-defaulted", "result", ("headers", name), True, {"type": _brief(headers[name])})
    if envelope.get("isBase64Encoded") is True:
        kind = media_type(str(_brief(headers.get("Content-Type", ""))))
        yield Change("answer-base64", "result", ("body",), False, {"type": kind})
    if app["size"] and not envelope.get("body"):
        values = {"size": app["size"], "method": request.method, "status": app["status"]}
        yield Change("answer-body-dropped", "result", ("body",), False, values)


def _brief(value: Any) -> Any:
    """A value of a result for a sentence: what is no text or number is not spelled out."""
    return value if value is None or isinstance(value, (str, int, float)) else "…"


# ---- result -> response ----------------------------------------------------------------------------------------------


def _on_the_way_out(stations: Stations, envelope: dict[str, Any] | None) -> Iterator[Change]:
    response = stations.response
    if stations.is_async:
        yield Change("async", "response", ("status",), True)
    elif stations.event is None:
        yield Change("refused", "response", ("status",), True, {"reason": _reason(response)})
    elif stations.abortion is not None:
        yield Change("aborted", "response", ("status",), True, {"reason": stations.abortion})
    elif stations.is_error:
        yield Change("function-error", "response", ("status",), True)
    elif stations.result is not None:
        yield from _from_result(stations, stations.result, envelope)
    yield from _added(response, stations.custom_domain)
    if stations.request.method == "HEAD" and response.body:
        yield Change("head-body", "response", ("body",), False, {"size": len(response.body)})


def _from_result(stations: Stations, result: bytes, envelope: dict[str, Any] | None) -> Iterator[Change]:
    passed = parse_result(result, custom_domain=stations.custom_domain)
    if envelope is None:
        yield Change("no-envelope", "result", (), True)
        return
    status = envelope["statusCode"]
    if passed.status != status or _is_refusal(passed, envelope):
        yield Change("result-refused", "response", ("status",), True, {"reason": _reason(passed)})
        return
    if Trigger(custom_domain=stations.custom_domain).respond(result) != passed:
        yield Change("result-refused", "response", ("status",), True, {"reason": _reason(stations.response)})
        return
    headers = envelope.get("headers")
    headers = headers if isinstance(headers, dict) else {}
    arrived = dict(passed.headers)
    for name, value in headers.items():
        if name in arrived:
            if arrived[name] != value:
                yield Change("header-cleaned", "result", ("headers", name), True, {"name": name})
        elif is_token(name):
            yield Change("header-reserved", "result", ("headers", name), True, {"name": name})
        else:
            yield Change("header-invalid", "result", ("headers", name), True)
    if get_header(tuple(headers.items()), "content-type") is None:
        index = len(passed.headers) - 1
        yield Change("type-defaulted", "response", ("headers", index), True, {"type": passed.headers[index][1]})
    yield from _on_body_out(envelope, passed)


def _is_refusal(passed: Response, envelope: dict[str, Any]) -> bool:
    """Whether the platform answered with an error of its own, rather than with a body that looks the same."""
    return (
        passed == platform_error(502, "BadResponse", _reason(passed)) and envelope.get("body") != passed.body.decode()
    )


def _on_body_out(envelope: dict[str, Any], passed: Response) -> Iterator[Change]:
    body = envelope.get("body")
    if not body:
        return
    if has_no_body(passed.status):
        yield Change("body-dropped", "result", ("body",), True, {"status": passed.status})
    elif not isinstance(body, str):
        yield Change("body-serialised", "response", ("body",))
    elif envelope.get("isBase64Encoded") in (True, "true"):
        if passed.body == body.encode("utf-8", "replace"):
            yield Change("base64-invalid", "response", ("body",), True)
        else:
            yield Change("body-decoded", "response", ("body",))


def _added(response: Response, custom_domain: bool) -> Iterator[Change]:
    """The headers that the platform adds: the last ones."""
    bare = Response(response.status, (), b"")
    added = len(add_platform_headers(bare, request_id="", date="", custom_domain=custom_domain).headers)
    first = len(response.headers) - added
    for index, (name, _) in enumerate(response.headers):
        if index >= first:
            is_attachment = name == "Content-Disposition"
            rule = "attachment-forced" if is_attachment else "platform-header"
            yield Change(rule, "response", ("headers", index), is_attachment, {"name": name})


def _reason(response: Response) -> str:
    """What the platform says in an error of its own."""
    try:
        return str(json.loads(response.body)["errorMessage"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
