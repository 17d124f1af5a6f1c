"""The files a trace touched, as the sidebar lists them: in their folders, or in order of first appearance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from traces.markup import told

# What became of a file: letter and word.
CHANGES = {"created": ("A", "created"), "deleted": ("D", "deleted"), "edited": ("M", "modified"), "read": ("R", "read")}
# Of a file to which nothing happened: no letter of a change.
UNTOUCHED = "–"
ATTEMPTS = {"created": "creation", "deleted": "deletion", "edited": "edit", "read": "read"}
OUTCOMES = {"failed": "failed", "rejected": "rejected", "suggested": "only suggested"}
# Folders within folders; what lies deeper stands in the last of them, with the rest of its path.
MAX_DEPTH = 8


@dataclass(frozen=True)
class File:
    """``words`` say what became of it, or what was only tried; ``change`` is the first of them, empty where nothing
    became of it."""

    path: str
    name: str
    step: int
    letter: str
    change: str
    words: str


@dataclass
class Folder:
    """``name`` is a chain of folders where each has only the next one in it. The top one's is the root of all paths."""

    name: str = ""
    path: str = ""
    folders: list[Folder] = field(default_factory=list)
    files: list[File] = field(default_factory=list)


# Where a file lies, folder by folder, with the file.
Placed = tuple[tuple[str, ...], File]


def tree(files: Iterable[Mapping[str, Any]], group_by: str) -> Folder | None:
    """The files of an outline (traces.outline) below one folder; None where there are none.

    ``group_by="directory"``: folders, then files, both sorted by name. ``"chronological"``: all files with their whole
    paths, in order of first appearance.
    """
    listed = sorted(files, key=lambda file: file["first_step"])
    if not listed:
        return None
    if group_by == "chronological":
        return Folder(files=[_file(file, told(file["path"])) for file in listed])
    placed = [_placed(file) for file in listed]
    root = _root([folders for folders, _ in placed])
    below = [(folders[len(root) :], file) for folders, file in placed]
    return _folder(_joined(root), _joined(root), below, MAX_DEPTH)


def _placed(file: Mapping[str, Any]) -> Placed:
    """A path from the root keeps its first slash, so it is told from one that begins with the same word."""
    path = told(file["path"])
    *folders, name = [part for part in path.split("/") if part not in ("", ".")] or [path]
    if folders and path.startswith("/"):
        folders[0] = f"/{folders[0]}"
    return tuple(folders), _file(file, name)


def _root(places: list[tuple[str, ...]]) -> tuple[str, ...]:
    """The folders that all paths have in common, where all are whole."""
    return _common(places) if all(place and place[0].startswith("/") for place in places) else ()


def _common(places: list[tuple[str, ...]]) -> tuple[str, ...]:
    # What the first and the last in order have in common, all between have too.
    first, last = min(places), max(places)
    return tuple(folder for folder, _ in takewhile(lambda two: two[0] == two[1], zip(first, last, strict=False)))


def _folder(name: str, path: str, placed: list[Placed], depth: int) -> Folder:
    here = Folder(name, path, files=[file for folders, file in placed if not folders])
    within: dict[str, list[Placed]] = {}
    for folders, file in placed:
        if folders:
            within.setdefault(folders[0] if depth else _joined(folders), []).append((folders, file))
    for _, found in sorted(within.items()):
        chain = _common([folders for folders, _ in found])
        below = [(folders[len(chain) :], file) for folders, file in found]
        here.folders.append(_folder(_joined(chain), path + _joined(chain), below, depth - 1))
    here.files.sort(key=lambda file: file.name)
    return here


def _joined(folders: tuple[str, ...]) -> str:
    return "".join(f"{folder}/" for folder in folders)


def _file(file: Mapping[str, Any], name: str) -> File:
    letter, change = CHANGES.get(file["state"], (UNTOUCHED, ""))
    # A change that took effect later says enough.
    tried = file["tried"] if file["state"] in (None, "read") else []
    attempts = [f"{ATTEMPTS[what]} {OUTCOMES[status]}" for what, status in tried if what != file["state"]]
    words = ", ".join(word for word in (change, *attempts) if word)
    return File(told(file["path"]), name, file["first_step"], letter, change, words)
