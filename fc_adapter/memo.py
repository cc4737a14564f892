"""A memory of what was made of names that come again and again, as those of headers do."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")

_LIMIT = 1024  # entries: strangers choose the names


class Memo(dict):  # type: ignore[type-arg]
    """``memo[name]`` is ``function(name)``, which is called for a name that is not remembered."""

    def __init__(self, function: Callable[[str], T]) -> None:
        self._function = function

    def __missing__(self, name: str) -> T:
        if len(self) >= _LIMIT:
            self.clear()
        value = self[name] = self._function(name)
        return value
