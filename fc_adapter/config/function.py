"""The function that the runner runs: where its code is and how it is configured."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..contract.rules import ACCOUNT_ID, METHODS
from .target import Target


class Hook(NamedTuple):
    """A lifecycle hook: ``"index.initialize"``, and the seconds it may take."""

    handler: str
    timeout: float


@dataclass(frozen=True)
class Function:
    """A function's configuration, in the platform's terms.

    ``handler`` is a Target to import, or the handler function itself. ``timeout`` is in seconds, ``memory`` in MB,
    ``runtime`` is the (major, minor) version of Python whose shape the context has. ``environment`` is added to the
    environment of the instance. ``interpreter`` is the Python that runs it, with the standard library alone and nothing
    of this process's environment; None is this Python and its packages.
    """

    handler: Any
    name: str = "local"
    region: str = "cn-hangzhou"
    runtime: tuple[int, int] = (3, 10)
    timeout: float = 60
    memory: int = 512
    environment: dict[str, str] = field(default_factory=dict)
    initializer: Hook | None = None
    pre_stop: Hook | None = None
    methods: tuple[str, ...] = METHODS
    interpreter: str | None = None

    @property
    def label(self) -> str:
        """The handler as the platform writes it: ``index.handler``."""
        if isinstance(self.handler, Target):
            return f"{self.handler.module}.{self.handler.attribute}"
        return "index.handler"

    def platform_environment(self, instance_id: str) -> dict[str, str]:
        """The variables that the platform sets in an instance, and the function's own."""
        directory = str(self.handler.directory) if isinstance(self.handler, Target) else "."
        return {
            "FC_FUNC_CODE_PATH": directory,
            "FC_ACCOUNT_ID": ACCOUNT_ID,
            "FC_FUNCTION_HANDLER": self.label,
            "FC_FUNCTION_NAME": self.name,
            "FC_FUNCTION_MEMORY_SIZE": str(self.memory),
            "FC_FUNCTION_VERSION": "LATEST",
            "FC_REGION": self.region,
            "FC_INSTANCE_ID": instance_id,
            **self.environment,
        }


def is_like_platform() -> bool:
    """Whether this machine can load packages that are compiled for the platform: Linux on x86_64 with glibc."""
    return sys.platform == "linux" and platform.machine() == "x86_64" and platform.libc_ver()[0] == "glibc"
