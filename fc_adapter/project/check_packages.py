"""Checks of the packages beside the code, and of what would be uploaded with them."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags, parse_tag
from packaging.utils import canonicalize_name

from ..config.runtimes import Runtime
from .archive import API_LIMIT, LIMIT, MB
from .build import is_outdated, read_stamp
from .findings import Finding
from .ignore import archived_files
from .project import Project, metadata_field
from .requirements import decode
from .summary import megabytes

_WASTE = {".git", ".hg", ".venv", "env", "node_modules", "venv"}
_DATABASES = {".db", ".db3", ".sqlite", ".sqlite3"}
_SQLITE = b"SQLite format 3\0"  # "Database File Format", section 1.3


def check_adapter(project: Project) -> Iterator[Finding]:
    """Whether there are packages in the code at all, and this one among them."""
    entry = project.entry
    has_adapter = any((root / "fc_adapter").is_dir() for root in project.path)
    if entry is None or has_adapter or "fc_adapter" not in {name.partition(".")[0] for name in entry.imports.values()}:
        return
    places = " or ".join(map(str, project.path))
    yield Finding(
        _missing_level(project),
        "packages",
        f"{'fc_adapter is not' if project.packages else 'no packages are'} installed in {places}",
        "the function cannot import them, unless a layer has them: the platform installs nothing from requirements.txt",
        f"run: {project.build}",
    )


def check_wheels(project: Project) -> Iterator[Finding]:
    """Whether the packages are built for the runtime's Python and C library."""
    fitting = runtime_tags(project.runtime)
    number = project.runtime.number
    glibc = ".".join(map(str, project.runtime.glibc))
    unfit, local, wrong = [], [], []
    for name, package in project.packages.items():
        tags = _tags(package)
        if tags and not tags & fitting:
            unfit.append(f"{name} ({min(map(str, tags))})")
        elif tags and all(tag.platform == "linux_x86_64" for tag in tags):
            local.append(name)
        required = metadata_field(package, "Requires-Python")
        if required and not _allows(required, f"{number}.99") and not _allows(required, f"{number}.0"):
            wrong.append(f"{name} {package.version} ({required})")
    again = f"build again: {project.build}"
    if unfit:
        yield Finding(
            "error",
            "wheels",
            f"built for another Python or another system: {', '.join(unfit)}",
            f"Python {number} on Linux x86_64 with glibc {glibc} cannot load their compiled modules",
            again,
        )
    if wrong:
        yield Finding(
            "error",
            "wheels",
            f"not for Python {number}: {', '.join(wrong)}",
            "their code may use what this Python does not have",
            again,
        )
    if local:
        yield Finding(
            "warning",
            "wheels",
            f"compiled on a machine like this one: {', '.join(local)}",
            f"they may need a newer C library than the runtime's glibc {glibc}",
            f"use a manylinux wheel: {project.build}",
        )


def check_build(project: Project) -> Iterator[Finding]:
    """Whether the packages are what ``fc-adapter build`` would install now."""
    for target in project.path[1:]:
        built_for = read_stamp(target).get("runtime", project.runtime.name)
        if built_for != project.runtime.name:
            message = f"{target} was built for {built_for}, and the function runs on {project.runtime.name}"
        elif is_outdated(project.directory, target):
            message = f"what the project requires has changed since {target} was built"
        else:
            continue
        why = "the function would run with other packages than its requirements say"
        yield Finding("warning", "build", message, why, f"build again: {project.build}")


def check_requirements(project: Project) -> Iterator[Finding]:
    """Whether the packages have what they require, with markers as the runtime's Python evaluates them."""
    if not project.packages:
        return
    missing, mismatched = [], []
    for requirement, by in _requirements(project):
        package = project.packages.get(canonicalize_name(requirement.name))
        condition = f", where {requirement.marker}" if requirement.marker else ""
        if package is None:
            missing.append(f"{requirement.name} ({by} needs it{condition})")
        elif not requirement.specifier.contains(package.version, prereleases=True):
            mismatched.append(f"{requirement.name} {package.version} ({by} needs {requirement.specifier})")
    why = (
        "importing it fails with No module named ...: pip evaluates such conditions for the Python that it runs on, "
        "not for the one that --python-version names"
        if any("where" in each for each in missing)
        else "importing it fails with No module named ..."
    )
    if missing:
        yield Finding(
            _missing_level(project),
            "requirements",
            f"missing: {', '.join(missing)}",
            why,
            f"build again: {project.build}",
        )
    if mismatched:
        yield Finding(
            "warning",
            "requirements",
            f"of another version than required: {', '.join(mismatched)}",
            "leftovers of an earlier build mix with newer packages",
            f"remove {project.path[-1]} and build again: {project.build}",
        )


