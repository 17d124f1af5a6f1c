"""The tools that coding agents call, and the steps their calls become.

Agents share a small vocabulary: a shell, an editor, a reader, a search. A converter that knows more than the call
itself (an exact diff, an exit code) sets it on the step afterwards.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from traces.document import Step
from traces.tooling.apply_patch import BEGIN, apply_patch
from traces.tooling.files import Change, Edit, Files
from traces.tooling.listings import read_listing


@dataclass
class Call:
    """One tool call and its result. ``output`` is None where none was recorded; ``failed`` where that is not said.

    ``common`` is put on every step made of it: ``call_id``, ``source_line``, ``started_at``, ``seconds``, ``parent``.
    ``recorded``: the diff of a file that the agent recorded when it applied a patch, None where it did not.
    """

    name: str
    input: dict[str, Any]
    output: str | None = None
    failed: bool | None = None
    cwd: str | None = None
    common: dict[str, Any] = field(default_factory=dict)
    recorded: Callable[[str], str | None] | None = None

    def text(self, *keys: str) -> str | None:
        """The first of these inputs that is text."""
        for key in keys:
            if isinstance(value := self.input.get(key), str):
                return value
        return None

    def number(self, *keys: str) -> int | None:
        """The first of these inputs that is a whole number."""
        for key in keys:
            if type(value := self.input.get(key)) is int:
                return value
        return None


def steps_of(call: Call, files: Files) -> list[Step]:
    """The steps of the call, in most cases one; all have what is ``common``. ``files`` learns from it.

    A name we do not know is a ``tool_call``, or a shell command where its input holds one.
    """
    make = TOOLS.get(_plain(call.name))
    steps = make(call, files) if make else None
    if steps is None:
        is_shell = _plain(call.name) not in TOOLS and isinstance(call.input.get("command"), str)
        steps = _shell(call, files) if is_shell else None
    if steps is None:
        steps = [_named("tool_call", call)]
    common = call.common | _status(call)
    return [common | step for step in steps]


@lru_cache(maxsize=1000)
def _plain(name: str) -> str:
    """``str_replace_editor``, ``StrReplaceEditor`` and ``str-replace-editor`` are one tool."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _status(call: Call) -> dict[str, Any]:
    return {} if call.failed is None else {"status": "failed" if call.failed else "ok"}


def _named(type: str, call: Call) -> Step:
    return {"type": type, "name": call.name, "input": call.input, "output": call.output}


_COMMANDS = ("command", "cmd", "script", "keystrokes", "code", "input")
_FOLDERS = ("workdir", "cwd", "directory", "dir_path", "working_dir", "working_directory")


# --- shell -------------------------------------------------------------------------------------------------


def command_text(value: object) -> str | None:
    """A command as it would be typed; of ``["bash", "-lc", script]`` the script. None for anything else."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        return None
    if len(value) == 3 and value[0].rsplit("/", 1)[-1] in ("bash", "sh", "zsh") and value[1] in ("-c", "-lc"):
        return value[2]
    return shlex.join(value)


def _shell(call: Call, files: Files) -> list[Step] | None:
    command, typed = None, ""
    for typed in _COMMANDS:
        command = command_text(call.input.get(typed))
        if command is not None:
            break
    if command is None and call.input.get("restart"):
        command = "(restart)"
    if command is None:
        return None
    patched = _patch_in_shell(command, call, files)
    if patched:
        return patched
    if not call.failed:
        files.ran(command)
    cwd = call.text(*_FOLDERS) or call.cwd
    step: Step = {"type": "bash_command", "command": command, "output": call.output, "exit_code": None}
    if cwd:
        step["cwd"] = cwd
    # What it was for, how long it might take, why it needs more rights
    rest = {
        key: value
        for key, value in call.input.items()
        if key != typed and key not in _FOLDERS and value is not None and value != ""
    }
    if rest:
        step["input"] = rest
    return [step]


def _patch_in_shell(command: str, call: Call, files: Files) -> list[Step] | None:
    """``apply_patch <<'EOF' …`` is an edit, where nothing else is run beside it."""
    if BEGIN not in command:
        return None
    words = command[: command.index(BEGIN)].split()
    if not words or words[-1].strip("\"'") == "" or "apply_patch" not in (words[0], *words[-2:-1]):
        return None
    return _patch_steps(command, call, files)


def _wait(call: Call, files: Files) -> list[Step] | None:
    """Codex waits for a script; other agents' tools of this name wait for other things."""
    return _shell_poll(call, files) if "cell_id" in call.input else None


