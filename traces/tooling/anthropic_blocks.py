"""Conversations in the content blocks of Anthropic's API, which Claude Code's files hold too: blocks in, steps out.

A conversation is read whole before its first step is made, because the result of a call comes after it.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

from traces.document import EDIT_TYPES, Step
from traces.tooling.calls import Call, steps_of
from traces.tooling.claude_text import NOTICE, PRINTED, PROMPT, TYPED, read_user_text
from traces.tooling.claude_tools import add_changes, add_measures, recorded_steps, status_of
from traces.tooling.contents import images_of, text_of
from traces.tooling.files import Files
from traces.tooling.transcript import Transcript
from traces.tooling.values import as_int, as_object, as_objects, as_text

_CALLS = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
_RESULT = "tool_result"  # also the end of web_search_tool_result, mcp_tool_result, …


@dataclass(slots=True)
class Turn:
    """One message, or one block of it where the source has a record for each.

    ``role``: user, assistant, or a step type of text. ``key`` names the message it is a part of. ``recorded`` is what
    the source says of a tool's result beside its text; ``parent_call`` the call of the sub-agent that is speaking.
    """

    role: str
    content: Any
    line: int | None = None
    at: str | None = None
    cwd: str | None = None
    key: str = ""
    recorded: Any = None
    parent_call: str | None = None
    is_typed: bool = True  # its text is a person's, if it is a user's
    is_error: bool = False
    marks: dict[str, Any] = field(default_factory=dict)  # what all its steps have

    def blocks(self) -> list[dict[str, Any]]:
        return [{"type": "text", "text": self.content}] if isinstance(self.content, str) else as_objects(self.content)


@dataclass(slots=True)
class Result:
    """What came back from a call."""

    block: dict[str, Any]
    recorded: Any


class Conversation:
    """Turns in order. ``add`` all of them, then ``transcript``."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.usage: dict[str, dict[str, int]] = {}  # by key of the message; shown on its first step
        self.out = Transcript()
        self.files = Files()
        self._results: dict[str, deque[Result]] = defaultdict(deque)
        self._called: set[str] = set()
        self._taken: dict[str, int] = {}
        self._step_of_call: dict[str, int] = {}
        self._typed: Step | None = None

    def add(self, turn: Turn) -> None:
        self.turns.append(turn)
        if not isinstance(turn.content, list):
            return
        results = []
        for block in as_objects(turn.content):
            kind = as_text(block.get("type")) or ""
            if kind in _CALLS:
                self._called.add(as_text(block.get("id")) or "")
            elif kind.endswith(_RESULT):
                results.append(block)
        for block in results:
            # Of several results in one record nobody says which one it describes.
            recorded = turn.recorded if len(results) == 1 else None
            self._results[as_text(block.get("tool_use_id")) or ""].append(Result(block, recorded))

    def transcript(self) -> Transcript:
        waiting = dict(self.usage)
        for turn in self.turns:
            first = len(self.out.steps)
            common = self._common(turn)
            if turn.role == "assistant":
                for block in turn.blocks():
                    self._said(block, turn, common)
            elif turn.role == "user":
                self._heard(turn, common)
            elif turn.role == "touched":
                self.files.forget(turn.content)
            else:
                self.out.text(turn.role, text_of(turn.content, self.out.warn), **common)
            if turn.key in waiting and len(self.out.steps) > first:
                self.out.steps[first]["tokens"] = waiting.pop(turn.key)
        left = sum(len(results) for call_id, results in self._results.items() if call_id in self._called)
        if left:
            self.out.warn("further results of a call that has one", left)
        return self.out

    def _common(self, turn: Turn) -> dict[str, Any]:
        parent = self._step_of_call.get(turn.parent_call) if turn.parent_call is not None else None
        common: dict[str, Any] = {}
        if turn.line is not None:
            common["source_line"] = turn.line
        if turn.at is not None:
            common["started_at"] = turn.at
        if parent is not None:
            common["parent"] = parent
        return common | turn.marks

    # --- user ---

    def _heard(self, turn: Turn, common: dict[str, Any]) -> None:
        """One message of a person, whatever number of texts and images it has; notices are steps of their own."""
        pieces, others, is_plain = [], [], True
        for block in turn.blocks():
            kind = as_text(block.get("type")) or ""
            if kind == "text" and isinstance(block.get("text"), str):
                pieces += read_user_text(block["text"])
            elif kind.endswith(_RESULT):
                is_plain = False
                self._unmatched(block, common)
            else:
                others.append(block)
        if not pieces and not others:
            return  # results of calls, which is most there is
        asked = "\n".join(piece.text for piece in pieces if piece.kind == PROMPT)
        images = images_of(others)
        text_of(others, self.out.warn)
        first = next((piece for piece in pieces if piece.kind == PROMPT), None)
        for piece in pieces:
            if piece is first:
                self._asked(asked, images, turn, common)
            elif piece.kind == TYPED:
                self.files.ran(piece.text)
                self._typed = self.out.add("bash_command", command=piece.text, **(common | {"by": "user"}))
            elif piece.kind == PRINTED and self._typed:
                self._typed["output"], self._typed = piece.text, None
            elif piece.kind in (PRINTED, NOTICE):
                self.out.text("system", piece.text, **common)
        if first is None and images and (is_plain or not pieces):
            self._asked("", images, turn, common)

    def _asked(self, text: str, images: Any, turn: Turn, common: dict[str, Any]) -> None:
        self.out.add("user_message" if turn.is_typed else "system", content=text, images=images, **common)

    def _unmatched(self, block: dict[str, Any], common: dict[str, Any]) -> None:
        """A result whose call is not in the file is a call that nobody knows more of."""
        call_id = as_text(block.get("tool_use_id")) or ""
        if call_id in self._called:
            return
        output, images = self._output(block)
        status = status_of(bool(block.get("is_error")), output)
        values = {"name": "unknown", "output": output, "images": images, "status": status}
        self.out.add("tool_call", **common, call_id=self._unique(call_id), **values)

    # --- assistant ---

    def _said(self, block: dict[str, Any], turn: Turn, common: dict[str, Any]) -> None:
        kind = as_text(block.get("type")) or ""
        text = as_text(block.get("text")) or as_text(block.get("thinking")) or ""
        if kind == "text":
            self.out.text("error" if turn.is_error else "assistant_message", text, **common)
        elif kind == "thinking":
            if not self.out.text("thinking", text, **common):
                self.out.warn("thinking without its text")
        elif kind == "redacted_thinking":
            self.out.warn("encrypted thinking")
        elif kind in _CALLS:
            self._call(block, turn, common)
        elif kind.endswith(_RESULT):
            self._unmatched(block, common)
        elif images := images_of([block]):
            self.out.add("assistant_message", content="", images=images, **common)
        else:
            self.out.warn(f"blocks of the model's that are not shown ({kind[:40] or 'no type'})")

    def _call(self, block: dict[str, Any], turn: Turn, common: dict[str, Any]) -> None:
        call_id = as_text(block.get("id")) or ""
        waiting = self._results.get(call_id)
        result = waiting.popleft() if waiting else None
        output, images = self._output(result.block) if result else (None, None)
        given = block.get("input")
        call = Call(
            name=as_text(block.get("name")) or "unknown",
            input=given if isinstance(given, dict) else {"input": given},
            output=output,
            failed=bool(result.block.get("is_error")) if result else None,
            cwd=turn.cwd,
            common=common | {"call_id": self._unique(call_id)},
        )
        first = len(self.out.steps)
        self.out.extend(self._steps(call, result.recorded if result else None))
        self._step_of_call.setdefault(call_id, first)
        if images:
            self.out.steps[first]["images"] = images

    def _steps(self, call: Call, recorded: Any) -> list[Step]:
        recorded = as_object(recorded)
        if call.name == "BatchTool" and (inner := as_objects(call.input.get("invocations"))):
            return self._batch(call, inner)
        if call.failed is None:
            # Without a result it is not known to have run: the files stay as they were.
            asked = Call(call.name, call.input, None, True, call.cwd, call.common)
            steps = steps_of(asked, self.files)
            for step in steps:
                step.pop("status", None)
                if step["type"] in EDIT_TYPES:
                    step["status"] = "suggested"
            return steps
        known = recorded_steps(call, recorded, self.files) if recorded else None
        steps = [call.common | step for step in known] if known else steps_of(call, self.files)
        status = status_of(bool(call.failed), call.output)
        for step in steps:
            step["status"] = status
            add_measures(step, call, recorded)
            if "bashEditDiff" in recorded and (missing := add_changes(step, recorded, self.files)):
                self.out.warn("files changed by a command of which the change was not recorded", missing)
        if about := _subagent(recorded):
            steps[0]["subagent"] = about
        return steps

    def _batch(self, call: Call, inner: list[dict[str, Any]]) -> list[Step]:
        """Several calls in one: they share its id, and the first one has the output of all."""
        steps: list[Step] = []
        for number, one in enumerate(inner):
            given = one.get("input")
            name = as_text(one.get("tool_name")) or "unknown"
            one_call = Call(name, given if isinstance(given, dict) else {"input": given}, None, call.failed, call.cwd)
            one_call.common = call.common
            made = steps_of(one_call, self.files)
            if number == 0:
                made[0]["output"] = call.output
            steps += made
        return steps

    def _output(self, block: dict[str, Any]) -> tuple[str, Any]:
        """The text of a result, "" where it has none, and its images."""
        content = block.get("content")
        if isinstance(content, dict):
            content = [content]
        if isinstance(content, list):
            content = [_shown(part) if isinstance(part, dict) else part for part in content]
        return text_of(content, self.out.warn), images_of(content)

    def _unique(self, call_id: str) -> str:
        """The call's id; a log may hold one twice."""
        wanted = call_id or "call"
        count = self._taken[wanted] = self._taken.get(wanted, 0) + 1
        return wanted if count == 1 and call_id else f"{wanted}~{count}"


