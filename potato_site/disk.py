"""The reserve of a disk: what is large (uploads, exports) is refused while labels still fit."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

RESERVE_BYTES = 2 * 1024**3
RESERVE_SHARE = 0.05
# What a write says when the disk, or its owner's part of it, is full.
FULL = {errno.ENOSPC, errno.EDQUOT}


class NoRoom(Exception):
    """The disk is too full for this. ``str()`` is a sentence for people."""


def room_in(folder: Path) -> int:
    """How many more bytes may be stored in ``folder``; below zero where the reserve is touched already."""
    disk = shutil.disk_usage(folder)
    return disk.free - int(max(RESERVE_BYTES, disk.total * RESERVE_SHARE))


def require_room(folder: Path, coming: int = 0) -> None:
    """Make sure that ``coming`` more bytes in ``folder`` leave 2 GB and 5 % of the disk free. Raises NoRoom."""
    if room_in(folder) < coming:
        raise NoRoom("the server's disk is nearly full: free some space, or ask who runs the server to, and try again")
