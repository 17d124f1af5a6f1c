"""Scripts, styles and pictures have the version of all of them in their address, so that a browser keeps them
and asks for none of them again when the next page opens. They have one together: modules name each other by relative
paths.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

VERSION = re.compile(r"v-[0-9a-f]{12}")
# These change with their releases only: the sizes of their files tell one from another, and reading them takes longer
# than all else a command does before it begins.
RELEASED = {"django", "rest_framework", "drf_spectacular"}
KEPT = 3


def version(folder: Path, apps: Iterable[str]) -> str:
    """``v-…``: a name for the static files of the folder and the apps, as they are now."""
    found = hashlib.sha256()
    for place, is_read in [(folder, True), *_folders(apps)]:
        for name, path in sorted(_files(str(place))):
            found.update(f"{name}\0{_digest(path) if is_read else os.stat(path).st_size}\n".encode())
    return f"v-{found.hexdigest()[:12]}"


def forget_old(root: Path, keep: int = KEPT) -> None:
    """Remove what earlier versions have collected beside ``root``, but for the latest: open pages still name those."""
    root.touch()
    others = [path for path in root.parent.iterdir() if VERSION.fullmatch(path.name) and path != root]
    for path in sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)[keep - 1 :]:
        shutil.rmtree(path)


def _files(folder: str, inner: str = "") -> Iterator[tuple[str, str]]:
    """(name below the folder, path) of every file. Every command asks for it as it begins: no objects for paths."""
    if not os.path.isdir(folder):
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _files(entry.path, f"{inner}{entry.name}/")
            else:
                yield f"{inner}{entry.name}", entry.path


def _digest(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def _folders(apps: Iterable[str]) -> Iterator[tuple[Path, bool]]:
    """The folders of apps that have one, and whether their files are read. No app is imported."""
    for app in apps:
        top, *inner = app.split(".")
        spec = find_spec(top)
        for place in (spec.submodule_search_locations or []) if spec else []:
            # ``plug.apps.PlugConfig`` is the app in one of the packages on the way.
            for depth in range(len(inner) + 1):
                yield Path(place, *inner[:depth], "static"), top not in RELEASED
