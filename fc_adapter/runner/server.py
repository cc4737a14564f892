"""The HTTP side of the gateway, on werkzeug's threaded server: bytes from a socket become a Request, and back."""

from __future__ import annotations

import contextlib
import socket
from email.errors import FirstHeaderLineIsContinuationDefect, MissingHeaderBodySeparatorDefect
from http import HTTPStatus
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from ..contract.request import read_request
from ..contract.rules import LIMITS, decode_as_gateway
from ..messages import Request, Response
from .gateway import Gateway


class HTTPServer:
    """Listens on ``host`` and ``port`` (0: any free one), with a thread for each connection. Raises OSError."""

    def __init__(self, host: str, port: int, gateway: Gateway) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, port), family=family, backlog=128) as listener:
            self.port: int = listener.getsockname()[1]
            self._server = make_server(
                host,
                self.port,
                app=gateway,  # type: ignore[arg-type]
                threaded=True,
                request_handler=_RequestHandler,
                fd=listener.fileno(),
            )
        self._connections: set[socket.socket] = set()
        self._server.connections = self._connections  # type: ignore[attr-defined]

    def serve_forever(self) -> None:
        """Serve until ``close`` is called from another thread, or KeyboardInterrupt."""
        self._server.serve_forever(poll_interval=0.05)

    def close(self) -> None:
        """Stop listening, and end the connections that are open."""
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _BadRequestError(Exception):
    """What the client sent is no request; the connection cannot be used any further."""


# At these the parser stops, and whatever comes after would be taken for a body. Its other defects are about MIME.
_HEADER_DEFECTS = (MissingHeaderBodySeparatorDefect, FirstHeaderLineIsContinuationDefect)


class _RequestHandler(WSGIRequestHandler):
    """Reads each request whole before it answers, so that connections stay open and requests may be pipelined."""

    disable_nagle_algorithm = True
    timeout = 75  # seconds that a connection may stand still

    def setup(self) -> None:
        """Begin a connection."""
        super().setup()
        self.server.connections.add(self.connection)  # type: ignore[attr-defined]

    def finish(self) -> None:
        """End a connection."""
        self.server.connections.discard(self.connection)  # type: ignore[attr-defined]
        super().finish()

    def run_wsgi(self) -> None:
        """Serve one request; werkzeug calls this for every method."""
        try:
            request = self._read()
        except _BadRequestError as error:
            self.close_connection = True
            response = self.server.app.refuse(str(error))  # type: ignore[attr-defined]
        else:
            response = self.server.app.handle(request)  # type: ignore[attr-defined]
        self._write(response)

    def handle_expect_100(self) -> bool:
        """Ask the client for its body, unless it has announced one that is too large."""
        try:
            self._check_length()
        except _BadRequestError:
            return True  # run_wsgi() tells why, without having asked for the body.
        return super().handle_expect_100()

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        """Nothing: the gateway's observer logs."""

    def log_error(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the name is http.server's
        """Nothing: a malformed request line is the client's affair."""

    def _read(self) -> Request:
        if any(isinstance(defect, _HEADER_DEFECTS) for defect in self.headers.defects):
            raise _BadRequestError("a line of the request's headers is malformed")
        headers = [
            (name, decode_as_gateway(value.strip(" \t").encode("latin-1"))) for name, value in self._raw_headers()
        ]
        length = self._check_length()
        body = _read_chunked(self.rfile) if length is None else self._read_exactly(length)
        try:
            return read_request(
                self.command,
                self.path,
                headers,
                body,
                scheme="http",
                http_version=self.request_version.partition("/")[2],
                client=self.client_address[0],
            )
        except ValueError as error:
            raise _BadRequestError(str(error)) from error

    def _raw_headers(self) -> list[tuple[str, str]]:
        return [(name, str(value)) for name, value in self.headers.items()]

    def _check_length(self) -> int | None:
        """How long the body is, or None when it comes in chunks. RFC 9112 section 6.3, without its leniency."""
        encodings = self.headers.get_all("Transfer-Encoding", [])
        lengths = self.headers.get_all("Content-Length", [])
        if encodings:
            if lengths or [encoding.strip().lower() for encoding in encodings] != ["chunked"]:
                raise _BadRequestError("Transfer-Encoding must be 'chunked', without a Content-Length")
            return None
        if not lengths:
            return 0
        if len(set(lengths)) > 1 or not (lengths[0].isascii() and lengths[0].strip().isdecimal()):
            raise _BadRequestError("Content-Length must be one number")
        length = int(lengths[0])
        if length > LIMITS["body"]:
            raise _BadRequestError(f"the request body has {length} bytes, the limit is {LIMITS['body']}")
        return length

    def _read_exactly(self, length: int) -> bytes:
        body = self.rfile.read(length)
        if len(body) < length:
            raise _BadRequestError("the request body ended early")
        return body

    def _write(self, response: Response) -> None:
        try:
            reason = HTTPStatus(response.status).phrase
        except ValueError:
            reason = ""
        lines = [f"HTTP/1.1 {response.status} {reason}"]
        lines += [f"{name}: {value}" for name, value in response.headers]
        if self.close_connection:
            lines.append("Connection: close")
        head = "\r\n".join([*lines, "", ""]).encode("utf-8")
        self.wfile.write(head if self.command == "HEAD" else head + response.body)


def _read_chunked(stream: Any) -> bytes:
    """A body in chunks, RFC 9112 section 7.1. Extensions and trailers are read and left out."""
    chunks = []
    total = 0
    while True:
        line = stream.readline(1000)
        size, _, _ = line.partition(b";")
        size = size.strip(b" \t\r\n")
        if not line.endswith(b"\n") or not size or size.strip(b"0123456789abcdefABCDEF"):
            raise _BadRequestError("a chunk of the request body has no valid size")
        length = int(size, 16)
        total += length
        if total > LIMITS["body"]:
            raise _BadRequestError(f"the request body has more than {LIMITS['body']} bytes")
        if length == 0:
            break
        chunks.append(stream.read(length))
        if stream.readline(3) not in (b"\r\n", b"\n"):
            raise _BadRequestError("a chunk of the request body is longer or shorter than it says")
    trailer = b" "
    while trailer not in (b"\r\n", b"\n"):
        trailer = stream.readline(1000)
        if not trailer.endswith(b"\n"):
            raise _BadRequestError("the request body ended early")
    return b"".join(chunks)
