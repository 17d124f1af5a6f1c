"""Which steps of a trace hold a text: over the whole document, whatever of it a page has loaded. Plain Python."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from traces import ansi
from traces.displays.diff import diff_of
from traces.document import CALL_TYPES, EDIT_TYPES, TEXT_TYPES
from traces.markup import text_of
from traces.rendering import KNOWN_KEYS

MAX_QUERY = 200  # characters
# So many characters of a trace are looked at: one search takes at most some tenths of a second.
MAX_CHARS = 10_000_000

# What the displays show of each type of step, beside a diff and an input.
_SHOWN: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(TEXT_TYPES, ("content", "output")),
    **dict.fromkeys(EDIT_TYPES, ("path", "output")),
    **dict.fromkeys(CALL_TYPES, ("name", "content", "output")),
    "file_read": ("path", "content", "output"),
    "bash_command": ("cwd", "command", "output"),
}
_IN_MARKDOWN = frozenset({"user_message", "assistant_message"})
# Signs that Markdown shows as a style, in the middle of what is read as one text.
_STYLES = re.compile(r"[*`~]+")


@dataclass(frozen=True)
class Found:
    """The numbers of the steps, and how many steps were searched: all, unless the trace is longer than MAX_CHARS."""

    steps: list[int]
    searched: int


def search(doc: dict[str, Any], query: str) -> Found:
    """The steps in which a reader finds ``query``, in upper or lower case. A blank one is found nowhere."""
    turns = doc.get("structured_turns") or []
    wanted = query.lower()
    if not wanted.strip():
        return Found([], len(turns))
    steps: list[int] = []
    room = MAX_CHARS
    for number, step in enumerate(turns):
        texts = list(_texts(step))
        room -= sum(map(len, texts))
        if room < 0 and number:
            return Found(steps, number)
        if any(wanted in text.lower() for text in texts):
            steps.append(number)
    return Found(steps, len(turns))


def _texts(step: dict[str, Any]) -> Iterator[str]:
    """What is shown of a step, text by text; a match lies in one of them."""
    kind = text_of(step.get("type"))
    for key in _SHOWN.get(kind, _SHOWN["tool_call"]):
        if text := text_of(step.get(key)):
            yield ansi.bare(text)
            if key == "content" and kind in _IN_MARKDOWN and _STYLES.search(text):
                yield _STYLES.sub("", text)
    if kind in EDIT_TYPES:
        yield from _changed(step)
    elif kind == "bash_command":
        given = step.get("input")
        if isinstance(given, dict):
            yield text_of(given.get("description") or given.get("summary"))
    elif kind not in TEXT_TYPES and kind != "file_read":
        yield from _values(step.get("input"))
    yield from _values({key: value for key, value in step.items() if key not in KNOWN_KEYS})


def _changed(step: dict[str, Any]) -> Iterator[str]:
    """The lines of an edit; without a diff the content it left."""
    diff = diff_of(step)
    if not diff.files:
        yield text_of(step.get("content"))
    for file in diff.files:
        yield from (file.old_path, file.new_path, *file.notes)
        for hunk in file.hunks:
            yield "\n".join([hunk.head, *(line.text for line in hunk.lines)])
    yield diff.rest


def _values(value: Any) -> Iterable[str]:
    """The names and values of an object; anything else as one text."""
    if not isinstance(value, dict):
        return [ansi.bare(text_of(value))]
    return [text for name, one in value.items() for text in (name, ansi.bare(text_of(one)))]
