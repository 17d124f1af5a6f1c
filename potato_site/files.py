"""Files that are complete or not there: temporary name, fsync, rename, fsync of the folder.

A reader sees the old file or the new one, never a part; a full disk or a crash leaves the old one as it was.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

# Temporary names start like this, beside the file they will become, so that the rename stays on one file system.
UNFINISHED = ".unfinished-"
# Where a process finds the streams it has open, whatever kind of file is behind them.
STREAMS = (Path("/dev/fd"), Path("/proc/self/fd"))


def nothing() -> None:
    """No check before publishing."""


def tell_nobody(file: Path) -> None:
    """Nobody is interested in the temporary name."""


# Folders that may be passed through need not be listed, where the system can tell the two apart.
_ON_THE_WAY = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY


def open_inside(folder: Path, path: Path) -> int:
    """A handle to read the regular file ``path`` in ``folder``, which itself may be reached by links; below it no part
    is one, also where somebody puts one there at this moment. Raises OSError.
    """
    try:
        parts = path.relative_to(folder).parts
    except ValueError:
        parts = ()
    if not parts or ".." in parts:
        raise OSError(errno.EACCES, "lies outside its folder")
    handle = os.open(folder, _ON_THE_WAY)
    try:
        for place, part in enumerate(parts):
            # A pipe may be one that nobody writes to.
            kind = _ON_THE_WAY if place < len(parts) - 1 else os.O_RDONLY | os.O_NONBLOCK
            found = os.open(part, kind | os.O_NOFOLLOW, dir_fd=handle)
            os.close(handle)
            handle = found
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "is no regular file by now")
    except OSError as error:
        os.close(handle)
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise OSError(errno.ELOOP, "is a link by now, or lies behind one") from None
        raise
    return handle


def make_folders(folder: Path) -> list[Path]:
    """Make ``folder`` and those on the way to it. Those that were not there, the innermost first. Raises OSError."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def take_back(folders: list[Path]) -> None:
    """Remove folders that were made for nothing, unless something lies in them by now."""
    for folder in sorted(folders, key=lambda one: len(one.parts), reverse=True):
        with contextlib.suppress(OSError):
            folder.rmdir()


@contextlib.contextmanager
def replacing(
    path: Path,
    *,
    before_publishing: Callable[[], None] = nothing,
    keep_if_empty: bool = False,
    tell: Callable[[Path], None] = tell_nobody,
) -> Iterator[BinaryIO]:
    """A stream whose content replaces ``path`` when the block ends; folders on the way are made.

    ``before_publishing`` runs when all is on disk. If it or the block raises, or nothing was written and
    ``keep_if_empty``, the old file stays as it was. ``tell`` gets the temporary name before there is such a file. A
    link keeps leading where it leads, and a device or a pipe is written to as it is. Raises OSError (full disk, no
    permission, the path is a folder).
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file")
    if is_device(path):
        # Behind /dev/stdout may be a file that a shell opened, with something in it.
        with path.open("ab") as stream:
            yield stream
        return
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.parent / f"{UNFINISHED}{secrets.token_hex(8)}"
    tell(unfinished)
    try:
        with unfinished.open("xb", buffering=1 << 20) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
            is_empty = stream.tell() == 0
        before_publishing()
        if not (is_empty and keep_if_empty):
            unfinished.replace(path)
            sync_folder(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def is_device(path: Path) -> bool:
    """Whether the name cannot be given to another file: a pipe, a device, or an open stream such as /dev/stdout.

    What a command says about its work does not belong on standard output then: it may be where the work went.
    """
    is_stream = path.absolute().parent in STREAMS or str(path.absolute()) in {"/dev/stdout", "/dev/stderr"}
    return is_stream or (path.exists() and not path.is_file() and not path.is_dir())


def sync_folder(folder: Path) -> None:
    """Make names in ``folder`` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
