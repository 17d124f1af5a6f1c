"""One person's answers to a question in a few words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from annotation.schemes.base import Told

STEPS_NAMED = 10


def words_of(told: Sequence[Told]) -> list[str]:
    """What is said of the whole; where that is nothing, what is said of the steps."""
    whole = [f"{one.part}: {one.text}" if one.part else one.text for one in told if one.step is None]
    if whole:
        return whole
    steps: dict[str, list[str]] = defaultdict(list)
    for one in told:
        if one.anchor is None:
            steps[one.text].append(f"#{one.step}")
    return [f"{text}: {_first(numbers)}" for text, numbers in steps.items()]


def _first(numbers: list[str]) -> str:
    shown = ", ".join(numbers[:STEPS_NAMED])
    return shown if len(numbers) <= STEPS_NAMED else f"{shown}, … ({len(numbers)} steps)"
