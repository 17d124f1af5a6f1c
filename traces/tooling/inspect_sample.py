"""One sample of an Inspect log: its messages made whole, and what its events say of times and exit codes."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from typing import Any

from traces.document import Step
from traces.tooling.transcript import Transcript
from traces.tooling.values import as_int, as_number, as_object, as_objects, as_text

_ATTACHMENT = re.compile(r"attachment://([0-9a-fA-F]{32,64})")
# Events whose content is in the messages, in the document, or about the frame of the run.
_SHOWN = frozenset(
    {"model", "tool", "sandbox", "state", "store", "span_begin", "span_end", "step", "subtask", "sample_init", "score"}
    | {"sample_limit", "compaction", "error"}
)
_MAX_DEPTH = 100


def resolved(value: Any, texts: dict[str, str], depth: int = 0) -> Any:
    """``value`` with every ``attachment://<hash>`` replaced by the text it stands for, wherever that is known."""
    if isinstance(value, str):
        if "attachment://" not in value:
            return value
        return _ATTACHMENT.sub(lambda match: texts.get(match[1], match[0]), value)
    if depth > _MAX_DEPTH:
        return value
    if isinstance(value, list):
        return [resolved(item, texts, depth + 1) for item in value]
    if isinstance(value, dict):
        return {key: resolved(item, texts, depth + 1) for key, item in value.items()}
    return value


def attachments_of(sample: dict[str, Any]) -> dict[str, str]:
    """The texts by their hash; older logs keep them in the transcript."""
    found = as_object(as_object(sample.get("transcript")).get("content")) | as_object(sample.get("attachments"))
    return {key: text for key, text in found.items() if isinstance(text, str)}


def events_of(sample: dict[str, Any]) -> list[dict[str, Any]]:
    return as_objects(sample.get("events")) or as_objects(as_object(sample.get("transcript")).get("events"))


def messages_of(sample: dict[str, Any], out: Transcript) -> list[dict[str, Any]]:
    """The conversation in order. A compacted one has lost its beginning, which stands in the calls of the model."""
    texts, events = attachments_of(sample), events_of(sample)
    messages = as_objects(sample.get("messages"))
    models = [event for event in events if event.get("event") == "model"]
    is_compacted = any(event.get("event") == "compaction" for event in events)
    if models and (is_compacted or not messages):
        messages = list(_all_messages(sample, models, messages))
        out.warn("conversations put together from the calls of the model")
    measured = _measured(models)
    return [
        part
        for message in messages
        for part in _plain_messages(resolved(message | _taken(measured, message), texts), out)
    ]


