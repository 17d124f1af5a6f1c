"""What is known of an agent's files while its run is read: enough to give its edits true line numbers.

An agent reads a part of a file and replaces a string in it; the record says no more. What it was shown before, and
what it changed before, tell which lines these are. Where nothing does, the change is numbered from 1 and marked
approximate. Nothing here touches a disk.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from traces.tooling.diffs import count_lines, from_texts, head, of_pieces, split_lines
from traces.tooling.listings import Listing, read_listing

MAX_UNDO = 20  # earlier states kept per file
MAX_PARTS = 200  # of one file; the oldest are forgotten


class Change(NamedTuple):
    """``made``: the diff, or what makes it: where an agent recorded its own, none is made. ``approximate``: its line
    numbers are not those of the file."""

    type: str  # of the step: file_edit, file_create or file_delete
    made: str | Callable[[], str]
    approximate: bool = False

    @property
    def diff(self) -> str:
        """ "" where nothing changes. Made anew each time."""
        return self.made if isinstance(self.made, str) else self.made()


class Edit(NamedTuple):
    """``old`` replaced by ``new``, once or ``everywhere``."""

    old: str
    new: str
    everywhere: bool = False


class Part(NamedTuple):
    """A run of whole lines. ``start``: the number of its first line, counted from 1."""

    start: int
    text: str

    @property
    def end(self) -> int:
        """The number of the line after it."""
        return self.start + count_lines(self.text)


class Known(NamedTuple):
    """Parts of one file, those seen last first; of a ``whole`` file it is one part, the file."""

    parts: tuple[Part, ...]
    whole: bool = False


class Files:
    """The files of one run. A path is the text that the agent used."""

    def __init__(self) -> None:
        self._known: dict[str, Known] = {}
        self._before: dict[str, list[Known | None]] = {}

    def text(self, path: str) -> str | None:
        """All of the file, None where it is not known."""
        known = self._known.get(path)
        return known.parts[0].text if known and known.whole else None

    def saw(self, path: str, text: str, *, start: int = 1, whole: bool = False) -> None:
        """The agent was shown these lines of the file as they now are."""
        known = self._known.get(path)
        if whole:
            self._known[path] = Known((Part(start, text),), whole=True)
        elif not text:
            return
        elif known and known.whole:
            if not _agrees(known.parts[0], Part(start, text)):
                self._known[path] = Known((Part(start, _closed(text)),))
        else:
            seen = Part(start, _closed(text))
            others = tuple(part for part in known.parts if not _overlap(part, seen)) if known else ()
            self._known[path] = Known((seen, *others)[:MAX_PARTS])

    def forget(self, path: str | None = None) -> None:
        """Something may have changed the file, or (None) any file, in a way the record does not show."""
        if path is None:
            self._known.clear()
        else:
            self._known.pop(path, None)

    def ran(self, command: str) -> None:
        """A shell command ran: forget the files that it may have written."""
        if not self._known or not _may_write(command):
            return
        named = [path for path in self._known if path.rsplit("/", 1)[-1] in command]
        for path in named or list(self._known):
            self.forget(path)

    def write(self, path: str, text: str, *, created: bool | None = None, apply: bool = True) -> Change:
        """The whole file is written. ``created``: whether it did not exist before; None where that is not recorded."""
        before = self.text(path)
        is_new = created if created is not None else path not in self._known
        if apply:
            self._put(path, Known((Part(1, text),), whole=True))
        if is_new:
            return Change("file_create", partial(from_texts, path, None, text))
        # What it replaced was never shown: the new text is all that can be said.
        return Change("file_edit", partial(from_texts, path, before or "", text), approximate=before is None)

    def replace(
        self,
        path: str,
        old: str,
        new: str,
        *,
        everywhere: bool = False,
        shown: str | None = None,
        apply: bool = True,
    ) -> Change:
        """``old`` is replaced by ``new``, once or everywhere. ``shown``: what was printed after it."""
        known = self._known.get(path)
        part = _containing(known, old) if known else None
        if known and part:
            text = part.text.replace(old, new, -1 if everywhere else 1)
            # Replacements in lines that nobody saw may have moved the other parts.
            unsure = everywhere and not known.whole
            after = Known((Part(part.start, text),)) if unsure else _with(known, part, text)
            if apply:
                self._put(path, after)
            first = part.text.index(old)
            last = first if not everywhere else part.text.rindex(old)
            alike = (first, len(part.text) - last - len(old))
            made = partial(from_texts, path, part.text, text, start=part.start, alike=alike)
            return Change("file_edit", made, unsure)
        listing = read_listing(shown) if shown else None
        change = _by_listing(path, old, new, listing) or Change(
            "file_edit", partial(of_pieces, path, _closed(old), _closed(new)), approximate=True
        )
        if apply:
            self.forget(path)
            if listing:
                self.saw(path, listing.text, start=listing.start)
        return change

    def replace_each(self, path: str, edits: list[Edit], *, apply: bool = True) -> Change:
        """Several replacements, one after the other: one change."""
        before, states = self._known.get(path), self._before.setdefault(path, [])
        depth = len(states)
        changes = [self.replace(path, edit.old, edit.new, everywhere=edit.everywhere) for edit in edits]
        after = self._known.get(path)
        del states[depth:]
        if apply:
            states.append(before)
        elif before:
            self._known[path] = before
        if before and after and not any(change.approximate for change in changes):
            return Change("file_edit", _diff(path, before, after))
        hunks = [diff.split("\n", 2)[2] for change in changes if (diff := change.diff)]
        return Change("file_edit", head(path) + "".join(hunks) if hunks else "", approximate=True)

    def replace_lines(self, path: str, first: int, last: int, new: str, *, apply: bool = True) -> Change:
        """The lines ``first`` to ``last`` are replaced by the lines of ``new``."""
        known = self._known.get(path)
        part = _holding(known, first, last) if known else None
        if known is None or part is None:
            if apply:
                self.forget(path)
            return Change("file_edit", from_texts(path, "", _closed(new), start=first), approximate=True)
        lines = split_lines(part.text)
        lines[first - part.start : last + 1 - part.start] = split_lines(_closed(new))
        text = "".join(lines)
        if apply:
            self._put(path, _with(known, part, text))
        return Change("file_edit", from_texts(path, part.text, text, start=part.start))

    def insert(self, path: str, after_line: int, added: str, *, apply: bool = True) -> Change:
        """``added`` becomes the lines after line ``after_line``, 0 being the top of the file. Its number is known."""
        known = self._known.get(path)
        part = _touching(known, after_line) if known else None
        if known is None or part is None:
            if apply:
                self.forget(path)
            return Change("file_edit", from_texts(path, "", _closed(added), start=after_line + 1))
        lines = split_lines(part.text)
        at = after_line + 1 - part.start
        if at == len(lines) and lines and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        lines[at:at] = split_lines(_closed(added))
        text = "".join(lines)
        if apply:
            self._put(path, _with(known, part, text))
        return Change("file_edit", from_texts(path, part.text, text, start=part.start))

    def delete(self, path: str) -> Change:
        """The file is deleted; its lines are shown where they are known."""
        text = self.text(path)
        self._put(path, None)
        return Change("file_delete", from_texts(path, text or "", None), approximate=text is None)

    def move(self, path: str, to: str) -> None:
        """The file is renamed."""
        known = self._known.pop(path, None)
        if known:
            self._known[to] = known

    def undo(self, path: str) -> Change:
        """The last change of the file is taken back."""
        states = self._before.get(path)
        if not states:
            self.forget(path)
            return Change("file_edit", "", approximate=True)
        now, then = self._known.get(path), states.pop()
        if then is None:
            text = self.text(path)
            self._known.pop(path, None)
            return Change("file_delete", from_texts(path, text or "", None), approximate=text is None)
        self._known[path] = then
        if now is None:
            return Change("file_edit", "", approximate=True)
        return Change("file_edit", _diff(path, now, then))

    def _put(self, path: str, known: Known | None) -> None:
        states = self._before.setdefault(path, [])
        states.append(self._known.get(path))
        del states[:-MAX_UNDO]
        if known:
            self._known[path] = known
        else:
            self._known.pop(path, None)


# What writes files without saying which lines: redirections, in-place editors, version control, formatters, installs.
_WORD = re.compile(r"\w+")
_WRITERS = frozenset(
    _WORD.findall(
        "tee mv cp rm patch dd truncate install rsync unzip tar ed ex black isort prettier gofmt rustfmt autopep8 yapf"
    )
)
_IN_PLACE = r"\b(?:sed|perl|ruby)\b[^|;]*\s-\w*i"
_GIT = (
    r"\bgit\s+(?:-\S+\s+)*(?:checkout|restore|reset|stash|apply|am|merge|rebase|pull|cherry-pick|revert|switch|clean)\b"
)
_FORMAT = r"\b(?:ruff|cargo|go|dart)\s+(?:format|fmt)\b"
# Others write by what stands beside a word of theirs, or a mark. Each is looked for only where that is there.
_BY_WORD = [
    (frozenset(words.split()), re.compile(pattern))
    for words, pattern in (("sed perl ruby", _IN_PLACE), ("git", _GIT), ("ruff cargo go dart", _FORMAT))
]
_BY_MARK = [
    (mark, re.compile(pattern))
    for mark, pattern in (
        (">", r">(?!&)"),
        ("--fix", r"--fix\b"),
        ("write_text", "write_text"),
        ("open(", r"open\([^)]*['\"][wa+]"),
    )
]


def _may_write(command: str) -> bool:
    for mark, pattern in _BY_MARK:
        if mark in command and pattern.search(command):
            return True
    words = frozenset(_WORD.findall(command))
    if not _WRITERS.isdisjoint(words):
        return True
    return any(not some.isdisjoint(words) and pattern.search(command) for some, pattern in _BY_WORD)


def _closed(text: str) -> str:
    r"""``text`` with "\n" behind its last line: whether a part's last line has one is not shown by what prints it."""
    return text if text.endswith("\n") or not text else f"{text}\n"


