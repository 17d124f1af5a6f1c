"""What Codex records of a call beside the call: its output in several wrappings, and the events around it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from traces.tooling.calls import command_text
from traces.tooling.contents import images_of
from traces.tooling.values import as_int, as_number, as_object, as_objects, as_text, inner_json

# "Exit code: 0\nWall time: 1.2 seconds\nOutput:\n…", or of a terminal "Chunk ID: …\nProcess exited with code 0\n…".
_LABELS = re.compile(
    r"(?:(?:Exit code: (?P<exit>-?\d+)|Wall time:? (?P<seconds>[\d.]+) seconds?|Chunk ID: (?P<chunk>[^\n]*)"
    r"|Process exited with code (?P<process>-?\d+)|Process running with session ID (?P<session>[^\n]*)"
    r"|Original token count: \d+|Total output lines: \d+"
    r"|Script (?P<script>completed|failed|error|running|terminated)[^\n]*)\n+)+Output:\n"
)
_SANDBOX = re.compile(r"failed in sandbox [^\n]*?exit code: (-?\d+), stdout: ", re.DOTALL)
_REJECTED = re.compile(
    r"(?:exec command|patch|tool call)? ?(?:rejected by user|denied by (?:user|policy))|aborted by user"
)

_KEPT = ("output", "exit_code", "wall_time_seconds")
_ERRORS = ("error:", "tool call error:", "execution error:", "apply_patch verification failed", "patch rejected")


class Result(NamedTuple):
    """``output`` is None where none was recorded. ``blocks``: its parts, where it came in parts behind a label.
    ``returned``: what else a script got back of its call, such as the ids of a terminal's session."""

    output: str | None = None
    exit_code: int | None = None
    seconds: float | None = None
    failed: bool | None = None
    rejected: bool = False
    images: list[dict[str, str]] | None = None
    blocks: tuple[str, ...] = ()
    returned: dict[str, Any] | None = None
    # The script goes on: how its calls ended stands behind this result.
    is_running: bool = False


def read_result(payload: dict[str, Any]) -> Result:
    """The result that a ``function_call_output``, a ``custom_tool_call_output`` or a ``tool_search_output`` holds."""
    value = payload.get("output")
    if value is None and "tools" in payload:
        value = json.dumps(payload["tools"], ensure_ascii=False)
    success = None
    if isinstance(value, dict):
        success, value = value.get("success"), value.get("content_items") or value.get("content")
    result = _of_parts(value) if isinstance(value, list) else _of_text(value if isinstance(value, str) else None)
    return result._replace(failed=True) if success is False else result


def _of_parts(parts: list[Any]) -> Result:
    texts = [part["text"] for part in as_objects(parts) if isinstance(part.get("text"), str)]
    first = _of_text(texts[0]) if texts else Result(None)
    blocks = ([first.output] if first.output else []) + texts[1:]
    output = "\n".join(blocks) if texts else None
    return first._replace(output=output, blocks=tuple(blocks), images=images_of(parts))


def _of_text(text: str | None) -> Result:
    if text is None:
        return Result()
    if text.startswith("{") and isinstance(wrapped := inner_json(text), dict) and "metadata" in wrapped:
        about = as_object(wrapped["metadata"])
        output = wrapped.get("output")
        if isinstance(output, str):
            inner = _of_text(output)
            return inner._replace(
                exit_code=_first_int(about.get("exit_code"), inner.exit_code),
                seconds=as_number(about.get("duration_seconds")),
            )
    if labels := _LABELS.match(text):
        code = labels["exit"] or labels["process"]
        return Result(
            text[labels.end() :],
            exit_code=int(code) if code and len(code) < 12 else None,
            seconds=_seconds(labels["seconds"]),
            failed=True if labels["script"] in ("failed", "error") else None,
            returned=_ids(labels["chunk"], labels["session"]),
            is_running=labels["script"] == "running",
        )
    if sandbox := _SANDBOX.match(text):
        return Result(text, exit_code=int(sandbox[1]) if len(sandbox[1]) < 12 else None, failed=True)
    if _REJECTED.match(text):
        return Result(text, failed=True, rejected=True)
    return Result(text, failed=True if text[:40].lower().startswith(_ERRORS) else None)


