"""Texts that are too long for a trainer."""

from __future__ import annotations


def cut(text: str, limit: int | None) -> str:
    """The text with its middle left out where it is longer than ``limit`` characters: errors stand at the ends."""
    if limit is None or len(text) <= limit:
        return text
    mark = f"\n[… {len(text) - limit:,} characters left out …]\n"
    kept = max(limit - len(mark), 0)
    return text[: kept - kept // 2] + mark + text[len(text) - kept // 2 :]
