"""What commands write to standard output, which may be a terminal or a file."""

from __future__ import annotations

import json
import sys

from ..messages import Response
from ..terminal import escape_json, printable


def print_response(response: Response, *, with_body: bool = True) -> None:
    """Write the response as HTTP does, except that a terminal gets no binary and no control characters."""
    lines = [f"HTTP/1.1 {response.status} {response.reason}".rstrip()]
    lines += [f"{name}: {value}" for name, value in response.headers]
    body = response.body if with_body else b""
    if sys.stdout.isatty():
        write_output("\n".join(map(printable, lines)) + "\n")
        if body:
            write_output(_for_terminal(body))
    else:
        _write("\n".join(lines).encode("utf-8") + b"\n\n" + body)


def write_output(text: str) -> None:
    """Write a line or more in UTF-8, whatever the locale."""
    _write(f"{text}\n".encode("utf-8", "backslashreplace"))


def _write(data: bytes) -> None:
    rest = memoryview(data)
    while rest:  # where Python runs unbuffered, one call may write a part only
        rest = rest[sys.stdout.buffer.write(rest) :]
    sys.stdout.buffer.flush()


def _for_terminal(data: bytes) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if all(character.isprintable() or character in "\n\r\t" for character in text):
        return text
    return f"({len(data)} bytes of binary; redirect the output to keep them)"


def indent_json(data: bytes) -> str:
    """JSON made readable, or anything else as it is."""
    try:
        return escape_json(json.dumps(json.loads(data), indent=2, ensure_ascii=False))
    except (ValueError, RecursionError):
        return _for_terminal(data) if sys.stdout.isatty() else data.decode("utf-8", "backslashreplace")