def check_upload(project: Project) -> Iterator[Finding]:
    """What would be uploaded: how much, and whether it should be."""
    files, secret, databases = [], [], []
    wasted: dict[str, int] = {}
    for place in archived_files(project.directory):
        path = project.directory / place
        files.append(path)
        if place.parts[0] in _WASTE and place.parts[1:]:
            wasted[place.parts[0]] = wasted.get(place.parts[0], 0) + path.stat().st_size
        if place.name == ".env" or place.name.startswith(".env."):
            secret.append(place.as_posix())
        if _is_own_database(project, path):
            databases.append(place)
    size = sum(path.stat().st_size for path in files)
    yield Finding("note", "size", f"{len(files)} files, {size / MB:.1f} MB before they are compressed")
    if size > API_LIMIT:
        yield from _check_archive(_archive_size(files))
    if wasted:
        listed = ", ".join(f"{name} ({amount / MB:.1f} MB)" for name, amount in sorted(wasted.items()))
        yield Finding(
            "warning",
            "size",
            f"would be uploaded: {listed}",
            "each cold start downloads and unpacks the whole archive",
            "name them in .fcignore, one in a line: " + ", ".join(f"/{name}" for name in sorted(wasted)),
        )
    if secret:
        yield Finding(
            "warning",
            "secrets",
            f"would be uploaded: {', '.join(sorted(secret))}",
            "whoever can read the function's code reads them, too",
            "name them in .fcignore, and give the function their values as environmentVariables",
        )
    if databases:
        sizes = [f"{place.as_posix()} ({megabytes((project.directory / place).stat().st_size)})" for place in databases]
        yield Finding(
            "warning",
            "database",
            f"would be uploaded: {', '.join(sizes[:5])}",
            "each instance begins with what was written here, and whoever can read the function's code reads it",
            "unless the function only reads them, name them in .fcignore: "
            + ", ".join(f"/{place.as_posix()}" for place in databases[:5]),
        )


def _is_own_database(project: Project, path: Path) -> bool:
    """Whether a file is an SQLite database that no package has brought."""
    if path.suffix.lower() not in _DATABASES or {*path.parents} & {*project.path[1:]} or not os.access(path, os.R_OK):
        return False
    with path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def _check_archive(size: int) -> Iterator[Finding]:
    if size > API_LIMIT:
        yield Finding(
            "error" if size > LIMIT else "warning",
            "size",
            f"the archive has about {size / MB:.0f} MB",
            f"the platform takes {LIMIT // MB} MB, in an API call {API_LIMIT // MB} MB; cold starts unpack it all",
            "leave out what the function does not need, put packages into a layer, or large data into NAS or OSS",
        )


def _archive_size(files: list[Path]) -> int:
    with tempfile.TemporaryFile() as archive:
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1, strict_timestamps=False) as writer:
            for number, path in enumerate(files):
                writer.write(path, str(number))
        return archive.tell()


def runtime_tags(runtime: Runtime) -> set[Tag]:
    """The tags of the wheels that the runtime can load: PEP 425, and PEP 600 for those of the C library."""
    platforms = [*runtime.platforms, "linux_x86_64"]
    interpreter = "cp" + "".join(map(str, runtime.version))
    return {
        *cpython_tags(runtime.version, platforms=platforms),
        *compatible_tags(runtime.version, interpreter, platforms),
    }


def is_pure(package: Distribution) -> bool:
    """Whether a package has no compiled modules."""
    return all(tag.platform == "any" for tag in _tags(package))


def _tags(package: Distribution) -> set[Tag]:
    """The tags that a package was built for; none when nothing tells."""
    lines = (package.read_text("WHEEL") or "").splitlines()
    return {tag for line in lines if line.startswith("Tag:") for tag in parse_tag(line[4:].strip())}


def _allows(specifier: str, version: str) -> bool:
    try:
        return SpecifierSet(specifier).contains(version)
    except InvalidSpecifier:
        return True


def _requirements(project: Project) -> Iterator[tuple[Requirement, str]]:
    """What is required on the runtime, and by what, the extras that something asks for included."""
    environment = _marker_environment(project.runtime)
    pending = [(name, "") for name in project.packages]
    for requirement in _read_requirements(project.directory / "requirements.txt"):
        if requirement.marker is None or requirement.marker.evaluate(environment):
            pending += [(canonicalize_name(requirement.name), extra) for extra in requirement.extras]
            yield requirement, "requirements.txt"
    seen = set()
    while pending:
        name, extra = pending.pop()
        if (name, extra) in seen or name not in project.packages:
            continue
        seen.add((name, extra))
        # Those of this package are for parts of it that import them when they are used.
        for requirement in _parse(project.packages[name].requires or []) if name != "fc-adapter" else ():
            marker = requirement.marker
            if marker is not None and not marker.evaluate({**environment, "extra": extra}):
                continue
            if extra and (marker is None or marker.evaluate({**environment, "extra": ""})):
                continue
            pending += [(canonicalize_name(requirement.name), each) for each in requirement.extras]
            yield requirement, f"{name}[{extra}]" if extra else name


def _read_requirements(path: Path) -> Iterator[Requirement]:
    """Those of a requirements file that name a package."""
    text = decode(path.read_bytes()) if path.is_file() else ""
    lines = text.replace("\\\n", "").splitlines()
    return _parse(line.partition(" #")[0].partition(" --")[0].strip() for line in lines)


def _parse(texts: Iterable[str]) -> Iterator[Requirement]:
    """Requirements, without what is none by today's rules: options, paths, old syntax."""
    for text in texts:
        try:
            yield Requirement(text)
        except InvalidRequirement:
            continue


def _marker_environment(runtime: Runtime) -> dict[str, str]:
    full = f"{runtime.number}.10"  # what the platform has is not documented; markers hardly ask
    return {
        **dict.fromkeys(default_environment(), ""),
        "implementation_name": "cpython",
        "implementation_version": full,
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": full,
        "python_version": runtime.number,
        "sys_platform": "linux",
    }


def _missing_level(project: Project) -> str:
    """A layer may have what the code has not."""
    return "warning" if project.props.get("layers") else "error"
