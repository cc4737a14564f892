"""uv or pip, whichever is here, as what installs wheels for the runtime."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

from ..config.runtimes import Runtime
from ..errors import ConfigError
from .interpreter import find_interpreters
from .requirements import (
    Requirement,
    Requirements,
    declared_dependencies,
    normalize,
    parse_lines,
    parse_requirement,
)

# Options of a requirements file that hold for what is built before it is installed, too.
_INDEX = re.compile(r"(-i|--index-url|--extra-index-url|-f|--find-links|--no-index)\b")
_SHORT = {"-i": "--index-url", "-f": "--find-links"}


class Installer(ABC):
    """A command that installs packages into a directory.

    ``index`` is the address of the index, None for the tool's own, ``allowed`` the names of packages that may be
    built here.
    """

    name = ""
    variables: ClassVar[dict[str, tuple[str, ...]]] = {}  # what takes the place of options that name an index

    def __init__(
        self, command: Sequence[str], python: str, runtime: Runtime, index: str | None, allowed: Iterable[str]
    ) -> None:
        self._command = list(command)
        self._python = python
        self._runtime = runtime
        self._index = {"--index-url": index} if index else {}
        self._allowed = set(map(normalize, allowed))
        self._listed: list[str] = []
        self._build_index: dict[str, str] = {}

    def install(self, requirements: Requirements, target: Path, work: Path) -> None:
        """Install into ``target``; ``work`` is a directory for files in between.

        Raises ConfigError when the tool fails, having told why on standard error.
        """
        self._read_index(requirements)
        lines = [self._build(line, work) if line.is_source else line for line in self.expand(requirements, work)]
        wheels = {_wheel_name(line.path): line.path for line in lines if line.path}
        lines = [line.with_path(wheels[line.name]) if line.name in wheels else line for line in lines]
        self._allowed -= wheels.keys()
        lines = self.build_allowed(lines, work)
        file = work / "requirements.txt"
        file.write_text("".join(f"{_pin(line)}\n" for line in lines), encoding="utf-8")
        command = [*self.install_command(target, work), "-r", str(file), *self.projects(requirements)]
        try:
            self._run(command)
        except ConfigError as error:
            hint = "A package that has no wheel for the runtime can be built here, if you name it: --no-binary NAME"
            raise ConfigError(f"{error}. {hint}" if self.may_lack_wheels(command) else str(error)) from None
        _forget_build(target)

    @abstractmethod
    def may_lack_wheels(self, command: list[str]) -> bool:
        """Whether the installation ``command`` may have failed since a package has no wheel for the runtime."""

    @abstractmethod
    def expand(self, requirements: Requirements, work: Path) -> list[Requirement]:
        """All requirements as lines, as far as the tool needs them so."""

    @abstractmethod
    def build_allowed(self, lines: list[Requirement], work: Path) -> list[Requirement]:
        """The lines, with wheels of what may be built here, as far as the tool needs that."""

    @abstractmethod
    def projects(self, requirements: Requirements) -> list[str]:
        """Arguments for what the tool reads by itself."""

    @abstractmethod
    def install_command(self, target: Path, work: Path) -> list[str]:
        """The command up to the requirements."""

    @abstractmethod
    def build_command(self, source: str, wheels: Path) -> list[str]:
        """The command that builds a wheel of a directory or archive."""

    def _read_index(self, requirements: Requirements) -> None:
        """What the requirements say of indexes, for what is built before it is installed."""
        listed: dict[str, list[str]] = {}
        for line in requirements.lines:
            found = _INDEX.match(line.text)
            if found is None:
                continue
            option, value = _SHORT.get(found[1], found[1]), _expand(line.text[found.end() :].lstrip(" ="))
            if option in self.variables:
                listed.setdefault(option, []).append(value)
            else:
                self._listed += [option, value] if value else [option]
        last = {option: values[-1:] if option == "--index-url" else values for option, values in listed.items()}
        self._build_index = {option: " ".join(values) for option, values in last.items()} | self._index

    def _build(self, source: Requirement, work: Path) -> Requirement:
        """Build a wheel of a local package, and return the line that installs it."""
        wheels = work / "wheels" / str(len(list(work.glob("wheels/*"))))
        self._run([*self.build_command(str(source.path), wheels), *self._listed], self._build_index)
        wheel = next(wheels.glob("*.whl"))
        name, tag = _wheel_name(wheel), wheel.stem.rpartition("-")[2]
        if tag != "any" and name not in self._allowed:
            raise ConfigError(
                f"{name} of {source.path} has been compiled for this machine ({tag}), which the runtime may not be "
                f"able to load; to take it all the same: --no-binary {name}"
            )
        return Requirement("", wheel, source.extras, source.marker)

    def _run(self, command: list[str], index: Mapping[str, str] | None = None) -> None:
        sys.stdout.flush()
        status = subprocess.run(
            [*self._command, *command],
            stdin=subprocess.DEVNULL,
            stdout=sys.__stderr__,
            env=self._environment(self._index if index is None else index),
            close_fds=False,  # the lock is held for as long as any of them works here
        ).returncode
        if status:
            raise ConfigError(f"{self.name} ended with status {status} (see above); nothing was changed")

    def _environment(self, index: Mapping[str, str]) -> dict[str, str]:
        """That of the tool: other users of this machine see its arguments, and an index's address has a password."""
        environment = {name: value for name, value in os.environ.items() if name not in ("PIP_USER", "PIP_TARGET")}
        for option, value in index.items():
            environment.update(dict.fromkeys(self.variables[option], value))
        return environment


