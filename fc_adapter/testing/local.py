"""The function of the fixture ``fc_server``, on the local platform."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from ..config.function import Function, Hook
from ..config.target import Target, parse_target
from ..errors import ConfigError
from ..runner.observer import Observer
from ..runner.platform import LocalPlatform
from .exchange import load_function

_INITIALIZER_SECONDS, _PRE_STOP_SECONDS = 300, 90  # the longest that the platform allows
_logger = logging.getLogger("fc_server")
_logger.setLevel(logging.INFO)  # else nothing of it reaches pytest unless the tests set up logging


@contextmanager
def serve_function(handler: Callable[..., Any] | str) -> Generator[LocalPlatform, None, None]:
    """Serve a handler, or what its name leads to with its module's hooks. Raises ConfigError when that fails."""
    target: Any = parse_target(handler) if isinstance(handler, str) else handler
    function = Function(
        handler=target,
        runtime=sys.version_info[:2],
        initializer=_hook(handler, target, "initialize", _INITIALIZER_SECONDS),
        pre_stop=_hook(handler, target, "pre_stop", _PRE_STOP_SECONDS),
    )
    platform = LocalPlatform(function, port=0, in_process=not isinstance(handler, str), observer=_Log())
    try:
        failure = platform.pool.warm_up()
        if failure is not None:
            raise ConfigError(f"cannot load {function.label}: {failure.describe_error()}")
        platform.start()
        yield platform
    finally:
        platform.close()


def _hook(handler: Callable[..., Any] | str, target: Any, name: str, seconds: float) -> Hook | None:
    """The hook ``name`` of the module that a target is in, if that has one."""
    if not isinstance(target, Target):
        return None
    load_function(handler)
    has_hook = callable(getattr(sys.modules[target.module], name, None))
    return Hook(f"{target.module}.{name}", seconds) if has_hook else None


class _Log(Observer):
    def logged(self, instance_id: str, line: bytes) -> None:
        """Log a line of the function's."""
        _logger.info("%s", line.decode("utf-8", "replace").rstrip())
