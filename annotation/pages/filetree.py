"""The files a trace touched, grouped for the sidebar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from traces.markup import told

# What was done to a file, the most telling first: letter and word.
CHANGES = {"created": ("A", "created"), "deleted": ("D", "deleted"), "edited": ("M", "modified"), "read": ("R", "read")}


def groups(files: Iterable[Mapping[str, Any]], group_by: str) -> list[dict[str, Any]]:
    """``[{"directory", "files": [{"path", "name", "step", "letter", "change"}]}]``.

    ``group_by="directory"``: a group per directory, both sorted by name. ``"chronological"``: one group without a
    directory, in order of first appearance.
    """
    entries = [_entry(file) for file in files]
    if group_by == "chronological":
        ordered = sorted(entries, key=lambda entry: entry["step"])
        return [{"directory": "", "files": [{**entry, "name": entry["path"]} for entry in ordered]}]
    entries.sort(key=lambda entry: (entry["directory"], entry["name"]))
    return [{"directory": name, "files": list(found)} for name, found in groupby(entries, lambda e: e["directory"])]


def _entry(file: Mapping[str, Any]) -> dict[str, Any]:
    path = told(file["path"])
    directory, _, name = path.rpartition("/")
    letter, change = next((CHANGES[kind] for kind in CHANGES if kind in file["kinds"]), ("R", "read"))
    return {
        "path": path,
        "directory": directory,
        "name": name,
        "step": file["first_step"],
        "letter": letter,
        "change": change,
    }
