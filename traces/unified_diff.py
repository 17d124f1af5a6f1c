"""A unified diff as structures. Reads what agents write, not only what git would.

Numbers of a hunk's head are hints: lines decide where it ends, nothing is allocated by a count, and a head without
numbers gives lines without numbers. Every line of the text ends up somewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from traces.diff_names import names_in, path_of

# Lines past this are kept as one text: a page cannot show them one by one anyway.
MAX_LINES = 2_000

Kind = Literal[" ", "+", "-", "\\"]


class Line(NamedTuple):
    """One line: context, added, removed, or a note (``\\``). Numbers are None where the diff does not tell."""

    kind: Kind
    text: str
    old: int | None = None
    new: int | None = None


@dataclass(slots=True)
class Hunk:
    """``section`` is what stands after the second ``@@``: the function around the change."""

    head: str
    section: str = ""
    lines: list[Line] = field(default_factory=list)


@dataclass(slots=True)
class FileDiff:
    """One file of a diff. ``notes`` are its other header lines: modes, renames, "Binary files differ"."""

    old_path: str = ""
    new_path: str = ""
    notes: list[str] = field(default_factory=list)
    hunks: list[Hunk] = field(default_factory=list)
    # False: the change had lines, and nobody wrote them down.
    is_recorded: bool = True

    @property
    def path(self) -> str:
        """The new name, or for a deleted file the old one."""
        return self.new_path if self.new_path not in ("", "/dev/null") else self.old_path

    @property
    def has_lines(self) -> bool:
        """Whether there is a line that its number names."""
        return any(line.old is not None or line.new is not None for hunk in self.hunks for line in hunk.lines)


class Diff(NamedTuple):
    """All files of a diff, and the lines past those that were read, as they stand."""

    files: list[FileDiff]
    rest: str

    def changes(self) -> tuple[int, int]:
        """(added, removed) lines. In ``rest`` every line that begins with a sign counts."""
        kinds = [line.kind for file in self.files for hunk in file.hunks for line in hunk.lines]
        added, removed = (f"\n{self.rest}".count(f"\n{sign}") for sign in "+-")
        return kinds.count("+") + added, kinds.count("-") + removed


_HEAD = re.compile(r"@@+ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@+ ?(.*)")
_FILE_NOTES = (
    "diff ",
    "index ",
    "Index: ",
    "====",
    "old mode ",
    "new mode ",
    "new file mode ",
    "deleted file mode ",
    "similarity index ",
    "dissimilarity index ",
    "rename ",
    "copy ",
    "Binary files ",
    "GIT binary patch",
)
# Of one file there is one such line.
_ONCE = ("diff ", "Index: ", "Binary files ")


def parse(text: str, max_lines: int = MAX_LINES) -> Diff:
    """The diff in ``text``. Never raises; a text that is no diff gives one file with one hunk without numbers."""
    lines = text.split("\n", max_lines)
    rest = lines.pop() if len(lines) > max_lines else ""
    if lines and lines[-1] == "" and not rest:
        lines.pop()
    if lines and all(line.endswith("\r") for line in lines if line):
        # A file with CRLF throughout: only where line ends differ do they mean something.
        lines = [line.removesuffix("\r") for line in lines]
    reader = _Reader()
    for index, line in enumerate(lines):
        reader.take(line, lines[index + 1 : index + 3])
    # Of the last file the lines may be in the rest.
    for file in reader.files[:-1] if rest else reader.files:
        if not file.path and not file.has_lines:
            file.old_path, file.new_path = names_in(file.notes)
    return Diff(reader.files, rest)


class _Reader:
    """The state between lines: the current file and hunk, the next numbers, and how much the hunk's head promised."""

    def __init__(self) -> None:
        self.files: list[FileDiff] = []
        self.hunk: Hunk | None = None
        self.old: int | None = None
        self.new: int | None = None
        self.old_left = self.new_left = 0

    def take(self, line: str, ahead: list[str]) -> None:
        promised = self.hunk is not None and (self.old_left > 0 or self.new_left > 0)
        if line.startswith("@@"):
            self._start_hunk(line)
        elif self._is_file_head(line, ahead, promised):
            self._start_file().old_path = path_of(line[4:])
        elif line.startswith("+++ ") and self.hunk is None and self.files:
            self.files[-1].new_path = path_of(line[4:])
        elif not promised and line.startswith(_FILE_NOTES):
            self._note(line)
        else:
            self._body(line)

    def _is_file_head(self, line: str, ahead: list[str], promised: bool) -> bool:
        """``--- a`` before ``+++ b``. Inside a hunk that still expects lines it is a removed line that begins with
        dashes, unless a hunk head follows at once while more than these two lines were promised: then the count lied.
        """
        if not line.startswith("--- ") or not (ahead and ahead[0].startswith("+++ ")):
            return False
        if not promised:
            return True
        return len(ahead) > 1 and ahead[1].startswith("@@") and (self.old_left, self.new_left) != (1, 1)

    def _start_file(self) -> FileDiff:
        """A new file, or the one whose header lines have just begun."""
        self.hunk = None
        if not self.files or self.files[-1].hunks or self.files[-1].old_path:
            self.files.append(FileDiff())
        return self.files[-1]

    def _note(self, line: str) -> None:
        head = next((head for head in _ONCE if line.startswith(head)), None)
        if head and self.files and any(note.startswith(head) for note in self.files[-1].notes):
            # The one before has header lines only.
            self.files.append(FileDiff())
            self.hunk = None
        is_new = line.startswith(("diff ", "Index: ")) or not self.files or self.hunk is not None
        file = (
            self._start_file()
            if is_new and not (self.files and self._is_bare(self.files[-1], line))
            else self.files[-1]
        )
        file.notes.append(line)

    @staticmethod
    def _is_bare(file: FileDiff, line: str) -> bool:
        """Whether ``file`` is only header lines so far that this one belongs to."""
        return not file.hunks and not file.old_path and not line.startswith(("diff ", "Index: "))

    def _start_hunk(self, line: str) -> None:
        if not self.files:
            self._start_file()
        self.hunk = Hunk(line)
        self.files[-1].hunks.append(self.hunk)
        self.old = self.new = None
        self.old_left = self.new_left = 0
        if match := _HEAD.fullmatch(line):
            old, old_count, new, new_count, self.hunk.section = match.groups()
            self.old, self.new = int(old), int(new)
            self.old_left = int(old_count) if old_count else 1
            self.new_left = int(new_count) if new_count else 1

    def _body(self, line: str) -> None:
        if self.hunk is None:
            # Text before any hunk: prose, or a diff that lost its head.
            self._start_hunk("")
        assert self.hunk is not None
        kind: Kind = " "
        text = line
        if line[:1] in ("+", "-", " ", "\\"):
            kind, text = line[0], line[1:]  # type: ignore[assignment]
        if kind == "\\":
            self.hunk.lines.append(Line(kind, text.strip()))
            return
        old = self.old if kind != "+" else None
        new = self.new if kind != "-" else None
        self.hunk.lines.append(Line(kind, text, old, new))
        if kind != "+":
            self.old = self.old + 1 if self.old is not None else None
            self.old_left -= 1
        if kind != "-":
            self.new = self.new + 1 if self.new is not None else None
            self.new_left -= 1
