"""The calls of a Codex session as steps: shell, patches with their exact diffs, scripts that call tools."""

from __future__ import annotations

import re
from functools import partial
from typing import Any, NamedTuple

from traces.document import Step
from traces.tooling.apply_patch import BEGIN, read_patch
from traces.tooling.calls import Call, command_text, steps_of
from traces.tooling.codex_results import Event, Events, Result, change_of, duration_of, of_script, read_result
from traces.tooling.diffs import from_texts, head
from traces.tooling.files import Files
from traces.tooling.javascript import ScriptCall, read_calls
from traces.tooling.values import as_object, as_text, inner_json

_EDITS = frozenset({"file_edit", "file_create", "file_delete"})
_RANGE = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@.*$", re.MULTILINE)
_PATCH_TOOLS = ("apply_patch", "applypatch")


class Lines(NamedTuple):
    """Where a call stands, and its result (None where it has none): its events lie between them."""

    call: int
    result: int | None


class CodexCalls:
    """Makes steps of calls in the order they come, with the events of the whole session at hand."""

    def __init__(self) -> None:
        self.files = Files()
        self.patches = Events()
        self.commands = Events()

    def steps(
        self, payload: dict[str, Any], result: dict[str, Any] | None, cwd: str | None, lines: Lines
    ) -> list[Step]:
        """The steps of one call item and the item of its result; they have no common keys yet."""
        call_id = as_text(payload.get("call_id"))
        found = read_result(result) if result else Result()
        if payload.get("type") == "custom_tool_call" and payload.get("name") == "exec":
            script = payload.get("input")
            calls = read_calls(script) if isinstance(script, str) else []
            if calls:
                return self._script(str(script), calls, found, cwd, lines)
        name, given = _name_and_input(payload)
        if name == "image_generation_call":
            found = found._replace(images=_generated(given.pop("result", None)))
        return self._call(name, given, found, cwd, self.patches.of_call(call_id), self.commands.of_call(call_id))

    def _script(self, script: str, calls: list[ScriptCall], found: Result, cwd: str | None, lines: Lines) -> list[Step]:
        """A step for each call in the script. What it printed belongs to its call where there are as many texts as
        calls, else to the last one."""
        each = len(found.blocks) == len(calls) > 1
        steps: list[Step] = []
        for number, call in enumerate(calls):
            if each:
                result = of_script(found.blocks[number])._replace(failed=found.failed)
            elif number == len(calls) - 1:
                printed = of_script(found.output) if found.output is not None else Result()
                result = printed._replace(
                    failed=found.failed,
                    seconds=printed.seconds or found.seconds,
                    rejected=found.rejected,
                    images=found.images,
                )
            else:
                result = Result(failed=found.failed)
            is_running = found.is_running or "session_id" in (result.returned or {})
            patch, command = self._events_of(call, lines._replace(result=None) if is_running else lines)
            steps += self._call(call.name, call.input, result, cwd, patch, command)
        if steps and (len(calls) > 1 or not all(call.exact for call in calls)):
            steps[0]["script"] = script
        return steps

    def _events_of(self, call: ScriptCall, lines: Lines) -> tuple[Event | None, Event | None]:
        given = as_text(call.input.get("input")) or as_text(call.input.get("patch")) or ""
        if call.name in _PATCH_TOOLS:
            # Where the script puts the patch together, only the event says what it was.
            paths = [patch.path for patch in read_patch(given)] if BEGIN in given else None
            return self.patches.next_patch(paths, *lines), None
        command = command_text(call.input.get("cmd")) or command_text(call.input.get("command"))
        return None, self.commands.next_command(command, *lines) if command else None

    def _call(
        self,
        name: str,
        given: dict[str, Any],
        result: Result,
        cwd: str | None,
        patch: Event | None,
        command: Event | None,
    ) -> list[Step]:
        """One call, with what the events know of it."""
        if command:
            result = _with_command(result, command)
            cwd = as_text(command.payload.get("cwd")) or cwd
        if patch:
            result = _with_patch(result, patch)
            if name in _PATCH_TOOLS and BEGIN not in str(given) and patch.changes:
                return self._recorded_patch(name, given, result, patch)
        is_wrong = result.failed or (result.failed is None and result.exit_code not in (0, None))
        recorded = partial(_recorded_diff, patch) if patch else None
        call = Call(name, given, result.output, True if is_wrong else None, cwd=cwd, recorded=recorded)
        steps = steps_of(call, self.files)
        for step in steps:
            if step["type"] == "bash_command":
                step["exit_code"] = result.exit_code
                if not result.failed:  # a command that ran and said no
                    step.pop("status", None)
            if result.rejected:
                step["status"] = "rejected"
            if step["type"] in _EDITS and patch:
                self._note_added(step, patch)
        if patch and steps[0]["type"] == "bash_command" and not any(step["type"] in _EDITS for step in steps):
            diffs = [change.with_whole_names for change in _changes_of(patch) if change.diff]
            steps[0] |= {"diff": "".join(diffs)} if diffs else {}
        return _measured(steps, result)

    def _recorded_patch(self, name: str, given: dict[str, Any], result: Result, patch: Event) -> list[Step]:
        """The steps of a patch that the call does not hold."""
        status = "rejected" if result.rejected else "failed" if result.failed else "ok"
        steps: list[Step] = [
            {"type": change.type, "path": change.path, "diff": change.diff, "status": status}
            for change in _changes_of(patch)
        ]
        for path in {*patch.changes, *(step["path"] for step in steps)}:
            self.files.forget(path)
        steps[0] |= {"output": result.output, "name": name, "input": given}
        return _measured(steps, result)

    def _note_added(self, step: Step, event: Event) -> None:
        """A file that Codex recorded as added is known from then on."""
        change, _ = _recorded(event, step["path"])
        if change.get("type") == "add" and isinstance(change.get("content"), str) and step.get("status") != "failed":
            step["type"] = "file_create"
            self.files.saw(step["path"], change["content"], whole=True)


