"""The server side of WSGI (PEP 3333): a Request becomes an environ, and what the app does becomes a Response."""

from __future__ import annotations

import sys
from functools import partial
from io import BytesIO
from time import monotonic

from .contract.rules import decode_header
from .errors import AppError, shorten
from .invocation import ACTIVE_THREADS, STARTING_THREADS, add_invocation
from .memo import remember
from .messages import Request, Response, group_values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, TypeVar

    from .background import Background
    from .invocation import Invocation
    from .lists import Lists
    from .memo import HeaderNames
    from .messages import Pairs
    from .options import OtherEventHandler

    Environ = dict[str, Any]
    Application = Callable[..., Iterable[bytes]]
    T = TypeVar("T")


class Server:
    """Serves one WSGI application.

    - ``base_path`` (str): the prefix (``"/api"``) under which the platform mounts it.
    - ``background_timeout`` (seconds): how long to wait for threads that a request has started.
    - ``split_lists`` (bool): whether lists that the app declares are split where the trigger has joined them.
    """

    def __init__(
        self, app: Application, *, base_path: str = "", background_timeout: float = 10.0, split_lists: bool = False
    ) -> None:
        self._app = app
        self._split_lists = split_lists
        self._lists: Lists | None = None
        self._base_path = base_path.encode("utf-8").decode("latin-1")
        self._background_timeout = background_timeout
        self._background: Background | None = None

    def __repr__(self) -> str:
        return f"the WSGI app {self._app!r}"

    def respond(self, request: Request, invocation: Invocation) -> Response:
        """Run one request. Raises what the app raises, and AppError."""
        __traceback_hide__ = True
        environ = build_environ(request, base_path=self._base_path)
        if self._split_lists and "," in request.query_string:
            self._split_lists_in(environ)
        add_invocation(environ, invocation)
        return self._serve(invocation, call, self._app, environ)

    def respond_wsgi(
        self, environ: Environ, start_response: Callable[..., Any], invocation: Invocation
    ) -> Iterable[bytes]:
        """Serve a call that is WSGI already, as FC 2.0 makes it. The response is complete when this returns."""
        add_invocation(environ, invocation)
        base_path, environ["PATH_INFO"] = _split_path(environ.get("PATH_INFO", ""), self._base_path)
        environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + base_path
        collect = partial(_collect, start_response)
        return self._serve(invocation, collect, self._app, environ)

    def call_other(self, function: OtherEventHandler, invocation: Invocation) -> Any:
        """Call ``on_other_event`` and return its result. Raises what it raises, and AppError."""
        return self._serve(invocation, function, invocation.event, invocation.context)

    def watch(self, completed: Callable[[], None] | None) -> bool:
        """False: a WSGI application has no moment before its return at which its response is complete."""
        return False

    def initialize(self) -> None:
        """Nothing to do: a WSGI application is ready once it is imported."""

    def pre_stop(self) -> None:
        """Wait for the threads that requests have left running, for ``background_timeout`` once more."""
        if self._background is not None:
            self._background.wait_for_left()

    def _serve(self, invocation: Invocation, function: Callable[[Any, Any], T], first: Any, second: Any) -> T:
        """Call ``function(first, second)``, and wait for the threads that it has started.

        Raises what it raises, which is an Exception or an exit: the runtime knows nothing else.
        """
        __traceback_hide__ = True
        began = monotonic()
        before = None if len(ACTIVE_THREADS) == 1 else self._get_background().begin()
        try:
            result = function(first, second)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            if before is not None or len(ACTIVE_THREADS) != 1 or STARTING_THREADS:
                self._get_background().wait(before, began, invocation)
            if isinstance(error, Exception):
                raise
            raise AppError(f"the app let {type(error).__name__} out") from error
        if len(ACTIVE_THREADS) != 1 or STARTING_THREADS or before is not None:
            self._get_background().wait(before, began, invocation)
        return result

    def _split_lists_in(self, environ: Environ) -> None:
        if self._lists is None:
            if "django" not in sys.modules:  # of WSGI apps, those of Django Ninja alone declare lists
                self._split_lists = False
                return
            from .lists import Lists

            self._lists = Lists(self._app)
        self._lists.split_environ(environ)
        self._split_lists = not self._lists.are_none

    def _get_background(self) -> Background:
        """Made when there are threads, which many apps never have."""
        if self._background is None:
            from .background import Background

            self._background = Background(self._background_timeout)
        return self._background


