"""A file that a conversion reads: what its converter, and who looks for one, may ask about it."""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from functools import cached_property
from io import BufferedReader, BytesIO, FileIO
from itertools import islice
from pathlib import Path
from typing import Any

from potato_site.canonical import loads_leniently
from potato_site.files import nothing, open_inside
from traces.jsonl import (
    BOM,
    MAX_DOCUMENT_BYTES,
    MAX_LINE_BYTES,
    Problem,
    Record,
    as_record,
    read_document,
    read_lines,
    read_records,
    records_of_lines,
)
from traces.long_list import read_long_list
from traces.mentions import mentions
from traces.neighbours import NO_FILES, Files
from traces.packed import kind_of
from traces.peek import cut_short, last_fields

_RECORD_LINE = re.compile(rb"^[ \t]*\{", re.MULTILINE)
_SOMETHING = re.compile(rb"\S")
PEEK_RECORDS = 50  # a format's mark need not be in the first record
PEEK_BYTES = 1024 * 1024  # what is looked at of a large file
WHOLE_BYTES = 8 * PEEK_BYTES  # a small file is read once, and parsed once
HEAD_BYTES = 64 * 1024
BUFFER_BYTES = 64 * 1024  # read at once of a file that is read in small pieces
RECORD_SHARE = 0.1  # of the lines of a file that begins with something else: with fewer, it is a text


class _Watched(FileIO):
    """A file of which every piece that is read is a sign of life."""

    def __init__(self, handle: int, tell: Callable[[], None]) -> None:
        super().__init__(handle, "rb")
        self._tell = tell

    def readinto(self, buffer: Any) -> int | None:
        self._tell()
        return super().readinto(buffer)


class Place:
    """How far a file was read, and who is told while that takes long: ``alive`` may raise, and ends the conversion."""

    alive: Callable[[], object] = staticmethod(nothing)
    stream: BufferedReader | FileIO | None = None
    size = 0
    is_ended = False

    def tell(self) -> None:
        """A sign of life: for every piece that is read, and whenever a document has come a bit further."""
        try:
            self.alive()
        except BaseException:
            self.is_ended = True  # what a converter raises is told of its file; this is not
            raise

    @property
    def bytes(self) -> int:
        if self.stream is None:
            return 0
        return self.size if self.stream.closed else self.stream.tell()


