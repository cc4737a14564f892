"""What is not shown: credentials of the environment never, those that a client or an app sent not until asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from typing import Any
from urllib.parse import quote

MASK = "•••"

_SECRET_HEADERS = {"authorization", "proxy-authorization", "cookie", "set-cookie"}
_SECRET_NAME = re.compile(
    r"secret|token|passw(?:or)?d|passphrase|credential|private|api[-_]?key|access[-_]?key|(?:^|[-_])key$|[-_](?:pwd|pass|auth)$",
    re.IGNORECASE,
)
# What a URL such as a database's holds between its user's name and its host.
_PASSWORD = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")
_SHORTEST = 6  # characters of a secret that is looked for in texts; what is shorter occurs in them by chance


def is_secret(name: str) -> bool:
    """Whether the values of the header ``name`` are masked."""
    return name.lower() in _SECRET_HEADERS or bool(_SECRET_NAME.search(name))


def mask_header(name: str, value: str) -> str:
    """What is shown of a header's value: all but its secret, so cookies keep their names and attributes."""
    key = name.lower()
    if not is_secret(name) or not value:
        return value
    if key == "set-cookie":
        cookie, semicolon, attributes = value.partition(";")
        return _mask_cookie(cookie) + semicolon + attributes
    if key == "cookie":
        return ";".join([_mask_cookie(cookie) for cookie in value.split(";")])
    scheme, space, rest = value.partition(" ")
    return f"{scheme} {MASK}" if "authorization" in key and space and rest else MASK


def _mask_cookie(cookie: str) -> str:
    name, equals, _ = cookie.partition("=")
    return f"{name}={MASK}" if equals else MASK


def header_secrets(headers: Iterable[tuple[str, str]]) -> list[str]:
    """The secrets in the values of ``headers``, as they could occur elsewhere, such as in a log."""
    found = []
    for name, value in headers:
        key = name.lower()
        if key in ("cookie", "set-cookie"):
            cookies = value.split(";") if key == "cookie" else [value.partition(";")[0]]
            found += [cookie.partition("=")[2] or cookie for cookie in cookies]
        elif is_secret(name):
            found += [value, value.partition(" ")[2]]
    return [text.strip() for text in found]


def environment_secrets(environment: Mapping[str, str]) -> list[str]:
    """The credentials in environment variables: the values of those that are named so, and the passwords in URLs."""
    found = []
    for name, value in environment.items():
        if _SECRET_NAME.search(name):
            found.append(value)
        found += _PASSWORD.findall(value)
    return found


def masker(secrets: Iterable[str]) -> Callable[[str], str]:
    """A function that gives a text with each of ``secrets`` in it masked, also where JSON or a URL has escaped them."""
    forms = set()
    for secret in secrets:
        if len(secret) >= _SHORTEST:
            forms |= {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], quote(secret, "")}
    if not forms:
        return lambda text: text
    pattern = re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True))))
    return lambda text: pattern.sub(MASK, text)


def mask_json(value: Any, mask: Callable[[str], str]) -> Any:
    """``value`` (JSON) with ``mask`` applied to each string, names included. Numbers that JSON lacks become text."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    if isinstance(value, list):
        return [mask_json(each, mask) for each in value]
    if isinstance(value, dict):
        return {mask(name): mask_json(each, mask) for name, each in value.items()}
    return value