def _collect(start_response: Callable[..., Any], app: Application, environ: Environ) -> list[bytes]:
    iterable = app(environ, start_response)
    try:
        return list(iterable)
    finally:
        _close(iterable)


def build_environ(request: Request, *, base_path: str = "") -> Environ:
    """The environ of ``request``. ``base_path`` is text in WSGI's sense: one character for each byte."""
    method, raw_path, query_string, _, body, scheme, http_version, client, (server_name, server_port) = request
    path = raw_path if "%" not in raw_path else request.path_bytes.decode("latin-1")
    script_name, path_info = _split_path(path, base_path) if base_path else ("", path)
    uri = f"{raw_path}?{query_string}" if query_string else raw_path
    # Error reporters show the first ten or so keys of a dict: what a request can keep secret comes after them.
    return {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": BytesIO(body),
        "wsgi.input_terminated": True,  # not of PEP 3333: reading ends with the body, as with Gunicorn
        "wsgi.errors": _ERRORS,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": script_name,
        "SERVER_NAME": server_name if server_name.isascii() else _latin1(server_name),
        "SERVER_PORT": str(server_port),
        "SERVER_PROTOCOL": f"HTTP/{http_version}",
        "PATH_INFO": path_info,
        "REMOTE_ADDR": client if client.isascii() else _latin1(client),
        "QUERY_STRING": query_string,
        # Not of PEP 3333 either: Gunicorn and Werkzeug give apps these two, where %2F still differs from a slash.
        "RAW_URI": uri,
        "REQUEST_URI": uri,
        **_build_header_keys(request),
    }


def _build_header_keys(request: Request) -> dict[str, str]:
    headers = request.headers
    if request.split is not None:
        names, values = request.split
        keys = names.environ_keys
        if keys is None:
            keys = names.environ_keys = _environ_keys(names)
        fields = dict(zip(keys, values))
        if len(fields) == len(headers) and "".join(values).isascii():
            return fields
    grouped = group_values((_environ_key(name), _latin1(value)) for name, value in headers)
    grouped.pop("", None)
    return {key: ("; " if key == "HTTP_COOKIE" else ",").join(texts) for key, texts in grouped.items()}


def _environ_keys(names: HeaderNames) -> list[str]:
    """The keys for all ``names``, in one go; none, where some of them must not reach the app."""
    text = names.text
    if "_" in text:
        return []
    if not text:
        keys = [_environ_key(name) for name in names.names]
        return keys if "" not in keys else []
    text = f"HTTP_{text.upper()}".replace("-", "_").replace("\n", "\nHTTP_")
    keys = text.split("\n")
    if "HTTP_CONTENT_" in text:
        for key in _UNPREFIXED:  # either once at most: a name in two spellings is not split
            if f"HTTP_{key}" in keys:
                keys[keys.index(f"HTTP_{key}")] = key
    return keys


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
                    raise _error_of(exc_info)
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
        for chunk in _iterate(iterable, "returned", "an iterable of bytes"):
            if chunk and start is not None and isinstance(chunk, bytes):
                chunks.append(chunk)
            else:
                write(chunk)
    except BaseException:
        try:
            _close(iterable)
        except Exception as error:
            from .report import log_error

            log_error(error, "close() of the app's response failed, after the error that follows")
        raise
    _close(iterable)
    if start is None:
        raise AppError("the app returned without calling start_response")
    status, headers = start
    body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    for name, value in headers:
        if len(name) == 14 and name.lower() == "content-length" and value.isdecimal() and len(value) < 20:
            body = body[: int(value)]  # PEP 3333: no more than the app has announced
    return Response(status, headers, body)


