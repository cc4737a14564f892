"""Importing the handler, as the platform does."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from ..application import NotFoundError, detect_interface, load_object, names_its_interface
from ..config.target import Target
from ..errors import ConfigError
from ..handler import Handler, wrap
from ..terminal import warn


def names_handler(target: Target) -> bool:
    """Whether what ``target`` names, which has been loaded, is a handler of this package rather than a bare app."""
    return isinstance(load_object(f"{target.module}:{target.attribute}"), Handler)


def load_target(target: Target, *, wrap_apps: bool = True, note: Callable[[str], None] = warn) -> Callable[..., Any]:
    """Import the handler as the platform does: from the code directory, which is also the current directory.

    A bare WSGI or ASGI application is wrapped, which ``note(text)`` tells, unless ``wrap_apps`` is false. Raises
    NotFoundError when there is no such name or it is no handler, and whatever the module itself raises.
    """
    target.check_directory()
    os.chdir(target.directory)
    if sys.path[:1] != [str(target.directory)]:
        sys.path.insert(0, str(target.directory))
    try:
        found = load_object(f"{target.module}:{target.attribute}")
    except NotFoundError as error:
        if error.name != f"{target.module}:{target.attribute}":
            raise ConfigError(str(error)) from error  # the module's own wrap("package.module:app")
        raise NotFoundError(f"{error} (looked from {target.directory})", error.name) from None
    if not callable(found):
        raise NotFoundError(
            f"{target.module}:{target.attribute} is of type {type(found).__name__}, which is no handler"
        )
    handler: Callable[..., Any] = found
    if isinstance(handler, Handler) or not wrap_apps or not names_its_interface(handler):
        return handler
    note(
        f"{target.module}:{target.attribute} is a bare {detect_interface(handler).upper()} app, wrapped for this "
        "run; to deploy it, write handler = fc_adapter.wrap(app)"
    )
    return wrap(handler)
