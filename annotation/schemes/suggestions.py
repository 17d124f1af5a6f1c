"""Labels of steps that came with a trace: read from its document, compared with what the annotator gives.

The document's ``suggestions`` maps a scheme's name to what an export of it would hold::

    {"step_reward": {"by": "a model", "first_error_step": 3}}
    {"step_quality": {"steps": ["correct", null, {"label": "incorrect", "reason": "wrong file"}]}}

It is a stranger's: what names no step or no label of the scheme is as if it were not there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from annotation.schemes.base import MAX_TEXT, UNSTORABLE, ItemContext


def by(ctx: ItemContext, name: str) -> str:
    """Who suggests."""
    source = _raw(ctx, name).get("by")
    return _text(source)[:100]


def of_step(ctx: ItemContext, name: str, step: int, labels: Collection[str]) -> dict[str, Any] | None:
    """The label suggested for a step: ``{"label", "reason"?}``."""
    steps = _raw(ctx, name).get("steps")
    entry = steps[step] if isinstance(steps, list) and step < len(steps) else None
    label = entry.get("label") if isinstance(entry, dict) else entry
    if not isinstance(label, str) or label not in labels:
        return None
    return {"label": label, **_reason(entry)}


def first_error(
    ctx: ItemContext, name: str, steps: Iterable[int], wrong: Collection[str], labels: Collection[str], *, or_all: bool
) -> dict[str, Any] | None:
    """The first wrong step as suggested: ``{"step": number or null for none, "reason"?}``.

    ``or_all``: that there is none is an answer.
    """
    raw, steps = _raw(ctx, name), list(steps)
    if "first_error_step" in raw:
        step = raw["first_error_step"]
        if step is None and raw.get("all_correct") is not False:
            return {"step": None} if or_all else None
        is_step = isinstance(step, int) and not isinstance(step, bool) and step in steps
        return {"step": step, **_reason(raw)} if is_step else None
    hints = {step: of_step(ctx, name, step, labels) for step in steps}
    found = next((step for step, hint in hints.items() if hint and hint["label"] in wrong), None)
    if found is not None:
        return {"step": found, **_reason(hints[found])}
    return {"step": None} if or_all and hints and all(hints.values()) else None


def origin(given: dict[str, Any], hint: dict[str, Any] | None) -> str:
    """Whose a label is: ``human`` without a suggestion, else ``ai`` as it was suggested or ``ai_changed``."""
    if hint is None:
        return "human"
    same = all(given[key] == hint[key] for key in ("label", "step") if key in given)
    return "ai" if same else "ai_changed"


def _raw(ctx: ItemContext, name: str) -> dict[str, Any]:
    found = (ctx.suggestions or {}).get(name)
    if isinstance(found, list):
        return {"steps": found}
    return found if isinstance(found, dict) else {}


def _reason(entry: Any) -> dict[str, str]:
    reason = _text(entry.get("reason")) if isinstance(entry, dict) else ""
    return {"reason": reason[:MAX_TEXT]} if reason.strip() else {}


def _text(value: Any) -> str:
    return UNSTORABLE.sub("�", value) if isinstance(value, str) else ""
