"""The platform's built-in Python runtimes, and the wheels that fit each."""

from __future__ import annotations

import sys
from typing import NamedTuple

from ..errors import ConfigError

# The file that ``fc-adapter build`` leaves among the packages: what they were built from.
STAMP = ".fc-adapter.json"


class Runtime(NamedTuple):
    """A built-in runtime. ``glibc`` is the version of the C library that compiled packages find there.

    ``uv_platform`` is the newest ``--python-platform`` of uv whose wheels run there.
    """

    version: tuple[int, int]
    glibc: tuple[int, int]
    uv_platform: str

    @property
    def name(self) -> str:
        """As in ``s.yaml``: ``python3.10``."""
        return f"python{self.number}"

    @property
    def number(self) -> str:
        """As tools take it: ``3.10``."""
        return ".".join(map(str, self.version))

    @property
    def platforms(self) -> list[str]:
        """Platform tags of the wheels that the C library can load (PEP 600 and before), the newest first."""
        major, minor = self.glibc
        platforms = [f"manylinux_{major}_{number}_x86_64" for number in range(minor, 4, -1)]
        return [*platforms, "manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64"]


# Documented in "Runtime overview" (Function Compute 3.0), all for x86_64: Python 3.9 on Debian 9, 3.10 on Debian 10,
# 3.12 on Debian 11. Debian's releases have glibc 2.24, 2.28 and 2.31.
RUNTIMES = {
    each.name: each
    for each in (
        Runtime((3, 9), (2, 24), "x86_64-manylinux2014"),
        Runtime((3, 10), (2, 28), "x86_64-manylinux_2_28"),
        Runtime((3, 12), (2, 31), "x86_64-manylinux_2_31"),
    )
}


def parse_runtime(name: str) -> Runtime:
    """The runtime that ``s.yaml`` calls ``name``. Raises ConfigError for one that the platform does not have."""
    try:
        return RUNTIMES[name]
    except KeyError:
        raise ConfigError(f"there is no runtime {name!r}; expected one of {', '.join(RUNTIMES)}") from None


def default_runtime() -> Runtime:
    """The oldest runtime that is not older than this interpreter, since what runs here may need no older one."""
    fitting = [each for each in RUNTIMES.values() if each.version >= sys.version_info[:2]]
    return min(fitting, default=max(RUNTIMES.values()))
