"""A trace for a program that labels it: the texts the labeling page shows, key by key, and nothing that it does not."""

from __future__ import annotations

from typing import Any

from traces.displays.record import shown_fields

STEP_KEYS = (
    "type", "status", "content", "path", "diff", "command", "cwd", "output", "exit_code", "start_line", "end_line",
    "name", "input",
)  # fmt: skip


def readable(document: dict[str, Any], layout: str) -> dict[str, Any]:
    """``{"id", "issue_description", "steps", "record"}``: the fields of a record without steps, by the layout."""
    steps = document.get("structured_turns")
    return {
        "id": document["id"],
        "issue_description": document.get("issue_description") or "",
        "steps": [_step(step) for step in steps or ()],
        "record": {} if steps else shown_fields(document, layout),
    }


def _step(step: dict[str, Any]) -> dict[str, Any]:
    return {"step": step["step_idx"], **{key: step[key] for key in STEP_KEYS if step.get(key) is not None}}
