"""What OpenHands' agents do, whatever the version that recorded it: an act and its result become steps."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from traces.document import Step
from traces.tooling.calls import Call, edit_step, steps_of
from traces.tooling.diffs import from_texts, head
from traces.tooling.files import Change
from traces.tooling.openhands_skills import Skill, read_skill
from traces.tooling.swe_tools import SweTools
from traces.tooling.transcript import Transcript
from traces.tooling.values import as_int, as_object, as_text

_KINDS = {
    **dict.fromkeys(("browse", "browse_interactive"), "web"),
    **dict.fromkeys(("task_tracking", "task_tracker"), "plan"),
    "delegate": "subagent",
}
_ERRORS = ("ERROR", "Error", "[Error", "Invalid `", "No replacement was performed", "The path `", "Ran into")
_RANGE = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@.*$", re.MULTILINE)
_LEAVES = re.compile(r"\b(?:cd|pushd|popd)\b")
# SWE-agent's names for what the functions in the notebook did.
_WINDOW = {"open_file": "open", "goto_line": "goto", "scroll_down": "scroll_down", "scroll_up": "scroll_up"}


@dataclass
class Act:
    """One thing an agent did. ``common`` is put on each of its steps; it has a ``call_id``."""

    name: str
    input: dict[str, Any]
    common: Step
    thoughts: list[tuple[str, str]] = field(default_factory=list)  # (step type, text), said before it


@dataclass
class Result:
    """What came of it; None and "" where that was not recorded. ``cwd`` is where the shell stood afterwards."""

    output: str | None = None
    status: str | None = None  # failed or rejected
    exit_code: int | None = None
    cwd: str | None = None
    before: str | None = None
    after: str | None = None
    is_new: bool = False
    diff: str = ""
    note: str | None = None
    images: list[dict[str, str]] | None = None


class Events(ABC):
    """The events of one run with their lines, and what they tell of it beside its steps."""

    def __init__(self, events: Iterable[tuple[int | None, object]]) -> None:
        self.out = Transcript()
        self.acts = Acts(self.out)
        self.model: str | None = None
        self.metrics: dict[str, Any] = {}  # as the events tell them
        self.tokens: dict[str, int] = {}  # of the answers that were read
        self.agent_state: str | None = None
        self.definitions: list[dict[str, Any]] = []  # of the tools that the model was offered
        self.list: list[tuple[int | None, dict[str, Any]]] = []
        self.used: set[int] = set()  # the results that are part of a call's step
        for line, event in events:
            self.take(line, event)

    def take(self, line: int | None, event: object) -> None:
        if isinstance(event, dict):
            self.list.append((line, event))
        else:
            self.out.warn("events that are no objects")

    @abstractmethod
    def read(self) -> Transcript:
        """The steps of all events."""

    def run_metrics(self, told: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """What the run took: as ``told`` beside its events, else as they tell; without tokens there, its answers'."""
        metrics = told or self.metrics
        return ({"tokens": self.tokens} if self.tokens else {}) | metrics or None


