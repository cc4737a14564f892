"""What the runtime does around a handler's call: the error object it reports and the log lines it writes."""

from __future__ import annotations

import logging
import time
import traceback
from typing import Any, TextIO


def build_error(error: BaseException, *, error_type: str | None = None) -> dict[str, Any]:
    """The error object of a function error, documented in "Error handling" of the Python runtime.

    ``error_type`` replaces the exception's class name; the platform says ``ImportModuleError`` when the handler's
    module fails to import. An exit of the process is reported without type and stack.
    """
    if not isinstance(error, Exception):
        return {"errorMessage": f"Process exited unexpectedly before completing request ({type(error).__name__})"}
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "errorMessage": str(error),
        "errorType": error_type or type(error).__name__,
        "stackTrace": [
            [f'File "{frame.filename}"', f"line {frame.lineno}", f"in {frame.name}", frame.line or ""]
            for frame in frames
            if not frame.filename.startswith(_HIDDEN)
        ],
    }


# The frames of the runner and of the import system: no part of what a deployed function would show.
_HIDDEN = (__file__.rpartition("runtime.py")[0], "<frozen importlib")


def start_logging(stream: TextIO, request_id: str) -> None:
    """Send the root logger to ``stream`` in the runtime's format, from level INFO up, as the platform collects it."""
    output = logging.StreamHandler(stream)
    output.setFormatter(_Formatter(request_id))
    logging.basicConfig(level=logging.INFO, handlers=[output], force=True)


class _Formatter(logging.Formatter):
    """``2017-07-05T05:13:35.920Z <request-id> [INFO] message``: documented."""

    converter = staticmethod(time.gmtime)

    def __init__(self, request_id: str) -> None:
        super().__init__(f"%(asctime)s.%(msecs)03dZ {request_id} [%(levelname)s] %(message)s", "%Y-%m-%dT%H:%M:%S")
