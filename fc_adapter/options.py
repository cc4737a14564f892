"""The options of ``wrap()``: each function validates and normalises one, or raises ConfigError."""

from __future__ import annotations

from .application import is_coroutine_function
from .contract.rules import is_token
from .errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Literal

    Interface = Literal["auto", "wsgi", "asgi"]
    LifespanMode = Literal["auto", "on", "off"]
    ErrorMode = Literal["respond", "raise"]
    FlushFunction = Callable[[], object]
    OtherEventHandler = Callable[[Any, Any], Any]


def parse_choice(option: str, value: str, choices: tuple[str, ...]) -> str:
    """One of ``choices``."""
    if value not in choices:
        raise ConfigError(f"{option} must be {' or '.join(map(repr, choices))}, got {value!r}")
    return value


def parse_seconds(option: str, value: float) -> float:
    """A finite number from 0 up."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise ConfigError(f"{option} must be a number of seconds from 0 up, got {value!r}")
    return value


def parse_base_path(base_path: str) -> str:
    """A prefix of decoded paths, without its trailing slash."""
    valid = isinstance(base_path, str) and (base_path == "" or base_path.startswith("/"))
    if not valid or base_path != base_path.encode("utf-8", "ignore").decode("utf-8"):
        raise ConfigError(f"base_path must be '' or a path that begins with '/', such as '/api', got {base_path!r}")
    return base_path.rstrip("/")


def parse_names(option: str, names: Iterable[str]) -> frozenset[str]:
    """A collection of strings; one string alone is a mistake."""
    if isinstance(names, str):
        raise ConfigError(f"{option} must be a collection of strings, got the string {names!r}; write ({names!r},)")
    try:
        parsed = frozenset(names)
    except TypeError:
        raise ConfigError(f"{option} must be a collection of strings, got {names!r}") from None
    for name in parsed:
        if not isinstance(name, str):
            raise ConfigError(f"{option} must be a collection of strings, got {name!r} in it")
    return parsed


def parse_split_query(split_query: Iterable[str] | bool) -> frozenset[str] | bool:
    """Names, or True for all and False for none."""
    return split_query if isinstance(split_query, bool) else parse_names("split_query", split_query)


def parse_text_types(text_types: Iterable[str]) -> frozenset[str]:
    """Media types, in lower case."""
    parsed = frozenset([name.strip().lower() for name in parse_names("text_types", text_types)])
    for media_type in parsed:
        if not all(map(is_token, media_type.partition("/")[::2])):
            raise ConfigError(f"text_types takes media types such as 'application/graphql', got {media_type!r}")
    return parsed


def parse_on_other_event(function: OtherEventHandler | None, interface: str) -> OtherEventHandler | None:
    """A function of ``(event, context)``, which may be a coroutine function for ASGI apps, or None."""
    if function is None:
        return None
    if not callable(function):
        raise ConfigError(f"on_other_event must be a function of (event, context), got {function!r}")
    if interface == "wsgi" and is_coroutine_function(function):
        raise ConfigError(
            f"on_other_event is the coroutine function {function!r}, but a WSGI app has no event loop for it; pass a "
            "plain function, which may call asyncio.run()"
        )
    return function


def parse_flush(functions: Iterable[FlushFunction]) -> tuple[FlushFunction, ...]:
    """Functions that can be called without arguments; one function alone is a mistake."""
    try:
        parsed = tuple(functions)
    except TypeError:
        parsed = ()
        is_list = False
    else:
        is_list = not isinstance(functions, str) and all(map(callable, parsed))
    if not is_list:
        raise ConfigError(f"flush must be a list of functions, such as [sentry_sdk.flush], got {functions!r}")
    for function in parsed:
        if is_coroutine_function(function):
            raise ConfigError(
                f"flush takes functions that need not be awaited, got the coroutine function {function!r}"
            )
        problem = _find_missing_arguments(function)
        if problem:
            raise ConfigError(f"flush takes functions without arguments, got {function!r}: {problem}")
    return parsed


def _find_missing_arguments(function: FlushFunction) -> str:
    """What is missing in a call of ``function`` without arguments, or ``""`` if nothing is, as far as can be known."""
    from inspect import signature

    try:
        found = signature(function)
    except (TypeError, ValueError):  # some that are written in C have none
        return ""
    try:
        found.bind()
    except TypeError as error:
        return str(error)
    return ""