def _ids(chunk: str | None, session: str | None) -> dict[str, Any] | None:
    """The ids of a terminal: a later call names the session to write to it."""
    found = {
        "chunk_id": chunk,
        "session_id": int(session) if session and re.fullmatch(r"[0-9]{1,12}", session) else session,
    }
    return {key: value for key, value in found.items() if value not in (None, "")} or None


def _first_int(*values: object) -> int | None:
    return next((value for value in values if type(value) is int), None)


def _seconds(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def of_script(text: str) -> Result:
    """The result of one call in a script: ``text(JSON.stringify(result))`` prints all that is known of it."""
    if text.startswith("{"):
        value = inner_json(text)
        if isinstance(value, dict) and isinstance(value.get("output"), str) and {"exit_code", "chunk_id"} & set(value):
            code, seconds = as_int(value.get("exit_code")), as_number(value.get("wall_time_seconds"))
            rest = {key: value[key] for key in value if key not in _KEPT and value[key] is not None}
            return Result(value["output"], code, seconds, returned=rest or None)
    return Result(text)


@dataclass
class Event:
    """An event at the end of a command or a patch: the only place of exit codes and of exact diffs."""

    line: int
    payload: dict[str, Any]
    used: bool = False

    @cached_property
    def command(self) -> str | None:
        return command_text(self.payload.get("command"))

    @cached_property
    def changes(self) -> dict[str, dict[str, Any]]:
        """What the patch did, by path."""
        found = as_object(self.payload.get("changes"))
        return {path: change for path, change in found.items() if isinstance(change, dict)}


class Events:
    """The events of one kind in a session, each used once: by call id, else in the order of the calls."""

    def __init__(self) -> None:
        self._by_id: dict[str, Event] = {}
        self._in_order: list[Event] = []
        self._first = 0

    def add(self, line: int, payload: dict[str, Any]) -> None:
        event = Event(line, payload)
        self._in_order.append(event)
        if call_id := as_text(payload.get("call_id")):
            self._by_id[call_id] = event

    def of_call(self, call_id: str | None) -> Event | None:
        event = self._by_id.get(call_id or "")
        if event:
            event.used = True
        return event

    def next_command(self, command: str, after_line: int, before_line: int | None) -> Event | None:
        """The event of this command in a script whose calls have ids of their own; before its result, or any (None)."""
        return self._next(after_line, before_line, lambda event: event.command == command)

    def next_patch(self, paths: list[str] | None, after_line: int, before_line: int | None) -> Event | None:
        """The next patch of these files, or of any (None), that was made before the result came."""

        def fits(event: Event) -> bool:
            return paths is None or (bool(paths) and all(change_of(event, path) for path in paths))

        return self._next(after_line, before_line, fits)

    @property
    def unused(self) -> int:
        """How many events belong to no call that was read."""
        return sum(not event.used for event in self._in_order)

    def _next(self, after_line: int, before_line: int | None, fits: Callable[[Event], bool]) -> Event | None:
        while self._first < len(self._in_order) and self._is_past(self._in_order[self._first], after_line):
            self._first += 1
        for event in self._in_order[self._first : self._first + 20]:
            in_time = before_line is None or event.line < before_line
            if not event.used and in_time and fits(event):
                event.used = True
                return event
        return None

    @staticmethod
    def _is_past(event: Event, line: int) -> bool:
        return event.used or event.line < line


def change_of(event: Event, path: str) -> dict[str, Any] | None:
    """What the event says of a path, which the call may name relative to where it ran."""
    changes = event.changes
    if path in changes:
        return changes[path]
    tail = "/" + path.removeprefix("./").lstrip("/")
    found = [change for name, change in changes.items() if f"/{name}".endswith(tail)]
    return found[0] if len(found) == 1 else None


def duration_of(payload: dict[str, Any]) -> float | None:
    """The seconds an event took: ``{"secs", "nanos"}``, a number, or "1.2s"."""
    value = payload.get("duration")
    if isinstance(value, dict):
        seconds, nanos = as_number(value.get("secs")), as_number(value.get("nanos"))
        return None if seconds is None else round(seconds + (nanos or 0) / 1e9, 9)
    if isinstance(value, str):
        unit = 0.001 if value.endswith("ms") else 1.0
        number = _seconds(value.removesuffix("ms").removesuffix("s"))
        return None if number is None else number * unit
    return as_number(value)
