"""Newer sessions of Codex ("paginated") complete items where older ones have an event for each kind of end.

An item is what an event was, under other names: it is made one here. Its other kinds repeat what the model saw.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from traces.tooling.values import as_object, as_text


def command_end(item: dict[str, Any]) -> dict[str, Any]:
    """A ``CommandExecution`` as the end of a command."""
    cwd = as_text(item.get("cwd")) or ""
    path = unquote(cwd.removeprefix("file://")) if cwd.startswith("file://") else cwd
    return item | {"call_id": item.get("id"), "cwd": path or None}


def patch_end(item: dict[str, Any]) -> dict[str, Any]:
    """A ``FileChange`` as the end of a patch."""
    status = item.get("status")
    success = {"success": status == "completed"} if isinstance(status, str) else {}
    return item | {"call_id": item.get("id"), "changes": as_object(item.get("changes"))} | success


def begun_agent(kind: str, payload: dict[str, Any]) -> tuple[str, str] | None:
    """(call, session) where an event or an item says which session a call began for a part of the work."""
    if kind == "collab_agent_spawn_end":
        call, session = payload.get("call_id"), payload.get("new_thread_id")
    elif payload.get("kind") == "started":
        call, session = payload.get("event_id") or payload.get("id"), payload.get("agent_thread_id")
    else:
        return None
    return (call, session) if isinstance(call, str) and isinstance(session, str) else None
