"""Processes of their own, for what only a fresh interpreter can show."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def command(*arguments: str, cache: str) -> list[str]:
    """A command of this interpreter. What it imports is compiled once, into the directory ``cache``."""
    return [sys.executable, "-X", f"pycache_prefix={cache}", *arguments]


def environment() -> dict[str, str]:
    """An environment without what would slow a child down or keep it from writing compiled files."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV_", "COVERAGE_"))}
    return {**kept, "PYTHONPATH": str(ROOT)}
