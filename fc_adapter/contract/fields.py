"""Reading the fields of an event: they may be missing or null, and an error names the field and what came."""

from __future__ import annotations

from ..errors import EventError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Event = dict[str, Any]


def get_mapping(parent: Event, key: str, prefix: str = "") -> Event:
    value = parent.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise malformed(prefix + key, "an object", value)
    return value


def get_text(parent: Event, key: str, prefix: str = "") -> str:
    value = parent.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise malformed(prefix + key, "a string", value)
    if not value.isascii():
        check_unicode(prefix + key, value)
    return value


def get_boolean(parent: Event, key: str) -> bool:
    """A boolean field, which some senders write as a string."""
    value = parent.get(key)
    if value is None or value is True or value is False:
        return bool(value)
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise malformed(key, 'true, false, "true" or "false"', value)


def check_pair(field: str, name: object, value: object) -> None:
    """Refuse what cannot be one name and value of ``field``."""
    if not isinstance(name, str):
        raise malformed(f"each name in {field}", "a string", name)
    if not isinstance(value, str):
        raise malformed(f"{field}[{name[:40]!r}]", "a string", value)
    check_unicode(f"each name in {field}", name)
    check_unicode(f"{field}[{name[:40]!r}]", value)


def check_unicode(field: str, text: str) -> None:
    """Refuse lone surrogates (``"\\ud800"`` is valid JSON): no bytes on a wire stand for them."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise malformed(field, "valid Unicode", text) from None


def malformed(field: str, expected: str, value: object) -> EventError:
    return EventError(f"{field} of the event must be {expected}, got {describe(value)}")


def describe(value: object) -> str:
    """What a value is, for an error message: short, whatever its size."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return f"the string {value[:40]!r}{'...' if len(value) > 40 else ''}"
    return f"a value of type {type(value).__name__}"
