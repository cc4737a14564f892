"""The context object that Function Compute's Python runtimes pass to a handler."""

from __future__ import annotations

import logging
import os
import secrets
import sys
import time
from typing import Any


class _Record:
    """Named attributes, shown by ``repr``."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self.__dict__)})"


class FCContext(_Record):
    """The context of one invocation. It is not callable, which a bare WSGI app finds out the hard way."""


def new_request_id() -> str:
    """A request id in the platform's form: ``1-<seconds in hex>-<random>-<random>``."""
    return f"1-{int(time.time()):08x}-{secrets.token_hex(4)}-{secrets.token_hex(6)}"


def build_context(*, request_id: str, handler: str, python: tuple[int, int] = sys.version_info[:2]) -> FCContext:
    """A context as the runtime for ``python`` (major, minor) makes it: documented per runtime version.

    The runtimes before 3.12 have ``credentials`` and ``service``; 3.12 moved what was in ``service``.
    Credentials and names come from the environment variables that the platform sets, where they are set.
    """
    environment = os.environ.get
    function = {
        "name": environment("FC_FUNCTION_NAME", "local"),
        "handler": handler,
        "memory": int(environment("FC_FUNCTION_MEMORY_SIZE", "512")),
        "timeout": 60,
    }
    shape: dict[str, Any] = {
        "request_id": request_id,
        "region": environment("FC_REGION", "cn-hangzhou"),
        "account_id": environment("FC_ACCOUNT_ID", "123456"),
        "retry_count": 0,
        "tracing": _Record(openTracingSpanContext="", openTracingSpanBaggages={}, jaegerEndpoint=""),
        "logger": logging.getLogger(),
    }
    if python < (3, 12):
        shape["credentials"] = _Record(
            access_key_id=environment("ALIBABA_CLOUD_ACCESS_KEY_ID", ""),
            access_key_secret=environment("ALIBABA_CLOUD_ACCESS_KEY_SECRET", ""),
            security_token=environment("ALIBABA_CLOUD_SECURITY_TOKEN", ""),
        )
        shape["service"] = _Record(name="", log_project="", log_store="", qualifier="LATEST", version_id="")
    else:
        shape.update(log_project="", log_store="")
        function.update(version_id="", qualifier="LATEST")
    return FCContext(function=_Record(**function), **shape)
