"""Which files of a folder a conversion reads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from traces.jsonl import Problem
from traces.neighbours import FolderFiles, is_hidden
from traces.source import Source


def printable(path: Path) -> str:
    """The path as text that can be stored: bytes of a file name that are not UTF-8 become U+FFFD."""
    return path.as_posix().encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def find_sources(given: Path, *, skip: Path | None = None, within: Path | None = None) -> Iterator[Source | Problem]:
    """The file ``given``, or every file of that folder in sorted order, without ``skip`` and hidden ones.

    HIDDEN_HISTORIES are read all the same. A link that leads out of the folder, a folder that cannot be read and what
    is no regular file is a Problem; a link inside the folder is passed over, because its target is read itself. A file
    that becomes a link later is not read, nor one behind a folder that does; ``within`` is the folder below which that
    holds, if it is not ``given``. Raises FileNotFoundError.
    """
    if given.is_file():
        yield Source(given, printable(Path(given.name)), FolderFiles(given.parent))
        return
    if not given.is_dir():
        raise FileNotFoundError(f"{given}: no such file or folder")
    root = given.resolve()
    skipped = skip.resolve() if skip else None
    unreadable: list[OSError] = []
    files, used = FolderFiles(root), set[str]()
    for path in sorted(_walk(root, unreadable), key=lambda path: path.relative_to(root).parts):
        name = printable(path.relative_to(root))
        if path.is_symlink():
            if not path.resolve().is_relative_to(root):
                yield Problem(name, None, "", "is a link that leads out of the folder; not read")
        elif not path.is_file():
            yield Problem(name, None, "", "is not a regular file; not read")
        elif path != skipped:
            yield Source(path, name, files, used, within=within or root)
    for error in unreadable:
        yield Problem(printable(Path(error.filename)), None, "", f"cannot be read: {error.strerror}")


def _walk(root: Path, unreadable: list[OSError]) -> Iterator[Path]:
    """All visible files of the folder, and links to folders, which are not entered."""
    for folder, folders, files in os.walk(root, onerror=unreadable.append):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(folder, name) for name in files if not is_hidden(name))
        yield from (Path(folder, name) for name in folders if Path(folder, name).is_symlink())
