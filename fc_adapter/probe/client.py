"""An HTTP client that sends what it is asked to: any target, repeated headers, any method, no header of its own."""

from __future__ import annotations

import http.client
import io
import ssl
from collections.abc import Iterable
from contextlib import closing
from urllib.parse import urlsplit

from ..contract.rules import decode_header
from ..errors import ConfigError
from ..messages import Response

_PIECE = 64 * 1024  # bytes of a body that are sent at once


class NoAnswerError(Exception):
    """No HTTP response came; the message says why."""


class Client:
    """Sends requests to the host of ``url``, each over a connection of its own. Redirects are not followed.

    ``timeout`` (seconds) is how long to wait for the server each time. Certificates are verified; OpenSSL's
    ``SSL_CERT_FILE`` names further authorities. Raises ConfigError for a URL with more than scheme, host and port.
    """

    def __init__(self, url: str, *, timeout: float = 60.0) -> None:
        try:
            parts = urlsplit(url)
            self.scheme, self.netloc, self.hostname, port = parts.scheme, parts.netloc, parts.hostname or "", parts.port
        except ValueError as error:
            raise ConfigError(f"{url!r} is not a URL: {error}") from error
        is_plain = self.hostname and "@" not in self.netloc and parts.path in ("", "/")
        if self.scheme not in ("http", "https") or not is_plain or parts.query or parts.fragment or not url.isascii():
            raise ConfigError(f"expected a URL such as https://example.cn-hangzhou.fcapp.run, got {url!r}")
        self._address = (self.hostname, port)
        self._timeout = timeout
        self._context = ssl.create_default_context() if self.scheme == "https" else None

    @property
    def host(self) -> tuple[str, str]:
        """The header ``Host`` that belongs to the URL."""
        return ("Host", self.netloc)

    def send(self, method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes = b"") -> Response:
        """Send one request as it is given, and return the response. Raises NoAnswerError.

        ``headers`` are all that goes out, ``Host`` and ``Content-Length`` included.
        """
        with closing(self._connect()) as connection:
            try:
                connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
                for name, value in headers:
                    connection.putheader(name, value.encode("utf-8"))
                try:
                    # In pieces: a socket's timeout is for the whole of what one call sends.
                    connection.endheaders(io.BytesIO(body) if body else None)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # pragma: no cover - the server may have answered before it has read the whole body.
                response = connection.getresponse()
                return Response(response.status, _read_headers(response), response.read())
            except (OSError, http.client.HTTPException) as error:
                reason = str(error) or type(error).__name__
                raise NoAnswerError(f"no answer from {self.scheme}://{self.netloc}: {reason}") from error

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._address
        if self._context is not None:
            return http.client.HTTPSConnection(
                host, port, timeout=self._timeout, blocksize=_PIECE, context=self._context
            )
        return http.client.HTTPConnection(host, port, timeout=self._timeout, blocksize=_PIECE)


def _read_headers(response: http.client.HTTPResponse) -> tuple[tuple[str, str], ...]:
    """The headers in their order, as text; http.client reads them as latin-1."""
    return tuple((name, decode_header(value.encode("latin-1", "replace"))) for name, value in response.getheaders())
