"""One HTTP request, served twice: by a real server over a socket, and by the adapter through the trigger's contract."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Callable, NamedTuple

import h11

from fc_adapter.contract.request import build_event
from fc_adapter.contract.response import dump_result, parse_result
from fc_adapter.contract.rules import decode_as_gateway
from fc_adapter.contract.trigger import read_request
from fc_adapter.messages import Request

ROOT = Path(__file__).parents[2]


class HttpRequest(NamedTuple):
    """A request as it is on the wire: ``target`` is the path with its query, header values are bytes."""

    method: str
    target: str
    headers: tuple[tuple[str, bytes], ...]
    body: bytes


class HttpResponse(NamedTuple):
    """A response as a client reads it: header names in lower case, values without surrounding blanks."""

    status: int
    headers: tuple[tuple[str, bytes], ...]
    body: bytes


def http(
    method: str,
    target: str,
    *headers: tuple[str, str | bytes],
    body: bytes | None = None,
    host: str = "example.com",
    scheme: str = "https",
) -> HttpRequest:
    """The request that the gateway gets: it names its host, and says by which ``scheme`` it came.

    Header values may be text, which goes out as UTF-8. A ``body`` (also an empty one) brings a Content-Length.
    """
    pairs = [("Host", host), ("X-Forwarded-Proto", scheme), *headers]
    if body is not None:
        pairs.append(("Content-Length", str(len(body))))
    return HttpRequest(
        method,
        target,
        tuple((name, value if isinstance(value, bytes) else value.encode("utf-8")) for name, value in pairs),
        body or b"",
    )


@contextmanager
def serve(*commands: list[str]) -> Iterator[list[int]]:
    """Run a server for each of ``commands``, and give the ports on which they listen. ``{fd}`` is the listening socket.

    A socket listens before its server runs, so that the first request waits for it instead of being refused; and this
    process keeps none of it, so that a server that fails to start refuses instead of letting clients wait.
    """
    ports, processes = [], []
    try:
        for command in commands:
            with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
                # Accepted connections inherit it. Uvicorn takes this socket for a Unix one, and would leave it unset.
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                fd = listener.fileno()
                arguments = [part.replace("{fd}", str(fd)) for part in command]
                processes.append(subprocess.Popen(arguments, cwd=ROOT, pass_fds=(fd,)))
                ports.append(listener.getsockname()[1])
        yield ports
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10)
            process.kill()  # does nothing to a process that has ended
            process.wait()


def through_socket(port: int, request: HttpRequest) -> HttpResponse:
    """What the server on ``port`` answers, for whose start the first request waits."""
    connection = h11.Connection(h11.CLIENT)
    outgoing = (
        h11.Request(method=request.method, target=request.target, headers=list(request.headers)),
        h11.Data(data=request.body),
        h11.EndOfMessage(),
    )
    response, body = None, []
    with socket.create_connection(("127.0.0.1", port), timeout=120) as sock:
        sock.sendall(b"".join(map(connection.send, outgoing)))
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                connection.receive_data(sock.recv(1 << 20))
            elif isinstance(event, h11.Response):
                response = event
            elif isinstance(event, h11.Data):
                body.append(bytes(event.data))
    headers = tuple((name.decode("ascii"), bytes(value)) for name, value in response.headers)
    return HttpResponse(response.status_code, headers, b"".join(body))


def through_adapter(handler: Callable[[bytes, Any], Any], request: HttpRequest) -> HttpResponse:
    """What a client of the platform gets: ``request`` becomes an event, the handler's result a response."""
    event = json.dumps(build_event(as_gateway(request))).encode("ascii")
    response = parse_result(dump_result(handler(event, None)), custom_domain=True)
    headers = tuple((name.lower(), value.encode("utf-8").strip(b" \t")) for name, value in response.headers)
    return HttpResponse(response.status, headers, response.body)


def as_gateway(request: HttpRequest) -> Request:
    """``request`` as the gateway reads it off the wire."""
    headers = [(name, decode_as_gateway(value)) for name, value in request.headers]
    scheme = dict(headers)["X-Forwarded-Proto"]
    return read_request(request.method, request.target, headers, request.body, scheme=scheme, client="127.0.0.1")
