"""One request and its response, as an ASGI app sees them: ``receive`` and ``send``."""

from __future__ import annotations

import asyncio
from sys import exc_info
from typing import Any

from ..contract.rules import decode_header
from ..errors import AppError, shorten
from ..messages import Response

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..messages import Pairs

    Message = dict[str, Any]


class Channel:
    """Takes what the app sends, and gives it the request.

    ``receive`` gives the whole body (bytes) in one message, then waits until the response is complete, then tells of
    the disconnect.
    """

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self._start: tuple[int, Pairs] | None = None
        self._chunks: list[bytes] = []
        self._over: asyncio.Event | None = None
        self._is_over = False
        self._answered = 0  # the id() of the error that the app was handling when it began the response
        self.is_complete = False

    async def receive(self) -> Message:
        """The app's next message."""
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        if not self._is_over:
            if self._over is None:
                self._over = asyncio.Event()
            await self._over.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take a message of the app. Raises AppError for one that is wrong or comes at a wrong time."""
        kind = message.get("type") if isinstance(message, dict) else message
        if self.is_complete:
            raise AppError(f"the app sent {shorten(kind)} after its response was complete")
        if kind == "http.response.start":
            if self._start is not None:
                raise AppError("the app sent 'http.response.start' twice")
            self._start = _parse_status(message.get("status")), _parse_headers(message.get("headers", ()))
            self._answered = id(exc_info()[1])
        elif kind == "http.response.body":
            if self._start is None:
                raise AppError("the app sent 'http.response.body' before 'http.response.start'")
            body = message.get("body", b"")
            if not isinstance(body, (bytes, bytearray, memoryview)):
                raise AppError(f"the app sent a body of type {type(body).__name__}, expected bytes")
            if body:
                self._chunks.append(bytes(body))
            if not message.get("more_body", False):
                self.is_complete = True
                self.disconnect()
        else:
            raise AppError(
                f"the app sent a message of type {shorten(kind)}, expected 'http.response.start' or "
                "'http.response.body'"
            )

    def has_answered(self, error: BaseException) -> bool:
        """Whether the response is the app's answer to ``error``, which it then raised again, as Starlette's do."""
        return self.is_complete and self._answered == id(error)

    def end(self) -> None:
        """An error that the app has answered itself is logged, and nothing is left to be done."""

    def disconnect(self) -> None:
        """Let whoever waits in ``receive`` know that the response is complete, or never will be."""
        self._is_over = True
        if self._over is not None:
            self._over.set()

    def response(self) -> Response:
        """The response. Raises AppError when it is not complete."""
        if self._start is None:
            raise AppError("the app returned without sending a response")
        if not self.is_complete:
            raise AppError("the app returned before its response was complete: its last body said more_body")
        status, headers = self._start
        return Response(status, headers, self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks))


class WatchedChannel(Channel):
    """A Channel that calls ``completed()`` when the response is complete, and so is what belongs to it."""

    def __init__(self, completed: Callable[[], None], body: bytes) -> None:
        super().__init__(body)
        self._completed = completed

    async def send(self, message: Message) -> None:
        """Take a message of the app, as Channel does."""
        await super().send(message)
        if self.is_complete:
            self._completed()

    def end(self) -> None:
        """As of Channel: logging the error is no background work."""
        self._completed()


def _parse_status(status: object) -> int:
    if not isinstance(status, int) or not 100 <= status <= 999:
        raise AppError(f"the app sent the status {shorten(status)}, expected an integer such as 200")
    return int(status)


def _parse_headers(headers: Iterable[Any]) -> Pairs:
    parsed = []
    header: Any = headers
    try:
        for header in headers:
            name, value = header
            name = name.decode("latin-1")
            parsed.append((name, value.decode("ascii") if value.isascii() else decode_header(value)))
    except (AttributeError, TypeError, ValueError):
        raise AppError(f"the app sent the header {shorten(header)}, expected a name and a value, both bytes") from None
    return tuple(parsed)
