"""A person's own keys on the labeling page: what is pressed instead of the keys a project or the page sets.

Kept as ``{key that is set: key to press}`` in ``User.preferences["keys"]``. A key that is moved away leaves its place
to the one that it took, so no action ever loses its key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What the keys do where a project does not say otherwise. Enter, Escape and "g s" stay as they are.
KEYS = {
    "j": "Next step",
    "k": "Previous step",
    "n": "Next unlabeled step",
    "N": "Previous unlabeled step",
    "]": "Next file change",
    "[": "Previous file change",
    "x": "First error is here",
    "a": "All correct",
    "A": "All incorrect",
    "y": "Accept the suggestion",
    "Y": "Accept all suggestions",
    "h": "Open or close the guide",
    "i": "To the questions",
    "b": "Show or hide what others answered, when you adjudicate",
    "c": "Comment on the line, or on a file without lines",
    "v": "Choose lines",
    "d": "All changes, file by file",
    "m": "Mark the file as viewed, or not",
    "o": "Open or close the step",
    "O": "Open or close all steps",
    "t": "Show or hide the files",
    "/": "Search in the trace",
    "z": "Undo",
    "Z": "Redo",
    "?": "The list of shortcuts",
    **{str(number): f"Label {number}" for number in range(1, 10)},
}
# Starts "g s".
TAKEN = {"g": "the first key of “Skip the item” (g s)"}


def problems(chosen: Mapping[str, str]) -> dict[str, str]:
    """Key that is set → what is wrong with the key chosen for it. ``chosen`` has every key of KEYS."""
    found = {key: problem for key, own in chosen.items() if (problem := _problem(own))}
    by_own: dict[str, list[str]] = {}
    for key, own in chosen.items():
        by_own.setdefault(own, []).append(key)
    for own, keys in by_own.items():
        if len(keys) > 1 and own:
            for key in keys:
                others = " and ".join(f"“{KEYS[other]}”" for other in keys if other != key)
                found.setdefault(key, f"“{own}” is also the key of {others}.")
    return found


def changed(chosen: Mapping[str, str]) -> dict[str, str]:
    """What of it differs from how the keys are set."""
    return {key: own for key, own in chosen.items() if key != own}


def moves(stored: Any) -> dict[str, str]:
    """A whole exchange of keys, from what is stored: each key that is set, and is not pressed itself, to the one to
    press. What is not a sound choice of keys counts as none."""
    if not isinstance(stored, dict):
        return {}
    own = {key: value for key, value in stored.items() if key in KEYS and isinstance(value, str) and key != value}
    if len(set(own.values())) != len(own) or any(_problem(value) for value in own.values()):
        return {}
    back = {value: key for key, value in own.items()}
    for pressed in set(back) - set(own):
        # What a project has set on this key goes to the key that became free.
        free = pressed
        while free in back:
            free = back[free]
        own[pressed] = free
    return own


def _problem(own: str) -> str:
    if len(own) != 1 or not own.isprintable() or own.isspace():
        return "Choose one letter, digit or sign."
    return f"“{own}” is {TAKEN[own]}." if own in TAKEN else ""
