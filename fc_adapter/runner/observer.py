"""Whoever watches a local platform: the terminal, the inspector, a recorder, a test."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..messages import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .gateway import Exchange
    from .life import AnyInstance


class Sent(NamedTuple):
    """What the client sent that a Request does not tell.

    - ``target``: of the request line, percent-encoded ASCII but otherwise as it came.
    - ``is_whole``: whether the Request is all of it; False where the server refused it without having read it.
    """

    target: str
    is_whole: bool = True


class Observer:
    """Is told what happens, from any thread. Each method does nothing until a subclass says otherwise.

    ``wants_app_responses`` has the instances report what a wrapped app answered itself (``Reply.report``).
    """

    wants_app_responses = False

    def began(self, request: Request, request_id: str, sent: Sent | None = None) -> None:
        """A request has come. ``sent`` is None where no more is known of it."""

    def ended(self, exchange: Exchange) -> None:
        """A request has its response."""

    def logged(self, instance_id: str, line: bytes) -> None:
        """The function has logged or printed a line."""

    def made(self, instance: AnyInstance) -> None:
        """There is a new instance, which has not been started."""


class Observers(Observer):
    """Tells several observers, in their order."""

    def __init__(self, observers: Iterable[Observer]) -> None:
        self._observers = tuple(observers)
        self.wants_app_responses = any(each.wants_app_responses for each in self._observers)

    def began(self, request: Request, request_id: str, sent: Sent | None = None) -> None:
        """A request has come."""
        for each in self._observers:
            each.began(request, request_id, sent)

    def ended(self, exchange: Exchange) -> None:
        """A request has its response."""
        for each in self._observers:
            each.ended(exchange)

    def logged(self, instance_id: str, line: bytes) -> None:
        """The function has logged or printed a line."""
        for each in self._observers:
            each.logged(instance_id, line)

    def made(self, instance: AnyInstance) -> None:
        """There is a new instance, which has not been started."""
        for each in self._observers:
            each.made(instance)
