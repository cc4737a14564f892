"""Keeping exchanges as files, and running them again."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

from ..errors import ConfigError
from ..messages import Response
from .gateway import Exchange

# Headers of a response that differ from one time to the next.
VARYING = {"date", "x-fc-request-id"}


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


class Comparison:
    """How a recorded response and a new one are compared.

    ``ignore`` are names of headers that do not count. With ``insensitive``, neither do letter case and white space in
    header values and text, nor the order of keys in JSON. The letter case of header names never counts.
    """

    def __init__(self, *, ignore: Iterable[str] = (), insensitive: bool = False) -> None:
        self._ignored = {*VARYING, *(name.lower() for name in ignore)}
        self._insensitive = insensitive

    def differences(self, recorded: dict[str, Any], response: Response) -> Iterator[str]:
        """What differs between a recorded response and a new one: a line for each."""
        now = describe_response(response)
        if recorded["status"] != now["status"]:
            yield f"status: {recorded['status']} -> {now['status']}"
        before, after = (
            [(name, value) for name, value in each["headers"] if name.lower() not in self._ignored]
            for each in (recorded, now)
        )
        for sign, headers, others in (("-", before, after), ("+", after, before)):
            known = set(map(self._header_key, others))
            for header in headers:
                if self._header_key(header) not in known:
                    yield f"{sign} {header[0]}: {header[1]}"
        for key in ("body", "base64"):
            if self._body_key(recorded.get(key)) != self._body_key(now.get(key)):
                yield f"{key}: {_short(recorded.get(key))} -> {_short(now.get(key))}"

    def _header_key(self, header: tuple[str, str]) -> tuple[str, str]:
        name, value = header
        return name.lower(), _fold(value) if self._insensitive else value

    def _body_key(self, text: str | None) -> str | None:
        if text is None or not self._insensitive:
            return text
        with contextlib.suppress(ValueError, RecursionError):
            text = json.dumps(json.loads(text), sort_keys=True)
        return _fold(text)


def _fold(text: str) -> str:
    return " ".join(text.split()).casefold()


def list_records(names: Iterable[str]) -> list[Path]:
    """The files that ``names`` stand for: of a directory its records, in the order in which their requests came.

    Raises ConfigError for a directory without any.
    """
    paths: list[Path] = []
    for path in map(Path, names):
        if not path.is_dir():
            paths.append(path)
            continue
        found = list(path.glob("*.json"))
        if not found:
            raise ConfigError(f"there are no recorded exchanges in {str(path)!r}")
        paths += sorted(found, key=_came_at)
    return paths


def _came_at(path: Path) -> tuple[str, int, str]:
    """Sorts records by the milliseconds that the event states; the names of files have seconds only."""
    context = read_record(path)["event"].get("requestContext")
    epoch = context.get("timeEpoch") if isinstance(context, dict) else None
    return str(epoch or "").zfill(20), path.stat().st_mtime_ns, path.name


def _body(body: bytes) -> dict[str, str]:
    try:
        return {"body": body.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode("ascii")}


def _short(text: Any) -> str:
    return f"{text!r:.200}"