def _iterate(values: Iterable[T], what: str, expected: str) -> Iterator[T]:
    try:
        return iter(values)
    except TypeError as error:
        raise AppError(f"the app {what} {type(values).__name__}, expected {expected}") from error


def _close(iterable: object) -> None:
    close = getattr(iterable, "close", None)
    if close is not None:
        close()


def _error_of(exc_info: object) -> BaseException:
    """The error in what ``sys.exc_info()`` has returned."""
    if isinstance(exc_info, tuple) and len(exc_info) == 3 and isinstance(exc_info[1], BaseException):
        return exc_info[1]
    return AppError(
        f"the app called start_response after its first body with the exc_info {shorten(exc_info)}, expected what "
        "sys.exc_info() returns where an error is handled"
    )


def _parse_status(status: object) -> int:
    """``"404 Not Found"`` gives 404."""
    if not isinstance(status, str):
        raise AppError(f"the app sent the status {shorten(status)}, expected a string such as '200 OK'")
    return _CODES[status]


def _code(status: str) -> int:
    code = status[:3]
    if len(code) == 3 and code.isdigit() and code.isascii() and code >= "100" and status[3:4] in ("", " "):
        return int(code)
    raise AppError(f"the app sent the status {shorten(status)}, expected a string such as '200 OK'")


_CODES = remember(_code)


def _parse_headers(headers: Any) -> Pairs:
    parsed = []
    for header in _iterate(headers, "sent headers of type", "a list of (name, value)"):
        if type(header) is tuple and len(header) == 2:  # as nearly all are
            name, value = header
            if type(name) is type(value) is str and value.isascii():
                parsed.append(header)
                continue
        if not (isinstance(header, (tuple, list)) and len(header) == 2):
            raise AppError(f"the app sent the header {shorten(header)}, expected a tuple (name, value)")
        name, value = header
        if not (isinstance(name, str) and isinstance(value, str)):
            raise AppError(f"the app sent the header {shorten(header)}, expected two strings")
        if not value.isascii():
            try:
                value = decode_header(value.encode("latin-1"))
            except UnicodeEncodeError:
                raise AppError(
                    f"the app sent the header {shorten(header)}, whose value is beyond latin-1: PEP 3333 has headers "
                    "as bytes in the shape of latin-1 text"
                ) from None
        parsed.append((name, value))
    return tuple(parsed)


def _split_path(path: str, base_path: str) -> tuple[str, str]:
    """SCRIPT_NAME and PATH_INFO. ``/api`` is a prefix of ``/api/x``, not of ``/apix``."""
    if base_path and path.startswith(base_path) and path[len(base_path) : len(base_path) + 1] in ("", "/"):
        return base_path, path[len(base_path) :]
    return "", path


def _latin1(text: str) -> str:
    """The UTF-8 bytes of ``text``, one character for each, as PEP 3333 has header values."""
    return text.encode("utf-8").decode("latin-1")


def _environ_key(name: str) -> str:
    """The environ's key for a header name, or ``""`` for a header that must not reach the app.

    A name with an underscore would be taken for its namesake with a hyphen, which a proxy may have set and trusts.
    """
    if "_" in name or not name.isascii():
        return ""
    key = name.upper().replace("-", "_")
    return key if key in _UNPREFIXED else f"HTTP_{key}"


_UNPREFIXED = ("CONTENT_TYPE", "CONTENT_LENGTH")


class _Errors:
    """``wsgi.errors``: whatever ``sys.stderr`` is at the time of writing, since runtimes and tests replace it."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        sys.stderr.writelines(lines)

    def flush(self) -> None:
        sys.stderr.flush()


_ERRORS = _Errors()
