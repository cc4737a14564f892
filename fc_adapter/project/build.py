"""The command that puts a project's packages beside its code, as the platform's runtime needs them."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shlex
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from ..config.runtimes import Runtime

_ADAPTER = "fc-adapter"


def build_command(directory: Path, runtime: Runtime, package: str) -> str:
    """For a shell in ``directory``. ``package`` is installed when no file there says what the project requires.

    uv rather than pip, which would evaluate markers such as ``python_version < '3.11'`` for the Python that it runs on.
    """
    files = requirement_files(directory)
    requirements = [part for file in files for part in ("-r", file.name)] or [package] * bool(package)
    adapter, is_source = _adapter_requirement()
    if adapter != _ADAPTER or not any(_names_adapter(file) for file in files):
        requirements.append(adapter)
    return shlex.join(
        [
            *("uv", "pip", "install", "--target", "python"),
            *("--python-version", runtime.number, "--python-platform", runtime.uv_platform),
            *("--only-binary", ":all:", *(["--no-binary", _ADAPTER] if is_source else [])),
            *requirements,
        ]
    )


def requirement_files(directory: Path) -> list[Path]:
    """The file that says what the project requires, if there is one: at most one."""
    listed, declared = directory / "requirements.txt", directory / "pyproject.toml"
    if listed.is_file():
        return [listed]
    if declared.is_file() and re.search(r"(?m)^\[project\]", declared.read_text(encoding="utf-8", errors="replace")):
        return [declared]
    return []


def _names_adapter(file: Path) -> bool:
    return bool(re.search(r"(?im)^\W*fc[-_.]adapter\b", file.read_text(encoding="utf-8", errors="replace")))


def _adapter_requirement() -> tuple[str, bool]:
    """What installs this package as it was installed here, and whether a wheel of it is built then.

    From a clone or an archive it is that one again, as "Recording the Direct URL Origin" (PEP 610) tells.
    """
    try:
        text = importlib.metadata.distribution(_ADAPTER).read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:  # run from a directory on the path
        return str(Path(__file__).parents[2]), True
    if not text:
        return _ADAPTER, False
    origin = json.loads(text)
    url = origin["url"]
    if "vcs_info" in origin:
        return f"{_ADAPTER} @ {origin['vcs_info']['vcs']}+{url}@{origin['vcs_info']['commit_id']}", True
    place = urllib.request.url2pathname(urlsplit(url).path) if url.startswith("file:") else f"{_ADAPTER} @ {url}"
    return place, not place.endswith(".whl")
