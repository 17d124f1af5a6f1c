"""What the record of changes says of one change, in words."""

from __future__ import annotations

import json
from typing import Any


def told(value: Any) -> str:
    """A value as text: what is text already, else as JSON; nothing is ""."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


def lines(before: Any, after: Any) -> list[tuple[str, str, str]]:
    """Each key with its value before and after; a change that has no keys is one line without a name."""
    if not isinstance(before or {}, dict) or not isinstance(after or {}, dict):
        return [("", told(before), told(after))]
    old, new = before or {}, after or {}
    every = [(key, told(old.get(key)), told(new.get(key))) for key in dict.fromkeys([*old, *new])]
    return [(key, was, is_now) for key, was, is_now in every if was or is_now]
