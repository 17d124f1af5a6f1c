"""What a run that was killed leaves beside its output: found by the next one, and removed.

While a run writes, a hidden file beside its output names its unfinished files, and is locked. The lock goes with the
process, however it ends: a note that can be locked is of a run that is dead, and what it names is nobody's any more.
What a live run writes, and whatever no note names, is never touched.
"""

from __future__ import annotations

import contextlib
import fcntl
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, TextIO

from potato_site.files import UNFINISHED, tell_nobody

PREFIX = f"{UNFINISHED}run-"
# A name need not be UTF-8, nor what a crash left of a note.
TEXT: dict[str, Any] = {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}
NAME = re.compile(re.escape(UNFINISHED) + "[0-9a-f]{16}")


@contextlib.contextmanager
def noted(folder: Path) -> Iterator[Callable[[Path], None]]:
    """Removes what dead runs left in ``folder`` (made if missing). What is yielded notes a file before it is made."""
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    path, note = _new_note(folder)
    with note:
        try:
            yield _teller(note, folder.resolve()) if path.name.startswith(PREFIX) else tell_nobody
        finally:
            path.unlink(missing_ok=True)


def _new_note(folder: Path) -> tuple[Path, TextIO]:
    """A note under its name, and locked; where files cannot be locked, it does not get that name.

    Until it is locked it has another one: it would be that of a dead run. Under that one, a worker that cleans the
    folder just then removes it: then another is made.
    """
    while True:
        path = folder / f"{UNFINISHED}{secrets.token_hex(8)}"
        note = path.open("x", **TEXT)
        if not _is_locked(note):
            return path, note
        try:
            return path.rename(folder / f"{PREFIX}{secrets.token_hex(8)}"), note
        except FileNotFoundError:
            note.close()


def _teller(note: TextIO, folder: Path) -> Callable[[Path], None]:
    def tell(file: Path) -> None:
        # The output may be a link that leads elsewhere.
        if file.is_relative_to(folder):
            note.write(f"{file.relative_to(folder).as_posix()}\n")
            note.flush()

    return tell


def remove_leftovers(folder: Path) -> None:
    """Of every run that wrote into ``folder`` and is dead."""
    for path in folder.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError), path.open("r+", **TEXT) as note:
            if not _is_locked(note):
                continue
            for name in note.read().split("\n"):
                _remove(folder, PurePosixPath(name))
            path.unlink()


def in_use(folder: Path) -> set[str]:
    """The names of the notes in ``folder`` of runs that are alive, and of the files that they are writing."""
    names: set[str] = set()
    for path in folder.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError), path.open("r+", **TEXT) as note:
            if not _is_locked(note):
                names |= {path.name, *note.read().split("\n")}
    return names


def _remove(folder: Path, name: PurePosixPath) -> None:
    """Nothing that is not an unfinished file below the folder, whatever the note says."""
    if NAME.fullmatch(name.name) and not name.is_absolute() and ".." not in name.parts:
        (folder / name).unlink(missing_ok=True)


def _is_locked(note: TextIO) -> bool:
    """Whether it is ours now; not where a live run has it, or the file system knows no locks."""
    try:
        fcntl.flock(note.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
