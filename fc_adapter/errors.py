"""The errors fc_adapter raises, one class per party at fault."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class AdapterError(Exception):
    """Base class of every error that fc_adapter raises itself."""


class EventError(AdapterError, ValueError):
    """The event is not an HTTP event, or is a malformed one: its sender's mistake."""


class ConfigError(AdapterError, ValueError):
    """``wrap()`` or a command was given something it cannot use: the caller's mistake."""


class AppError(AdapterError, RuntimeError):
    """The wrapped application broke WSGI, ASGI or HTTP: the application's mistake."""

    # Of a lifespan that has failed: what the app raised, if it did, and where its own error reporting remembers that.
    app_error: BaseException | None = None
    app_context: Any = None  # a contextvars.Context, or None


class DeadlineError(AppError):
    """The application had not answered when the function's timeout came close."""


def shorten(value: object) -> str:
    """The repr of ``value`` for an error message, of 100 characters at most."""
    try:
        return f"{value!r:.100}"
    except Exception:  # a number of thousands of digits, or a broken __repr__
        return f"a value of type {type(value).__name__}"
