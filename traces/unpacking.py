"""Room for the files of an archive while they are imported: in the private folder of uploads."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from django.conf import settings

from potato_site import disk
from potato_site.files import UNFINISHED
from traces.archives import Limits


def uploads_folder() -> Path:
    """The private folder of uploads, made if it is missing."""
    folder = Path(settings.POTATO_HOME) / "uploads"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def limits_of_home() -> Limits:
    """What an archive may unpack to: never more than the disk has above its reserve."""
    most = Limits()
    return replace(most, bytes=min(most.bytes, max(0, disk.room_in(uploads_folder()))))


@contextmanager
def room_of_home() -> Iterator[Callable[[], Path]]:
    """A function that makes folders; they go when the block ends, or a day after a crash by the sweep of uploads."""
    made: list[Path] = []

    def room() -> Path:
        folder = uploads_folder() / f"{UNFINISHED}{secrets.token_hex(16)}"
        folder.mkdir(mode=0o700)
        made.append(folder)
        return folder

    try:
        yield room
    finally:
        for folder in made:
            shutil.rmtree(folder, ignore_errors=True)