def _shell_poll(call: Call, files: Files) -> list[Step]:
    """Reading on, or ending, a command that runs in the background."""
    about = call.text("bash_id", "shell_id", "task_id", "session_id", "cell_id") or call.number("session_id") or ""
    command = f"{call.name} {about}".strip()
    return [{"type": "bash_command", "command": command, "output": call.output, "exit_code": None}]


# --- files -------------------------------------------------------------------------------------------------


def _path(call: Call) -> str | None:
    return call.text("file_path", "path", "absolute_path", "notebook_path", "filename", "target_file", "file")


def edit_step(path: str, change: Change, output: str | None = None, *, recorded: str | None = None) -> Step:
    """The step of one changed file. ``recorded``: the exact diff, where there is one."""
    step: Step = {"type": change.type, "path": path, "diff": change.diff if recorded is None else recorded}
    if change.approximate and recorded is None:
        step["approximate"] = True
    if output is not None:
        step["output"] = output
    return step


def read_step(path: str, output: str | None, *, start: int | None = None) -> Step:
    """The step of a file that was read: its lines without their numbers, and the output where it said more."""
    listing = read_listing(output) if output else None
    if listing is None:
        step: Step = {"type": "file_read", "path": path, "content": output}
        return step | ({"start_line": start} if start else {})
    read: Step = {
        "type": "file_read",
        "path": path,
        "content": listing.text,
        "start_line": listing.start,
        "end_line": listing.end,
    }
    return read if listing.is_all else read | {"output": output}


def _read(call: Call, files: Files) -> list[Step] | None:
    path = _path(call)
    if path is None:
        return None
    if call.failed:
        return [{"type": "file_read", "path": path, "content": None, "output": call.output}]
    step = read_step(path, call.output, start=call.number("offset", "start_line"))
    if step.get("start_line") and step.get("end_line"):
        files.saw(path, step["content"], start=step["start_line"])
    return [step]


def _edit(call: Call, files: Files) -> list[Step] | None:
    """A string replaced by another, an empty one being the whole of a new file."""
    path, old, new = (
        _path(call),
        call.text("old_string", "old_str", "old_text"),
        call.text("new_string", "new_str", "new_text"),
    )
    if path is None or new is None:
        return _write(call, files)  # Claude Code's first versions wrote a whole file by "Replace"
    if not old:
        return [edit_step(path, files.write(path, new, created=True, apply=not call.failed), call.output)]
    everywhere = bool(call.input.get("replace_all")) or (call.number("expected_replacements") or 1) > 1
    shown = None if call.failed else call.output
    change = files.replace(path, old, new, everywhere=everywhere, shown=shown, apply=not call.failed)
    return [edit_step(path, change, call.output)]


def _multi_edit(call: Call, files: Files) -> list[Step] | None:
    """Several replacements in one file, one after the other: one diff."""
    path, edits = _path(call), call.input.get("edits")
    if path is None or not isinstance(edits, list) or not all(isinstance(edit, dict) for edit in edits):
        return None
    replacements = [
        Edit(str(edit.get("old_string", "")), str(edit.get("new_string", "")), bool(edit.get("replace_all")))
        for edit in edits
    ]
    if replacements and not replacements[0].old:
        return [
            edit_step(path, files.write(path, _written(replacements), created=True, apply=not call.failed), call.output)
        ]
    return [edit_step(path, files.replace_each(path, replacements, apply=not call.failed), call.output)]


def _written(edits: list[Edit]) -> str:
    """The text of a file that the first edit makes and the others change."""
    text = edits[0].new
    for edit in edits[1:]:
        text = text.replace(edit.old, edit.new, -1 if edit.everywhere else 1) if edit.old else text
    return text


def _write(call: Call, files: Files) -> list[Step] | None:
    path, text = _path(call), call.text("content", "file_text", "contents", "text")
    if path is None or text is None:
        return None
    created = _says_created(call.output)
    return [edit_step(path, files.write(path, text, created=created, apply=not call.failed), call.output)]


def _says_created(output: str | None) -> bool | None:
    """What the tools say of a file they wrote, None where they say nothing."""
    said = (output or "")[:300].lower()
    if "created" in said or "new file" in said:
        return True
    return False if any(word in said for word in ("updated", "overwr", "has been edited")) else None


