"""The context object that Function Compute's Python runtimes pass to a handler."""

from __future__ import annotations

import logging
import os
import secrets
import time
from typing import Any

from ..contract.rules import ACCOUNT_ID


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


def build_context(
    *,
    request_id: str,
    handler: str,
    runtime: tuple[int, int],
    timeout: float = 60,
    name: str = "local",
    memory: int = 512,
    region: str = "cn-hangzhou",
) -> FCContext:
    """A context as the runtime for Python ``runtime`` (major, minor) makes it: documented per runtime version.

    The runtimes before 3.12 have ``credentials`` and ``service``; 3.12 moved what was in ``service``. Credentials come
    from the environment variables in which the platform passes them.
    """
    whole_seconds = int(timeout) if timeout == int(timeout) else timeout  # the platform has no others
    function = {"name": name, "handler": handler, "memory": memory, "timeout": whole_seconds}
    shape: dict[str, Any] = {
        "request_id": request_id,
        "region": region,
        "account_id": os.environ.get("FC_ACCOUNT_ID", ACCOUNT_ID),
        "retry_count": 0,
        "tracing": _Record(openTracingSpanContext="", openTracingSpanBaggages={}, jaegerEndpoint=""),
        "logger": logging.getLogger(),
    }
    if runtime < (3, 12):
        shape["credentials"] = _Record(
            access_key_id=os.environ.get("ALIBABA_CLOUD_ACCESS_KEY_ID", ""),
            access_key_secret=os.environ.get("ALIBABA_CLOUD_ACCESS_KEY_SECRET", ""),
            security_token=os.environ.get("ALIBABA_CLOUD_SECURITY_TOKEN", ""),
        )
        shape["service"] = _Record(name="", log_project="", log_store="", qualifier="LATEST", version_id="")
    else:
        shape.update(log_project="", log_store="")
        function.update(version_id="", qualifier="LATEST")
    return FCContext(function=_Record(**function), **shape)
