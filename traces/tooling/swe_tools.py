"""SWE-agent's commands: a window over one open file, read and edited by line number, and a few searches.

They come as text typed at a prompt (``edit 12:15`` … ``end_of_edit``, ``str_replace_editor view a.py``) or as function
calls. ``read_action`` makes one of the other; ``SweTools`` makes steps of them.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any, NamedTuple

from traces.document import Step
from traces.tooling.calls import Call, edit_step, read_step, steps_of
from traces.tooling.diffs import count_lines, from_texts
from traces.tooling.files import Change, Files
from traces.tooling.listings import Listing, read_listing

_READS = frozenset({"open", "goto", "scroll_up", "scroll_down"})
# What the arguments of a typed command are called when it is a function call.
_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "open": ("path", "line_number"),
    "goto": ("line_number",),
    "scroll_up": (),
    "scroll_down": (),
    "create": ("filename",),
    "insert": ("text", "line"),
    "find_file": ("file_name", "dir"),
    "search_dir": ("search_term", "dir"),
    "search_file": ("search_term", "file"),
    "submit": (),
}
# Commands of other tool bundles, among them those for security challenges.
_OTHERS = frozenset(
    {
        "decompile",
        "disassemble",
        "connect_start",
        "connect_sendline",
        "connect_exec",
        "connect_stop",
        "debug_start",
        "debug_add_breakpoint",
        "debug_continue",
        "debug_step",
        "debug_exec",
        "debug_stop",
        "exit_forfeit",
        "exit_cost",
        "exit_context",
        "exit_error",
        "exit_format",
        "exit_api",
        "skip",
        "filemap",
        "view_image",
    }
)
_LINES_EDIT = re.compile(r"edit\s+(\d{1,9}):(\d{1,9})[ \t]*\n?(.*)", re.DOTALL)
_HEADER = re.compile(r"\n\[File: ([^\n]+?) \((\d{1,9}) lines total(?: after edit)?\)\]")
_NOT_APPLIED = (
    "introduced new syntax error",
    "changes have NOT been applied",
    "Your edit was not applied",
    "No replacement was performed",
    "Text not found",
    "No edits were made",
)
_VIEW_ERRORS = ("The path", "Invalid", "ERROR", "Error", "usage:", "Ran into")
_EDITED = ("has been edited", "created successfully", "undone successfully", "File updated", "Text replaced")


class Action(NamedTuple):
    """A command as a call: the tool's name and its named arguments."""

    name: str
    input: dict[str, Any]


def read_action(action: str) -> Action:
    """What a typed command means. One whose first word is no tool of SWE-agent is a shell command. Never raises."""
    text = action.strip("\n")
    name = text.split(None, 1)[0] if text.strip() else ""
    found: Action | None = None
    if name == "edit":
        found = _read_edit(text)
    elif name in ("str_replace_editor", "str_replace_based_edit_tool"):
        found = _read_editor(name, text)
    elif name in _ARGUMENTS:
        found = _read_words(name, text)
    elif name in _OTHERS:
        found = Action(name, {"arguments": text.removeprefix(name).strip()})
    return found or Action("bash", {"command": text})


_PIECE = re.compile(
    r"""(?P<space>\s+)|(?P<bare>[^\s'"\\]+)|'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]++|\\.)*+)"|\\(?P<escaped>.)""",
    re.DOTALL,
)


def _words(text: str) -> list[str]:
    """The words after the first one, as a shell would split them; at spaces only where a quote is not closed.

    ``shlex`` does the same in a time that grows with the square of a word.
    """
    words: list[list[str]] = [[]]
    at = 0
    for match in _PIECE.finditer(text):
        if match.start() != at:
            break
        at = match.end()
        kind = match.lastgroup
        if kind == "space":
            if words[-1] or len(words) == 1:
                words.append([])
        else:
            piece = match[kind or 0]
            words[-1].append(re.sub(r'\\(["\\])', r"\1", piece) if kind == "double" else piece)
    if at < len(text):
        return text.split()[1:]
    return ["".join(pieces) for pieces in words if pieces][1:]


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def _read_edit(text: str) -> Action | None:
    """``edit a:b`` with the new lines below it, or ``edit 'search' 'replace' [replace-all]``."""
    match = _LINES_EDIT.fullmatch(text)
    if match:
        body, marker, _ = match[3].rpartition("end_of_edit")
        body = (body if marker else match[3]).removesuffix("\n")
        return Action("edit", {"start_line": int(match[1]), "end_line": int(match[2]), "replacement_text": body})
    words = _words(text)
    if len(words) < 2:
        return None
    everywhere = {"replace-all": words[2].lower() in ("true", "1")} if len(words) > 2 else {}
    return Action("edit", {"search": words[0], "replace": words[1], **everywhere})


