"""The fences that Aider asks models for: backticks, or tags where a file holds backticks itself.

A language may stand behind either: Aider's own examples have one.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable

# What begins a line that may open or close a fence.
SIGNS = frozenset("`~<")
_INDENT = 3  # of marks; deeper ones are code that shows them
# Of a line without the spaces around it. With one run of spaces, so that time grows with the line and not faster.
_TAG = re.compile(r"<(source|code|pre|codename|sourcecode|codeblock)>[ \t]*([A-Za-z][\w+#.-]{0,30})?")
_CLOSING_TAG = re.compile(r"</(?:source|code|pre|codename|sourcecode|codeblock)>")


class Tags:
    """Where the tags among some lines are closed. HTML in prose has some that never are: those open nothing."""

    def __init__(self, lines: list[str], signs: Iterable[int]) -> None:
        self._closings: dict[str, list[int]] = {}
        for at in signs:
            text = lines[at].strip()
            if _CLOSING_TAG.fullmatch(text):
                self._closings.setdefault(text, []).append(at)

    def closed(self, closing: str, at: int) -> bool:
        """Whether the tag that the line at ``at`` opens is closed below."""
        found = self._closings.get(closing, [])
        return bisect_left(found, at) < len(found)


def opening(line: str) -> str:
    """What closes the fence that this line opens, "" where it opens none."""
    return _opened(line)[0]


def is_tag(closing: str) -> bool:
    return closing.startswith("<")


def closes(line: str, closing: str) -> bool:
    text = line.strip()
    return text == closing if is_tag(closing) else text.startswith(closing) and not text.strip(closing[0])


def language(line: str) -> str:
    """The language that an opening line names, in lower case; "" where it names none."""
    said = _opened(line)[1].split()
    return said[0].lower() if said else ""


def _opened(line: str) -> tuple[str, str]:
    """What closes the fence, and what is said behind its marks or tag."""
    text = line.strip()
    if text.startswith(("```", "~~~")):
        said = text.lstrip(text[0])
        is_fence = "`" not in said and len(line) - len(line.lstrip()) <= _INDENT
        return (text[: len(text) - len(said)], said) if is_fence else ("", "")
    match = _TAG.fullmatch(text)
    return (f"</{match[1]}>", match[2] or "") if match else ("", "")
