"""The variables that a file or an option gives: ``NAME=value``."""

from __future__ import annotations

import io
import os
from pathlib import Path

from ..errors import ConfigError


def read_env_file(path: Path) -> dict[str, str]:
    """The variables of a ``.env`` file, as python-dotenv reads it: quotes, comments, ``export``, ``${OTHER}``.

    Raises ConfigError, which names the line, for one that is no variable.
    """
    try:
        from dotenv import dotenv_values
        from dotenv.parser import parse_stream
    except ImportError:
        raise ConfigError(f"reading {path} needs python-dotenv: pip install 'fc-adapter[local]'") from None
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    for binding in parse_stream(io.StringIO(text)):
        key, value = binding.key, binding.value
        if binding.error or (key is not None and (value is None or not is_possible(key, value))):
            string = binding.original.string
            line = binding.original.line + string[: len(string) - len(string.lstrip())].count("\n")
            # What it says is not shown: it may be a line of a key, or a password, in what others read.
            raise ConfigError(f"line {line} of {path} is no variable, expected NAME=value")
    return {name: value or "" for name, value in dotenv_values(stream=io.StringIO(text)).items()}


def parse_variable(text: str, place: str) -> tuple[str, str]:
    """``NAME=value`` as a pair. Raises ConfigError, which names ``place``."""
    name, equals, value = text.partition("=")
    if not equals or not is_possible(name.strip(), value):
        raise ConfigError(f"{place} is {text!r:.80}, expected NAME=value")
    return name.strip(), value.strip()


def is_possible(name: str, value: str) -> bool:
    """Whether this can be a variable in the environment of a process."""
    try:
        encoded = os.fsencode(name + value)
    except UnicodeEncodeError:
        return False
    return bool(name) and "=" not in name and b"\0" not in encoded
