"""Edits of one file, made one after another, joined into one change. Plain Python.

A diff shows only the lines around a change, so the file is known in pieces: for each, the lines as they were before the
run and as they are now. An edit that does not agree with what is known cannot be joined.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher

from traces.diff_names import NOTHING
from traces.unified_diff import FileDiff, Hunk, Kind, Line
from traces.without_lines import is_made_empty

# Larger pieces are shown as removed and added as a whole: comparing them line by line takes too long.
MAX_COMPARED = 1_000_000


class DoesNotFit(ValueError):
    """An edit was made to other lines than those known."""


@dataclass
class _Piece:
    """Lines that some edit showed: ``start`` is the number of the first before the run."""

    start: int
    old: list[str]
    new: list[str]

    @property
    def growth(self) -> int:
        return len(self.new) - len(self.old)


@dataclass
class JoinedFile:
    """A file on its way through the run."""

    path: str
    pieces: list[_Piece] = field(default_factory=list)
    # Made in this run, so that all of it is known.
    is_new: bool = False
    is_gone: bool = False
    # The last of its changes that had no lines: a rename, a binary file, an edit that was not recorded.
    bare: FileDiff | None = None
    # What it was called before the run, and is called now, where a change says so.
    was: str = ""
    becomes: str = ""
    # Head lines that say it is a copy.
    copied: list[str] = field(default_factory=list)

    def apply(self, diff: FileDiff) -> None:
        """One more edit. Raises DoesNotFit."""
        if not diff.hunks:
            self._apply_bare(diff)
            return
        self._rename(diff)
        if _creates(diff):
            self._create(diff)
            return
        growth = 0
        for hunk in diff.hunks:
            old, new = _side(hunk, " -"), _side(hunk, " +")
            self._replace(self._place(hunk, old, growth), old, new)
            growth += len(new) - len(old)
        self.is_gone = diff.new_path == NOTHING

    def diff(self) -> FileDiff:
        """The change from before the run to now. Without hunks where nothing is left of it, or it has no lines."""
        hunks, growth = [], 0
        for piece in self.pieces:
            if piece.old != piece.new:
                hunks.append(_hunk(piece, growth))
            growth += piece.growth
        old = NOTHING if self.is_new else self.was or self.path
        new = NOTHING if self.is_gone else self.becomes or self.path
        if self.bare is None or hunks or self._is_renamed_again:
            return FileDiff(old, new, self.copied, hunks)
        return replace(self.bare, old_path=NOTHING) if self.is_new else self.bare

    @property
    def _is_renamed_again(self) -> bool:
        """Whether the last change is a rename, and does not say what the file was called before the run."""
        if self.bare is None or self.is_gone or not self.was:
            return False
        return self.bare.old_path not in (self.was, self.bare.new_path)

    def _apply_bare(self, diff: FileDiff) -> None:
        """A change without lines."""
        self.bare, self.is_gone = diff, diff.new_path == NOTHING
        if self.is_gone and self.is_new:
            self.pieces = [_Piece(1, [], [])]
        elif is_made_empty(diff) and not self.is_gone:
            self._create(diff)
        else:
            self._rename(diff)

    def _rename(self, diff: FileDiff) -> None:
        """The same name again is no other one."""
        names = (diff.old_path, diff.new_path)
        if all(names) and NOTHING not in names and diff.old_path != diff.new_path:
            self.was, self.becomes = self.was or diff.old_path, diff.new_path
            self.copied = [note for note in diff.notes if note.startswith("copy ")]

    def _create(self, diff: FileDiff) -> None:
        if self.pieces and not self.is_new:
            raise DoesNotFit("the file was written anew over lines that are not all known")
        self.is_new, self.is_gone = not self.pieces or self.is_new, False
        self.pieces = [_Piece(1, [], [text for hunk in diff.hunks for text in _side(hunk, "+")])]

    def _place(self, hunk: Hunk, old: list[str], growth: int) -> int:
        """The number that the hunk's first line has now."""
        numbers = [line.new for line in hunk.lines if line.new is not None]
        olds = [line.old for line in hunk.lines if line.old is not None]
        if numbers:
            place = numbers[0]
        elif olds:
            place = olds[0] + growth
        else:
            raise DoesNotFit("the lines have no numbers")
        return self._found(old, place) if self.is_new else place

    def _found(self, old: list[str], place: int) -> int:
        """Of a file that is known as a whole, where the lines really are, if they are there once."""
        now = [text for piece in self.pieces for text in piece.new]
        if now[place - 1 : place - 1 + len(old)] == old:
            return place
        places = [at for at in range(len(now) - len(old) + 1) if now[at : at + len(old)] == old]
        if len(places) != 1:
            raise DoesNotFit("the lines are not where they are said to be")
        return places[0] + 1

    def _replace(self, at: int, old: list[str], new: list[str]) -> None:
        """Put ``new`` in place of ``old``, which begins at line ``at`` of the file as it is now."""
        before, touched, after = self._around(at, at + len(old))
        begin = min([at, *(start for start, _ in touched)])
        merged = _Piece(begin - sum(piece.growth for piece in before), [], [])
        position = begin
        for start, piece in touched:
            # Between pieces stand lines that no edit has changed yet: the hunk shows them.
            gap = old[position - at : start - at] if start > position else []
            merged.old += gap + piece.old
            merged.new += gap + piece.new
            position = start + len(piece.new)
        rest = old[position - at :] if position < at + len(old) else []
        merged.old += rest
        merged.new += rest
        offset = at - begin
        if merged.new[offset : offset + len(old)] != old:
            raise DoesNotFit("the lines were different")
        merged.new[offset : offset + len(old)] = new
        self.pieces = [*before, merged, *after]

    def _around(self, start: int, end: int) -> tuple[list[_Piece], list[tuple[int, _Piece]], list[_Piece]]:
        """Pieces before lines ``start`` to ``end`` of now, those that touch them (with their place), those behind."""
        before: list[_Piece] = []
        touched: list[tuple[int, _Piece]] = []
        after: list[_Piece] = []
        growth = 0
        for piece in self.pieces:
            first = piece.start + growth
            growth += piece.growth
            if first + len(piece.new) < start:
                before.append(piece)
            elif first > end:
                after.append(piece)
            else:
                touched.append((first, piece))
        return before, touched, after


