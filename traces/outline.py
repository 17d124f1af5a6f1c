"""A trace at a glance: a line per step, and the files it touched. Plain Python."""

from __future__ import annotations

from typing import Any

from traces.displays import display_of
from traces.displays.diff import diff_of
from traces.markup import one_line, text_of

_TOUCHES = {"file_read": "read", "file_edit": "edited", "file_create": "created", "file_delete": "deleted"}


def outline(doc: dict[str, Any]) -> dict[str, Any]:
    """``{"steps": [...], "files": [...], "types": {type: count}}``.

    A step: ``{type, status, path, added, removed, summary}``; status and path may be null, counts are of lines, the
    summary is at most 80 characters of plain text. A file, in the order of first touch: ``{path, kinds, first_step,
    added, removed}``, kinds from read, edited, created, deleted, in the order they happened first.
    """
    steps = [_entry(step) for step in doc.get("structured_turns") or []]
    types: dict[str, int] = {}
    for step in steps:
        types[step["type"]] = types.get(step["type"], 0) + 1
    return {"steps": steps, "files": _files(steps), "types": types}


def _entry(step: dict[str, Any]) -> dict[str, Any]:
    kind = text_of(step.get("type"))
    added, removed = diff_of(step).changes() if _TOUCHES.get(kind, "read") != "read" else (0, 0)
    return {
        "type": kind,
        "status": step.get("status"),
        "path": text_of(step["path"]) if step.get("path") else None,
        "added": added,
        "removed": removed,
        "summary": one_line(display_of(kind).summary(step)),
    }


def _files(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    files: dict[str, dict[str, Any]] = {}
    for index, step in enumerate(steps):
        touch = _TOUCHES.get(step["type"])
        if touch is None or not step["path"]:
            continue
        file = files.setdefault(
            step["path"], {"path": step["path"], "kinds": [], "first_step": index, "added": 0, "removed": 0}
        )
        if touch not in file["kinds"]:
            file["kinds"].append(touch)
        # A change that was refused or only suggested did not happen to the file.
        if step["status"] not in ("failed", "rejected", "suggested"):
            file["added"] += step["added"]
            file["removed"] += step["removed"]
    return list(files.values())
