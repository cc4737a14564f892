"""Building a directory beside the one that is in use, which is there, whole, at any time."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ..config.runtimes import STAMP

WORK = ".fc-build"

# <linux/fcntl.h> and <linux/fs.h>; <sys/stdio.h> of macOS.
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
_RENAME_SWAP = 2

# What installers put beside the packages.
_BESIDE = {STAMP, ".gitignore", ".lock", "__pycache__", "bin", "etc", "include", "lib", "share"}


@contextmanager
def work_directory(directory: Path, target: Path) -> Generator[Path, None, None]:
    """A new directory in ``directory`` for files in between, which is gone afterwards. One build at a time has it.

    What an interrupted build has left is removed; should it have been stopped while it replaced ``target``, that is
    put back.
    """
    work = directory / WORK
    lock = os.open(directory, os.O_RDONLY) if sys.platform != "win32" else None
    try:
        if lock is not None:
            _wait_for(lock)
        if (work / "old").exists() and not target.exists():
            os.rename(work / "old", target)
        _remove(work)
        work.mkdir()
        try:
            yield work
        finally:
            _remove(work)
    finally:
        if lock is not None:
            os.close(lock)


def replace(new: Path, target: Path, work: Path) -> None:
    """Put the directory ``new`` in the place of ``target``, in one step where the system has one for it."""
    if not target.exists() and not target.is_symlink():
        os.rename(new, target)
    elif not _exchange(new, target):
        os.rename(target, work / "old")
        os.rename(new, target)


def strangers(target: Path) -> list[str]:
    """What is in a directory of packages and belongs to none of them."""
    if not target.is_dir():
        return []
    owned = set(_BESIDE)
    for record in target.glob("*.dist-info/RECORD"):
        owned.add(record.parent.name)
        for line in record.read_text(encoding="utf-8", errors="replace").splitlines():
            owned.add(line.strip('"').partition(",")[0].replace("\\", "/").partition("/")[0])
    return sorted(each.name for each in target.iterdir() if each.name not in owned)


def _wait_for(lock: int) -> None:
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        from ..terminal import tell

        tell("waiting for another build of this project to end")
        fcntl.flock(lock, fcntl.LOCK_EX)
    os.set_inheritable(lock, True)  # by the tools that build: should this process be killed, they go on a little


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two directories at once. Returns False where this system or this file system cannot."""
    names = os.fsencode(one), os.fsencode(other)
    try:
        library = ctypes.CDLL(None)
        if sys.platform == "linux":
            status = library.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE)
        else:
            status = library.renamex_np(*names, _RENAME_SWAP)
    except (AttributeError, TypeError, OSError):
        return False
    return bool(status == 0)


def _remove(directory: Path) -> None:
    if directory.is_symlink() or directory.is_file():
        directory.unlink()
    elif directory.is_dir():
        shutil.rmtree(directory)
