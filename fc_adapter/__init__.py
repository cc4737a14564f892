"""Run any WSGI or ASGI app on Alibaba Cloud Function Compute: ``handler = fc_adapter.wrap(app)``."""

from .errors import AdapterError, AppError, ConfigError, EventError
from .handler import Handler, wrap

__version__ = "0.1.0"

__all__ = ["AdapterError", "AppError", "ConfigError", "EventError", "Handler", "wrap"]