class Acts:
    """The acts of one run, added to its transcript in order."""

    def __init__(self, out: Transcript) -> None:
        self.out = out
        self.tools = SweTools()
        self.files = self.tools.files
        self.cwd: str | None = None

    def add(self, act: Act, result: Result) -> list[Step]:
        """The steps of the act, after what the agent thought before it."""
        parent = {key: act.common[key] for key in ("parent", "source_line") if key in act.common}
        for kind, text in act.thoughts:
            self.out.text(kind, text, **parent)
        steps = self._steps(act, result)
        for step in steps:
            if result.status:
                step["status"] = result.status
        if steps and result.images:
            steps[0]["images"] = result.images
        if steps and result.note:
            steps[0]["note"] = result.note
        return self.out.extend(steps)

    def _steps(self, act: Act, result: Result) -> list[Step]:
        path = as_text(act.input.get("path"))
        if act.name == "run" and isinstance(act.input.get("command"), str):
            return self._run(act, result)
        if act.name == "run_ipython" and isinstance(act.input.get("code"), str):
            return self._python(act, result)
        if act.name == "read" and path:
            return self._read(act, result, path)
        if act.name in ("edit", "write") and path:
            return self._edit(act, result, path)
        if act.name == "think" and as_text(act.input.get("thought")):
            said = {} if result.output is None else {"output": result.output}
            return [act.common | {"type": "thinking", "content": act.input["thought"]} | said]
        return self._other(act, result)

    def _call(self, act: Act, result: Result, name: str, given: dict[str, Any], failed: bool | None = None) -> Call:
        if result.status is not None:
            failed = True
        return Call(name, given, result.output, failed, self.cwd, act.common)

    def _run(self, act: Act, result: Result) -> list[Step]:
        command = act.input["command"]
        if self.cwd is None and not _LEAVES.search(command):
            self.cwd = result.cwd
        steps = steps_of(self._call(act, result, "bash", {"command": command}), self.files)
        for step in steps:
            if step["type"] == "bash_command":
                step["exit_code"] = result.exit_code
            elif result.exit_code:
                step["status"] = "failed"
        self.cwd = result.cwd or self.cwd
        return steps

    def _python(self, act: Act, result: Result) -> list[Step]:
        skill = read_skill(act.input["code"])
        if skill is None:
            self.files.ran(act.input["code"])
            return [
                act.common | {"type": "tool_call", "name": "run_ipython", "input": act.input, "output": result.output}
            ]
        if skill.name == "file_editor":
            return self._edit(
                Act("edit", skill.arguments, act.common), result, as_text(skill.arguments.get("path")) or ""
            )
        path = as_text(skill.arguments.get("file_name"))
        if path:
            self.tools.open_file = path
        name, given = _in_a_window(skill, self.files.text(path) if path else None)
        return self.tools.steps(self._call(act, result, name, given))

    # --- files --------------------------------------------------------------------------------------------

    def _read(self, act: Act, result: Result, path: str) -> list[Step]:
        start, failed = as_int(act.input.get("start")), _failed(result)
        given = {key: act.input[key] for key in ("view_range",) if act.input.get(key)}
        given |= {"command": "view", "path": path} | ({"start_line": start + 1} if start else {})
        is_plain = act.input.get("impl_source") == "default" and not start and act.input.get("end") in (None, -1)
        if is_plain and result.output is not None and not failed:
            self.files.saw(path, result.output, whole=True)
        return steps_of(self._call(act, result, "str_replace_editor", given, failed), self.files)

    def _edit(self, act: Act, result: Result, path: str) -> list[Step]:
        """Of what was recorded the surest: both texts, the call on a file that is known, the diff, the call alone."""
        if act.input.get("command") == "view":
            return self._read(act, result, path)
        failed = _failed(result)
        change = None if failed else self._recorded(act.input, result, path)
        if change is None:
            steps = self._from_call(act, result, path, failed)
        else:
            steps = [act.common | edit_step(path, change, result.output)]
        if not failed and result.diff and steps and (steps[0].get("approximate") or not steps[0].get("diff")):
            steps[0]["diff"] = with_counts(path, result.diff)
            steps[0].pop("approximate", None)
        if failed is not None:
            for step in steps:
                step["status"] = "failed" if failed else "ok"
        return steps

    def _recorded(self, given: dict[str, Any], result: Result, path: str) -> Change | None:
        """The change between two whole texts; some versions write the replaced strings in their place."""
        before, after = result.before, result.after
        if after is None or given.get("command") == "insert" or _is_excerpt(given, before, after):
            return None
        if result.is_new and not before and given.get("command") in (None, "create"):
            return self.files.write(path, after, created=True)
        if before is None:
            return None
        self.files.saw(path, after, whole=True)
        return Change("file_edit", from_texts(path, before, after))

    def _from_call(self, act: Act, result: Result, path: str, failed: bool | None) -> list[Step]:
        given = {key: value for key, value in act.input.items() if value is not None}
        if isinstance(given.get("command"), str):
            given = {key: given[key] for key in _EDITOR if key in given}
            return steps_of(self._call(act, result, "str_replace_editor", given, failed), self.files)
        text, start, end = as_text(given.get("content")) or "", as_int(given.get("start")), as_int(given.get("end"))
        if start in (None, 0, 1) and end in (None, -1):
            if act.name == "write":
                change = self.files.write(path, text, created=result.is_new or None, apply=not failed)
            else:  # a draft of the file: what was left out of it stands for what stays
                change = Change("file_edit", from_texts(path, "", text), approximate=True)
                self.files.forget(path)
            return [act.common | edit_step(path, change, result.output)]
        first = max(start or 1, 1) + (act.name == "write")
        change = self.files.replace_lines(path, first, max(end or first, first), text, apply=not failed)
        return [act.common | edit_step(path, change, result.output)]

    # --- the rest -----------------------------------------------------------------------------------------

    def _other(self, act: Act, result: Result) -> list[Step]:
        if act.name == "call_tool_mcp" and as_text(act.input.get("name")):
            given = as_object(act.input.get("arguments"))
            return steps_of(self._call(act, result, act.input["name"], given), self.files)
        kind = _KINDS.get(act.name) or ("web" if act.name.startswith("browser") else None)
        if kind is None:
            return steps_of(self._call(act, result, act.name, act.input), self.files)
        return [act.common | {"type": kind, "name": act.name, "input": act.input, "output": result.output}]


_EDITOR = ("command", "path", "file_text", "old_str", "new_str", "insert_line", "view_range")


def _failed(result: Result) -> bool | None:
    if result.status is not None:
        return True
    return None if result.output is None else result.output.lstrip("\n").startswith(_ERRORS)


def _is_excerpt(given: dict[str, Any], before: str | None, after: str) -> bool:
    old, new = given.get("old_str"), given.get("new_str")
    return isinstance(old, str) and (before or "") == old and after == (new or "")


def with_counts(path: str, diff: str) -> str:
    """The hunks of a unified diff below our head, with both counts in every range and an end to the last line."""
    begin = diff.find("\n@@ ") + 1
    hunks = _RANGE.sub(lambda m: f"@@ -{m[1]},{m[2] or 1} +{m[3]},{m[4] or 1} @@", diff[begin:])
    return head(path) + (hunks if hunks.endswith("\n") else f"{hunks}\n") if begin else ""


def _in_a_window(skill: Skill, text: str | None) -> tuple[str, dict[str, Any]]:
    """(tool of SWE-agent, its arguments) of a function in the notebook: both look at one file through a window."""
    given = skill.arguments
    if skill.name == "edit_file_by_replace":
        return "edit", {"search": given.get("to_replace"), "replace": given.get("new_content")}
    if skill.name == "edit_file":
        lines = {"start_line": given.get("start"), "end_line": given.get("end")}
        return "edit", lines | {"replacement_text": given.get("content")}
    if skill.name == "insert_content_at_line":
        line = as_int(given.get("line_number"))
        return "insert", {"text": given.get("content"), "line": None if line is None else line - 1}
    if skill.name == "append_file":
        return "insert", {"text": given.get("content")}
    if skill.name == "create_file":
        return "create", {"filename": given.get("filename")}
    return _WINDOW.get(skill.name, skill.name), given
