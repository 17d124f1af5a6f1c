"""Which steps of a trace hold a text: over the whole document, whatever of it a page has loaded. Plain Python.

Documents are strangers', and somebody waits for a search: whatever a document holds, one takes about half a second at
most. So steps are parsed one by one, values only where they are shown, and what is slow to read counts for more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from potato_site.canonical import loads
from traces import ansi
from traces.displays.diff import diff_of
from traces.document import CALL_TYPES, EDIT_TYPES, TEXT_TYPES
from traces.markup import text_of
from traces.plans import Entry, ToDos, read_listing, read_plan
from traces.rendering import KNOWN_KEYS

MAX_QUERY = 200  # characters
# So many characters of a trace are looked at.
MAX_CHARS = 10_000_000
# What counts as how many characters: by what it takes to read, measured.
STEP = 100
TEXT = 100  # however short
CONTROLLED = 5  # a character of a text with control characters
LINE = 40  # of a change
KEY = 20  # of an object that is taken apart
PARSED = 15  # a sign of lists and objects that are parsed
PIECE = 25  # a name, a value, a bracket of theirs that is written

# What the displays show of each type of step, beside a diff and an input; of a type that is not ours it may be any.
_SHOWN: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(TEXT_TYPES, ("content", "output")),
    **dict.fromkeys(EDIT_TYPES, ("path", "output")),
    **dict.fromkeys(CALL_TYPES, ("name", "content", "output")),
    "file_read": ("path", "content", "output"),
    "bash_command": ("cwd", "command", "output"),
    "plan": ("name", "content"),
}
_ANY = ("path", "cwd", "command", "name", "content", "output")
_IN_MARKDOWN = frozenset({"user_message", "assistant_message"})
# Signs that Markdown shows as a style, in the middle of what is read as one text.
_STYLES = "*`~"

# A value that is not parsed yet, as canonical JSON.
_Raw = msgspec.Raw
_Object = dict[str, _Raw]


class _Document(msgspec.Struct):
    structured_turns: list[_Raw] | None = None


_STEPS = msgspec.json.Decoder(_Document)
_OBJECT = msgspec.json.Decoder(_Object)
_INDENTED = json.JSONEncoder(ensure_ascii=False, indent=2, default=str)


@dataclass(frozen=True)
class Found:
    """The numbers of the steps, and how many steps were searched wholly: all, unless the trace is too long.

    Of the step behind them the beginning was searched, too, unless it has too many names or values to be parsed at all.
    """

    steps: list[int]
    searched: int


def search(document: bytes, query: str) -> Found:
    """The steps in which a reader finds ``query``, in upper or lower case. A blank one is found nowhere.

    ``document``: its canonical JSON.
    """
    turns = _STEPS.decode(document).structured_turns or []
    wanted = query.lower()
    if not wanted.strip():
        return Found([], len(turns))
    steps: list[int] = []
    room = _Room(MAX_CHARS)
    for number, step in enumerate(turns):
        room.spend(STEP)
        if any(wanted in text.lower() for text in _texts(_object(step, room), room)):
            steps.append(number)
        if room.left < 0:
            return Found(steps, number)
    return Found(steps, len(turns))


@dataclass
class _Room:
    """How many characters may still be looked at. Below zero: not all was, and nothing is any more."""

    left: int

    def spend(self, chars: int) -> None:
        self.left -= chars

    def cut(self, text: str) -> str:
        """As much of it as there is room for."""
        kept = text[: max(0, self.left)]
        self.spend(TEXT + len(text))
        return kept

    def text(self, raw: _Raw | None) -> str:
        """A value as a terminal shows its text, as far as there is room."""
        kept = self.cut(self._whole(raw))
        if not ansi.has_controls(kept):
            return kept
        room = max(0, self.left + len(kept)) // CONTROLLED
        self.spend((CONTROLLED - 1) * len(kept))
        return ansi.bare(kept[:room])

    def lines(self, raw: _Raw | None) -> str:
        """The lines of a change, as far as there is room."""
        kept = self.cut(self._whole(raw))
        most = max(0, self.left + len(kept)) // LINE
        lines = kept.split("\n", most)
        self.spend(LINE * len(lines))
        return "\n".join(lines[:most])

    def plan(self, raw: _Raw | None) -> ToDos | None:
        """A plan; None where it is none, or there is no room to take it apart."""
        if raw is None or memoryview(raw)[0] not in b"[{":
            return None
        text = bytes(raw)
        # Names and values, which may be lists and objects, too, and are written then.
        self.spend((PARSED + 2 * PIECE) * _signs(text))
        return read_plan(loads(text)) if self.left >= 0 else None

    def _whole(self, raw: _Raw | None) -> str:
        """As ``text_of``; of lists and objects as much as there is room for."""
        if raw is None or self.left < 0:
            return ""
        if memoryview(raw)[0] not in b"[{":
            return text_of(loads(bytes(raw)))
        text = bytes(raw)
        self.spend(PARSED * _signs(text))
        if self.left < 0:
            return ""
        value = loads(text)
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return text_of(value)
        return "".join(self._pieces(value))

    def _pieces(self, value: object) -> Iterator[str]:
        written = 0
        for piece in _INDENTED.iterencode(value):
            self.spend(PIECE)
            written += len(piece)
            yield piece
            if written > self.left:
                return


def _signs(text: bytes) -> int:
    """How many parts of lists and objects there are, at most."""
    return sum(map(text.count, (b",", b"[", b"{")))


def _texts(step: _Object, room: _Room) -> Iterator[str]:
    """What is shown of a step, text by text; a match lies in one of them."""
    kind = _kind(step)
    for key in _SHOWN.get(kind, _ANY):
        if text := room.text(step.get(key)):
            yield text
            if key == "content" and kind in _IN_MARKDOWN:
                yield from _styled(text, room)
    if kind in EDIT_TYPES:
        yield from _changed(kind, step, room)
    elif kind == "bash_command":
        if step.get("diff") is not None:
            yield from _changed(kind, step, room)
        given = _object(step.get("input"), room)
        yield room.text(given.get("description")) or room.text(given.get("summary"))
    elif kind == "plan":
        yield from _planned(step, room)
    elif kind not in TEXT_TYPES and kind != "file_read":
        yield from _values(step.get("input"), room)
    yield from _named({key: value for key, value in step.items() if key not in KNOWN_KEYS}, room)


def _kind(step: _Object) -> str:
    raw = step.get("type")
    return text_of(loads(bytes(raw))) if raw is not None else ""


def _styled(text: str, room: _Room) -> Iterator[str]:
    """A message as its reader sees it."""
    plain = text
    for sign in _STYLES:
        plain = plain.replace(sign, "")
    if len(plain) < len(text):
        yield room.cut(plain)


def _changed(kind: str, step: _Object, room: _Room) -> Iterator[str]:
    """The lines of an edit; without a diff the content it left."""
    text = room.lines(step.get("diff"))
    content = "" if text.strip() else room.lines(step.get("content"))
    diff = diff_of({"type": kind, "diff": text, "content": content})
    if not diff.files:
        yield content
    for file in diff.files:
        yield from (file.old_path, file.new_path, *file.notes)
        for hunk in file.hunks:
            yield "\n".join([hunk.head, *(line.text for line in hunk.lines)])
    yield diff.rest


def _planned(step: _Object, room: _Room) -> Iterator[str]:
    """A plan's entries, each with its state in words, or the Markdown it is; else what any call shows."""
    given = step.get("input")
    plan = room.plan(given)
    if plan:
        yield room.cut(_lines(plan.entries))
        yield from _named({name: one for name, one in _object(given, room).items() if name in plan.rest}, room)
    else:
        yield from _values(given, room)
        yield from _styled(room.text(_object(given, room).get("plan")), room)
    output = room.text(step.get("output"))
    listed = read_listing(output)
    yield _lines(listed) if listed else output


def _lines(entries: list[Entry]) -> str:
    return "\n".join("\n".join(entry) for entry in entries)


def _values(raw: _Raw | None, room: _Room) -> Iterator[str]:
    """The names and values of an object; anything else as one text."""
    if raw is not None and memoryview(raw)[0] == ord("{"):
        yield from _named(_object(raw, room), room)
    else:
        yield room.text(raw)


def _named(values: _Object, room: _Room) -> Iterator[str]:
    for name, one in values.items():
        if room.left < 0:
            return
        yield room.cut(name)
        yield room.text(one)


def _object(raw: _Raw | None, room: _Room) -> _Object:
    """Its values by name. What is no object is one without any, and so is one of more names than there is room for."""
    if raw is None or memoryview(raw)[0] != ord("{"):
        return {}
    # Inside of a text there would be a backslash before the quote.
    room.spend(KEY * bytes(raw).count(b',"'))
    return _OBJECT.decode(raw) if room.left >= 0 else {}
