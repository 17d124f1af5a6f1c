"""One at a time for each person: what costs a web process much, and nobody needs twice at once.

A lock on a file of the home, which all processes of this machine share; it ends with the process that holds it. What
cannot be locked is let through.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings


@contextmanager
def turn(kind: str, person: int) -> Iterator[bool]:
    """Whether it is the person's turn: they have nothing of this kind running. It lasts until the block ends."""
    path = Path(settings.POTATO_HOME) / f"{kind}-{person}.lock"
    try:
        # Opened anew each time: flock then keeps threads apart as it does processes.
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        yield True
        return
    try:
        mine = _locks(handle)
        try:
            yield mine
        finally:
            if mine:
                path.unlink(missing_ok=True)
    finally:
        os.close(handle)


def _locks(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # a file system without locks
    return True