class Uv(Installer):
    """uv, which evaluates markers for the runtime on any machine."""

    name = "uv"
    variables: ClassVar = {
        "--index-url": ("UV_DEFAULT_INDEX", "UV_INDEX_URL"),  # uv before 0.4.23 knows the latter alone
        "--extra-index-url": ("UV_EXTRA_INDEX_URL",),
    }

    def expand(self, requirements: Requirements, work: Path) -> list[Requirement]:
        """Those of the locks as ``uv export`` writes them."""
        lines = list(requirements.lines)
        for number, directory in enumerate(requirements.locked):
            file = work / f"locked-{number}.txt"
            options = ["--locked", "--no-dev", "--no-emit-project", "--no-editable", "--no-header", "--quiet"]
            self._run(["export", *options, "--project", str(directory), "-o", str(file)], {})
            lines += parse_lines(file.read_text(encoding="utf-8"), directory)
        return lines

    def may_lack_wheels(self, command: list[str]) -> bool:
        """It is asked again, for what it has found out: its output has gone to the terminal, with its progress."""
        again = [*self._command, *command, "--offline", "--dry-run"]
        found = subprocess.run(
            again, stdin=subprocess.DEVNULL, capture_output=True, env=self._environment(self._index), close_fds=False
        )
        text = re.sub(rb"\W+", b" ", found.stderr)  # its lines may be wrapped
        return b" no usable wheels " in text or b" no wheels " in text

    def build_allowed(self, lines: list[Requirement], work: Path) -> list[Requirement]:
        """It builds them as it installs."""
        return lines

    def projects(self, requirements: Requirements) -> list[str]:
        """It reads pyproject.toml."""
        return [part for project in requirements.projects for part in ("-r", str(project))]

    def install_command(self, target: Path, work: Path) -> list[str]:
        """Any Python will do to run it, since another one is named to resolve for."""
        return [
            *("pip", "install", "--target", str(target), "--python", self._python, "--no-compile-bytecode"),
            *("--python-version", self._runtime.number, "--python-platform", self._runtime.uv_platform),
            *("--only-binary", ":all:", *(part for name in sorted(self._allowed) for part in ("--no-binary", name))),
        ]

    def build_command(self, source: str, wheels: Path) -> list[str]:
        """In an environment of its own."""
        return ["build", "--wheel", "--quiet", "--python", self._python, "--out-dir", str(wheels), source]


