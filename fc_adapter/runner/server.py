"""The HTTP side of the gateway, on werkzeug's threaded server: bytes from a socket become a Request, and back."""

from __future__ import annotations

import contextlib
import io
import ipaddress
import re
import socket
import threading
import time
from http import HTTPStatus
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from ..contract.rules import LIMITS, decode_as_gateway
from ..contract.trigger import read_request
from ..messages import Request, Response
from .gateway import Gateway
from .observer import Sent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..messages import Pairs

_LINGER = 2.0  # seconds to read on after an early answer
_CLOSE_SECONDS = 0.3  # seconds that connections have, twice, when the server ends


class HTTPServer:
    """Listens on ``host`` and ``port`` (0: any free one), with a thread for each connection. Raises OSError.

    ``app`` is what ``request_handler`` serves: by default a Gateway.
    """

    def __init__(
        self, host: str, port: int, app: Any, *, request_handler: type[QuietRequestHandler] | None = None
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, port), family=family, backlog=128) as listener:
            self.port: int = listener.getsockname()[1]
            self._server = make_server(
                host,
                self.port,
                app=app,
                threaded=True,
                request_handler=request_handler or _RequestHandler,
                fd=listener.fileno(),
            )
        self._connections = _Connections()
        self._server.connections = self._connections  # type: ignore[attr-defined]
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to accept connections, in a thread."""
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop_listening(self) -> None:
        """Accept no further connections."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def close(self) -> None:
        """Stop listening, and end the connections that are open."""
        self.stop_listening()
        self.close_connections()

    def close_connections(self) -> None:
        """End the connections that are open."""
        self._connections.close()


class _Connections:
    """The sockets of the open connections."""

    def __init__(self) -> None:
        self._sockets: set[socket.socket] = set()
        self._changed = threading.Condition()

    def add(self, connection: socket.socket) -> None:
        with self._changed:
            self._sockets.add(connection)

    def remove(self, connection: socket.socket) -> None:
        with self._changed:
            self._sockets.discard(connection)
            self._changed.notify_all()

    def close(self) -> None:
        """Take no further request; what is being answered may come to its end."""
        with self._changed:
            for how in (socket.SHUT_RD, socket.SHUT_RDWR):
                for connection in self._sockets:
                    with contextlib.suppress(OSError):
                        connection.shutdown(how)
                self._changed.wait_for(lambda: not self._sockets, _CLOSE_SECONDS)


class _BadRequestError(Exception):
    """The client sent an invalid HTTP request; the connection cannot be used any further."""


