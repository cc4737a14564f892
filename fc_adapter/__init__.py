"""Run any WSGI or ASGI app on Alibaba Cloud Function Compute: ``handler = fc_adapter.wrap(app)``."""

from __future__ import annotations

from .errors import AdapterError, AppError, ConfigError, DeadlineError, EventError
from .handler import Handler, wrap
from .invocation import Invocation, current_invocation

__version__ = "0.1.0"

__all__ = [
    "AdapterError",
    "AppError",
    "ConfigError",
    "DeadlineError",
    "EventError",
    "Handler",
    "Invocation",
    "RequestIdFilter",
    "current_invocation",
    "detached",
    "wrap",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .detach import detached
    from .logs import RequestIdFilter
else:  # type checkers would take it to have every name

    def __getattr__(name):
        """Load what few apps need, and what needs more modules, when it is asked for."""
        if name == "RequestIdFilter":
            from .logs import RequestIdFilter

            return RequestIdFilter
        if name == "detached":
            from .detach import detached

            return detached
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
