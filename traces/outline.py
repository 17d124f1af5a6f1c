"""A trace at a glance: a line per step, and the files it touched. Plain Python."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from traces.changes import WITHOUT_EFFECT
from traces.displays import display_of
from traces.displays.diff import diff_of
from traces.document import EDIT_TYPES, changes_files
from traces.markup import one_line, text_of
from traces.unified_diff import Diff, FileDiff

_TOUCHES = {"file_read": "read", "file_edit": "edited", "file_create": "created", "file_delete": "deleted"}


class Touch(NamedTuple):
    """What one step did to one file, or tried to: read, edited, created, deleted."""

    path: str
    what: str


def outline(doc: dict[str, Any]) -> dict[str, Any]:
    """``{"steps": [...], "files": [...], "types": {type: count}}``.

    A step: ``{type, status, path, added, removed, summary}``; status and path may be null, counts are of lines, the
    summary is at most 80 characters of plain text. A file, in the order of first touch: ``{path, state, tried,
    first_step}``. Its state is what the run made of it: created, deleted, edited, read, or null where nothing took
    effect; ``tried`` are the different ``[what, status]`` of what failed, was rejected or only suggested.
    """
    steps: list[dict[str, Any]] = []
    files: dict[str, dict[str, Any]] = {}
    types: dict[str, int] = {}
    for index, step in enumerate(doc.get("structured_turns") or []):
        kind = text_of(step.get("type"))
        diff = diff_of(step) if changes_files(step) else None
        steps.append(_entry(step, kind, diff))
        types[kind] = types.get(kind, 0) + 1
        for touch in _touches(step, kind, diff):
            _take(files, touch, index, text_of(step.get("status")))
    return {"steps": steps, "files": list(files.values()), "types": types}


def _entry(step: dict[str, Any], kind: str, diff: Diff | None) -> dict[str, Any]:
    added, removed = diff.changes() if diff else (0, 0)
    return {
        "type": kind,
        "status": step.get("status"),
        "path": text_of(step["path"]) if step.get("path") else None,
        "added": added,
        "removed": removed,
        "summary": one_line(display_of(kind).summary(step)),
    }


def is_change(entry: dict[str, Any]) -> bool:
    """Whether a step of an outline changes files, or tried to."""
    return entry["type"] in EDIT_TYPES or bool(entry["added"] or entry["removed"])


def _touches(step: dict[str, Any], kind: str, diff: Diff | None) -> Iterator[Touch]:
    """The files of a step: those of its diff where that has several, else the step's own."""
    what, own = _TOUCHES.get(kind), text_of(step.get("path"))
    named = [file for file in diff.files if file.path] if diff else []
    if what and len(named) < 2:
        if own:
            yield Touch(own, what)
        return
    # The step may name its file in full where the diff's names are those in the repository.
    root = next((own.removesuffix(file.path) for file in named if own.endswith(f"/{file.path}")), "")
    for file in named:
        yield Touch(root + file.path, _change(file))


def _change(file: FileDiff) -> str:
    if file.old_path == "/dev/null":
        return "created"
    return "deleted" if file.new_path == "/dev/null" else "edited"


def _take(files: dict[str, dict[str, Any]], touch: Touch, index: int, status: str) -> None:
    file = files.setdefault(touch.path, {"path": touch.path, "state": None, "tried": [], "first_step": index})
    # A change that was refused or only suggested did not happen to the file.
    if status not in WITHOUT_EFFECT:
        file["state"] = _next_state(file["state"], touch.what)
    elif [touch.what, status] not in file["tried"]:
        file["tried"].append([touch.what, status])


def _next_state(state: str | None, what: str) -> str:
    """The last making or deleting tells; a file that was made in the run stays new whatever is edited in it."""
    if what == "read":
        return state or what
    return "created" if what == "edited" and state == "created" else what