# RFC 9112 sections 3 and 5. Folded lines, control characters, a space before the colon and lines that end with LF alone
# are refused: whatever two servers could read in two ways.
_REQUEST_LINE = re.compile(rb"[!#$%&'*+.^_`|~\w-]+ ([!-~\x80-\xff]+) HTTP/1\.[01]\r\n")
_HEADER_LINE = re.compile(rb"([!#$%&'*+.^_`|~\w-]+):([^\x00-\x08\x0a-\x1f\x7f]*)\r\n")
# RFC 3986 section 3.2; RFC 9110 section 4.2.1: an http URL has a host, so Host is never empty.
_HOST = re.compile(r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|[\w.~!$&'()*+,;=%-]+)(?::(?P<port>[0-9]{0,5}))?", re.ASCII)
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(;[^\x00-\x08\x0a-\x1f\x7f]*)?\r\n")
_HEAD_BYTES = 64 * 1024  # What is larger is not even read.
_TLS_HANDSHAKE = b"\x16\x03"  # RFC 8446 section 5.1: a record of the type handshake, and its version
_HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n"  # RFC 9113 section 3.4


class QuietRequestHandler(WSGIRequestHandler):
    """Serves what an HTTPServer serves: it lets the server know of its connection, and writes no log."""

    disable_nagle_algorithm = True
    timeout = 75  # seconds that a connection may stand still

    def setup(self) -> None:
        """Begin a connection."""
        super().setup()
        self.server.connections.add(self.connection)  # type: ignore[attr-defined]

    def finish(self) -> None:
        """End a connection."""
        try:
            super().finish()
        finally:
            self.server.connections.remove(self.connection)  # type: ignore[attr-defined]

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        """Nothing."""

    def log_error(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the name is http.server's
        """Nothing."""


class _RequestHandler(QuietRequestHandler):
    """Reads each request whole before it answers, so that connections stay open and requests may be pipelined.

    The gateway's observer logs.
    """

    protocol_version = "HTTP/1.1"
    raw_requestline: bytes
    _header_lines: list[bytes]

    def handle_one_request(self) -> None:
        """Serve one request, or tell a client that speaks TLS, which may never send the end of a line."""
        self.command, self.path = "", ""
        self.raw_requestline, self._header_lines = b"", []
        try:
            is_tls = self.rfile.peek(1)[:2] == _TLS_HANDSHAKE  # type: ignore[attr-defined]
        except socket.timeout:
            self.close_connection = True
        else:
            if is_tls:
                self._refuse(
                    "the client speaks TLS, and this port plain HTTP: call it with http:// instead of https://"
                )
            else:
                super().handle_one_request()

    def parse_request(self) -> bool:
        """Read the lines of the headers, strictly, and have http.server make sense of them."""
        stream = self.rfile
        self.command, self.path, self.request_version = "", "", "HTTP/1.1"
        self.close_connection = True
        line = self.raw_requestline
        # curl sends text in a query as it is. http.server would take UTF-8 for latin-1, and \xa0 for a space.
        self.raw_requestline = re.sub(rb"[\x80-\xff]", lambda byte: b"%%%02X" % byte[0][0], line)
        try:
            _read_head(stream, line, self._header_lines)
        except _BadRequestError as error:
            self._refuse(str(error))
            return False
        self.rfile = io.BytesIO(b"".join([*self._header_lines, b"\r\n"]))
        try:
            is_request = super().parse_request()
        finally:
            self.rfile = stream
        if is_request and (self.request_version == "HTTP/1.0" or "close" in self._connection_options()):
            self.close_connection = True
        return is_request

    def _connection_options(self) -> list[str]:
        return [option.strip(" \t").lower() for option in ",".join(self.headers.get_all("Connection", [])).split(",")]

    def run_wsgi(self) -> None:
        """Serve one request; werkzeug calls this for every method."""
        try:
            request = self._read()
        except _BadRequestError as error:
            self._refuse(str(error))
        else:
            gateway: Gateway = self.server.app  # type: ignore[assignment]
            sent = Sent(self.raw_requestline.split()[1].decode("ascii"))
            self._write(gateway.handle(request, is_wanted=self._is_client_there, sent=sent))

    def handle_expect_100(self) -> bool:
        """Ask the client for its body, unless the request is refused without it."""
        try:
            self._check_head()
        except _BadRequestError:
            return True  # run_wsgi() tells why.
        return super().handle_expect_100()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what http.server finds wrong, as the gateway does."""
        self.command, self.path = "", ""
        self._refuse(message or HTTPStatus(code).phrase)

    def _read(self) -> Request:
        length = self._check_head()
        body = _read_chunked(self.rfile) if length is None else _read_exactly(self.rfile, length)
        try:
            return read_request(
                self.command,
                self.raw_requestline.split()[1].decode("ascii"),  # self.path has lost a slash of "//"
                _read_headers(self._header_lines),
                body,
                scheme="http",
                http_version=self.request_version.partition("/")[2],
                client=self.client_address[0],
            )
        except ValueError as error:  # pragma: no cover - what it refuses has been refused before, as far as is known
            raise _BadRequestError(str(error)) from error

    def _is_client_there(self) -> bool:
        """Whether the client has not closed the connection, or its half of it, meanwhile."""
        self.connection.settimeout(0)
        try:
            return len(self.connection.recv(1, socket.MSG_PEEK)) > 0
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            self.connection.settimeout(self.timeout)

    def _check_head(self) -> int | None:
        """How long the body is, or None when it comes in chunks. RFC 9112 section 6.3, without its leniency."""
        target = self.raw_requestline.split()[1]
        # RFC 9110 section 7.4: a request for an https resource is rejected where the connection is not secured.
        if not target.startswith((b"/", b"http://")):
            raise _BadRequestError("the request's target must be a path or an http URL")
        for what, size, limit in (
            ("path with query", len(target), LIMITS["target"]),
            ("request headers", sum(map(len, self._header_lines)), LIMITS["request_headers"]),
        ):
            if size > limit:
                raise _BadRequestError(f"{what}: {size} bytes, the limit is {limit}")
        self._check_hosts(target.decode("ascii"))
        encodings = self.headers.get_all("Transfer-Encoding", [])
        lengths = self.headers.get_all("Content-Length", [])
        if encodings:
            if lengths or [encoding.strip(" \t").lower() for encoding in encodings] != ["chunked"]:
                raise _BadRequestError("Transfer-Encoding must be 'chunked', without a Content-Length")
            return None
        if not lengths:
            return 0
        if len(set(lengths)) > 1 or not re.fullmatch("[0-9]{1,18}", lengths[0].strip(" \t")):
            raise _BadRequestError("Content-Length must be one number")
        length = int(lengths[0])
        if length > LIMITS["body"]:
            raise _BadRequestError(f"request body: {length} bytes, the limit is {LIMITS['body']}")
        return length

    def _check_hosts(self, target: str) -> None:
        """RFC 9112 section 3.2: one Host in HTTP/1.1, and a valid one. That of an absolute target counts before it."""
        hosts = self.headers.get_all("Host", [])
        if len(hosts) > 1 or (not hosts and self.request_version == "HTTP/1.1"):
            raise _BadRequestError(f"there must be one Host, got {len(hosts)}")
        for host in hosts:
            _check_host("Host", host.strip(" \t"))
        if not target.startswith("/"):
            authority = re.split("[/?#]", target.partition("://")[2], maxsplit=1)[0]
            if not authority:
                raise _BadRequestError("the request's target is a URL without a host")
            _check_host("the host of the target", authority.rpartition("@")[2])

    def _refuse(self, reason: str) -> None:
        """Answer what is no request, and read on for a while: a client that still sends must get to the answer."""
        self.close_connection = True
        gateway: Gateway = self.server.app  # type: ignore[assignment]
        match = _REQUEST_LINE.fullmatch(self.raw_requestline)
        method = self.raw_requestline.split()[0].decode("ascii") if match else ""
        target = (match[1] if match else self.raw_requestline.rstrip(b"\r\n")).decode("ascii", "backslashreplace")
        headers = _read_headers(self._header_lines)
        self._write(gateway.refuse(reason, method, target, self.client_address[0], headers))
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(_LINGER)
            end = time.monotonic() + _LINGER
            while time.monotonic() < end and self.connection.recv(65536):
                pass

    def _write(self, response: Response) -> None:
        lines = [f"HTTP/1.1 {response.status} {response.reason}"]
        lines += [f"{name}: {value}" for name, value in response.headers]
        if self.close_connection:
            lines.append("Connection: close")
        head = "\r\n".join([*lines, "", ""]).encode("utf-8")
        self.wfile.write(head if self.command == "HEAD" else head + response.body)


def _is_address(text: str) -> bool:
    try:
        return ipaddress.IPv6Address(text) is not None
    except ValueError:
        return False


def _check_host(what: str, host: str) -> None:
    match = _HOST.fullmatch(host)
    if match is None or int(match["port"] or 0) > 65535 or not _is_address(match["address"] or "::"):
        raise _BadRequestError(f"{what} must be a name or address, and a port up to 65535 if any, got {host[:40]!r}")


def _read_head(stream: Any, request_line: bytes, lines: list[bytes]) -> None:
    """Read the lines of the headers into ``lines``, and the empty one after them."""
    if request_line == _HTTP2_PREFACE:
        raise _BadRequestError(
            "the client speaks HTTP/2 from the start, and this server HTTP/1.1: call it with HTTP/1.1"
        )
    if not _REQUEST_LINE.fullmatch(request_line):
        raise _BadRequestError("the request line is malformed")
    total = 0
    while True:
        line = stream.readline(_HEAD_BYTES)
        total += len(line)
        if line == b"\r\n":
            return
        if total >= _HEAD_BYTES:
            raise _BadRequestError(f"request headers: the limit is {LIMITS['request_headers']} bytes")
        if not _HEADER_LINE.fullmatch(line):
            raise _BadRequestError("a line of the request's headers is malformed")
        lines.append(line)


def _read_headers(lines: list[bytes]) -> Pairs:
    """Lines of headers that ``_read_head`` has read, as pairs of text."""
    return tuple(
        [
            (match[1].decode("ascii"), decode_as_gateway(match[2].strip(b" \t")))
            for match in map(_HEADER_LINE.fullmatch, lines)
            if match
        ]
    )


def _read_exactly(stream: Any, length: int) -> bytes:
    data: bytes = stream.read(length)
    if len(data) < length:
        raise _BadRequestError("the request body ended early")
    return data


def _read_chunked(stream: Any) -> bytes:
    """A body in chunks, RFC 9112 section 7.1. Extensions and trailers are read and left out."""
    chunks = []
    total = 0
    while True:
        size = _CHUNK_LINE.fullmatch(stream.readline(1000))
        if size is None:
            raise _BadRequestError("a chunk of the request body has no valid size")
        length = int(size[1], 16)
        if length == 0:
            break
        total += length
        if total > LIMITS["body"]:
            raise _BadRequestError(f"request body: more than {LIMITS['body']} bytes, the limit")
        chunks.append(_read_exactly(stream, length))
        if stream.read(2) != b"\r\n":
            raise _BadRequestError("a chunk of the request body is longer or shorter than it says")
    _read_trailers(stream)
    return b"".join(chunks)


def _read_trailers(stream: Any) -> None:
    total = 0
    while True:
        line = stream.readline(1000)
        total += len(line)
        if line == b"\r\n":
            return
        if total > LIMITS["request_headers"] or not _HEADER_LINE.fullmatch(line):
            raise _BadRequestError("the trailers of the request body are malformed")
