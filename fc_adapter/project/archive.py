"""The archive that the platform gets: which files are in it, and how large it is."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

from ..config.runtimes import STAMP

MB = 1_000_000
# Documented in "Limits" (Function Compute 3.0): the archive's size, when it is uploaded through OSS or the console, as
# `s deploy` does, and when it is in the body of an API call.
LIMIT, API_LIMIT = 500 * MB, 100 * MB

_CACHED = re.compile(r"(?:^|/)__pycache__/[^/]+?\.([\w-]+)(?:\.opt-\w+)?\.pyc$")
_FIRST_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that the format knows


class Size(NamedTuple):
    """The size of a file, in bytes, by itself and in the archive."""

    unpacked: int
    packed: int


def list_files(directory: Path, *, cache_tag: str | None = None) -> Iterator[tuple[str, Path]]:
    """The files of a code directory that ``.fcignore`` does not leave out, as names in the archive and paths.

    Bytecode is left out unless it is for ``cache_tag``, such as ``"cpython-310"``: who ran the code here has left it.
    """
    from .ignore import archived_files  # needs pathspec, which not everybody has who reads this module

    for place in archived_files(directory):
        name = place.as_posix()
        cached = _CACHED.search(name)
        if place.name != STAMP and (cached is None or cached[1] == cache_tag):
            yield name, directory / place


def copy_files(directory: Path, target: Path, *, cache_tag: str) -> None:
    """Copy what would be in the archive of ``directory`` into the directory ``target``."""
    for name, path in list_files(directory, cache_tag=cache_tag):
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)


def write_archive(target: Path, files: Iterable[tuple[str, Path]]) -> dict[str, Size]:
    """Write an archive, replacing ``target`` once it is whole, and return the sizes of its members.

    The same files make the same bytes: members have no times, and no permissions but who may run them. The archive's
    own permissions are those of any new file.
    """
    if not target.parent.is_dir():
        raise FileNotFoundError(f"there is no directory {target.parent}")
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
        try:
            sizes = pack(file, files)
            file.close()  # else Windows does not move it
            os.chmod(file.name, 0o666 & ~_umask())
            os.replace(file.name, target)
        except BaseException:
            file.close()
            os.unlink(file.name)
            raise
    return sizes


def _umask() -> int:
    """That of this process, which can be read only by setting it."""
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


def pack(file: IO[bytes], files: Iterable[tuple[str, Path]]) -> dict[str, Size]:
    """Write an archive into an open file, in the order of its members' names."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(files):
            member = zipfile.ZipInfo(name, _FIRST_DATE)
            member.create_system = 3  # Unix, for the permissions
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = (0o100755 if os.access(path, os.X_OK) else 0o100644) << 16
            with path.open("rb") as source, archive.open(member, "w") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
        return {each.filename: Size(each.file_size, each.compress_size) for each in archive.infolist()}