def _all_messages(
    sample: dict[str, Any], models: list[dict[str, Any]], messages: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    pool, seen = as_objects(sample.get("message_pool")), set[str]()
    streams = [message for event in models for message in (*_input(event, pool), *_answers(event))]
    for message in [*streams, *messages]:
        identity = as_text(message.get("id"))
        if identity is None or identity not in seen:
            seen.add(identity or "")
            yield message


def _input(event: dict[str, Any], pool: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the model was given; a log without repetitions names ranges of its pool."""
    given = as_objects(event.get("input"))
    ranges = event.get("input_refs")
    for pair in ranges if isinstance(ranges, list) else []:
        if isinstance(pair, list) and len(pair) == 2 and all(type(place) is int and place >= 0 for place in pair):
            given += pool[pair[0] : pair[1]]
    return given


def _answers(event: dict[str, Any]) -> list[dict[str, Any]]:
    choices = as_objects(as_object(event.get("output")).get("choices"))
    return [choice["message"] for choice in choices[:1] if isinstance(choice.get("message"), dict)]


def _measured(models: list[dict[str, Any]]) -> dict[str, deque[dict[str, Any]]]:
    """When each answer was asked for and what it took, by its identity: in logs without ids several may have one."""
    found: dict[str, deque[dict[str, Any]]] = defaultdict(deque)
    for event in models:
        usage = as_object(event.get("output")).get("usage")
        measures = {"timestamp": as_text(event.get("timestamp")), "usage": usage}
        for message in _answers(event):
            found[_identity(message)].append({name: value for name, value in measures.items() if value})
    found.pop("", None)
    return found


def _taken(measured: dict[str, deque[dict[str, Any]]], message: dict[str, Any]) -> dict[str, Any]:
    waiting = measured.get(_identity(message)) if measured else None
    return waiting.popleft() if waiting else {}


def _identity(message: dict[str, Any]) -> str:
    """The id of a message; older logs give answers none, there it is what was said. "" where there is neither."""
    if identity := as_text(message.get("id")):
        return identity
    if message.get("role") != "assistant":
        return ""
    try:
        return json.dumps([message.get("content"), message.get("tool_calls")], sort_keys=True)
    except (TypeError, RecursionError):
        return ""


def _plain_messages(message: dict[str, Any], out: Transcript) -> Iterator[dict[str, Any]]:
    """The message in the words of a chat; tools that ran at the provider's become calls and results."""
    content = message.get("content")
    if not isinstance(content, list):
        yield message
        return
    parts: list[Any] = []
    ran: list[dict[str, Any]] = []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "image":
            parts.append({"type": "image_url", "image_url": part.get("image")})
        elif kind == "reasoning" and part.get("redacted") and not as_text(part.get("summary")):
            out.warn("thoughts that are encrypted")
        elif kind == "reasoning":
            parts.append({"type": "reasoning", "reasoning": part.get("summary") or part.get("reasoning")})
        elif kind == "tool_use":
            ran.append(part)
        else:
            parts.append(part)
    plain = message | {"content": parts}
    if ran:
        asked = [
            {"id": part.get("id"), "function": part.get("name"), "arguments": part.get("arguments")} for part in ran
        ]
        plain["tool_calls"] = asked + as_objects(message.get("tool_calls"))
    yield plain
    for part in ran:
        result = {"content": part.get("result"), "error": part.get("error")}
        yield {"role": "tool", "tool_call_id": part.get("id"), **result}


# --- events ------------------------------------------------------------------------------------------------


def add_events(sample: dict[str, Any], steps: list[Step], out: Transcript) -> None:
    """Times and exit codes of the calls, from the events of their tools; events nobody sees are counted."""
    tools: dict[str, deque[dict[str, Any]]] = {}
    commands: dict[int, list[dict[str, Any]]] = {}
    unseen: Counter[str] = Counter()
    last: dict[str, Any] = {}
    for event in events_of(sample):
        kind = as_text(event.get("event")) or ""
        if kind == "tool":
            last = event
            tools.setdefault(as_text(event.get("id")) or "", deque()).append(event)
            commands[id(event)] = [one for one in as_objects(event.get("events")) if _is_command(one)]
        elif _is_command(event) and last and _is_within(event, last):
            commands[id(last)].append(event)
        elif kind not in _SHOWN:
            unseen[kind] += 1
    for kind, count in unseen.items():
        out.warn(f"events that have no step ({kind[:40]})", count)
    for step in steps:
        waiting = tools.get((as_text(step.get("call_id")) or "").partition("#")[0])
        if waiting:
            event = waiting.popleft()
            _add_event(step, event, commands[id(event)])


def _is_command(event: dict[str, Any]) -> bool:
    return event.get("event") == "sandbox" and event.get("action") == "exec"


def _is_within(event: dict[str, Any], tool: dict[str, Any]) -> bool:
    time, end = as_text(event.get("timestamp")), as_text(tool.get("completed"))
    return not time or not end or time <= end


def _add_event(step: Step, event: dict[str, Any], commands: list[dict[str, Any]]) -> None:
    if time := as_text(event.get("timestamp")):
        step["started_at"] = time
    seconds = as_number(event.get("working_time"))
    if seconds is not None:
        step["seconds"] = seconds
    if step["type"] == "bash_command":
        own = [one for one in commands if step["command"].strip() in (as_text(one.get("cmd")) or "")] or commands
        if len(own) == 1:
            step["exit_code"] = as_int(own[0].get("result"))