@dataclass(frozen=True)
class Source:
    """One input file. ``name`` is its path relative to the input folder, with "/"; it need not be a path on disk.

    ``within``: the folder that its path does not lead out of, whatever was put in its place since it was found.
    """

    path: Path
    name: str
    files: Files = NO_FILES
    used: set[str] = field(default_factory=set, compare=False)

    place: Place = field(default_factory=Place, compare=False)
    words: dict[tuple[str, ...], bool] = field(default_factory=dict, compare=False)  # whether it mentions them
    within: Path | None = field(default=None, compare=False)

    def forget(self) -> None:
        """Let go what was read of it. The words that it mentions stay known."""
        for name in vars(self).keys() - _FIELDS:
            del vars(self)[name]

    def open(self) -> BufferedReader:
        """Its bytes. How far they were read is in ``place``."""
        stream: BufferedReader = BufferedReader(_Watched(self._handle(), self.place.tell), BUFFER_BYTES)
        self.place.stream, self.place.size = stream, self.size
        return stream

    def open_raw(self) -> FileIO:
        """The same without a buffer, for who reads much at once."""
        stream = open(self._handle(), "rb", buffering=0)  # noqa: SIM115
        self.place.stream, self.place.size = stream, self.size
        return stream

    def _handle(self) -> int:
        return open_inside(self.within, self.path) if self.within else os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)

    # --- JSON ---------------------------------------------------------------------------------------------

    def records(self, *, lenient: bool = False) -> Iterator[Record | Problem]:
        """The file's JSON records: one per line, the items of a list, or the one object that the file is.

        ``lenient`` is for what agents write: NaN and Infinity are read as null, raw control characters in texts are
        taken, and a last line that was cut short is a warning. A bad line is a Problem beside its good neighbours.
        """
        if lenient and self._is_small:
            yield from self._all_records
            return
        with self.open() as stream:
            if self.size > MAX_DOCUMENT_BYTES and self._prefix.lstrip().startswith(b"["):
                yield from read_long_list(stream, self.name)
            else:
                yield from read_records(stream, self.name, lenient=lenient)

    def objects(self) -> list[dict[str, Any]]:
        """The values of ``records(lenient=True)``, read faster than with the lines they begin on."""
        if isinstance(self._whole, list):
            return [item for item in self._whole if isinstance(item, dict)]
        return [item.value for item in self.records(lenient=True) if isinstance(item, Record)]

    def document(self) -> Any:
        """The whole file as one JSON value, read leniently. Raises Unreadable, which ``convert`` need not catch."""
        if self._whole is not None:
            return self._whole
        with self.open() as stream:
            return read_document(stream)

    @cached_property
    def shape(self) -> str:
        """What the file is, from its first bytes: "lines" (JSON objects), "object", "list" or "text" (no JSON)."""
        if isinstance(self._value, list):
            return "list"
        if isinstance(self._value, dict):
            return "object"
        return "lines" if self.first_records else "text"

    @cached_property
    def first_records(self) -> list[dict[str, Any]]:
        """Its first JSON objects, at most PEEK_RECORDS; none when it is no JSON.

        Of a file over WHOLE_BYTES only the beginning is read, and for one large object its end: lists in it hold their
        first items, texts that do not fit are "", and keys between the beginning and the end are missing.
        """
        return list(islice(self._peek(), PEEK_RECORDS))

    @cached_property
    def top_keys(self) -> frozenset[str]:
        """The keys of its first JSON object, as far as ``first_records`` holds them; none when it is no JSON."""
        return frozenset(self.first_records[0]) if self.first_records else frozenset()

    # What of a small file was read to recognise it is what is converted: it is parsed once.

    @cached_property
    def _whole(self) -> Any:
        """The one list or object that a small file is; None for a large one, for lines, and for what is no JSON."""
        return _one(self._document_text) if self._is_small and self._document_text else None

    @cached_property
    def _value(self) -> Any:
        """``_whole``, or what there is of it at the beginning of a large or a damaged file."""
        text = self._document_text
        if self._whole is not None or not text:
            return self._whole
        if not self._is_small:
            value = cut_short(text)
            return self._last_fields | value if isinstance(value, dict) else value
        # A later line that is a record says that the first one is bad, and no beginning of a document.
        later = (line for line in text.split(b"\n")[1:] if line.startswith(b"{"))
        return None if any(isinstance(_one(line), dict) for line in later) else cut_short(text[:PEEK_BYTES])

    @cached_property
    def _document_text(self) -> bytes:
        """The beginning of the file where it may be one list or object, else nothing."""
        text = b"" if self.is_packed else self._prefix.lstrip()
        is_one = text.startswith(b"[") or (text.startswith(b"{") and self._first_line is None)
        return text if is_one and not self._has_long_lines else b""

    @property
    def _document_line(self) -> int:
        """On which line it begins."""
        return 1 + self._prefix.count(b"\n", 0, len(self._prefix) - len(self._document_text))

    @cached_property
    def _first_line(self) -> Record | None:
        """The record on the first line that is not blank, where others follow."""
        text = self._prefix.lstrip()
        end = text.find(b"\n")
        if end < 0 or not text.startswith(b"{") or (self._is_small and not _SOMETHING.search(text, end)):
            return None
        value = _one(text[:end])
        number = 1 + self._prefix.count(b"\n", 0, len(self._prefix) - len(text))
        return Record(number, value) if isinstance(value, dict) else None

    @cached_property
    def _has_long_lines(self) -> bool:
        """Whether the first line of a large file is an object longer than what was read of it, and one follows.

        Read on for that, no further than a line may be long.
        """
        if self._is_small or not self._prefix.lstrip().startswith(b"{") or b"\n" in self._prefix.lstrip():
            return False
        with self.open() as stream:
            stream.seek(len(self._bytes))
            before = self._prefix
            for _ in range(MAX_LINE_BYTES // PEEK_BYTES):
                piece = stream.read(PEEK_BYTES)
                if b"\n" in piece:
                    first, _, rest = (before[-HEAD_BYTES:] + piece + stream.read(HEAD_BYTES)).partition(b"\n")
                    return first.rstrip().endswith(b"}") and rest.lstrip().startswith(b"{")
                before = piece
        return False

    @cached_property
    def _all_records(self) -> Iterable[Record | Problem]:
        """Of a small file, as far as they are asked for."""
        return _Kept(self._read_records())

    def _read_records(self) -> Iterator[Record | Problem]:
        text = self._prefix
        if isinstance(self._whole, dict):
            yield Record(self._document_line, self._whole)
        elif isinstance(self._whole, list) and b"\n" not in self._document_text.rstrip():
            yield from (as_record(self.name, self._document_line, item) for item in self._whole)
        elif first := self._first_line:
            yield first
            lines = BytesIO(text)
            lines.seek(text.index(b"\n", text.index(b"{")) + 1)
            yield from records_of_lines(lines, self.name, first.line + 1, lenient=True)
        else:
            yield from read_records(BytesIO(text), self.name, lenient=True)

    def _peek(self) -> Iterator[dict[str, Any]]:
        value = self._value
        if isinstance(value, dict):
            yield value
        elif isinstance(value, list):
            yield from (item for item in value if isinstance(item, dict))
        elif self.is_packed or not self._has_records:
            return  # most texts, at a fraction of the cost
        elif self._is_small:
            yield from (item.value for item in self._all_records if isinstance(item, Record))
        else:
            yield from self._first_lines()

    @property
    def _has_records(self) -> bool:
        """Whether its lines are records, some bad ones among them perhaps: a text may quote a few."""
        text = self._prefix[:PEEK_BYTES]
        if not _RECORD_LINE.search(text):
            return False
        if text.lstrip().startswith(b"{") or text.count(b"\n{") >= RECORD_SHARE * text.count(b"\n"):
            return True
        *_, last = text.rstrip().rsplit(b"\n", 1)
        return last.startswith(b"{")  # behind a long preamble

    def _first_lines(self) -> Iterator[dict[str, Any]]:
        """Of a large file; the last one may be cut."""
        *lines, last = self._prefix.lstrip().split(b"\n")
        found = (_one(line) for line in lines if line.startswith(b"{"))
        yield from (value for value in found if isinstance(value, dict))
        if last.startswith(b"{") and isinstance(value := cut_short(last), dict):
            yield value

    @cached_property
    def _last_fields(self) -> dict[str, Any]:
        with self.open() as stream:
            stream.seek(max(0, self.size - HEAD_BYTES))
            return last_fields(stream.read(HEAD_BYTES))

    # --- Text ---------------------------------------------------------------------------------------------

    @cached_property
    def head(self) -> str:
        """Its first 64 KB as text, nothing of an archive: no byte order mark, "\\n" for every line end, U+FFFD for what
        is not UTF-8.
        """
        text = "" if self.is_packed else self._prefix[:HEAD_BYTES].decode("utf-8", "replace")
        return text.replace("\r\n", "\n") if "\r" in text else text

    def lines(self) -> Iterator[tuple[int, list[str]]]:
        """Its lines without their ends, read anew: some at a time, with the number of the first, counted from 1.

        Lines end at "\\n" only. One over 32 MB comes in pieces that have one number.
        """
        with self.open() as stream:
            yield from read_lines(stream)

    def mentions(self, *words: str) -> bool:
        """Whether one of the words stands in its first megabyte. A quick look, before one at what it means."""
        if words not in self.words:
            self.words[words] = mentions(self._prefix[:PEEK_BYTES], words)
        return self.words[words]

    def begins(self, pattern: re.Pattern[bytes]) -> bool:
        """Whether the pattern matches where its first 64 KB begin, a byte order mark left out."""
        return bool(pattern.match(self._prefix, 0, HEAD_BYTES))

    @property
    def is_binary(self) -> bool:
        """Whether its first bytes hold NUL: a picture, an archive, a database; or JSON of a careless program."""
        return self._prefix.find(b"\0", 0, HEAD_BYTES) >= 0

    @property
    def is_packed(self) -> bool:
        """Whether it is an archive: what looks like text or records in it is a member, perhaps."""
        return bool(kind_of(self._prefix))

    # --- The files around it ------------------------------------------------------------------------------

    def near(self, pattern: str) -> list[Source]:
        """Other files of the input, sorted, by a path relative to this file's folder: ``*.meta.json``,
        ``<stem>/subagents/agent-*.jsonl``, ``../x.jsonl``. Wildcards stand in the last part only. Never leads out of
        the input folder; an upload of one file has no others.
        """
        folder, _, last = posixpath.normpath(posixpath.join(posixpath.dirname(self.name), pattern)).rpartition("/")
        if folder == ".." or folder.startswith(("../", "/")):
            return []
        found = self.files.of(folder)
        wanted = [last] if last in found else sorted(name for name in found if fnmatchcase(name, last))
        names = {name: posixpath.join(folder, name) for name in wanted}
        return [
            Source(found[name], full, self.files, self.used, place=self._place_beside(), within=self.within)
            for name, full in names.items()
            if full != self.name
        ]

    def _place_beside(self) -> Place:
        """Of a file that is read for this one: how far is another question, who is told is not."""
        place = Place()
        place.alive = self.place.tell
        return place

    def use(self, other: Source) -> None:
        """Note that this file's converter has read ``other`` too: it is not reported as a file nobody recognises."""
        self.used.add(other.name)

    # --- The file -----------------------------------------------------------------------------------------

    @cached_property
    def size(self) -> int:
        """In bytes; 0 for a file that is gone."""
        try:
            return os.stat(self.path).st_size
        except OSError:
            return 0

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing but white space at its beginning."""
        return not self._prefix.strip()

    @property
    def _is_small(self) -> bool:
        return self.size <= WHOLE_BYTES

    @cached_property
    def _bytes(self) -> bytes:
        """All of a small file, the first PEEK_BYTES of a large one."""
        return self.first_bytes(WHOLE_BYTES if self._is_small else PEEK_BYTES)

    def first_bytes(self, size: int) -> bytes:
        """Its first ``size`` bytes; room is made for no more than there are."""
        wanted = min(size, self.size)
        with self.open_raw() as stream:
            raw = stream.read(wanted)
            while len(raw) < wanted and (more := stream.read(wanted - len(raw))):
                raw += more
            return raw

    @cached_property
    def _prefix(self) -> bytes:
        """The same without a byte order mark."""
        return self._bytes.removeprefix(BOM)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 (hex) of the file's bytes."""
        if self._is_small:
            return hashlib.sha256(self._bytes).hexdigest()
        digest = hashlib.sha256()
        with open(self._handle(), "rb", buffering=0) as stream:
            while piece := stream.read(PEEK_BYTES):
                digest.update(piece)
                self.place.tell()
        return digest.hexdigest()


_FIELDS = frozenset(one.name for one in fields(Source))


class _Kept:
    """The items of an iterator, each taken from it once, for whoever asks for them again."""

    def __init__(self, items: Iterator[Record | Problem]) -> None:
        self._items = items
        self._kept: list[Record | Problem] = []

    def __iter__(self) -> Iterator[Record | Problem]:
        at = 0
        while at < len(self._kept) or self._take():
            yield self._kept[at]
            at += 1

    def _take(self) -> bool:
        taken = list(islice(self._items, PEEK_RECORDS))
        self._kept += taken
        return bool(taken)


def _one(line: bytes) -> Any:
    """The JSON value of a line; None where it is none."""
    try:
        return loads_leniently(line)
    except (ValueError, RecursionError):
        return None
