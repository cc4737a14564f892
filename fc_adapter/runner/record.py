"""Keeping exchanges as files, and running them again."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from ..errors import ConfigError
from ..messages import Response
from .gateway import Exchange

# Headers of a response that differ from one time to the next.
_VARYING = {"date", "x-fc-request-id"}


class Recorder:
    """Writes each exchange into a JSON file of its own in ``directory``, which is made when it does not exist."""

    def __init__(self, directory: Path, *, custom_domain: bool) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)  # credentials of clients are in them
        self._directory = directory
        self._custom_domain = custom_domain

    def write(self, exchange: Exchange) -> None:
        """Keep ``exchange``, unless the function did not get the request, or not to its end.

        Raises OSError when it cannot be written; then there is no file.
        """
        if exchange.event is None or exchange.reply is None or exchange.reply.kind == "aborted":
            return
        document = {
            "event": exchange.event,
            "result": _readable(exchange.reply.data),
            "error": exchange.reply.kind == "error",
            "response": describe_response(exchange.response),
            "custom_domain": self._custom_domain,
            "milliseconds": round(exchange.seconds * 1000, 1),
        }
        path = (
            self._directory / f"{exchange.event['requestContext']['time'].replace(':', '')}-{exchange.request_id}.json"
        )
        try:
            path.write_text(json.dumps(document, indent=2, ensure_ascii=False), encoding="utf-8")
        except OSError:
            path.unlink(missing_ok=True)
            raise


def read_record(path: Path) -> dict[str, Any]:
    """A recorded exchange. Raises ConfigError when ``path`` holds none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read {str(path)!r}: {error}") from error
    response = document.get("response") if isinstance(document, dict) else None
    if not isinstance(response, dict) or not {"status", "headers"} <= set(response) or "event" not in document:
        raise ConfigError(f"{str(path)!r} is no recorded exchange; expected what serve --record writes")
    return cast("dict[str, Any]", document)


def describe_response(response: Response) -> dict[str, Any]:
    """A response as JSON: its body is text where it is UTF-8, otherwise Base64."""
    return {"status": response.status, "headers": [list(header) for header in response.headers], **_body(response.body)}


def differences(recorded: dict[str, Any], response: Response) -> Iterator[str]:
    """What differs between a recorded response and a new one: a line for each."""
    now = describe_response(response)
    if recorded["status"] != now["status"]:
        yield f"status: {recorded['status']} -> {now['status']}"
    before, after = (
        [(name, value) for name, value in each["headers"] if name.lower() not in _VARYING] for each in (recorded, now)
    )
    for name, value in before:
        if (name, value) not in after:
            yield f"- {name}: {value}"
    for name, value in after:
        if (name, value) not in before:
            yield f"+ {name}: {value}"
    for key in ("body", "base64"):
        if recorded.get(key) != now.get(key):
            yield f"{key}: {_short(recorded.get(key))} -> {_short(now.get(key))}"


def _body(body: bytes) -> dict[str, str]:
    try:
        return {"body": body.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode("ascii")}


def _readable(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return _body(data)


def _short(text: Any) -> str:
    return f"{text!r:.200}"
