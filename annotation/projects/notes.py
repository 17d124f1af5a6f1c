"""What is said about a configuration file: errors and warnings, each with its line and key."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from potato_site.safe_yaml import KeyPath

# "unknown": a key, or a format, we do not know. "later": a part of the documents that is not built yet. "secret": a
# password in plain text. "advice": all the rest.
Kind = Literal["error", "unknown", "later", "secret", "advice"]


@dataclass(frozen=True)
class Note:
    """One sentence about one place of a file. Never quotes a password."""

    file: str
    line: int | None
    path: str
    message: str
    kind: Kind = "error"

    def __str__(self) -> str:
        """``config.yaml: line 11: annotation_schemes.1.options: …``; what a terminal would obey is shown instead."""
        line = f"line {self.line}" if self.line else ""
        text = ": ".join(part for part in (self.file, line, self.path, self.message) if part)
        return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


@dataclass
class Notebook:
    """Collects the notes about one file. Paths are those of the new dialect; ``origins`` leads back to the file's own.

    ``origins`` maps a new path to the path it was read from; what lies below a path moved with it.
    """

    file: str
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    origins: dict[KeyPath, KeyPath] = field(default_factory=dict)
    # A dict, so that none is said twice.
    notes: dict[Note, None] = field(default_factory=dict)

    def error(self, path: KeyPath, message: str) -> None:
        self._add(path, message, "error")

    def warn(self, path: KeyPath, message: str, kind: Kind = "advice") -> None:
        self._add(path, message, kind)

    @property
    def errors(self) -> list[Note]:
        return sorted((note for note in self.notes if note.kind == "error"), key=_place)

    @property
    def warnings(self) -> list[Note]:
        return sorted((note for note in self.notes if note.kind != "error"), key=_place)

    def _add(self, path: KeyPath, message: str, kind: Kind) -> None:
        there = self.origin_of(path)
        note = Note(self.file, self._line(there), ".".join(map(str, there)), message, kind)
        self.notes[note] = None

    def origin_of(self, path: KeyPath) -> KeyPath:
        """The file's own path of a path of the new dialect."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.origins:
                return self.origins[path[:length]] + path[length:]
        return path

    def _line(self, path: KeyPath) -> int | None:
        """The line of the nearest key that is in the file: a missing key is reported where its parent stands."""
        return next((self.lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.lines), None)


def _place(note: Note) -> tuple[bool, int]:
    """Notes come in the order of the file, those about the whole of it last."""
    return note.line is None, note.line or 0


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """``"; did you mean …?"`` or nothing."""
    close = difflib.get_close_matches(word.lower(), sorted(known), n=1, cutoff=0.7)
    return f"; did you mean {close[0]}?" if close else ""
