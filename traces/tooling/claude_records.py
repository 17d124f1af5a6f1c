"""One record of Claude Code's files: what it is, and what stands in it. Wrong types are as good as nothing."""

from __future__ import annotations

from typing import Any

from traces.tooling.claude_text import PROMPT, read_user_text, slash_command
from traces.tooling.values import as_object, as_objects, as_text

Numbered = tuple[int | None, dict[str, Any]]

# Newer versions say of a user's message where it came from: ``origin``, which names its ``kind``, or ``turnOrigin``.
# Others are the end of a background task, another agent (a peer, a coordinator), a schedule.
_FROM_PEOPLE = frozenset({"human", "sdk"})


def is_message(record: dict[str, Any]) -> bool:
    return record.get("type") in ("user", "assistant") and isinstance(record.get("message"), dict)


def is_meta(record: dict[str, Any]) -> bool:
    """Written by Claude Code, or sent by another agent: not by a person."""
    get = record.get
    if get("isMeta") is True or get("isCompactSummary") is True or get("isVisibleInTranscriptOnly") is True:
        return True
    return ("origin" in record or "turnOrigin" in record or "promptSource" in record) and is_sent(record)


def is_sent(record: dict[str, Any]) -> bool:
    """Whether the message, or what is attached, says that it came from no person."""
    named = (as_text(as_object(record.get("origin")).get("kind")), as_text(record.get("turnOrigin")))
    return any(name and name not in _FROM_PEOPLE for name in named) or record.get("promptSource") == "system"


def is_prompt(record: dict[str, Any]) -> bool:
    if record.get("type") != "user" or is_meta(record) or record.get("isSidechain") is True:
        return False
    text = plain_text(record)
    return bool(text) and any(piece.kind == PROMPT for piece in read_user_text(text or ""))


def blocks_of(record: dict[str, Any]) -> list[dict[str, Any]]:
    message = record.get("message")
    return as_objects(message.get("content")) if isinstance(message, dict) else []


def has_result(content: Any) -> bool:
    if isinstance(content, list):
        for block in content:
            if isinstance(block, dict) and block.get("type") == "tool_result":
                return True
    return False


def plain_text(record: dict[str, Any]) -> str | None:
    """The text of a user's message that holds no result."""
    content = as_object(record.get("message")).get("content")
    return None if record.get("type") != "user" or has_result(content) else text_in(content)


def text_in(content: Any) -> str | None:
    if isinstance(content, str):
        return content
    texts = [text for block in as_objects(content) if isinstance(text := block.get("text"), str)]
    return "\n".join(texts) if texts else None


def command_of(record: dict[str, Any]) -> str | None:
    return slash_command(plain_text(record) or "")


def mark_of(key: str, block: dict[str, Any]) -> tuple[str, str] | None:
    """What makes two blocks of one message, or two results of one call, the same."""
    kind = block.get("type")
    if kind == "tool_use":
        call_id = as_text(block.get("id"))
        return ("call", call_id) if call_id else None
    if kind == "tool_result":
        call_id = as_text(block.get("tool_use_id"))
        return ("result", call_id) if call_id else None
    text = as_text(block.get("text")) or as_text(block.get("thinking"))
    return (key, text) if key and text else None


def model_of(record: dict[str, Any]) -> str | None:
    return as_text(as_object(record.get("message")).get("model"))


def status_in(record: dict[str, Any]) -> str | None:
    return as_text(record.get("subtype")) if record.get("type") == "result" else None
