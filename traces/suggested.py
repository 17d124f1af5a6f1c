"""Labels that came with a trace (its ``suggestions``) follow its steps when only some of those are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from traces.document import TraceDocument


def following(doc: TraceDocument, kept: Sequence[int]) -> dict[str, Any]:
    """``{"suggestions": …}`` for a document of the steps ``kept`` (rising, numbered as before); empty without any."""
    raw = doc.get("suggestions")
    return {"suggestions": {name: _moved(value, kept) for name, value in raw.items()}} if isinstance(raw, dict) else {}


def _moved(value: Any, kept: Sequence[int]) -> Any:
    if isinstance(value, list):
        return [value[step] for step in kept if step < len(value)]
    if not isinstance(value, dict):
        return value
    moved = {key: part for key, part in value.items() if key != "first_error_step"}
    if isinstance(value.get("steps"), list):
        moved["steps"] = _moved(value["steps"], kept)
    return moved | _first_error(value, kept) if "first_error_step" in value else moved


def _first_error(value: dict[str, Any], kept: Sequence[int]) -> dict[str, Any]:
    """The first error among the kept steps. Behind one that is not kept nothing is known."""
    first = value["first_error_step"]
    if type(first) is not int:
        return {"first_error_step": first}
    if first in kept:
        return {"first_error_step": kept.index(first)}
    return {"first_error_step": None, "all_correct": True} if kept and kept[-1] < first else {}
