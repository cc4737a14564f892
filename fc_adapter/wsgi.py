"""The server side of WSGI (PEP 3333): a Request becomes an environ, and what the app does becomes a Response."""

from __future__ import annotations

import sys
from functools import lru_cache
from io import BytesIO

from .contract.rules import decode_header
from .errors import AppError
from .messages import Request, Response, get_header

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from .invocation import Invocation
    from .messages import Pairs

    Environ = dict[str, Any]
    Application = Callable[..., Iterable[bytes]]


class Server:
    """Serves one WSGI application. ``base_path`` is the prefix (``"/api"``) under which the platform mounts it."""

    def __init__(self, app: Application, *, base_path: str = "") -> None:
        self._app = app
        self._base_path = base_path.encode("utf-8").decode("latin-1")

    def __repr__(self) -> str:
        return f"the WSGI app {self._app!r}"

    def respond(self, request: Request, invocation: Invocation) -> Response:
        """Run one request. Raises what the app raises, and AppError."""
        environ = build_environ(request, base_path=self._base_path)
        environ["fc.event"], environ["fc.context"], environ["fc.request_id"] = invocation
        return call(self._app, environ)

    def respond_wsgi(
        self, environ: Environ, start_response: Callable[..., Any], invocation: Invocation
    ) -> Iterable[bytes]:
        """Serve a call that is WSGI already, as FC 2.0 makes it. The response is complete when this returns."""
        environ["fc.event"], environ["fc.context"], environ["fc.request_id"] = invocation
        base_path, environ["PATH_INFO"] = _split_path(environ.get("PATH_INFO", ""), self._base_path)
        environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + base_path
        iterable = self._app(environ, start_response)
        try:
            return list(iterable)
        finally:
            _close(iterable)

    def initialize(self) -> None:
        """Nothing to do: a WSGI application is ready once it is imported."""

    def pre_stop(self) -> None:
        """Nothing to do: WSGI has no end."""


def build_environ(request: Request, *, base_path: str = "") -> Environ:
    """The environ of ``request``. ``base_path`` is text in WSGI's sense: one character for each byte."""
    script_name, path_info = _split_path(request.path_bytes.decode("latin-1"), base_path)
    query_string = request.query_string
    uri = f"{request.raw_path}?{query_string}" if query_string else request.raw_path
    server_name, server_port = request.server
    environ: Environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": script_name,
        "PATH_INFO": path_info,
        "QUERY_STRING": query_string,
        # Not of PEP 3333: Gunicorn and Werkzeug give apps these two, where %2F still differs from a slash.
        "RAW_URI": uri,
        "REQUEST_URI": uri,
        "SERVER_NAME": server_name if server_name.isascii() else _latin1(server_name),
        "SERVER_PORT": str(server_port),
        "SERVER_PROTOCOL": f"HTTP/{request.http_version}",
        "REMOTE_ADDR": request.client,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": BytesIO(request.body),
        "wsgi.errors": _ERRORS,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in request.headers:
        key = _environ_key(name)
        if key is None:
            continue
        if not value.isascii():
            value = _latin1(value)
        if key in environ:
            value = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{value}"
        environ[key] = value
    return environ


def call(app: Application, environ: Environ) -> Response:
    """Call ``app`` and collect its whole response.

    Raises what the app raises, and AppError when it breaks the protocol. ``close()`` of what the app returned is
    called in every case.
    """
    start: tuple[int, Pairs] | None = None
    chunks: list[bytes] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        nonlocal start
        if exc_info is None:
            if start is not None:
                raise AppError("the app called start_response a second time without exc_info")
        else:
            try:
                if chunks:
                    # PEP 3333: too late for an error page; a server that has sent its headers gives up here.
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        start = _parse_status(status), _parse_headers(headers)
        return write

    def write(chunk: bytes) -> None:
        if not isinstance(chunk, bytes):
            raise AppError(f"the app sent body of type {type(chunk).__name__}, expected bytes (return [b'...'])")
        if chunk:
            if start is None:
                raise AppError("the app sent body before it called start_response")
            chunks.append(chunk)

    iterable = app(environ, start_response)
    try:
        if not (hasattr(iterable, "__iter__") or hasattr(iterable, "__getitem__")):
            raise AppError(f"the app returned {type(iterable).__name__}, expected an iterable of bytes")
        for chunk in iterable:
            write(chunk)
    except BaseException:
        try:
            _close(iterable)
        except Exception:
            from logging import getLogger

            getLogger("fc_adapter").exception("close() of the app's response failed, after the error that follows")
        raise
    _close(iterable)
    if start is None:
        raise AppError("the app returned without calling start_response")
    status, headers = start
    body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    length = get_header(headers, "content-length")
    if length is not None and length.isdecimal() and len(length) < 20:
        body = body[: int(length)]  # PEP 3333: no more than the app has announced
    return Response(status, headers, body)


def _close(iterable: object) -> None:
    close = getattr(iterable, "close", None)
    if close is not None:
        close()


def _parse_status(status: object) -> int:
    """``"404 Not Found"`` gives 404."""
    if isinstance(status, str):
        code = status[:3]
        if len(code) == 3 and code.isdigit() and code.isascii() and code >= "100" and status[3:4] in ("", " "):
            return int(code)
    raise AppError(f"the app sent the status {_short(status)}, expected a string such as '200 OK'")


def _parse_headers(headers: object) -> Pairs:
    if not hasattr(headers, "__iter__"):
        raise AppError(f"the app sent headers of type {type(headers).__name__}, expected a list of (name, value)")
    parsed = []
    for header in headers:
        if not (isinstance(header, (tuple, list)) and len(header) == 2):
            raise AppError(f"the app sent the header {_short(header)}, expected a tuple (name, value)")
        name, value = header
        if not (isinstance(name, str) and isinstance(value, str)):
            raise AppError(f"the app sent the header {_short(header)}, expected two strings")
        if not value.isascii():
            try:
                value = decode_header(value.encode("latin-1"))
            except UnicodeEncodeError:
                raise AppError(
                    f"the app sent the header {_short(header)}, whose value is beyond latin-1: PEP 3333 has headers "
                    "as bytes in the shape of latin-1 text"
                ) from None
        parsed.append((name, value))
    return tuple(parsed)


def _short(value: object) -> str:
    return f"{value!r:.100}"


def _split_path(path: str, base_path: str) -> tuple[str, str]:
    """SCRIPT_NAME and PATH_INFO. ``/api`` is a prefix of ``/api/x``, not of ``/apix``."""
    if base_path and path.startswith(base_path) and path[len(base_path) : len(base_path) + 1] in ("", "/"):
        return base_path, path[len(base_path) :]
    return "", path


def _latin1(text: str) -> str:
    """The UTF-8 bytes of ``text``, one character for each, as PEP 3333 has header values."""
    return text.encode("utf-8").decode("latin-1")


@lru_cache(maxsize=1024)
def _environ_key(name: str) -> str | None:
    """The environ's key for a header name, or None for a header that must not reach the app.

    A name with an underscore would be taken for its namesake with a hyphen, which a proxy may have set and trusts.
    """
    if "_" in name or not name.isascii():
        return None
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


class _Errors:
    """``wsgi.errors``: whatever ``sys.stderr`` is at the time of writing, since runtimes and tests replace it."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        sys.stderr.writelines(lines)

    def flush(self) -> None:
        sys.stderr.flush()


_ERRORS = _Errors()