class Pip(Installer):
    """The pip of a Python of the runtime's version, as pip evaluates markers for the Python that it runs on."""

    name = "pip"
    variables: ClassVar = {"--index-url": ("PIP_INDEX_URL",), "--extra-index-url": ("PIP_EXTRA_INDEX_URL",)}

    def may_lack_wheels(self, command: list[str]) -> bool:
        """It says the same of a package without a wheel and of none at all."""
        return True

    def expand(self, requirements: Requirements, work: Path) -> list[Requirement]:
        """Also those of pyproject.toml files."""
        if requirements.locked:
            raise ConfigError(
                f"only uv reads {requirements.locked[0] / 'uv.lock'}: install uv (pip install uv), or name a "
                "requirements file: --requirements FILE"
            )
        lines = list(requirements.lines)
        for project in requirements.projects:
            lines += [parse_requirement(text, project.parent) for text in declared_dependencies(project)]
        return lines

    def build_allowed(self, lines: list[Requirement], work: Path) -> list[Requirement]:
        """Wheels take the place of the lines: with the platforms that are named, pip builds nothing."""
        for name in sorted(self._allowed):
            named = [line for line in lines if line.name == name] or [Requirement(name)]
            wheels = work / "wheels" / name
            options = ["wheel", "--quiet", "--no-deps", "--no-binary", name, "--wheel-dir", str(wheels)]
            self._run([*options, *self._listed, named[0].text], self._build_index)
            lines = [line for line in lines if line not in named]
            lines += [Requirement(str(wheel), wheel) for wheel in wheels.glob("*.whl")]
        return lines

    def projects(self, requirements: Requirements) -> list[str]:
        """It reads none by itself."""
        return []

    def install_command(self, target: Path, work: Path) -> list[str]:
        """All platforms are named, since pip takes only those that are; this machine may have a newer C library."""
        platforms = [*self._runtime.platforms, "linux_x86_64"]
        return [
            *("install", "--target", str(target), "--no-compile", "--only-binary", ":all:"),
            *(part for platform in platforms for part in ("--platform", platform)),
        ]

    def build_command(self, source: str, wheels: Path) -> list[str]:
        """In an environment of its own."""
        return ["wheel", "--quiet", "--no-deps", "--wheel-dir", str(wheels), source]


class Choice(NamedTuple):
    """Which tool there is, and the Python that it runs on or builds with."""

    kind: type[Installer]
    command: list[str]
    python: str


def find_installer(runtime: Runtime) -> Choice:
    """uv, else the pip of a Python of the runtime's version. Raises ConfigError when there is neither."""
    pythons = find_interpreters(runtime)
    uv = shutil.which("uv")
    if uv or importlib.util.find_spec("uv"):
        return Choice(Uv, [uv] if uv else [sys.executable, "-m", "uv"], next(pythons, sys.executable))
    if sys.platform == "linux":
        for python in pythons:
            if subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode == 0:
                return Choice(Pip, [python, "-m", "pip"], python)
    raise ConfigError(
        f"there is no uv here, and no Python {runtime.number} with pip: install uv (pip install uv; "
        "https://docs.astral.sh/uv/ has other ways)"
    )


def _expand(text: str) -> str:
    """Replace ``${NAME}`` by the environment's variable, as pip and uv do it in a requirements file."""
    return re.sub(r"\$\{([A-Z0-9_]+)\}", lambda match: os.environ.get(match[1], match[0]), text)


def _wheel_name(wheel: Path) -> str:
    return normalize(wheel.name.split("-")[0])


def _pin(line: Requirement) -> str:
    """A line for the tool; a wheel by its name and address, so that extras and markers can stand beside it."""
    if line.path is None or line.path.suffix != ".whl":
        return line.text
    return f"{line.path.name.split('-')[0]}{line.extras} @ {line.path.as_uri()} {line.marker}".strip()


def _forget_build(target: Path) -> None:
    """Remove what the tool notes of the time of an installation, so that the same packages are the same bytes."""
    notes = {"uv_cache.json", "uv_build.json"}
    for record in target.glob("*.dist-info/RECORD"):
        found = [record.with_name(name) for name in notes if record.with_name(name).is_file()]
        lines = record.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if line.split(",")[0].rpartition("/")[2] not in notes]
        if found or len(kept) < len(lines):
            for note in found:
                note.unlink()
            record.unlink()  # it may be a link to a file in the tool's cache
            record.write_text("".join(kept), encoding="utf-8")
    (target / ".lock").unlink(missing_ok=True)
