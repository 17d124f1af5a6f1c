"""Publishing files and file sets with their sizes and checksums, by one writer at a time."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import hashlib
import logging
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from exports.leftovers import in_use
from potato_site.files import UNFINISHED, nothing, replacing, sync_folder, tell_nobody

logger = logging.getLogger(__name__)
# How often somebody who waits for a folder looks whether it is free.
LOOK_EVERY_SECONDS = 0.25


@dataclass(frozen=True)
class Written:
    """A published file: its size in bytes and the SHA-256 (hex) of its content."""

    size: int
    sha256: str


def write_file(
    path: Path,
    pieces: Iterable[bytes],
    *,
    before_publishing: Callable[[], None] = nothing,
    tell: Callable[[Path], None] = tell_nobody,
) -> Written:
    """Replace ``path`` by the joined ``pieces``; folders on the way are made.

    ``before_publishing`` runs when all is on disk; if it raises, nothing is published. ``tell`` gets the temporary name
    before there is such a file. Raises OSError (disk full, no
    permission, the path is a folder).
    """
    digest, size = hashlib.sha256(), 0
    with replacing(path, before_publishing=before_publishing, tell=tell) as file:
        for piece in pieces:
            file.write(piece)
            digest.update(piece)
            size += len(piece)
    return Written(size, digest.hexdigest())


@contextlib.contextmanager
def unfinished_folder(parent: Path) -> Iterator[Path]:
    """A folder to build a file set in, removed at the end unless ``publish_folder`` has moved it away."""
    folder = parent / f"{UNFINISHED}{secrets.token_hex(8)}"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish_folder(folder: Path, target: Path) -> None:
    """Give a finished folder its final name, which must be free. Raises OSError."""
    sync_folder(folder)
    folder.rename(target)
    sync_folder(target.parent)


def remove_folder(folder: Path) -> None:
    """Remove a published folder, which loses its name first: nobody sees a part of it. Raises OSError."""
    hide_folder(folder)
    remove_hidden(folder)


def hide_folder(folder: Path) -> None:
    """Take a published folder's name away; what was hidden of it before may still lie there. Raises OSError."""
    folder.rename(folder.with_name(f"{UNFINISHED}{folder.name}-{secrets.token_hex(8)}"))


def remove_hidden(folder: Path) -> None:
    """Remove what lost the name ``folder``. What cannot be removed stays, and is logged."""
    for hidden in folder.parent.glob(f"{UNFINISHED}{glob.escape(folder.name)}-*"):
        _remove(hidden)


def _remove(left: Path) -> None:
    """As much of it as can be; a link itself, and not what it leads to."""
    if left.is_dir() and not left.is_symlink():
        shutil.rmtree(left, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            left.unlink()
    if os.path.lexists(left):
        logger.warning("%s cannot be removed, and stays", left)


@contextlib.contextmanager
def locked(folder: Path, *, waiting: Callable[[], None] = nothing) -> Iterator[None]:
    """One writer at a time in ``folder`` (made if missing): who reads later also publishes later.

    What a writer that was killed left unfinished is removed where that is possible; what a command is writing beside
    them is not. ``waiting`` is called again and again while another one writes, for as long as that takes; what it
    raises ends the wait.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        while not _takes(handle):
            waiting()
            time.sleep(LOOK_EVERY_SECONDS)
        found = list(folder.glob(f"{UNFINISHED}*"))
        kept = in_use(folder)  # asked afterwards: a file is noted before it is there
        for left in found:
            if left.name not in kept:
                _remove(left)
        yield
    finally:
        os.close(handle)


def _takes(handle: int) -> bool:
    """Whether the lock of an opened folder is ours now."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
