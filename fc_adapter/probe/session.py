"""What a question asks with: requests to the probe function, counted and kept as evidence."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

from ..contract.rules import LIMITS
from ..messages import Response, get_header
from .client import Client, NoAnswerError

MOST = 300  # invocations that a probe may cost
_KEPT = 2000  # characters of a body or header that a report shows

_SHOWN = 200  # bytes of a body that a message shows

# What a question yields: what was looked at, what the contract expects, what was seen.
Finding = tuple[str, object, object]


class Question(NamedTuple):
    """A question: ``ask(session)`` yields the findings for the row of that name."""

    row: str
    ask: Callable[[Session], Iterator[Finding]]


QUESTIONS: list[Question] = []


def asks(row: str) -> Callable[[Callable[[Session], Iterator[Finding]]], Callable[[Session], Iterator[Finding]]]:
    """Enter the decorated function among the questions, for the row of that name."""

    def enter(ask: Callable[[Session], Iterator[Finding]]) -> Callable[[Session], Iterator[Finding]]:
        QUESTIONS.append(Question(row, ask))
        return ask

    return enter


class NotAskedError(Exception):
    """The question cannot be asked here; the message says why."""


class OtherAnswerError(Exception):
    """The function was not reached, or could not answer; the message says what came instead."""


class WrongAddressError(Exception):
    """What answers is not the probe function, or not for this token: nothing more is sent."""


class Session:
    """Asks the probe function at ``client``, over a custom domain at ``custom``, with the token that it wants.

    ``limits`` are those of the contract; ``pause(seconds)`` waits between two requests. ``sent`` counts the requests,
    ``evidence`` holds those of the question that is being asked, ``facts`` is what has been learnt for
    ``contract.facts.Facts``. ``account``, ``address`` (the client's) and ``python`` (the function's) are known once the
    function has been greeted.
    """

    def __init__(
        self,
        client: Client,
        token: str,
        *,
        custom: Client | None = None,
        limits: dict[str, int] = LIMITS,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.client, self.custom, self.token, self.limits, self.pause = client, custom, token, limits, pause
        self.facts: dict[str, str] = {}
        self.evidence: list[dict[str, Any]] = []
        self.sent = 0
        self.account = self.address = self.python = ""

    def send(
        self,
        do: str = "tell",
        *,
        method: str = "GET",
        target: str = "/",
        headers: Collection[tuple[str, str]] = (),
        body: bytes = b"",
        custom: bool = False,
        **order: Any,
    ) -> Response:
        """Send one request with an order for the function. ``headers`` come after Host, User-Agent and the order.

        Raises NoAnswerError, and NotAskedError once too many have been sent.
        """
        client = self.custom if custom else self.client
        if client is None:
            raise NotAskedError("give --custom-domain")
        if self.sent >= MOST:
            raise NotAskedError(f"{MOST} requests have been sent")
        self.sent += 1
        lines = [*self._own_headers(client, do, order), *headers]
        if body or method in ("POST", "PUT", "PATCH"):
            lines.append(("Content-Length", str(len(body))))
        exchange: dict[str, Any] = {"request": self.show(f"{method} {target}"), "order": do}
        exchange["headers"] = self._show_headers(headers)
        self.evidence.append(exchange)
        try:
            response = client.send(method, target, lines, body)
        except NoAnswerError as error:
            exchange["error"] = self.show(str(error))
            raise
        answer = self._show_headers(response.headers)
        exchange.update(status=response.status, answer=answer, body=self.show(_text(response.body)))
        return response

    def show(self, text: str, most: int = _KEPT) -> str:
        """``text`` as a report may hold it: its beginning, with marks for the token, the account and the addresses."""
        for secret, mark in self._secrets():
            text = text.replace(secret, mark)
        return text if len(text) <= most else f"{text[:most]}... ({len(text)} characters)"

    def _show_headers(self, headers: Collection[tuple[str, str]]) -> list[str]:
        return [self.show(f"{name}: {value}") for name, value in headers]

    def _secrets(self) -> Iterator[tuple[str, str]]:
        """What a report hides, and what stands for it: the longest first."""
        found = [(self.token, "<token>"), (self.account, "<account>"), (self.address, "<client>")]
        for client, mark in ((self.client, "<host>"), (self.custom, "<custom domain>")):
            if client is not None:
                label = client.hostname.partition(".")[0]
                found += [(client.netloc, mark), (client.hostname, mark)]
                found += [(label, mark)] if len(label) > 7 else []
        yield from sorted((pair for pair in found if pair[0]), key=lambda pair: -len(pair[0]))

    def size_of_headers(self, do: str, **order: Any) -> int:
        """How many bytes the headers of a request with this order have on the wire."""
        return sum(len(f"{name}: {value}\r\n") for name, value in self._own_headers(self.client, do, order))

    def _own_headers(self, client: Client, do: str, order: dict[str, Any]) -> list[tuple[str, str]]:
        text = json.dumps({"token": self.token, "do": do, **order}, separators=(",", ":"))
        return [client.host, ("User-Agent", "fc-adapter-probe"), ("X-Probe", text)]

    def tell(self, do: str = "tell", **request: Any) -> dict[str, Any]:
        """What the function tells of a request. Raises OtherAnswerError when something else has answered.

        Raises WrongAddressError when it is a function, but not the probe's.
        """
        nonce = secrets.token_hex(4)
        response = self.send(do, nonce=nonce, **request)
        told = _told(response)
        if told.get("probe") == 1 and "refused" in told:
            raise WrongAddressError(f"the function refuses: {told['refused']}")
        if told.get("nonce") == nonce:
            return told
        if response.status == 200:
            raise WrongAddressError(f"what answers is not the probe function: {response.body[:_SHOWN]!r}")
        raise OtherAnswerError(f"{response.status} {_text(response.body[:_SHOWN])}")

    def event(self, **request: Any) -> dict[str, Any]:
        """The event of a request."""
        event: dict[str, Any] = self.tell(**request)["event"]
        return event

    def give(self, result: Any, **order: Any) -> Response:
        """The response to a result, which the function returns as it is."""
        return self.send("give", result=result, **order)

    def envelope(self, headers: dict[str, Any] | None = None, **fields: Any) -> Response:
        """The response to an envelope with status 200 and the body ``"text"``, unless ``fields`` say otherwise."""
        order = {name: fields.pop(name) for name in ("method", "custom", *_MADE) if name in fields}
        headers = {"Content-Type": "text/plain", **(headers or {})}
        return self.give({"statusCode": 200, "headers": headers, "body": "text", **fields}, **order)

    def greet(self) -> None:
        """Make sure that the probe function answers, and learn what a report hides. Raises WrongAddressError."""
        try:
            told = self.tell()
        except (NoAnswerError, OtherAnswerError) as error:
            raise WrongAddressError(f"there is no probe function: {error}") from error
        context = told["event"].get("requestContext") or {}
        self.account = str(context.get("accountId") or "")
        self.address = str((context.get("http") or {}).get("sourceIp") or "")
        self.python = ".".join(map(str, told.get("python") or ()))


_MADE = ("fill_body", "fill_header", "all_bytes")


def _told(response: Response) -> dict[str, Any]:
    try:
        told = json.loads(response.body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def is_error(response: Response, status: int, code: str) -> bool:
    """Whether the platform has answered with this error of its own."""
    return response.status == status and code.encode() in response.body


def header_of(event: dict[str, Any], name: str) -> object:
    """The value of an event's header, whatever its letter case; None when it is absent."""
    return next((value for key, value in event["headers"].items() if key.lower() == name.lower()), None)


def all_headers(response: Response, name: str) -> list[str]:
    """The values of a response's header, in their order."""
    return [value for key, value in response.headers if key.lower() == name.lower()]


def one_header(response: Response, name: str) -> str | None:
    """The first value of a response's header, or None."""
    return get_header(response.headers, name.lower())


def _text(body: bytes) -> str:
    return body.decode("utf-8", "backslashreplace")
