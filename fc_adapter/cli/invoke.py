"""The commands ``invoke`` and ``event``: one event at a time, without a server."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Generator
from pathlib import Path

from .. import __version__
from ..application import NotFoundError
from ..config.function import Function
from ..config.target import Target, parse_target
from ..contract.trigger import ACCEPTED, Trigger, is_async, read_request
from ..errors import ConfigError
from ..messages import Request, get_header
from ..runner.context import new_request_id
from ..runner.runtime import Runtime, dump_error
from ..terminal import warn
from .output import indent_json, print_response, write_output


def invoke(options: argparse.Namespace) -> int:
    """Run one event through the handler; print the response, the result, or the error object."""
    request_id = new_request_id()
    trigger = Trigger(custom_domain=options.custom_domain)
    accepted = None
    if options.event is not None:
        if options.method or options.header or options.data is not None:
            raise ConfigError("give either --event or a request (METHOD PATH -H -d), not both")
        event = _read_file(options.event)
    else:
        request = _read_arguments(options)
        refusal = trigger.refuse(request)
        if refusal is not None:
            print_response(trigger.finish(refusal, request_id), with_body=request.method != "HEAD")
            return 0
        accepted = ACCEPTED if is_async(request) else None
        event = _dump_event(trigger, request, request_id)
    target = parse_target(options.target)
    target.check_directory()
    try:
        with _output_to_stderr():
            data = _run(target, event, request_id)
    except _FunctionError as error:
        write_output(indent_json(error.args[0]))
        return 1
    except NotFoundError as error:
        warn(f"fc-adapter invoke: {error}")
        return 1  # as with serve
    if options.result:
        write_output(indent_json(data))
        return 0
    response = trigger.finish(accepted or trigger.respond(data), request_id)
    print_response(response, with_body=_method(event) != "HEAD")
    return 0


def print_event(options: argparse.Namespace) -> int:
    """Print the event that the trigger makes of a request."""
    write_output(indent_json(_dump_event(Trigger(), _read_arguments(options), new_request_id())))
    return 0


class _FunctionError(Exception):
    """The function failed; the argument is the platform's error object as JSON."""


def _run(target: Target, event: bytes, request_id: str) -> bytes:
    """What the handler returned, after the JSON step. Raises _FunctionError, and NotFoundError without a handler."""
    runtime = Runtime(Function(handler=target, runtime=sys.version_info[:2]))
    runtime.start_logging(sys.stderr)
    error_type: str | None = "ImportModuleError"
    try:
        runtime.load()
        error_type = None
        data = runtime.invoke(event, request_id)
        runtime.stop()
    except NotFoundError:
        raise
    except (Exception, SystemExit) as error:
        raise _FunctionError(dump_error(error, error_type=error_type)) from error
    return data


@contextlib.contextmanager
def _output_to_stderr() -> Generator[None, None, None]:
    """What a function prints is log output, be it written by Python, by C or by a process that it starts."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _method(event: bytes) -> str:
    """The method that ``event`` states, or ``""``."""
    try:
        return str(json.loads(event)["requestContext"]["http"]["method"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def _dump_event(trigger: Trigger, request: Request, request_id: str) -> bytes:
    return json.dumps(trigger.build_event(request, request_id), ensure_ascii=False).encode("utf-8")


def _read_arguments(options: argparse.Namespace) -> Request:
    """The request that curl would send for the same arguments."""
    method, url = options.method, options.url or "/"
    if options.url is None and method is not None and method.startswith("/"):
        method, url = None, method
    if method is None:
        method = "GET" if options.data is None else "POST"
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