def _creates(diff: FileDiff) -> bool:
    """Whether the diff begins from nothing: it says so, or it is bare and only adds lines before the first."""
    if diff.old_path:
        return diff.old_path == NOTHING
    return bool(diff.hunks) and all(hunk.head.startswith(("@@ -0,0 +1", "@@ -0 +1")) for hunk in diff.hunks)


def _side(hunk: Hunk, kinds: str) -> list[str]:
    return [line.text for line in hunk.lines if line.kind in kinds]


def _hunk(piece: _Piece, growth: int) -> Hunk:
    old_at, new_at = piece.start, piece.start + growth
    lines = [
        Line(kind, text, None if kind == "+" else old_at + i, None if kind == "-" else new_at + j)
        for kind, text, i, j in _compared(piece.old, piece.new)
    ]
    old = f"{old_at if piece.old else old_at - 1},{len(piece.old)}"
    new = f"{new_at if piece.new else new_at - 1},{len(piece.new)}"
    return Hunk(f"@@ -{old} +{new} @@", lines=lines)


def _compared(old: list[str], new: list[str]) -> list[tuple[Kind, str, int, int]]:
    """(kind, text, place in old, place in new) of every line."""
    if len(old) * len(new) > MAX_COMPARED:
        codes = [("replace", 0, len(old), 0, len(new))]
    else:
        codes = list(SequenceMatcher(None, old, new, autojunk=False).get_opcodes())
    lines: list[tuple[Kind, str, int, int]] = []
    for tag, i, i_end, j, j_end in codes:
        if tag == "equal":
            lines += [(" ", old[i + n], i + n, j + n) for n in range(i_end - i)]
        else:
            lines += [("-", old[n], n, j) for n in range(i, i_end)]
            lines += [("+", new[n], i, n) for n in range(j, j_end)]
    return lines
