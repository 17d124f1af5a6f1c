"""Files that go with a database into a backup. Each app names its own in its ``carried.py``, with :func:`carry`; what
must be put right when a backup wakes up in another home is said with :func:`at_home`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol


class Carried(Protocol):
    """A kind of files. Names are relative paths of plain parts: ``7/prm.jsonl``."""

    name: str

    def files(self, using: str) -> Iterator[tuple[str, Path]]:
        """Every file that belongs to the rows of this moment, under its name in the archive."""

    def place(self, name: str, using: str, old_home: Path, home: Path) -> Path:
        """Where the file goes, now that its rows are there (in the same transaction). May correct the row."""


Settle = Callable[[str, Path, Path], Iterator[str]]

carried: dict[str, Carried] = {}
settled: dict[str, Settle] = {}


def carry(kind: type[Carried]) -> type[Carried]:
    """Class decorator: backups hold these files too."""
    carried[kind.name] = kind()
    return kind


def at_home(function: Settle) -> Settle:
    """Decorator: called with (database, old home, home) when the rows are there; yields what it changed, to be told."""
    settled[f"{function.__module__}.{function.__qualname__}"] = function
    return function


def inside(path: Path, folder: Path) -> bool:
    return path.is_relative_to(folder) and ".." not in path.parts