def _shown(part: dict[str, Any]) -> dict[str, Any]:
    """Parts of results that are text under another name."""
    kind = part.get("type")
    if kind == "tool_reference" and isinstance(part.get("tool_name"), str):
        return {"type": "text", "text": part["tool_name"]}
    if kind == "web_search_result":
        lines = (part.get("title"), part.get("url"), part.get("page_age"))
        return {"type": "text", "text": "\n".join(line for line in lines if isinstance(line, str))}
    if isinstance(code := part.get("error_code"), str):
        return {"type": "text", "text": code}
    if isinstance(kind, str) and kind.endswith("_result") and ("stdout" in part or "stderr" in part):
        printed = (part.get("stdout"), part.get("stderr"))
        return {"type": "text", "text": "\n".join(text for text in printed if isinstance(text, str) and text)}
    source = as_object(part.get("source"))
    if kind == "document" and source.get("type") == "text" and isinstance(source.get("data"), str):
        return {"type": "text", "text": source["data"]}
    return part


def _subagent(recorded: dict[str, Any]) -> dict[str, Any]:
    """Which sub-agent answered, and what it used up."""
    if not as_text(recorded.get("agentId")):
        return {}
    keys = {"id": "agentId", "type": "agentType", "tokens": "totalTokens", "tool_calls": "totalToolUseCount"}
    about = {name: value for name, key in keys.items() if isinstance(value := recorded.get(key), str | int)}
    milliseconds = as_int(recorded.get("totalDurationMs"))
    return about | ({} if milliseconds is None else {"seconds": milliseconds / 1000})
