"""What Gemini CLI's tools answer: labelled shell output, parts of files under a header, files before and after."""

from __future__ import annotations

import re
from typing import Any

from traces.document import Step
from traces.tooling.calls import Call, edit_step, steps_of
from traces.tooling.diffs import from_texts, head
from traces.tooling.files import Change, Files
from traces.tooling.values import as_object, as_text

_LABELS = ("Command: ", "Directory: ", "Output: ", "Stdout: ", "Stderr: ", "Error: ", "Exit Code: ", "Signal: ")
_ENDS = (*_LABELS[4:], "Background PIDs: ", "Process Group PGID: ")
_NOTHING = ("(none)", "(empty)", "")
_SHOWN = re.compile(r"Status: Showing lines (\d{1,9})-(\d{1,9}) of (\d{1,9}) total lines")
_FILE = "--- FILE CONTENT (truncated) ---\n"
_MASKED = "<tool_output_masked>"
_REFUSED = ("[Operation Cancelled]", "User denied", "Tool call cancelled by user", "User cancelled")


def gemini_steps(call: Call, shown: object, files: Files) -> list[Step]:
    """The steps of one call. ``shown`` is what a person saw of its result, for an edit the texts before and after."""
    steps = _recorded_edit(call, as_object(shown), files)
    if steps is None and call.name == "read_file":
        steps = _read(call, files)
    elif steps is None and call.name == "read_many_files":
        paths = call.input.get("paths", call.input.get("include"))
        path = ", ".join(str(path) for path in paths) if isinstance(paths, list) else as_text(paths)
        steps = [{"type": "file_read", "path": path or "", "content": call.output}]
    if steps is None:
        steps = [_as_shell(step) for step in steps_of(call, files)]
    else:
        status = {} if call.failed is None else {"status": "failed" if call.failed else "ok"}
        steps = [call.common | status | step for step in steps]
    if instruction := call.text("instruction"):  # what the model says that the edit is for
        for step in steps:
            if "diff" in step:
                step["input"] = {"instruction": instruction}
    return steps


def is_refused(output: str | None) -> bool:
    """Whether a person said no."""
    return (output or "").startswith(_REFUSED)


def _recorded_edit(call: Call, shown: dict[str, Any], files: Files) -> list[Step] | None:
    """The exact diff, where the texts before and after are recorded, or the diff is."""
    path = call.text("file_path", "absolute_path", "path") or as_text(shown.get("filePath"))
    path = path or as_text(shown.get("fileName"))
    before, after, diff = shown.get("originalContent"), shown.get("newContent"), as_text(shown.get("fileDiff"))
    if path is None or not (diff or isinstance(after, str)):
        return None
    if isinstance(after, str) and isinstance(before, str | None):
        if not call.failed:
            files.saw(path, after, whole=True)
        change = Change("file_edit" if before is not None else "file_create", from_texts(path, before, after))
        return [edit_step(path, change, call.output)]
    _, at, hunks = (diff or "").partition("\n@@ ")
    if not at:
        return None
    files.forget(path)
    return [edit_step(path, Change("file_edit", f"{head(path)}@@ {hunks}"), call.output)]


def _read(call: Call, files: Files) -> list[Step] | None:
    path, output = call.text("file_path", "absolute_path", "path"), call.output
    if path is None or output is None or call.failed:
        return None
    step: Step = {"type": "file_read", "path": path}
    if output.startswith(_MASKED):
        return [step | {"content": None, "output": output}]
    top, marked, content = output.partition(_FILE)
    lines = _SHOWN.search(top) if marked else None
    if lines:
        first, last = int(lines[1]), int(lines[2])
        files.saw(path, content, start=first)
        return [step | {"content": content, "start_line": first, "end_line": last, "output": output}]
    if not {"offset", "limit", "start_line", "end_line"}.isdisjoint(call.input):
        return [step | {"content": output}]  # which part it is, nobody says
    files.saw(path, output, whole=True)
    count = output.count("\n") + (not output.endswith("\n"))
    return [step | {"content": output} | ({"start_line": 1, "end_line": count} if output else {})]


def _as_shell(step: Step) -> Step:
    """A shell command's output without the labels around it, if nothing else would be lost with them."""
    output = step.get("output")
    if step["type"] != "bash_command" or not isinstance(output, str) or not output.startswith(_LABELS):
        return step
    fields = _fields(output)
    code = fields.pop("Exit Code", None)
    directory = fields.pop("Directory", "").strip()
    if code is not None and re.fullmatch(r"-?\d{1,9}", code.strip()):
        step["exit_code"] = int(code)
    elif code is None and "Output" in fields and "Error" not in fields and step.get("status") == "ok":
        step |= {"exit_code": 0, "exit_code_inferred": True}  # versions with this label say only others
    if directory and directory != "(root)":
        step.setdefault("cwd", directory)
    group = fields.pop("Process Group PGID", "").strip()
    if re.fullmatch(r"\d{1,18}", group):
        step["process_group"] = int(group)
    fields.pop("Command", None)
    printed = fields.pop("Output", None) if "Output" in fields else fields.pop("Stdout", None)
    if printed is not None and all(value.strip() in _NOTHING for value in fields.values()):
        step["output"] = "" if printed.strip() in _NOTHING else printed
    return step


def _fields(output: str) -> dict[str, str]:
    """The labelled fields. The output of the command stands between the first of its labels and the last lines."""
    lines = output.split("\n")
    last: dict[str, str] = {}
    while lines and lines[-1].startswith(_ENDS):
        label, _, value = lines.pop().partition(": ")
        last[label] = value
    fields: dict[str, str] = {}
    label = ""
    kept: dict[str, list[str]] = {}
    for line in lines:
        if label not in ("Output", "Stdout") and line.startswith(_LABELS[:4]):
            label, _, line = line.partition(": ")
        kept.setdefault(label, []).append(line)
    fields |= {name: "\n".join(texts) for name, texts in kept.items()}
    return fields | last
