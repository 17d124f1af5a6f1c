"""A trace as a conversation: messages with tool calls, as chat templates read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from exports.cutting import cut
from traces.document import CALL_TYPES, EDIT_TYPES, TEXT_TYPES

Message = dict[str, Any]
# What is not the agent's own comes to it from outside; templates take a system message at the very beginning only.
ROLES = {"user_message": "user", "system": "user", "error": "user"}


def messages(turns: Iterable[Mapping[str, Any]], limit: int | None = None) -> list[Message]:
    """The turns of an agent: what it said, the tools it called with their results, what people said in between.

    A text directly before a call is in the same message. Texts longer than ``limit`` are cut.
    """
    found: list[Message] = []
    for turn in turns:
        kind = str(turn.get("type"))
        if kind in TEXT_TYPES:
            _say(found, ROLES.get(kind, "assistant"), cut(str(turn.get("content") or ""), limit))
            continue
        name, arguments, result = _call(kind, turn)
        result, place = result or "", f"call_{turn['step_idx']}"
        if limit is not None:
            arguments, result = _cut_values(arguments, limit), cut(result, limit)
        calls = [{"type": "function", "id": place, "function": {"name": name, "arguments": arguments}}]
        last = found[-1] if found else None
        if last and last["role"] == "assistant" and "tool_calls" not in last:
            last["tool_calls"] = calls
        else:
            found.append({"role": "assistant", "content": "", "tool_calls": calls})
        found.append({"role": "tool", "content": result, "name": name, "tool_call_id": place})
    return found


def _say(found: list[Message], role: str, text: str) -> None:
    """Add a text; of one speaker in a row it is one message, as templates expect them to take turns."""
    last = found[-1] if found else None
    if last and last["role"] == role and "tool_calls" not in last:
        last["content"] = f"{last['content']}\n\n{text}".strip()
    elif text:
        found.append({"role": role, "content": text})


def _call(kind: str, turn: Mapping[str, Any]) -> tuple[str, dict[str, Any], str | None]:
    """(tool, arguments, result) of a step that is no text."""
    if kind == "bash_command":
        return "bash", {"command": turn.get("command") or ""}, turn.get("output")
    if kind == "file_read":
        return "read_file", {"path": turn.get("path") or ""}, turn.get("content")
    if kind in EDIT_TYPES:
        change = turn.get("diff") or turn.get("content") or ""
        return kind, {"path": turn.get("path") or "", "change": change}, turn.get("output")
    given = turn.get("input")
    arguments = given if isinstance(given, dict) else {} if given is None else {"input": given}
    if kind in CALL_TYPES:
        return str(turn.get("name") or kind), arguments, turn.get("output")
    # A type that is not ours: what came of it is its output, else its content.
    said = {key: turn[key] for key in ("path", "command", "diff", "content") if turn.get(key)}
    result = turn.get("output") or said.pop("content", None)
    return str(turn.get("name") or kind), {**said, **arguments}, result


def _cut_values(arguments: dict[str, Any], limit: int) -> dict[str, Any]:
    return {key: cut(value, limit) if isinstance(value, str) else value for key, value in arguments.items()}


def tools(*conversations: Iterable[Message]) -> str:
    """The tools that are called, as a JSON text of a list: name and arguments, in alphabetical order."""
    seen: dict[str, set[str]] = {}
    for conversation in conversations:
        for message in conversation:
            for call in message.get("tool_calls", ()):
                seen.setdefault(call["function"]["name"], set()).update(call["function"]["arguments"])
    listed = [
        {
            "type": "function",
            "function": {
                "name": name,
                "description": "",
                "parameters": {"type": "object", "properties": {key: {} for key in sorted(seen[name])}},
            },
        }
        for name in sorted(seen)
    ]
    return orjson.dumps(listed).decode()
