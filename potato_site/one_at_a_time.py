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
        handle = _locked(path)
    except OSError:
        yield True
        return
    if handle is None:
        yield False
        return
    try:
        yield True
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def _locked(path: Path) -> int | None:
    """The file, open and locked until it is closed; None where somebody else has it. Raises OSError."""
    while True:
        # Opened anew each time: flock then keeps threads apart as it does processes.
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            os.close(handle)
            if isinstance(problem, BlockingIOError):
                return None
            raise
        if os.fstat(handle).st_nlink:
            return handle
        # Who had it removed it between the two: the next one makes another.
        os.close(handle)
