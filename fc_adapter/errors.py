"""The errors that fc_adapter raises, by whose mistake they report."""

from __future__ import annotations


class AdapterError(Exception):
    """Base class of every error that fc_adapter raises itself."""


class EventError(AdapterError, ValueError):
    """The event is not an HTTP event, or is a malformed one: its sender's mistake."""


class ConfigError(AdapterError, ValueError):
    """``wrap()`` or a command was given something it cannot use: the caller's mistake."""


class AppError(AdapterError, RuntimeError):
    """The wrapped application broke WSGI, ASGI or HTTP: the application's mistake."""


class DeadlineError(AppError):
    """The application had not answered when the function's timeout came close."""
