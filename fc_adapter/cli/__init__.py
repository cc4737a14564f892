"""The command line ``fc-adapter``: options to calls, results to lines.

- ``parser``: the commands and their options, which is all that is imported before one is chosen.
- ``serve``, ``replay``, ``probe``, ``invoke`` (and ``event``): a command each; ``several``: serving several functions;
  ``project`` has ``init``, ``build`` and ``doctor``.
- ``output``: responses on standard output.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import sys
from collections.abc import Sequence

from ..errors import ConfigError
from ..terminal import warn
from .parser import build_parser


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status: 0, 1 for a function error, 2 for wrong usage, 130 for Ctrl-C."""
    _open_standard_streams()
    name = "fc-adapter"
    try:
        try:
            parser = build_parser()
            if "_ARGCOMPLETE" in os.environ:
                _complete(parser)
            options = parser.parse_args(arguments)
            name = f"fc-adapter {options.name}"
            return int(options.command(options))
        finally:
            sys.stdout.flush()
    except ConfigError as error:
        warn(f"{name}: {error}")
        return 2
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # then whoever reads the output has read enough
            warn(f"{name}: {'standard output is closed' if error.errno == errno.EBADF else error}")
        _drop_output()
        return 1
    except KeyboardInterrupt:
        warn(f"{name}: interrupted")
        return 130


def _complete(parser: argparse.ArgumentParser) -> None:
    """Tell the shell what can follow, and exit, if argcomplete is installed (the extra ``completion``)."""
    with contextlib.suppress(ImportError):
        import argcomplete

        argcomplete.autocomplete(parser)


def _open_standard_streams() -> None:
    """Put something in the place of standard streams that are closed (``>&-``): else what is opened next would be them.

    Standard output is then one that cannot be written, so that a command which needs it fails.
    """
    for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            os.open(os.devnull, os.O_WRONLY if number == 2 else os.O_RDONLY)
            setattr(sys, name, open(number, "r" if number == 0 else "w", closefd=False))  # noqa: SIM115


def _drop_output() -> None:
    """Lose what standard output still holds if it cannot be written: the exit would fail at it once more."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