def _overlap(part: Part, other: Part) -> bool:
    return part.start < other.end and other.start < part.end


def _agrees(whole: Part, seen: Part) -> bool:
    lines = split_lines(whole.text)[seen.start - 1 : seen.end - 1]
    return _closed("".join(lines)) == _closed(seen.text)


def _holding(known: Known, first: int, last: int) -> Part | None:
    """The part that holds all the lines from ``first`` to ``last``."""
    return next((part for part in known.parts if part.start <= first <= last + 1 <= part.end), None)


def _touching(known: Known, line: int) -> Part | None:
    """The part that holds the line, or begins right after it."""
    return next((part for part in known.parts if part.start - 1 <= line < part.end), None)


def _containing(known: Known, old: str) -> Part | None:
    """The part in which ``old`` stands; among several the one seen last."""
    return next((part for part in known.parts if old and old in part.text), None)


def _with(known: Known, part: Part, text: str) -> Known:
    """``part`` holds ``text`` now; the parts below it move."""
    if known.parts == (part,):
        return Known((Part(part.start, text),), known.whole)
    moved = count_lines(text) - count_lines(part.text)
    return known._replace(parts=tuple(_moved(known.parts, part, Part(part.start, text), moved)))


def _moved(parts: tuple[Part, ...], part: Part, now: Part, by: int) -> Iterator[Part]:
    for other in parts:
        if other is part:
            yield now
        elif other.start >= part.end:
            yield Part(other.start + by, other.text)
        else:
            yield other


def _diff(path: str, before: Known, after: Known) -> str:
    """The diff of two states of a file, in the parts that both know."""
    parts = zip(sorted(before.parts, key=_start), sorted(after.parts, key=_start), strict=False)
    diffs = [from_texts(path, old.text, new.text, start=old.start, new_start=new.start) for old, new in parts]
    hunks = [diff.split("\n", 2)[2] for diff in diffs if diff]
    return head(path) + "".join(hunks) if hunks else ""


def _start(part: Part) -> int:
    return part.start


def _by_listing(path: str, old: str, new: str, shown: Listing | None) -> Change | None:
    """The change placed by where ``new`` stands in the lines printed after it."""
    if not shown or not new.strip("\n"):
        return None
    at = shown.text.find(new)
    if at < 0 or shown.text.find(new, at + 1) >= 0:
        return None
    before = shown.text[:at] + old + shown.text[at + len(new) :]
    return Change("file_edit", partial(from_texts, path, before, shown.text, start=shown.start))
