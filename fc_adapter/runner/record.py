"""Keeping exchanges as files, and running them again."""

from __future__ import annotations

import base64
import json
import os
import tempfile
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
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)  # records hold clients' credentials
        self._directory = directory
        self._custom_domain = custom_domain

    def write(self, exchange: Exchange) -> None:
        """Keep ``exchange``, unless the function did not get the request, or not to its end.

        The file is written under another name first, so a record is whole or absent. Raises OSError when it cannot
        be written.
        """
        if exchange.event is None or exchange.reply is None or exchange.reply.kind == "aborted":
            return
        data = _dump(exchange, custom_domain=self._custom_domain)
        name = f"{exchange.event['requestContext']['time'].replace(':', '')}-{exchange.request_id}.json"
        descriptor, unfinished = tempfile.mkstemp(".tmp", ".", self._directory)  # for its owner alone
        try:
            with open(descriptor, "wb") as file:
                file.write(data)
            os.replace(unfinished, self._directory / name)
        except BaseException:
            os.unlink(unfinished)
            raise


def _dump(exchange: Exchange, *, custom_domain: bool) -> bytes:
    """The record of an exchange that has a reply. A result that JSON cannot hold is kept as the text that it is."""
    reply = exchange.reply
    assert reply is not None
    document = {
        "event": exchange.event,
        "result": None,
        "error": reply.kind == "error",
        "response": describe_response(exchange.response),
        "custom_domain": custom_domain,
        "milliseconds": round(exchange.seconds * 1000, 1),
    }
    try:
        document["result"] = json.loads(reply.data)
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        document["result"] = _body(reply.data)
        text = json.dumps(document, indent=2, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace")  # a lone surrogate becomes JSON's own escape, \udxxx


def read_record(path: Path) -> dict[str, Any]:
    """A recorded exchange whose event can be sent and whose response compared. Raises ConfigError otherwise."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"cannot read {str(path)!r}: {error}") from error
    if not _is_record(document):
        raise ConfigError(f"{str(path)!r} is not a recorded exchange; expected what serve --record writes")
    return cast("dict[str, Any]", document)


def _is_record(document: Any) -> bool:
    event, response = (document.get(key) if isinstance(document, dict) else None for key in ("event", "response"))
    if not isinstance(event, dict) or not isinstance(response, dict):
        return False
    headers = response.get("headers")
    if type(response.get("status")) is not int or not isinstance(headers, list):
        return False
    texts = [response.get("body", ""), response.get("base64", "")]
    for header in headers:
        texts += header if isinstance(header, list) and len(header) == 2 else [None]
    try:
        json.dumps(event, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        return False
    return all(isinstance(text, str) for text in texts)


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


def _short(text: Any) -> str:
    return f"{text!r:.200}"
