"""What Claude Code records of a tool's result beside the text the model read: the file before, hunks, exit codes."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import chain
from typing import Any

from traces.document import Step
from traces.tooling.calls import Call, edit_step
from traces.tooling.diffs import apply_hunks, from_hunks, from_texts, is_hunk
from traces.tooling.files import Change, Files
from traces.tooling.values import as_int, as_number, as_object, as_objects

_EXIT_CODE = re.compile(r"exit code:? (-?\d{1,9})\b", re.IGNORECASE)
_NUMBERED = re.compile(r"[ ]*\d{1,7}(?:→|\t)")
_REFUSED = (
    "The user doesn't want to proceed with this tool use",
    "The user doesn't want to take this action right now",
    "[Request interrupted by user",
    "Claude requested permissions to ",
    "Permission to use ",
    "Permission for this action has been denied",
)


def recorded_steps(call: Call, recorded: dict[str, Any], files: Files) -> list[Step] | None:
    """The steps of a call that worked, from what was ``recorded`` of it; None where that says no more than the call.

    ``files`` learns from it. The steps lack what is ``common``.
    """
    make = None if call.failed else _MAKERS.get(call.name)
    step = make(call, recorded, files) if make else None
    return [step] if step else None


def status_of(failed: bool, output: str | None) -> str:
    """``rejected`` is what a person, or a permission that was not given, refused."""
    if not failed:
        return "ok"
    return "rejected" if (output or "").startswith(_REFUSED) else "failed"


def add_measures(step: Step, call: Call, recorded: dict[str, Any]) -> None:
    """The exit code, and how long it took, where they are known."""
    if step["type"] == "bash_command" and call.output is not None:
        code = _exit_code(call, recorded)
        # Claude Code's own shell raises an error for every other code, but does not record this one.
        is_inferred = code is None and call.name == "Bash" and not call.failed and not _is_unfinished(call, recorded)
        step["exit_code"] = 0 if is_inferred else code
        if is_inferred and not recorded:
            step["exit_code_inferred"] = True
    milliseconds, seconds = as_number(recorded.get("durationMs")), as_number(recorded.get("durationSeconds"))
    if milliseconds is not None:
        seconds = milliseconds / 1000
    if seconds is not None:
        step["seconds"] = seconds


def _exit_code(call: Call, recorded: dict[str, Any]) -> int | None:
    code = as_int(recorded.get("exitCode"))
    if code is None and "task" in recorded:  # what was asked of a command that runs in the background
        code = as_int(as_object(recorded["task"]).get("exitCode"))
    match = _EXIT_CODE.match(call.output or "") if code is None else None
    return int(match[1]) if match else code


def _is_unfinished(call: Call, recorded: dict[str, Any]) -> bool:
    """It runs on, was stopped, or ended with a code that stands for something else than failure."""
    marks = ("backgroundTaskId", "interrupted", "returnCodeInterpretation")
    return bool(call.input.get("run_in_background")) or any(recorded.get(mark) for mark in marks)


def add_changes(step: Step, recorded: dict[str, Any], files: Files) -> int:
    """What a shell command changed in files, which newer versions record: ``bashEditDiff``, by file and hunk.

    Returns of how many changed files the change is not there: they were too many or too large, or have another shape.
    """
    told = as_object(recorded.get("bashEditDiff"))
    if not told or step["type"] != "bash_command":
        return 0
    diffs: dict[str, list[str]] = {}
    for path, diff in map(_by_shell, as_objects(told.get("files"))):
        if diff:
            diffs.setdefault(path, []).append(diff)
    names = told.get("changedFiles")
    named = {path for path in names if isinstance(path, str)} if isinstance(names, list) else set()
    for path in named | diffs.keys():
        files.forget(path)
    if diffs:
        step["diff"] = "".join(chain.from_iterable(diffs.values()))
    return max(len(named - diffs.keys()), as_int(told.get("moreFiles")) or 0)


def _by_shell(file: dict[str, Any]) -> tuple[str, str]:
    """(path, diff), both "" where the change cannot be read."""
    path, hunks = _text(file, "filePath"), file.get("hunks")
    if not path or not isinstance(hunks, list) or not hunks or not all(is_hunk(hunk) for hunk in hunks):
        return "", ""
    return path, from_hunks(path, hunks, in_full=True)


# --- files -------------------------------------------------------------------------------------------------


def _edited(call: Call, recorded: dict[str, Any], files: Files) -> Step | None:
    """Edit and MultiEdit."""
    path = call.text("file_path")
    if path is None:
        return None
    before = _text(recorded, "originalFile", "originalFileContents")
    edits = as_objects(call.input.get("edits")) or [call.input]
    if not before and edits[0].get("old_string") == "":
        after = _replaced("", edits)
        if after is None:
            return None
        return edit_step(path, files.write(path, after, created=before is None or None), call.output)
    after = None if before is None or recorded.get("userModified") else _replaced(before, edits)
    change = _change(path, before, after, recorded, files)
    return edit_step(path, change, call.output) if change else None


def _written(call: Call, recorded: dict[str, Any], files: Files) -> Step | None:
    path, text = call.text("file_path"), call.text("content")
    if path is None or text is None or recorded.get("type") not in ("create", "update"):
        return None
    if recorded["type"] == "create":
        return edit_step(path, files.write(path, text, created=True), call.output)
    before = _text(recorded, "originalFile")
    before = files.text(path) if before is None else before
    change = _change(path, before, None if recorded.get("userModified") else text, recorded, files)
    return edit_step(path, change, call.output) if change else None


def _cell_edited(call: Call, recorded: dict[str, Any], files: Files) -> Step | None:
    """NotebookEdit, by the notebook's own text before and after: newer versions record it."""
    path, before, after = call.text("notebook_path"), recorded.get("original_file"), recorded.get("updated_file")
    if path is None or not isinstance(before, str) or not isinstance(after, str) or recorded.get("error"):
        return None
    files.saw(path, after, whole=True)
    return edit_step(path, Change("file_edit", from_texts(path, before, after)), call.output)


