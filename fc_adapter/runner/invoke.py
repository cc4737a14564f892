"""The commands ``invoke`` and ``event``: one event at a time, without a server."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path

from .. import __version__
from ..application import NotFoundError
from ..contract.request import build_event
from ..contract.response import add_platform_headers, parse_result
from ..contract.wire import read_request
from ..errors import ConfigError
from ..messages import Request, Response, get_header
from .context import new_request_id
from .function import Function
from .runtime import Runtime, build_error
from .target import parse_target


def invoke(options: argparse.Namespace) -> int:
    """Run one event through the handler; print the response, the result, or the error object."""
    request_id = new_request_id()
    method = "GET"
    if options.event is not None:
        if options.method or options.header or options.data is not None:
            raise ConfigError("give either --event or a request (METHOD PATH -H -d), not both")
        event = _read_file(options.event)
    else:
        request = _read_arguments(options)
        method = request.method
        event = _dump_event(request, request_id)
    runtime = Runtime(Function(handler=parse_target(options.target), runtime=sys.version_info[:2]))
    runtime.start_logging(sys.stderr)
    error_type: str | None = "ImportModuleError"
    try:
        # What a function prints is log output.
        with contextlib.redirect_stdout(sys.stderr):
            runtime.load()
            error_type = None
            data = runtime.invoke(event, request_id)
    except NotFoundError:
        raise
    except (Exception, SystemExit) as error:
        print(json.dumps(build_error(error, error_type=error_type), indent=2, ensure_ascii=False))
        return 1
    if options.result:
        print(_indent(data))
        return 0
    response = add_platform_headers(
        parse_result(data, custom_domain=options.custom_domain),
        request_id=request_id,
        date=formatdate(usegmt=True),
        custom_domain=options.custom_domain,
    )
    print_response(response, with_body=method != "HEAD")
    return 0


def print_event(options: argparse.Namespace) -> int:
    """Print the event that the trigger makes of a request."""
    print(_indent(_dump_event(_read_arguments(options), new_request_id())))
    return 0


def _dump_event(request: Request, request_id: str) -> bytes:
    event = build_event(request, account_id="123456", request_id=request_id, epoch_ms=time.time_ns() // 1_000_000)
    return json.dumps(event, ensure_ascii=False).encode("utf-8")


def _indent(data: bytes) -> str:
    """JSON made readable, or anything else as it is."""
    try:
        return json.dumps(json.loads(data), indent=2, ensure_ascii=False)
    except ValueError:
        return data.decode("utf-8", "backslashreplace")


def _read_arguments(options: argparse.Namespace) -> Request:
    """The request that curl would send for the same arguments."""
    method, url = options.method or "GET", options.url or "/"
    if options.url is None and method.startswith("/"):
        method, url = "GET", method
    if not url.startswith(("/", "http://", "https://")):
        raise ConfigError(f"the URL must begin with /, http:// or https://, got {url!r}")
    given = []
    for header in options.header:
        name, colon, value = header.partition(":")
        if not colon or not name.strip():
            raise ConfigError(f"a header is written 'Name: value', got {header!r}")
        given.append((name.strip(), value.strip()))
    defaults = [("Host", "localhost"), ("User-Agent", f"fc-adapter/{__version__}"), ("Accept", "*/*")]
    body = b""
    if options.data is not None:
        body = _read_file(options.data[1:]) if options.data.startswith("@") else os.fsencode(options.data)
        defaults += [("Content-Length", ""), ("Content-Type", "application/x-www-form-urlencoded")]
    headers = [header for header in defaults if get_header(tuple(given), header[0].lower()) is None] + given
    try:
        return read_request(method.upper(), url, headers, body, client="127.0.0.1")
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _read_file(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {name!r}: {error.strerror}") from error


def print_response(response: Response, *, with_body: bool = True) -> None:
    """Write the response as HTTP does, except that a terminal gets no binary."""
    try:
        reason = HTTPStatus(response.status).phrase
    except ValueError:
        reason = ""
    lines = [f"HTTP/1.1 {response.status} {reason}".rstrip()]
    lines += [f"{name}: {value}" for name, value in response.headers]
    output = sys.stdout.buffer
    output.write(("\n".join(lines) + "\n\n").encode("utf-8"))
    if with_body:
        output.write(_for_terminal(response.body) if sys.stdout.isatty() else response.body)
    output.flush()


def _for_terminal(body: bytes) -> bytes:
    try:
        return (body.decode("utf-8") + "\n").encode("utf-8") if body else b""
    except UnicodeDecodeError:
        return f"({len(body)} bytes of binary; redirect the output to keep them)\n".encode()