def _read_words(name: str, text: str) -> Action:
    words = _words(text)
    keys = _ARGUMENTS[name]
    given: dict[str, Any] = dict(zip(keys, words, strict=False))
    for key in ("line_number", "line"):
        if key in given:
            given[key] = _number(given[key])
    if len(words) > len(keys):
        given["arguments"] = " ".join(words[len(keys) :])
    return Action(name, given)


def _read_editor(name: str, text: str) -> Action | None:
    """``str_replace_editor COMMAND PATH --option value …``."""
    words = _words(text)
    if len(words) < 2:
        return None
    given: dict[str, Any] = {"command": words[0], "path": words[1]}
    key = ""
    for word in words[2:]:
        if word.startswith("--") and word[2:] in _EDITOR_OPTIONS:
            key = word[2:]
            given[key] = [] if key == "view_range" else ""
        elif key == "view_range":
            given[key].append(_number(word))
        elif key:
            given[key] = _number(word) if key == "insert_line" else word
    return Action(name, given)


_EDITOR_OPTIONS = frozenset({"file_text", "view_range", "old_str", "new_str", "insert_line"})


class SweTools:
    """The tools of one run. ``cwd`` and ``open_file`` are those before the next command, where they are known."""

    def __init__(self, *, has_window: bool = True) -> None:
        """Without ``has_window`` names like "open" and "create" are tools of another agent."""
        self.has_window = has_window
        self.files = Files()
        self.cwd: str | None = None
        self.open_file: str | None = None
        self._totals: dict[str, int] = {}  # lines of the files seen, as the window counts them

    def steps(self, call: Call) -> list[Step]:
        """The steps of one call; ``call.output`` is the observation as it was recorded."""
        output, cwd = call.output, call.cwd or self.cwd
        # What a terminal printed ends its lines with "\r\n"; the files do not.
        printed = output.replace("\r\n", "\n") if output and "\r" in output else output
        call = Call(call.name, call.input, printed, call.failed, cwd, call.common)
        steps = self._own_steps(call) or self._shared_steps(call)
        for step in steps:
            if "output" in step and step["output"] == call.output:
                step["output"] = output
            if step["type"] == "file_read" and output is not None:
                _keep_printed(step, output, call.output)
        return steps

    def _own_steps(self, call: Call) -> list[Step]:
        made: Step | None = None
        if not self.has_window:
            return []
        if call.name in _READS:
            made = self._read(call)
        elif call.name == "create":
            made = self._create(call)
        elif call.name == "edit":
            made = self._edit(call)
        elif call.name == "insert" and call.text("text") is not None:
            made = self._insert(call)
        return [call.common | made] if made else []

    def _shared_steps(self, call: Call) -> list[Step]:
        if "editor" in call.name or call.name == "str_replace_based_edit_tool":
            given = call.input
            if isinstance(given.get("path"), str):
                given = given | {"path": self._resolved(given["path"])}
            failed = _editor_failed(call) if call.failed is None else call.failed
            call = Call(call.name, given, call.output, failed, call.cwd, call.common)
        return steps_of(call, self.files)

    def _resolved(self, path: str) -> str:
        return posixpath.normpath(posixpath.join(self.cwd, path)) if self.cwd else path

    # --- the window ---------------------------------------------------------------------------------------

    def _window(self, output: str | None) -> tuple[str | None, Listing | None]:
        """(path, numbered lines) of the window that was printed; the file is known from it."""
        header = _header(output)
        if not header or output is None:
            return None, None
        path, total = self._resolved(header[1]), int(header[2])
        self._totals[path] = total
        return path, read_listing(output[header.start() :])

    def _saw(self, path: str, listing: Listing | None) -> None:
        if listing is None:
            return
        text = listing.text
        if listing.end == self._totals.get(path) and text.endswith("\n\n"):
            text = text[:-1]  # some versions count the end of the last line as one more line
        self.files.saw(path, text, start=listing.start)

    def _read(self, call: Call) -> Step:
        path, listing = self._window(call.output)
        if path is None:
            asked = call.text("path")
            path = self._resolved(asked) if asked else self.open_file or ""
            failed = {"status": "failed"} if call.output else {}
            return {"type": "file_read", "path": path, "content": None, "output": call.output, **failed}
        self.open_file = path
        self._saw(path, listing)
        return read_step(path, call.output) | {"status": "ok"}

    def _create(self, call: Call) -> Step | None:
        asked = call.text("filename", "path", "file_name")
        if asked is None:
            return None
        shown, _ = self._window(call.output)
        failed = None if not call.output else shown is None
        path = self._resolved(asked)
        change = self.files.write(path, "\n", created=True, apply=not failed)
        if not failed:
            self.open_file, self._totals[path] = path, 1
        return edit_step(path, change, call.output) | _status(failed)

    def _edit(self, call: Call) -> Step | None:
        failed = _window_failed(call.output)
        path = self._edited_path(call)
        change = self._lines_replaced(call, path, failed) or self._text_replaced(call, path, failed)
        return self._edited(path, change, call, failed) if change else None

    def _insert(self, call: Call) -> Step:
        failed, path = _window_failed(call.output), self._edited_path(call)
        text, line = call.text("text") or "", call.number("line")
        if line is None:
            line = self._total(path)
        if line is not None:
            change = self.files.insert(path, max(line, 0), text, apply=not failed)
        else:
            change = Change("file_edit", from_texts(path, "", f"{text}\n"), approximate=True)
            self.files.forget(path)
        return self._edited(path, change, call, failed)

    def _edited_path(self, call: Call) -> str:
        """The open file; where it is not known, the one whose window was printed afterwards."""
        if self.open_file:
            return self.open_file
        header = _header(call.output)
        return self._resolved(header[1]) if header else call.text("path") or ""

    def _total(self, path: str) -> int | None:
        known = self.files.text(path)
        return count_lines(known) if known is not None else self._totals.get(path)

    def _lines_replaced(self, call: Call, path: str, failed: bool | None) -> Change | None:
        first, text = call.number("start_line"), call.text("replacement_text", "text")
        if first is None or text is None or first < 1:
            return None
        last = call.number("end_line") or first
        last = max(first, min(last, self._total(path) or last))
        return self.files.replace_lines(path, first, last, text, apply=not failed)

    def _text_replaced(self, call: Call, path: str, failed: bool | None) -> Change | None:
        old, new = call.text("search"), call.text("replace")
        if old is None or new is None:
            return None
        shown = None if failed else call.output
        everywhere = call.input.get("replace-all") is True
        return self.files.replace(path, old, new, everywhere=everywhere, shown=shown, apply=not failed)

    def _edited(self, path: str, change: Change, call: Call, failed: bool | None) -> Step:
        if not failed:
            shown, listing = self._window(call.output)
            self._saw(path, listing)
            self.open_file = shown or self.open_file
        return edit_step(path, change, call.output) | _status(failed)


def _keep_printed(step: Step, printed: str, read: str | None) -> None:
    """Give what was read back as it was ``printed``; ``read`` is the same with the lines' ends of a file."""
    if step.get("content") is None:
        step["output"] = printed
    elif printed != read and step["content"] == read:
        step["content"] = printed
    elif printed != read:
        step.setdefault("output", printed)


def _status(failed: bool | None) -> Step:
    return {} if failed is None else {"status": "failed" if failed else "ok"}


def _window_failed(output: str | None) -> bool | None:
    """Whether an edit of the window failed; None where nothing was printed."""
    if not output or not output.strip():
        return None
    if any(words in output for words in _NOT_APPLIED):
        return True
    return not _header(output) and not any(words in output for words in _EDITED)


def _header(output: str | None) -> re.Match[str] | None:
    """The line above the window; ``start()`` is its place in the output."""
    return _HEADER.search(f"\n{output}") if output and "[File: " in output else None


def _editor_failed(call: Call) -> bool | None:
    """Whether a call of the text editor failed, by what it printed; None where it printed nothing."""
    output = (call.output or "").strip()
    if not output:
        return None
    if call.input.get("command") == "view":
        return output.startswith(_VIEW_ERRORS)
    return not any(words in output for words in _EDITED)
