"""A client that keeps a server busy: ``python -m benchmarks.load PORT CONNECTIONS SECONDS`` prints what came of it.

It is one thread with plain sockets, so that it takes little of the machine from the server. A connection is kept as
long as the server keeps it; the next request is sent when the response is complete.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
from statistics import median
from time import perf_counter

from .subjects.apps import PAGE
from .subjects.requests import HTML_GET

REQUEST = "".join(
    [
        f"GET {HTML_GET.path}?page=2 HTTP/1.1\r\n",
        *[f"{name}: {value}\r\n" for name, value in HTML_GET.headers.items()],
        "\r\n",
    ]
).encode()


class Connection:
    """A connection with one request under way."""

    def __init__(self, port: int, selector: selectors.BaseSelector) -> None:
        self._port = port
        self._selector = selector
        self._connect()
        self.send()

    def _connect(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(self._socket, selectors.EVENT_READ, self)

    def send(self) -> None:
        if self._socket.fileno() == -1:
            self._connect()
        self._received = b""
        self._sent_at = perf_counter()
        self._socket.sendall(REQUEST)

    def receive(self) -> float | None:
        """Read what there is. The seconds that the response took, when it is complete. Raises OSError for a bad one."""
        chunk = self._socket.recv(65536)
        self._received += chunk
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not chunk or (separator and not head.startswith(b"HTTP/1.1 200 ")):
            raise OSError(f"the server on port {self._port} answered {self._received[:200]!r}")
        if not separator or len(body) < len(PAGE):
            return None
        if body != PAGE:
            raise OSError(f"the server on port {self._port} answered with another page")
        seconds = perf_counter() - self._sent_at
        if b"\r\nconnection: close" in head.lower():
            self.close()
        return seconds

    def close(self) -> None:
        if self._socket.fileno() != -1:
            self._selector.unregister(self._socket)
            self._socket.close()


def load(port: int, connections: int, seconds: float) -> tuple[list[float], float]:
    """Send requests for some seconds. The latencies, sorted, and how long it took."""
    latencies: list[float] = []
    with selectors.DefaultSelector() as selector:
        begin = perf_counter()
        busy = {Connection(port, selector) for _ in range(connections)}
        took = 0.0
        # At the end each connection gets its last response, so that no server is left in the middle of one.
        while busy:
            for key, _ in selector.select(timeout=30):
                latency = key.data.receive()
                if latency is None:
                    continue
                now = perf_counter() - begin
                if now < seconds:
                    latencies.append(latency)
                    took = now
                    key.data.send()
                else:
                    key.data.close()
                    busy.remove(key.data)
    return sorted(latencies), took


def main() -> None:
    latencies, took = load(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
    if not latencies:
        raise SystemExit("no response came in time")
    slowest = latencies[int(len(latencies) * 0.99)]
    print(json.dumps({"requests": len(latencies), "seconds": took, "median": median(latencies), "p99": slowest}))


if __name__ == "__main__":
    main()
