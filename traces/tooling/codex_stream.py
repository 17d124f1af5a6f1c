"""What ``codex exec --json`` prints: ``thread.started``, the items of each turn, and how the turn ended.

It does not print what was asked, nor what a patch changed in its files.
"""

from __future__ import annotations

import shlex
from typing import Any, NamedTuple

from traces.document import Step, TraceDocument
from traces.tooling.calls import Call, command_text, steps_of
from traces.tooling.files import Files
from traces.tooling.transcript import Transcript
from traces.tooling.usage import add_tokens, metrics_of, tokens_of
from traces.tooling.values import as_int, as_object, as_objects, as_text

_ITEMS = frozenset({"item.started", "item.updated", "item.completed"})
_TURNS = frozenset({"turn.started", "turn.completed", "turn.failed"})
_TEXTS = {"agent_message": "assistant_message", "assistant_message": "assistant_message", "reasoning": "thinking"}
_KINDS = {"add": "file_create", "delete": "file_delete"}
MAX_SHELL_CHARS = 100_000


def is_event(record: dict[str, Any]) -> bool:
    """Whether it is one of those that nothing else prints."""
    kind = as_text(record.get("type"))
    if kind == "thread.started":
        return isinstance(record.get("thread_id"), str)
    return kind in _ITEMS and isinstance(as_object(record.get("item")).get("type"), str)


def is_any_event(record: dict[str, Any]) -> bool:
    """Whether it may be one, in a file that has some."""
    kind = as_text(record.get("type"))
    return is_event(record) or kind in _TURNS or (kind == "error" and "message" in record)


class Told(NamedTuple):
    """An event as it was printed, and its item as it was at last."""

    line: int | None
    event: dict[str, Any]
    item: dict[str, Any] | None


