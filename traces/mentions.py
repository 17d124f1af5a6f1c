"""Whether a long text holds one of several words: a quick look before one at what it means."""

from __future__ import annotations

import re
from functools import cache


def mentions(text: bytes, words: tuple[str, ...]) -> bool:
    """Whether one of the words stands in it."""
    if len(words) > 2 and all("_" in word for word in words):
        return bool(_any_of(words).search(text))
    return any(word.encode() in text for word in words)


@cache
def _any_of(words: tuple[str, ...]) -> re.Pattern[bytes]:
    """Looks for a ``_``, and only there for the words that have one: less work than to look for each of many words."""
    parted = (re.escape(word).split("_", 1) for word in words)
    # What follows comes first: its first letter alone tells that it is not there.
    return re.compile(
        "|".join(f"{after}(?<={before}_{after})" for before, after in parted).join(("_(?:", ")")).encode()
    )