def _text(recorded: dict[str, Any], *keys: str) -> str | None:
    return next((value for key in keys if isinstance(value := recorded.get(key), str)), None)


def _replaced(text: str, edits: list[dict[str, Any]]) -> str | None:
    """``text`` after the edits; None where one does not fit."""
    for edit in edits:
        old, new = edit.get("old_string"), edit.get("new_string")
        if not isinstance(old, str) or not isinstance(new, str) or old not in text:
            return None
        if not new and not old.endswith("\n") and f"{old}\n" in text:
            old += "\n"  # Claude Code takes the end of a line that it empties too
        text = text.replace(old, new, -1 if edit.get("replace_all") else 1)
    return text


def _change(path: str, before: str | None, after: str | None, recorded: dict[str, Any], files: Files) -> Change | None:
    """The recorded hunks where they fit the file before, or where that is not known; else what the texts say."""
    given = recorded.get("structuredPatch")
    hunks = given if isinstance(given, list) and given and all(is_hunk(hunk) for hunk in given) else None
    done = apply_hunks(before, hunks) if hunks and before is not None else None
    if hunks and done is not None:
        files.saw(path, done, whole=True)
        return Change("file_edit", from_hunks(path, hunks))
    if before is not None and after is not None:
        files.saw(path, after, whole=True)
        return Change("file_edit", from_texts(path, before, after))
    if hunks is None:
        return None
    files.forget(path)
    if after is not None:
        files.saw(path, after, whole=True)
    else:
        for hunk in hunks:
            kept = "".join(f"{line[1:]}\n" for line in hunk["lines"] if line[:1] in (" ", "+"))
            files.saw(path, kept, start=hunk["newStart"])
    # Hunks that do not fit the file as it was have numbers that may be wrong.
    return Change("file_edit", from_hunks(path, hunks), approximate=before is not None)


def _read(call: Call, recorded: dict[str, Any], files: Files) -> Step | None:
    path, file = call.text("file_path"), as_object(recorded.get("file"))
    content, start, count = file.get("content"), as_int(file.get("startLine")), as_int(file.get("numLines"))
    if recorded.get("type") != "text" or path is None or not isinstance(content, str) or start is None:
        return None
    # A line that only the last line's end opens is none.
    lines = content.count("\n") + (not content.endswith("\n"))
    step: Step = {"type": "file_read", "path": path, "content": content}
    if content and start > 0:
        step |= {"start_line": start, "end_line": start + lines - 1}
        files.saw(
            path, content, start=start, whole=start == 1 and count is not None and count == file.get("totalLines")
        )
    return step if _is_listing(call.output or "", lines) else step | {"output": call.output}


def _is_listing(output: str, lines: int) -> bool:
    """Whether the model read nothing but the numbered lines."""
    last = output[output.rfind("\n", 0, len(output.rstrip("\n"))) + 1 :]
    is_numbered = bool(_NUMBERED.match(output)) and bool(_NUMBERED.match(last))
    return is_numbered and output.rstrip("\n").count("\n") + 1 in (lines, lines + 1)


_MAKERS: dict[str, Callable[[Call, dict[str, Any], Files], Step | None]] = {
    "Edit": _edited,
    "MultiEdit": _edited,
    "Write": _written,
    "NotebookEdit": _cell_edited,
    "Read": _read,
}