class StreamedRun:
    """The events of one run. ``add`` them, then ``document``."""

    def __init__(self) -> None:
        self.out = Transcript()
        self.files = Files()
        self.thread: str | None = None
        self.end: str | None = None
        self.time: str | None = None
        self.tokens: dict[str, int] = {}
        # What happened, in order, each with how an item was last told of. By id: the places of those not completed yet.
        self.order: list[Told] = []
        self.begun: dict[str, int] = {}
        self.plans: dict[str, object] = {}

    def begins_another(self, event: dict[str, Any]) -> bool:
        """Several runs may have been written to one file; one that is taken up again keeps its id."""
        return event.get("type") == "thread.started" and self.thread not in (None, event.get("thread_id"))

    def add(self, line: int | None, event: dict[str, Any]) -> None:
        kind, item = as_text(event.get("type")), as_object(event.get("item"))
        self.time = self.time or as_text(event.get("timestamp"))
        key = as_text(item.get("id"))
        if kind == "thread.started":
            self.thread = self.thread or as_text(event.get("thread_id"))
            # Ids of items begin anew in a run that is taken up again.
            self.begun, self.plans = {}, {}
        elif kind not in _ITEMS:
            self.order.append(Told(line, event, None))
        elif item.get("type") == "todo_list":
            # The list as it was each time that the agent changed it.
            if self.plans.get(key or "") != item.get("items"):
                self.plans[key or ""] = item.get("items")
                self.order.append(Told(line, event, item))
        else:
            # An item that was completed is told of: a later one with its id is another.
            place = (self.begun.pop if kind == "item.completed" else self.begun.get)(key or "", None)
            if place is not None:
                self.order[place] = self.order[place]._replace(item=item)
                return
            if key and kind != "item.completed":
                self.begun[key] = len(self.order)
            self.order.append(Told(line, event, item))

    def document(self, name: str) -> TraceDocument:
        for line, event, item in self.order:
            known = {"source_line": line, "started_at": as_text(event.get("timestamp"))}
            common = {key: value for key, value in known.items() if value is not None}
            kind = event.get("type")
            if item is not None:
                self._item(item, common)
            elif kind == "turn.completed":
                add_tokens(self.tokens, tokens_of(event.get("usage")))
                self.end = str(kind)
            elif kind in ("turn.failed", "error"):
                error = event.get("error")
                told = as_text(error) or as_text(as_object(error).get("message")) or as_text(event.get("message"))
                self.out.text("error", told, **common)
                self.end = "turn.failed" if kind == "turn.failed" else self.end
        return self.out.document(
            self.thread or name,
            agent="codex",
            started_at=self.time,
            exit_status=self.end,
            metrics=metrics_of(tokens=self.tokens),
        )

    def _item(self, item: dict[str, Any], common: Step) -> None:
        kind = as_text(item.get("type")) or ""
        if kind in _TEXTS:
            self.out.text(_TEXTS[kind], as_text(item.get("text")), **common)
        elif kind == "error":
            self.out.text("error", as_text(item.get("message")), **common)
        elif kind == "todo_list":
            plan = {"name": kind, "input": {"items": item.get("items")}, "call_id": self._call_id(item)}
            self.out.add("plan", **plan, **common)
        elif kind == "file_change":
            self.out.extend(self._changes(item), call_id=self._call_id(item), **common)
        else:
            self.out.extend(self._call(kind, item), call_id=self._call_id(item), **common)

    def _call_id(self, item: dict[str, Any]) -> str:
        return self.out.call_id(as_text(item.get("id")) or "call")

    def _changes(self, item: dict[str, Any]) -> list[Step]:
        """A step for each file; what changed in it was not printed."""
        status = {"completed": "ok", "failed": "failed", "declined": "rejected"}.get(str(item.get("status")))
        changes = as_objects(item.get("changes")) or [item]
        steps: list[Step] = []
        for change in changes:
            path = as_text(change.get("path"))
            step: Step = {"type": _KINDS.get(str(change.get("kind")), "file_edit"), "path": path or "unknown"}
            self.files.forget(path)
            steps.append(step | ({"status": status} if status else {}))
        return steps

    def _call(self, kind: str, item: dict[str, Any]) -> list[Step]:
        ended = as_text(item.get("status"))
        failed = None if ended in (None, "in_progress") else ended in ("failed", "declined")
        if kind == "command_execution":
            return self._command(item, failed, ended)
        if kind == "mcp_tool_call":
            names = [text for key in ("server", "tool") if (text := as_text(item.get(key)))]
            output = _printed(item)
            given = item.get("arguments")
            call = Call(
                ".".join(names) or "unknown", given if isinstance(given, dict) else {"input": given}, output, failed
            )
        else:
            given = {key: value for key, value in item.items() if key not in ("id", "type", "status")}
            call = Call(kind or "unknown", given, None, failed)
        return steps_of(call, self.files)

    def _command(self, item: dict[str, Any], failed: bool | None, ended: str | None) -> list[Step]:
        command, code = _inner(as_text(item.get("command")) or ""), as_int(item.get("exit_code"))
        has_run = ended != "in_progress" or bool(item.get("aggregated_output"))
        output = item.get("aggregated_output")
        # A command that ran and said no has not failed to run.
        call = Call("shell", {"command": command}, output if has_run and isinstance(output, str) else None, failed)
        steps = steps_of(call, self.files)
        for step in steps:
            if step["type"] == "bash_command":
                step["exit_code"] = code
                step.pop("status", None)
            if ended == "declined":
                step["status"] = "rejected"
        return steps


def _inner(command: str) -> str:
    """The script in ``/bin/zsh -lc 'script'``."""
    if len(command) <= MAX_SHELL_CHARS and (" -lc " in command[:40] or " -c " in command[:40]):
        try:
            return command_text(shlex.split(command)) or command
        except ValueError:
            return command
    return command


def _printed(item: dict[str, Any]) -> str | None:
    """What a tool of a server answered, or why not."""
    error = item.get("error")
    told = as_text(error) or as_text(as_object(error).get("message"))
    result = item.get("result")
    if told or result is None:
        return told
    parts = as_objects(as_object(result).get("content"))
    return "\n".join(text for part in parts if (text := as_text(part.get("text"))) is not None)