def _measured(steps: list[Step], result: Result) -> list[Step]:
    if result.seconds is not None:
        steps[0]["seconds"] = result.seconds  # the whole call took them, once
    if result.images:
        steps[-1]["images"] = result.images
    if result.returned:
        steps[-1]["returned"] = result.returned
    return steps


def _recorded_diff(event: Event, path: str) -> str | None:
    """The diff that Codex recorded when it applied the patch."""
    change, old_path = _recorded(event, path)
    return _exact_diff(path, change, old_path)


def _recorded(event: Event, path: str) -> tuple[dict[str, Any], str]:
    """(what the event says of the file, where it was before it moved)."""
    change = change_of(event, path)
    return (change, "") if change is not None else _moved_to(path, event)


def _moved_to(path: str, event: Event) -> tuple[dict[str, Any], str]:
    """(what the event says of it, where the file was), without the folder in front that ``path`` lacks."""
    for old_path, change in event.changes.items():
        new_path = as_text(change.get("move_path")) or ""
        if f"/{new_path}".endswith("/" + path.lstrip("/")):
            return change, old_path.removeprefix(new_path.removesuffix(path))
    return {}, ""


class Recorded(NamedTuple):
    """What a patch did to a file. ``type``: that of a step."""

    type: str
    path: str
    old_path: str
    diff: str | None

    @property
    def with_whole_names(self) -> str:
        """The diff, with the whole path where a step of several files says it nowhere else."""
        made, gone = self.type == "file_create", self.type == "file_delete"
        names = head(self.path, created=made, deleted=gone, old_path=self.old_path, in_full=True)
        return names + (self.diff or "").split("\n", 2)[2]


def _changes_of(event: Event) -> list[Recorded]:
    found = []
    for old_path, change in event.changes.items():
        path = as_text(change.get("move_path")) or old_path
        kind = {"add": "file_create", "delete": "file_delete"}.get(str(change.get("type")), "file_edit")
        diff = _exact_diff(path, change, old_path if path != old_path else "")
        found.append(Recorded(kind, path, old_path, diff))
    return found


def _generated(data: object) -> list[dict[str, str]] | None:
    """The picture that was made: bytes in base64, without a word on their kind. Codex asks for PNG."""
    return [{"media_type": "image/png", "data": data}] if isinstance(data, str) and data else None


def _name_and_input(payload: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    kind = str(payload.get("type"))
    if kind == "local_shell_call":
        action = as_object(payload.get("action"))
        return "local_shell", {key: value for key, value in action.items() if key != "type"}
    if kind not in ("function_call", "custom_tool_call"):
        about = {key: value for key, value in payload.items() if key not in ("type", "id", "status", "call_id")}
        return kind, about
    name = as_text(payload.get("name")) or "unknown"
    raw = payload.get("arguments" if kind == "function_call" else "input")
    value = inner_json(raw) if kind == "function_call" else raw
    if isinstance(value, dict):
        words = value.get("command")
        if isinstance(words, list) and len(words) == 2 and words[0] in _PATCH_TOOLS and isinstance(words[1], str):
            return "apply_patch", {"input": words[1]}
        return name, value
    return name, {"input": raw} if raw not in (None, "") else {}


def _with_command(result: Result, event: Event) -> Result:
    payload = event.payload
    code, output = payload.get("exit_code"), payload.get("aggregated_output")
    if not isinstance(output, str):
        output = "".join(text for key in ("stdout", "stderr") if isinstance(text := payload.get(key), str))
    return result._replace(
        exit_code=code if type(code) is int else result.exit_code,
        output=output if result.output is None else result.output,
        seconds=duration_of(payload) if result.seconds is None else result.seconds,
    )


def _with_patch(result: Result, event: Event) -> Result:
    """A script that prints the result of a patch prints ``{}``: the event says what happened."""
    success = event.payload.get("success")
    said = as_text(event.payload.get("stdout")) or as_text(event.payload.get("stderr"))
    output = said if said and result.output in (None, "", "{}") else result.output
    return result._replace(output=output, failed=not success if isinstance(success, bool) else result.failed)


def _exact_diff(path: str, change: dict[str, Any], old_path: str) -> str | None:
    kind, content, diff = change.get("type"), change.get("content"), change.get("unified_diff")
    if kind == "add" and isinstance(content, str):
        return from_texts(path, None, content)
    if kind == "delete" and isinstance(content, str):
        return from_texts(path, content, None)
    if kind != "update" or not isinstance(diff, str):
        return None
    hunks = _RANGE.sub(_full_range, diff[diff.find("@@ ") :] if "@@ " in diff else "")
    return head(path, old_path=old_path) + hunks + ("" if hunks.endswith("\n") or not hunks else "\n")


def _full_range(match: re.Match[str]) -> str:
    old, old_lines, new, new_lines = match.groups()
    return f"@@ -{old},{old_lines or 1} +{new},{new_lines or 1} @@"