def _notebook_edit(call: Call, files: Files) -> list[Step] | None:
    """One cell of a notebook. Its lines are those of the cell, not of the file."""
    path, source = _path(call), call.text("new_source")
    if path is None or source is None:
        return None
    if not call.failed:
        files.forget(path)
    return [edit_step(path, Files().replace(path, "", source), call.output)]


def _text_editor(call: Call, files: Files) -> list[Step] | None:
    """Anthropic's text editor tool, also SWE-agent's and OpenHands': one tool with five commands."""
    path, command = _path(call), call.text("command")
    if path is None:
        return None
    if command == "view":
        return _view(call, path, files)
    if command == "create":
        text = call.text("file_text") or ""
        return [edit_step(path, files.write(path, text, created=True, apply=not call.failed), call.output)]
    if command == "str_replace":
        return _edit(Call(call.name, {"new_str": "", **call.input}, call.output, call.failed), files)
    if command == "insert":
        line, text = call.number("insert_line") or 0, call.text("new_str", "insert_text") or ""
        return [edit_step(path, files.insert(path, line, text, apply=not call.failed), call.output)]
    if command == "undo_edit":
        return [edit_step(path, Change("file_edit", "", True) if call.failed else files.undo(path), call.output)]
    return None


def _view(call: Call, path: str, files: Files) -> list[Step]:
    steps = _read(call, files) or []
    if "files and directories up to" in (call.output or "")[:200]:
        return [_named("search", call)]
    return steps


def _apply_patch(call: Call, files: Files) -> list[Step] | None:
    text = call.text("input", "patch", "patchText", "content")
    return _patch_steps(text, call, files) if text and BEGIN in text else None


def _patch_steps(text: str, call: Call, files: Files) -> list[Step] | None:
    """A step for each file of the patch; the first one has the output."""
    changes = apply_patch(text, files, apply=not call.failed)
    recorded = call.recorded or (lambda path: None)
    steps = [edit_step(path, change, recorded=recorded(path)) for path, change in changes]
    if steps and call.output is not None:
        steps[0]["output"] = call.output
    return steps or None


# --- the rest ----------------------------------------------------------------------------------------------


def _as(type: str) -> Callable[[Call, Files], list[Step]]:
    return lambda call, files: [_named(type, call)]


def _table(*rows: tuple[Callable[[Call, Files], list[Step] | None], str]) -> dict[str, Any]:
    return {_plain(name): make for make, names in rows for name in names.split()}


TOOLS: dict[str, Callable[[Call, Files], list[Step] | None]] = _table(
    (
        _shell,
        "Bash bash shell local_shell run_shell_command execute_bash exec_command shell_command bash_command"
        " run_command run_terminal_cmd terminal execute_command bash_20241022 bash_20250124",
    ),
    (_shell_poll, "BashOutput KillShell KillBash TaskOutput TaskStop write_stdin"),
    (_wait, "wait"),
    (_read, "Read View NotebookRead ReadFile read_file open_file file_read"),
    (_edit, "Edit replace edit_file search_replace str_replace"),
    (_multi_edit, "MultiEdit"),
    (_write, "Write write_file create_file file_write WriteFile"),
    (_notebook_edit, "NotebookEdit NotebookEditCell"),
    (
        _text_editor,
        "str_replace_editor str_replace_based_edit_tool text_editor file_editor text_editor_20241022"
        " text_editor_20250124 text_editor_20250429 text_editor_20250728",
    ),
    (_apply_patch, "apply_patch"),
    (
        _as("search"),
        "Grep Glob LS GrepTool GlobTool grep_search search_file_content glob list_directory list_dir find_file"
        " search_file search_dir codebase_search file_search ripgrep search_files list_files",
    ),
    (
        _as("web"),
        "WebFetch WebSearch web_fetch web_search google_web_search browser browse fetch browser_navigate"
        " web_search_call fetch_url",
    ),
    (
        _as("plan"),
        "TodoWrite TodoRead TaskCreate TaskUpdate TaskList TaskGet EnterPlanMode ExitPlanMode update_plan"
        " write_todos task_tracker task_tracking create_plan",
    ),
    (_as("subagent"), "Task Agent dispatch_agent delegate spawn_agent new_task codebase_investigator"),
)
