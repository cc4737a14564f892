"""The commands of ``fc-adapter``."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Sequence
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path
from typing import NoReturn

from .. import __version__
from ..application import NotFoundError
from ..contract.request import build_event, read_request
from ..contract.response import add_platform_headers, dump_result, parse_result
from ..messages import Request, Response, get_header
from .context import build_context, new_request_id
from .runtime import build_error, start_logging
from .target import load_target, parse_target


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status: 0, 1 for a function error, 2 for wrong usage."""
    options = _build_parser().parse_args(arguments)
    try:
        status: int = options.command(options)
    except _UsageError as error:
        print(f"fc-adapter {options.name}: {error}", file=sys.stderr)
        return 2
    return status


class _UsageError(Exception):
    """What the user typed cannot be done; the message says what to do."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line instead of the usage, which is long."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def _build_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="fc-adapter", description="Run web apps on Alibaba Cloud Function Compute, and try them here."
    )
    parser.add_argument("--version", action="version", version=f"fc-adapter {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    invoke = commands.add_parser(
        "invoke",
        help="run one event through a handler",
        description="Run one event through a handler and print what the HTTP client would see.",
        epilog="A function error prints the platform's error object and exits with status 1.",
    )
    invoke.set_defaults(command=_invoke, name="invoke")
    invoke.add_argument("target", metavar="TARGET", help="index:handler, index.handler or path/to/index.py:handler")
    _add_request_arguments(invoke, optional=True)
    invoke.add_argument("--event", metavar="FILE", help="read the event from FILE ('-': standard input) instead")
    invoke.add_argument("--result", action="store_true", help="print the handler's result as JSON instead")
    invoke.add_argument(
        "--custom-domain", action="store_true", help="answer as on a custom domain, which forces no download"
    )

    event = commands.add_parser(
        "event",
        help="print the event of a request",
        description="Print the event that the HTTP trigger makes of a request.",
    )
    event.set_defaults(command=_print_event, name="event")
    _add_request_arguments(event, optional=False)
    return parser


def _add_request_arguments(parser: argparse.ArgumentParser, *, optional: bool) -> None:
    parser.add_argument("method", metavar="METHOD", nargs="?" if optional else None, help="such as GET")
    parser.add_argument("url", metavar="URL", nargs="?" if optional else None, help="/path?query, or a whole URL")
    parser.add_argument(
        "-H", "--header", metavar="'K: V'", action="append", default=[], help="a request header; may be repeated"
    )
    parser.add_argument(
        "-d",
        "--data",
        metavar="DATA|@FILE",
        help="the body, or the file that holds it ('@-': standard input); it is a form unless a Content-Type is given",
    )


def _invoke(options: argparse.Namespace) -> int:
    request_id = new_request_id()
    method = "GET"
    if options.event is not None:
        if options.method or options.header or options.data is not None:
            raise _UsageError("give either --event or a request (METHOD PATH -H -d), not both")
        event = _read_file(options.event)
    else:
        request = _read_arguments(options)
        method = request.method
        event = _dump_event(request, request_id)
    error_type: str | None = "ImportModuleError"
    start_logging(sys.stderr, request_id)
    try:
        # What a function prints is log output.
        with contextlib.redirect_stdout(sys.stderr):
            target = parse_target(options.target)
            handler = load_target(target)
            error_type = None
            context = build_context(request_id=request_id, handler=f"{target.module}.{target.attribute}")
            result = handler(event, context)
        data = dump_result(result)
    except NotFoundError as error:
        raise _UsageError(str(error)) from error
    except (Exception, SystemExit) as error:
        print(json.dumps(build_error(error, error_type=error_type), indent=2, ensure_ascii=False))
        return 1
    if options.result:
        print(json.dumps(result, indent=2, ensure_ascii=False) if isinstance(result, dict) else data.decode("utf-8"))
        return 0
    response = add_platform_headers(
        parse_result(data, custom_domain=options.custom_domain),
        request_id=request_id,
        date=formatdate(usegmt=True),
        custom_domain=options.custom_domain,
    )
    _print_response(response, with_body=method != "HEAD")
    return 0


def _print_event(options: argparse.Namespace) -> int:
    event = json.loads(_dump_event(_read_arguments(options), new_request_id()))
    print(json.dumps(event, indent=2, ensure_ascii=False))
    return 0


def _dump_event(request: Request, request_id: str) -> bytes:
    event = build_event(request, account_id="123456", request_id=request_id, epoch_ms=time.time_ns() // 1_000_000)
    return json.dumps(event, ensure_ascii=False).encode("utf-8")


def _read_arguments(options: argparse.Namespace) -> Request:
    """The request that curl would send for the same arguments."""
    method, url = options.method or "GET", options.url or "/"
    if options.url is None and method.startswith("/"):
        method, url = "GET", method
    if not url.startswith(("/", "http://", "https://")):
        raise _UsageError(f"the URL must begin with /, http:// or https://, got {url!r}")
    given = []
    for header in options.header:
        name, colon, value = header.partition(":")
        if not colon or not name.strip():
            raise _UsageError(f"a header is written 'Name: value', got {header!r}")
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
        raise _UsageError(str(error)) from error


def _read_file(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise _UsageError(f"cannot read {name!r}: {error.strerror}") from error


def _print_response(response: Response, *, with_body: bool) -> None:
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
