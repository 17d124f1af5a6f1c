"""How the records of a Claude Code session hang together: sub-agents, second thoughts, and what was typed ahead."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from typing import Any

from potato_site.canonical import loads_leniently
from traces.tooling.claude_records import Numbered, blocks_of, is_prompt, plain_text, text_in
from traces.tooling.values import as_object, as_text


class Sidechains:
    """To which call each record of a sub-agent inside the file belongs: ``calls``, by uuid.

    Old versions write the sub-agent's records into the file of its caller. Its first message is the call's prompt.
    """

    def __init__(self, messages: list[dict[str, Any]]) -> None:
        self.calls: dict[str, str] = {}
        by_prompt: dict[str, deque[str]] = defaultdict(deque)
        by_agent = _calls_by_agent(messages)
        roots: dict[str, str | None] = {}
        for record in messages:
            uuid, parent = as_text(record.get("uuid")), as_text(record.get("parentUuid"))
            if uuid and record.get("isSidechain") is True:
                call = roots.get(parent or "") or by_agent.get(as_text(record.get("agentId")) or "")
                if call is None and (waiting := by_prompt.get((plain_text(record) or "").strip())):
                    call = waiting.popleft()
                roots[uuid] = call
                if call:
                    self.calls[uuid] = call
            for block in blocks_of(record):
                prompt, call_id = as_object(block.get("input")).get("prompt"), as_text(block.get("id"))
                if block.get("type") == "tool_use" and call_id and isinstance(prompt, str) and prompt.strip():
                    by_prompt[prompt.strip()].append(call_id)


def _calls_by_agent(messages: list[dict[str, Any]]) -> dict[str, str]:
    """The calls that say which sub-agent answered."""
    found: dict[str, str] = {}
    for record in messages:
        recorded = record.get("toolUseResult")
        agent = as_text(recorded.get("agentId")) if isinstance(recorded, dict) else None
        if agent:
            ids = [call_id for block in blocks_of(record) if (call_id := as_text(block.get("tool_use_id")))]
            if ids:
                found[agent] = ids[0]
    return found


def abandoned_in(messages: list[dict[str, Any]], records: list[Numbered]) -> set[str]:
    """What a person went back behind: of several prompts after one message all but the last, and what follows them.

    Other forks are no second thoughts: each result of calls made at once is the child of its own call.
    """
    prompts: dict[str | None, list[str]] = defaultdict(list)
    for record in messages:
        if record["type"] != "user" or "parentUuid" not in record:
            continue
        uuid = as_text(record.get("uuid"))
        if uuid and is_prompt(record):
            prompts[as_text(record.get("parentUuid"))].append(uuid)
    abandoned = {uuid for siblings in prompts.values() for uuid in siblings[:-1]}
    if abandoned:
        for _, record in records:
            uuid, parent = as_text(record.get("uuid")), as_text(record.get("parentUuid"))
            if uuid and parent in abandoned:
                abandoned.add(uuid)
    return abandoned


def lost_prompts(others: list[Numbered], records: list[Numbered]) -> dict[int | None, Any]:
    """By line: what was typed while the agent worked and never became a message of its own."""
    waiting: list[tuple[int | None, Any]] = []
    lost: list[tuple[int | None, Any]] = []
    for line, record in others:
        if record.get("type") != "queue-operation":
            continue
        operation, content = record.get("operation"), record.get("content")
        if operation == "enqueue" and content:
            waiting.append((line, content))
        elif operation == "dequeue" and waiting:
            waiting.pop(0)
        elif operation == "remove" and waiting:
            at = next((i for i, (_, other) in enumerate(waiting) if content and other == content), -1)
            lost.append(waiting.pop(at))
    lost += waiting
    if not lost:
        return {}
    said = {_prompt_text(record) for _, record in records} | {""}
    return {line: content for line, content in lost if (text_in(content) or "").strip() not in said}


def _prompt_text(record: dict[str, Any]) -> str:
    attachment = as_object(record.get("attachment"))
    if attachment.get("type") == "queued_command":
        return (text_in(attachment.get("prompt")) or "").strip()
    return (plain_text(record) or "").strip() if record.get("type") == "user" else ""


def caller_of(lines: Iterable[bytes], key: str, name: str) -> dict[str, str]:
    """The call that a sub-agent with a file of its own answered, and what it was asked, from its caller's file.

    The result of that call has the ``name`` under ``key``: ``agentId``, or ``runId`` of a workflow with many agents.
    """
    mark = name.encode()
    for line in lines:
        if mark not in line or b"toolUseResult" not in line:
            continue
        try:
            record = as_object(loads_leniently(line))
        except (ValueError, RecursionError):
            continue
        recorded = as_object(record.get("toolUseResult"))
        if recorded.get(key) == name:
            calls = (as_text(block.get("tool_use_id")) for block in blocks_of(record))
            found = {"subagent_call": next(calls, None), "issue_description": as_text(recorded.get("prompt"))}
            return {name: text for name, text in found.items() if text}
    return {}
