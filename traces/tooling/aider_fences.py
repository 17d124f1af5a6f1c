"""The fences that Aider asks models for: backticks, or tags where a file holds backticks itself.

A language may stand behind either: Aider's own examples have one.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable

# What begins a line that may open or close a fence.
SIGNS = frozenset("`~<")
_MARKS = re.compile(r"\s{0,3}(`{3,}|~{3,})\s*([^`]*)")
_TAG = re.compile(r"\s*<(source|code|pre|codename|sourcecode|codeblock)>[ \t]*([A-Za-z][\w+#.-]{0,30})?\s*")
_CLOSING_TAG = re.compile(r"\s*(</(?:source|code|pre|codename|sourcecode|codeblock)>)\s*")


class Tags:
    """Where the tags among some lines are closed. HTML in prose has some that never are: those open nothing."""

    def __init__(self, lines: list[str], signs: Iterable[int]) -> None:
        self._closings: dict[str, list[int]] = {}
        for at in signs:
            if match := _CLOSING_TAG.fullmatch(lines[at]):
                self._closings.setdefault(match[1], []).append(at)

    def closed(self, closing: str, at: int) -> bool:
        """Whether the tag that the line at ``at`` opens is closed below."""
        found = self._closings.get(closing, [])
        return bisect_left(found, at) < len(found)


def opening(line: str) -> str:
    """What closes the fence that this line opens, "" where it opens none."""
    start = line.lstrip()[:3]
    if start in ("```", "~~~"):
        match = _MARKS.fullmatch(line)
        return match[1] if match else ""
    match = _TAG.fullmatch(line) if start.startswith("<") else None
    return f"</{match[1]}>" if match else ""


def is_tag(closing: str) -> bool:
    return closing.startswith("<")


def closes(line: str, closing: str) -> bool:
    text = line.strip()
    return text == closing if is_tag(closing) else text.startswith(closing) and not text.strip(closing[0])


def language(line: str) -> str:
    """The language that an opening line names, in lower case; "" where it names none."""
    match = _MARKS.fullmatch(line) or _TAG.fullmatch(line)
    said = ((match[2] or "") if match else "").split()
    return said[0].lower() if said else ""
