"""A memory of what was made of names that come again and again, as those of headers do."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    Key = TypeVar("Key")
    Value = TypeVar("Value")

_LIMIT = 1024  # entries: strangers choose the names


class _Memory(dict):  # type: ignore[type-arg]
    """Holds what ``function`` made of each key, and asks it for a key that is not there."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def __missing__(self, key: Any) -> Any:
        if len(self) >= _LIMIT:
            self.clear()
        value = self[key] = self._function(key)
        return value


def remember(function: Callable[[Key], Value]) -> dict[Key, Value]:
    """A dict in which ``memory[key]`` is ``function(key)``, called once while the key is remembered."""
    return _Memory(function)
