"""``fc-adapter replay --to``: recorded requests sent to a deployed function, and the answers compared."""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

from ..contract.request import parse_event
from ..contract.response import function_error
from ..errors import ConfigError, EventError
from ..messages import Request, Response, get_header
from ..runner.record import Comparison
from ..terminal import tell, warn
from .client import Client, NoAnswerError

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")  # RFC 9110 section 9.2.1
_TIMEOUT = 300.0  # seconds to wait for an answer, unless --timeout says it

# What the gateway states itself: the requests go out without, as they came.
_OF_THE_GATEWAY = ("host", "x-forwarded-proto")


def resend(records: list[tuple[str, dict[str, Any]]], options: argparse.Namespace) -> int:
    """Send the requests of ``records`` to ``options.to``, in their order; print what differs.

    Returns 0, or 1 when anything differs that is not the platform's doing, or when there is no answer.
    """
    client = Client(options.to, timeout=options.timeout or _TIMEOUT)
    requests = [(name, record, _read_request(name, record)) for name, record in records]
    if not _may_repeat([request for _, _, request in requests], options):
        warn("fc-adapter replay: nothing was sent")
        return 1
    comparison = Comparison(ignore=options.ignore_header, insensitive=options.insensitive)
    platforms: Counter[str] = Counter()
    status = 0
    for number, (name, record, request) in enumerate(requests, 1):
        try:
            response = _send(client, request)
        except NoAnswerError as error:
            tell(f"failed: {name}", f"  {error}")
            if number < len(requests):
                warn(f"fc-adapter replay: stopped; {len(requests) - number} more requests were not sent")
            return 1
        found, explained = _compare(record, request, response, comparison)
        platforms.update(explained)
        tell(f"{'differs' if found else 'same'}: {name}", *(f"  {line}" for line in found))
        status = status or int(bool(found))
    if platforms:
        lines = [f"  {line}  ({count} of {len(requests)})" for line, count in sorted(platforms.items())]
        tell("done by the platform, and not counted:", *lines)
    return status


def _read_request(name: str, record: dict[str, Any]) -> Request:
    try:
        return parse_event(record["event"])
    except EventError as error:
        raise ConfigError(f"the event in {name!r} cannot be sent: {error}") from error


def _may_repeat(requests: list[Request], options: argparse.Namespace) -> bool:
    """Whether to go on, after a word about requests that may change data; people at a terminal are asked."""
    unsafe = Counter(f"{request.method} {request.raw_path}" for request in requests if _is_unsafe(request))
    if not unsafe:
        return True
    shown = ", ".join(each if count == 1 else f"{each} ({count} times)" for each, count in unsafe.most_common(5))
    more = ", ..." if len(unsafe) > 5 else ""
    warn(f"warning: {sum(unsafe.values())} of {len(requests)} requests may change data there: {shown}{more}")
    if options.yes or not sys.stdin.isatty():
        return True
    sys.stderr.write("send them? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _is_unsafe(request: Request) -> bool:
    return request.method not in _SAFE_METHODS


def _send(client: Client, request: Request) -> Response:
    headers = [header for header in request.headers if header[0].lower() not in _OF_THE_GATEWAY]
    return client.send(request.method, request.target, [client.host, *headers], request.body)


def _compare(
    record: dict[str, Any], request: Request, response: Response, comparison: Comparison
) -> tuple[list[str], list[str]]:
    """What differs, and what differs because the platform does so: a line for each."""
    response, was_compressed = _decompress(record, response)
    if request.method == "HEAD":
        response = response._replace(body=b"")
        record = {**record, "response": {**record["response"], "body": ""}}
        record["response"].pop("base64", None)
    found, explained = [], ["+ Content-Encoding: gzip: the answer came compressed"] if was_compressed else []
    for line in comparison.differences(record["response"], response):
        reason = _explain(line, request, response, was_compressed)
        if reason is None:
            found.append(line)
        else:
            explained.append(f"{_general(line)}: {reason}")
    found += _count_cookies(record, response)
    error = _platform_error(response)
    if found and error is not None:
        found.append(f"the platform's own answer: {error}")
    return found, explained


def _platform_error(response: Response) -> str | None:
    """What the platform says where it has answered itself: code and message, or that the function failed."""
    if response.status == 502 and response.body == function_error().body:
        request_id = get_header(response.headers, "x-fc-request-id") or "unknown"
        return f"the function failed; its log has the error (request id {request_id})"
    try:
        fields = json.loads(response.body)
        return f"{fields['errorCode']}: {fields['errorMessage']}"
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _explain(line: str, request: Request, response: Response, was_compressed: bool) -> str | None:
    """Why a header that has come or gone is the platform's doing, or None."""
    sign, _, header = line.partition(" ")
    name, _, value = header.lower().partition(": ")
    if sign not in "+-":
        return None
    if name == "content-disposition" and value == "attachment":
        return "the default domain adds it, a custom domain does not"
    if name == "content-length" and (
        was_compressed or request.method == "HEAD" or get_header(response.headers, "content-length") is None
    ):
        return "how the answer is framed"
    if name == "vary" and was_compressed and value == "accept-encoding":
        return "the answer came compressed"
    if sign == "+" and (name in _FRAMING or name.startswith("x-fc-")):
        return "the platform's own header"
    return None


_FRAMING = ("connection", "keep-alive", "server", "transfer-encoding", "via")


def _general(line: str) -> str:
    """The line without a value that differs each time."""
    name = line.partition(": ")[0]
    return name if "x-fc-" in name.lower() or "content-length" in name.lower() else line


def _decompress(record: dict[str, Any], response: Response) -> tuple[Response, bool]:
    """The response without the gzip that a gateway has added, and whether there was one."""
    recorded = {name.lower() for name, _ in record["response"]["headers"]}
    if get_header(response.headers, "content-encoding") != "gzip" or "content-encoding" in recorded:
        return response, False
    try:
        body = zlib.decompress(response.body, 16 + zlib.MAX_WBITS) if response.body else b""
    except zlib.error:
        return response, False
    kept = tuple(header for header in response.headers if header[0].lower() != "content-encoding")
    return Response(response.status, kept, body), True


def _count_cookies(record: dict[str, Any], response: Response) -> Iterator[str]:
    """A line when fewer cookies have come than were recorded: nobody knows what the platform does with several."""
    before = sum(name.lower() == "set-cookie" for name, _ in record["response"]["headers"])
    after = sum(name.lower() == "set-cookie" for name, _ in response.headers)
    if after < before and before > 1:
        yield f"{after} of {before} cookies came; see docs/contract.md, 'Several cookies', and please tell us"
