"""Bounded caches for values derived from header names: clients choose the names, and must not fill the memory."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    Key = TypeVar("Key")
    Value = TypeVar("Value")

_LIMIT = 128  # entries
_LONGEST_NAME = 100  # characters
_LONGEST_SET = 1024  # characters of all the names in a set, with one between two of them
_LARGEST_SET = 64  # names


class _Memory(dict):  # type: ignore[type-arg]
    """Holds what ``function`` made of each key, and asks it for a key that is not there."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def __missing__(self, key: Any) -> Any:
        value = self._function(key)
        if len(key) <= _LONGEST_NAME:
            _store(self, key, value)
        return value


def remember(function: Callable[[str], Value]) -> dict[str, Value]:
    """A dict in which ``memory[key]`` is ``function(key)``, called once while the key is remembered.

    Long keys are not remembered, and where there are many, the oldest are forgotten one by one.
    """
    return _Memory(function)


class HeaderNames:
    """The names of a request's headers, all ASCII, and what was made of all of them together.

    - ``names`` (tuple of str): as they are in the event.
    - ``text`` (str): the same with a line break between two of them, so that one call can convert all;
      empty if they are so long that converting each by itself is faster.
    - ``special``: how Host, Content-Length and X-Forwarded-Proto are spelled; see ``contract.headers``.
    - ``environ_keys`` (list of str) and ``field_names`` (list of bytes): of WSGI and ASGI, None until they are needed.
    """

    __slots__ = ("environ_keys", "field_names", "names", "special", "text")

    def __init__(self, names: tuple[str, ...], text: str, special: tuple[str, ...] = ()) -> None:
        self.names = names
        self.text = text if len(text) <= _LONGEST_SET else ""
        self.special = special
        self.environ_keys: list[str] | None = None
        self.field_names: list[bytes] | None = None


class HeaderSets(dict):  # type: ignore[type-arg]
    """``HeaderNames`` by the names, since clients send the same ones again and again. ``None`` where there are none.

    They are remembered when they come for the second time: those of a stranger who sends others each time are freed at
    once, and push none of the usual ones out.
    """

    def __init__(self, function: Callable[[tuple[str, ...]], HeaderNames | None]) -> None:
        self._function = function
        self._seen = [0] * _LIMIT  # hashes of names that came once, each in its place

    def __missing__(self, names: tuple[str, ...]) -> HeaderNames | None:
        made = self._function(names)
        if made is not None and made.text and len(names) <= _LARGEST_SET:
            mark = hash(names)
            place = mark % _LIMIT
            if self._seen[place] == mark:
                _store(self, names, made)
            else:
                self._seen[place] = mark
        return made


def _store(memory: dict[Key, Value], key: Key, value: Value) -> None:
    if len(memory) >= _LIMIT:
        memory.pop(next(iter(memory)), None)
    memory[key] = value
