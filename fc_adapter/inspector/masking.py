"""What is not shown: credentials of the environment never, those that a client or an app sent not until asked for."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import chain
from math import isfinite
from typing import Any, AnyStr
from urllib.parse import quote, quote_plus, unquote

MASK = "•••"
_MASK_BYTES = MASK.encode()

_SECRET_HEADERS = {"authorization", "proxy-authorization", "cookie", "set-cookie"}
_SECRET_NAME = re.compile(
    r"secret|token|passw(?:or)?d|passphrase|credential|private|api[-_]?key|access[-_]?key|(?:^|[-_])key$|[-_](?:pwd|pass|auth)$",
    re.IGNORECASE,
)
# What a URL such as a database's holds between its user's name and its host.
_PASSWORD = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")
_SHORTEST = 6  # characters of a secret that is looked for in texts; what is shorter occurs in them by chance
_FEW = 64  # forms of secrets up to which looking for one after the other is quicker, where there are none


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


class Masker:
    """Masks ``secrets`` in a text, also where JSON, a URL or a log has escaped them: ``mask(text)``.

    The time grows with the text and not with the number of secrets.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._forms = {form for secret in secrets if len(secret) >= _SHORTEST for form in _forms(secret)}

    def __call__(self, text: str) -> str:
        """``text`` with the secrets in it masked."""
        return "".join(_replace(text, self.find(text), MASK))

    def find(self, text: str) -> list[tuple[int, int]]:
        """Where secrets are in ``text``: from and to, in order. Those that overlap count as one."""
        found: list[tuple[int, int]] = []
        if len(self._forms) <= _FEW and not any(form in text for form in self._forms):
            return found
        automaton = self._automaton
        steps, longest = automaton.steps, automaton.longest
        state = 0
        for end, character in enumerate(text, 1):
            state = steps[state].get(character) or (automaton.step(state, character) if state else 0)
            if longest[state]:
                start = end - longest[state]
                while found and found[-1][1] > start:
                    start = min(start, found.pop()[0])
                found.append((start, end))
        return found

    @cached_property
    def _automaton(self) -> _Automaton:
        return _Automaton(self._forms)


class _Automaton:
    """Finds any of many words, reading each character once (Aho and Corasick, "Efficient string matching", 1975).

    A state is a beginning of a word, and 0 the empty one. ``steps[state]`` has those that are one character longer,
    ``longest[state]`` is the length of the longest word with which the state ends, or 0.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self.steps: list[dict[str, int]] = [{}]
        self.longest = [0]
        for word in words:
            state = 0
            for character in word:
                state = self.steps[state].setdefault(character, len(self.steps))
                if state == len(self.steps):
                    self.steps.append({})
                    self.longest.append(0)
            self.longest[state] = len(word)
        # For each state the longest one with which it ends, other than itself.
        self._ends = [0] * len(self.steps)
        states = list(self.steps[0].values())
        for state in states:  # shorter ones first: the list grows meanwhile
            for character, longer in self.steps[state].items():
                end = self._ends[longer] = self.step(self._ends[state], character)
                self.longest[longer] = self.longest[longer] or self.longest[end]
                states.append(longer)

    def step(self, state: int, character: str) -> int:
        """The state after one more character."""
        while state and character not in self.steps[state]:
            state = self._ends[state]
        return self.steps[state].get(character, 0)


def _forms(secret: str) -> set[str]:
    """How ``secret`` is written: as it is, in JSON, HTML, a URL or a log, and as bytes that latin-1 has decoded."""
    try:
        raw = secret.encode("utf-8", "surrogateescape")  # as os.environ has bytes that are not UTF-8
    except UnicodeEncodeError:
        raw = secret.encode("utf-8", "surrogatepass")
    return {
        secret,
        repr(secret)[1:-1],
        html.escape(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(raw),
        quote(raw, ""),
        quote_plus(raw),
        raw.decode("latin-1"),
        raw.decode("utf-8", "replace"),
        raw.decode("utf-8", "backslashreplace"),
    }


def _replace(text: AnyStr, places: list[tuple[int, int]], mask: AnyStr) -> Iterator[AnyStr]:
    """The pieces of ``text``, with ``mask`` instead of those at ``places``."""
    end = 0
    for start, after in places:
        yield text[end:start]
        yield mask
        end = after
    yield text[end:]


def mask_bytes(data: bytes, mask: Masker) -> bytes:
    """``data`` with the secrets in it masked that are there as UTF-8."""
    return b"".join(_replace(data, mask.find(data.decode("latin-1")), _MASK_BYTES))


def unmask_bytes(edited: bytes, original: bytes, mask: Masker) -> bytes:
    """What was ``mask_bytes(original, mask)`` and has been edited, with the secrets put back.

    It stays as it is if there are more masks in it than before, or fewer: which secrets they stand for is not known.
    """
    values = []
    end = 0
    for start, after in [*mask.find(original.decode("latin-1")), (len(original), len(original))]:
        values += [_MASK_BYTES] * original.count(_MASK_BYTES, end, start)
        values.append(original[start:after])
        end = after
    pieces = edited.split(_MASK_BYTES)
    return b"".join(chain.from_iterable(zip(pieces, values))) if len(pieces) == len(values) else edited


def mask_base64(text: str, mask: Masker) -> str:
    """Base64 with the secrets masked in what it stands for. What is not Base64 is masked as the text that it is."""
    data = decode_base64(text)
    masked = data if data is None else mask_bytes(data, mask)
    return mask(text) if masked is None or masked == data else base64.b64encode(masked).decode("ascii")


def decode_base64(text: str) -> bytes | None:
    """What the platform makes of a Base64 body, or None where it is not Base64."""
    try:
        return base64.b64decode(text.replace("\r", "").replace("\n", ""), validate=True)
    except ValueError:
        return None


def mask_target(target: str, mask: Masker) -> str:
    """A path, with its query if any, masked also where it spells a secret in another way than usual."""
    decoded = unquote(target)
    masked = mask(target)
    return mask(decoded) if masked == target and mask(decoded) != decoded else masked


def mask_json(value: Any, mask: Masker) -> Any:
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
