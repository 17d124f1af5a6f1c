"""The other files of an input, by folder: what a converter may look at beside the file it reads."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

KEPT_FOLDERS = 64  # files are read folder by folder


# What agents leave in the folder they work in.
HIDDEN_HISTORIES = frozenset({".aider.chat.history.md"})


def is_hidden(name: str) -> bool:
    """Whether a file of this name is passed over."""
    return name.startswith(".") and name not in HIDDEN_HISTORIES


class Files(Protocol):
    """The files of an input."""

    def of(self, folder: str) -> dict[str, Path]:
        """The files right in ``folder`` ("" is the input folder itself, parts joined by "/"), by name."""
        ...


class NoFiles:
    """A file that came alone."""

    def of(self, folder: str) -> dict[str, Path]:
        return {}


class FolderFiles:
    """The visible files below ``root``, looked up when asked for; links and hidden files are not among them."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.known: dict[str, dict[str, Path]] = {}

    def of(self, folder: str) -> dict[str, Path]:
        if folder not in self.known:
            if len(self.known) >= KEPT_FOLDERS:
                self.known.clear()
            self.known[folder] = self._read(folder)
        return self.known[folder]

    def _read(self, folder: str) -> dict[str, Path]:
        path = self.root.joinpath(*folder.split("/")) if folder else self.root
        if any(part.startswith(".") for part in folder.split("/")) or path.resolve() != path:
            return {}
        try:
            with os.scandir(path) as entries:
                files = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
        except OSError:
            return {}
        return {name: path / name for name in files if not is_hidden(name)}


class NamedFiles:
    """Files that lie on disk under other names than they have: the members of an archive, the files of an upload."""

    def __init__(self, files: Iterable[tuple[str, Path]]) -> None:
        self.folders: dict[str, dict[str, Path]] = {}
        for name, path in files:
            folder, _, last = name.rpartition("/")
            self.folders.setdefault(folder, {})[last] = path

    def of(self, folder: str) -> dict[str, Path]:
        return self.folders.get(folder, {})


NO_FILES = NoFiles()
