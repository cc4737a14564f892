"""What a project requires, read from its requirements files or its pyproject.toml and lock."""

from __future__ import annotations

import codecs
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import re
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from ..config.runtimes import STAMP
from ..errors import ConfigError

ADAPTER = "fc-adapter"

_OPTION = re.compile(r"(-r|--requirement|-c|--constraint|-e|--editable|-f|--find-links)(?:[ =]\s*|(?<=^-\w))(\S.*)")
_NAME = re.compile(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?")
_LOCAL = re.compile(
    r"(?:(?P<name>[\w.-]+)\s*(?P<wanted>\[[^\]]*\])?\s*@\s*)?(?P<path>[^\s;\[]+)(?P<extras>\[[^\]]*\])?"
)
_ARCHIVES = (".whl", ".zip", ".tar.gz")
# In uv.lock: the directories and files of this machine that the project depends on.
_LOCKED_PATH = re.compile(r'\b(?:editable|directory|path|virtual) = "([^"]+)"')
# Directories of a clone that go into no wheel.
_NOT_SOURCES = {"__pycache__", "build", "dist", "node_modules"}


class Requirement(NamedTuple):
    """One line of a requirements file. ``path`` is the local directory or archive that it names, if it names one."""

    text: str
    path: Path | None = None
    extras: str = ""
    marker: str = ""

    @property
    def name(self) -> str:
        """The normalized name of the package, ``""`` for an option or a path without one."""
        found = None if self.path else _NAME.match(self.text)
        return normalize(found[0]) if found else ""

    def with_path(self, path: Path) -> Requirement:
        """The same package from a local archive: whatever index or version the line names."""
        extras = re.match(r"[\w.-]+\s*(\[[^\]]*\])", self.text)
        _, semicolon, marker = self.text.partition(" --hash")[0].partition(";")
        return Requirement("", path, extras[1] if extras else "", semicolon + marker)

    @property
    def is_source(self) -> bool:
        """Whether a wheel must be built of what ``path`` names."""
        return self.path is not None and self.path.suffix != ".whl"


class Requirements(NamedTuple):
    """What a project requires.

    ``lines`` are those of requirements files, with absolute paths; ``projects`` are pyproject.toml files, and
    ``locked`` the directories with a uv.lock. ``files`` are all files that were read.
    """

    lines: tuple[Requirement, ...]
    projects: tuple[Path, ...]
    locked: tuple[Path, ...]
    files: tuple[Path, ...]

    @property
    def built_here(self) -> set[str]:
        """Names of packages of which a wheel must be built: this one, where it comes from Git or a source archive."""
        is_source = (line.name == ADAPTER and "@" in line.text and ".whl" not in line.text for line in self.lines)
        return {ADAPTER} if any(is_source) else set()

    def fingerprint(self) -> str:
        """A value that changes with what all this says: the files' contents, local packages' sizes and times."""
        paths = {line.path for line in self.lines if line.path}
        for directory in self.locked:
            text = (directory / "uv.lock").read_text(encoding="utf-8", errors="replace")
            paths |= {directory / each for each in _LOCKED_PATH.findall(text) if each != "."}
        parts = [line.text for line in self.lines]
        parts += [hashlib.sha256(file.read_bytes()).hexdigest() for file in self.files]
        parts += [f"{path} {_digest(path)}" for path in sorted(paths)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def find_requirements(directories: Iterable[Path]) -> list[Path]:
    """The file that says what a project requires, looked for in each directory: at most one."""
    for directory in directories:
        listed, declared = directory / "requirements.txt", directory / "pyproject.toml"
        if listed.is_file():
            return [listed]
        if declared.is_file() and re.search(r"(?m)^\[project\]", _read(declared)):
            return [declared]
    return []


def read_requirements(files: Iterable[Path]) -> Requirements:
    """Read requirements files and pyproject.toml files, and add this package where they do not name it.

    Raises ConfigError for a file that cannot be read.
    """
    lines: list[Requirement] = []
    seen: list[Path] = []
    projects, locked = [], []
    for file in files:
        if file.name != "pyproject.toml":
            lines += _read_lines(file.absolute(), seen)
            continue
        seen.append(file.absolute())
        if (file.parent / "uv.lock").is_file():
            seen.append(file.parent.absolute() / "uv.lock")
            locked.append(file.parent.absolute())
        else:
            projects.append(file.absolute())
    adapter = adapter_requirement()
    is_named = any(line.name == ADAPTER for line in lines) or any(map(names_adapter, seen))
    if adapter != ADAPTER or not is_named:
        lines.append(parse_requirement(adapter, Path()))
    return Requirements(tuple(lines), tuple(projects), tuple(locked), tuple(seen))


def parse_lines(text: str, directory: Path) -> list[Requirement]:
    """The requirements in the text of a file in ``directory`` that names no other files."""
    return [parse_requirement(line, directory) for line in _logical_lines(text)]


def parse_requirement(text: str, directory: Path) -> Requirement:
    """One requirement or option; a path is looked for from ``directory``, then from the current directory."""
    found = _LOCAL.match(text)
    path = _find_local(found["path"], directory) if found and not text.startswith("-") else None
    if found is None or path is None:
        return Requirement(text)
    rest = text[found.end() :].strip()
    extras = found["extras"] or found["wanted"] or ""
    return Requirement(f"{path}{extras} {rest}".strip(), path, extras, rest if rest.startswith(";") else "")


def names_adapter(file: Path) -> bool:
    """Whether a file names this package as a requirement."""
    return bool(re.search(r"(?im)^\W*(?:name = \")?fc[-_.]adapter\b", _read(file)))


def adapter_requirement() -> str:
    """What installs this package as it was installed here: its name, a path or ``fc-adapter @ URL``.

    From a clone or an archive it is that one again, as "Recording the Direct URL Origin" (PEP 610) tells.
    """
    try:
        text = importlib.metadata.distribution(ADAPTER).read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:  # run from a directory on the path
        return str(Path(__file__).parents[2])
    if not text:
        return ADAPTER
    origin = json.loads(text)
    url = origin["url"]
    if "vcs_info" in origin:
        return f"{ADAPTER} @ {origin['vcs_info']['vcs']}+{url}@{origin['vcs_info']['commit_id']}"
    return url_path(url) if url.startswith("file:") else f"{ADAPTER} @ {url}"


def url_path(url: str) -> str:
    """The path that a ``file:`` URL names."""
    return urllib.request.url2pathname(urlsplit(url).path)


def normalize(name: str) -> str:
    """A package's name as an index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared_dependencies(project: Path) -> list[str]:
    """``dependencies`` of a pyproject.toml, for pip, which does not read them.

    Raises ConfigError when this Python has nothing that reads TOML.
    """
    name = next((name for name in ("tomllib", "tomli") if importlib.util.find_spec(name)), None)
    if name is None:
        raise ConfigError(f"nothing here reads {project}: install uv (pip install uv), or write a requirements.txt")
    document = importlib.import_module(name).loads(_read(project))
    return list(document["project"].get("dependencies", []))


def _read(file: Path) -> str:
    try:
        return decode(file.read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}") from error


def decode(content: bytes) -> str:
    """The text of a requirements file: UTF-8, or UTF-16, as ``>`` writes in Windows PowerShell."""
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_utf16 else "utf-8-sig", errors="replace")


def _read_lines(file: Path, seen: list[Path]) -> Iterator[Requirement]:
    """The lines of a requirements file and of those that it names; ``seen`` gets each file."""
    if file in seen:
        return
    text = _read(file)
    seen.append(file)
    for line in _logical_lines(text):
        option = _OPTION.match(line)
        if option is None:
            yield parse_requirement(line, file.parent)
            continue
        name, value = option[1], option[2].strip()
        if name in ("-e", "--editable"):  # a link to this machine, which is not there in the cloud
            yield parse_requirement(value, file.parent)
        elif "://" in value:
            yield Requirement(line)
        elif name in ("-r", "--requirement"):
            yield from _read_lines(_join(file.parent, value), seen)
        else:
            path = _join(file.parent, value)
            if name in ("-c", "--constraint"):
                _read(path)
                seen.append(path)
            yield Requirement(f"{name} {path}" if path.exists() else line)


def _join(directory: Path, name: str) -> Path:
    return Path(os.path.normpath(directory / name))


def _logical_lines(text: str) -> Iterator[str]:
    """The lines of a requirements file, with continued ones in one piece and without comments."""
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        line = re.sub(r"(^|\s)#.*", "", line).strip()
        if line:
            yield line


def _find_local(text: str, directory: Path) -> Path | None:
    """The directory or archive of a package that ``text`` names, if it is a path to one."""
    if text.startswith("file:"):
        text = url_path(text)
    elif "://" in text or not (text.startswith(".") or "/" in text or os.sep in text or text.endswith(_ARCHIVES)):
        return None
    for path in (directory / text, Path(text)):
        if path.is_dir() or (path.is_file() and path.name.endswith(_ARCHIVES)):
            return path.resolve()
    return None


def _digest(path: Path) -> str:
    """A value that changes when a local package does: sizes and times of its files."""
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else _source_files(path):
        status = file.stat()
        digest.update(f"{file.relative_to(path)} {status.st_size} {status.st_mtime_ns}\n".encode("utf-8", "replace"))
    return digest.hexdigest()


def _source_files(directory: Path) -> Iterator[Path]:
    for parent, directories, files in os.walk(directory):
        directories[:] = sorted(name for name in directories if not _is_no_source(Path(parent, name)))
        paths = (Path(parent, name) for name in sorted(files) if not name.startswith("."))
        yield from (path for path in paths if path.is_file())


def _is_no_source(directory: Path) -> bool:
    name = directory.name
    return name.startswith(".") or name in _NOT_SOURCES or name.endswith(".egg-info") or (directory / STAMP).is_file()
