"""Who speaks in a message of Codex: it writes its own words, and what a person's shell printed, in the user's name."""

from __future__ import annotations

import re
from typing import Any

from traces.document import Step
from traces.tooling.values import as_object, as_objects, as_text

_CONTEXT = re.compile(
    r"\s*(?:<(?:\w+_(?:context|instructions|plugins|mode|notification|memory)|permissions instructions|turn_aborted"
    r"|skills?|INSTRUCTIONS|collaboration_mode|user_shell_command|hook_prompt[^>]{0,200})>|# AGENTS\.md instructions)"
)
_COMMAND_ENDS = re.compile(r"</command>\s*<result>")
_RESULT = re.compile(r"\s*(?:Exit code: (-?\d{1,9})\n)?(?:Duration: (\d{1,9}(?:\.\d{1,9})?) seconds\n)?(?:Output:\n)?")


def kinds_of(payload: dict[str, Any], parts: list[Any]) -> list[str | None]:
    """What each part of a message is ("user.text", "environments.environment_context"), where newer versions say so."""
    about = as_object(payload.get("internal_chat_message_metadata_passthrough"))
    kinds = about.get("content_item_kinds")
    known = isinstance(kinds, list) and len(kinds) == len(parts)
    return [as_text(kind) for kind in kinds] if isinstance(kinds, list) and known else [None] * len(parts)


def is_context(text: str, kind: str | None) -> bool:
    """Whether a part of a user's message is the program's. Its beginning tells where its ``kind`` does not."""
    if kind in (None, "", "unknown"):
        return bool(_CONTEXT.match(text))
    return not str(kind).startswith("user.")


def typed_command(text: str) -> Step | None:
    """A shell command of the person's own, with what it printed; None where the text is something else."""
    inner = _inside(text, "user_shell_command")
    found = _COMMAND_ENDS.search(inner) if inner else None
    command = _inside(inner[: found.start()] + "</command>" if found else inner, "command") if inner else None
    if not inner or command is None:
        return None
    step: Step = {
        "type": "bash_command",
        "command": command.strip("\n"),
        "output": None,
        "exit_code": None,
        "by": "user",
    }
    printed = _inside("<result>" + inner[found.end() :], "result") if found else None
    if printed is not None and (head := _RESULT.match(printed)):
        step["output"] = printed[head.end() :].removesuffix("\n")
        step["exit_code"] = int(head[1]) if head[1] else None
        if head[2]:
            step["seconds"] = float(head[2])
    return step


def _inside(text: str, tag: str) -> str | None:
    """What stands in the tag, where the whole text does."""
    begin, end, whole = f"<{tag}>", f"</{tag}>", text.strip()
    return whole[len(begin) : -len(end)] if whole.startswith(begin) and whole.endswith(end) else None


def message_between_agents(payload: dict[str, Any]) -> tuple[str, str]:
    """(who to whom, the text) of an ``agent_message`` or an ``inter_agent_communication``; no text where that is
    encrypted."""
    content = payload.get("content")
    texts = [content] if isinstance(content, str) else [as_text(part.get("text")) for part in as_objects(content)]
    names = [as_text(payload.get("author")), as_text(payload.get("recipient"))]
    others = payload.get("other_recipients")
    names += [as_text(name) for name in others] if isinstance(others, list) else []
    sender, *to = [name for name in names if name] or ["an agent"]
    return f"{sender} → {', '.join(to)}" if to else sender, "\n".join(text for text in texts if text)
