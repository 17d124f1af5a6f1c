"""Read records from a file of JSON: one object per line, one list of objects, or one object.

A bad line is a Problem beside its good neighbours; no file fails for one line. Memory is set by the longest line, and
for a list by the file, which may then have at most MAX_DOCUMENT_BYTES.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO, NamedTuple

from potato_site.canonical import DECODER, LENIENT_DECODER, loads, loads_each, loads_leniently

MAX_LINE_BYTES = 32 * 1024 * 1024
# Lines of text are read so many bytes at a time.
BLOCK_BYTES = 1024 * 1024
LINES_AT_ONCE = 50
MAX_DOCUMENT_BYTES = 64 * 1024 * 1024  # a list, or an object over several lines, is parsed as a whole
MAX_WHOLE_BYTES = 512 * 1024 * 1024  # a file that is one trace, or one log of many
BOM = b"\xef\xbb\xbf"
ERROR, WARNING = "error", "warning"
_SPACE = re.compile(r"[ \t\n\r]*")


class Record(NamedTuple):
    """One JSON object and the line it begins on, counted from 1."""

    line: int
    value: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and where: ``line`` is None and ``field`` is "" when the whole file or record is meant.

    An error means that something was not read, and makes the exit code 1. A warning (``severity=WARNING``) says what
    one should know about what was read well: "holds only slash commands".
    """

    file: str
    line: int | None
    field: str
    message: str
    severity: str = ERROR

    @property
    def is_error(self) -> bool:
        return self.severity != WARNING

    def __str__(self) -> str:
        """``traces.jsonl:7: id: is missing``; control characters of a stranger's file are shown, not obeyed."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        text = ": ".join(part for part in (place, self.field, self.message) if part)
        return shown(text)

    def as_dict(self) -> dict[str, Any]:
        """As it is stored and shown: bounded, without control characters."""
        file, field, message = self.file[-1000:], shown(self.field[:200]), shown(self.message[:1000])
        return {"file": shown(file), "line": self.line, "field": field, "message": message, "severity": self.severity}


def shown(text: str) -> str:
    """``text`` with what cannot be printed written as an escape."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


class Unreadable(ValueError):
    """The file as a whole is not what it should be. ``str()`` says why, ``line`` where, counted from 1."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


def read_document(stream: BinaryIO) -> Any:
    """The one JSON value that ``stream`` holds, read leniently. Raises Unreadable."""
    raw = stream.read(MAX_WHOLE_BYTES + 1)
    if len(raw) > MAX_WHOLE_BYTES:
        raise Unreadable(f"one JSON text may have at most {MAX_WHOLE_BYTES >> 20} MB")
    raw = raw.removeprefix(BOM)
    if not raw.strip():
        raise Unreadable("the file is empty")
    try:
        return loads_leniently(raw)
    except json.JSONDecodeError as error:
        cut = "" if raw.rstrip().endswith((b"}", b"]")) else "the file is cut short or "
        raise Unreadable(cut + _reason(error), error.lineno) from None
    except (ValueError, RecursionError) as error:
        raise Unreadable(_reason(error)) from None


def read_lines(stream: BinaryIO) -> Iterator[tuple[int, list[str]]]:
    r"""All lines without their ends, some at a time, with the number of the first; they end at "\n" only.

    One over the limit comes in pieces.
    """
    number, held = 1, stream.read(len(BOM)).removeprefix(BOM)
    while block := stream.read(BLOCK_BYTES):
        whole, end, held = (held + block).rpartition(b"\n")
        if end:
            yield number, _lines_of(whole)
            number += whole.count(b"\n") + 1
        elif len(held) >= MAX_LINE_BYTES:
            yield number, [held.decode("utf-8", "replace")]
            held = b""
    if held:
        yield number, _lines_of(held.removesuffix(b"\n"))


def _lines_of(raw: bytes) -> list[str]:
    """Its lines without their ends. Decoded at once: whatever stands before a newline byte, it is a newline."""
    text = raw.decode("utf-8", "replace")
    return (text.replace("\r\n", "\n").removesuffix("\r") if b"\r" in raw else text).split("\n")


def read_records(stream: BinaryIO, name: str, *, lenient: bool = False) -> Iterator[Record | Problem]:
    """Every record of ``stream`` in order, and a Problem (its ``file`` is ``name``) for each that is none.

    ``lenient`` reads NaN and infinities as null, takes raw control characters, and only warns of a cut last line.
    """
    reader = _Reader(name, lenient)
    lines = _Lines(stream)
    number, first = next(((number, line) for number, line in lines if line.strip()), (0, b""))
    lines.limit = MAX_LINE_BYTES
    if not first:
        return
    head = reader.record(number, first)
    if isinstance(head, Record):
        del first  # it may be long, and is not needed beside the others
        yield head
        del head
        yield from _by_line(lines, reader)
    else:
        yield from _whole_or_by_line(lines, number, first, reader)


def records_of_lines(
    lines: Iterable[bytes], name: str, number: int, *, lenient: bool = False
) -> Iterator[Record | Problem]:
    """The records of short lines, each with its end, the first of which is line ``number``."""
    reader, rest = _Reader(name, lenient), iter(lines)
    while some := list(islice(rest, LINES_AT_ONCE)):
        values = loads_each(some)
        if values is None:
            yield from _by_line(enumerate(some, number), reader)
        else:
            yield from (as_record(name, place, value) for place, value in enumerate(values, number))
        number += len(some)


def as_record(name: str, number: int, value: object) -> Record | Problem:
    """The record, which must be an object, on this line of the file called ``name``."""
    return Record(number, value) if isinstance(value, dict) else Problem(name, number, "", "must be a JSON object")


@dataclass(frozen=True, slots=True)
class _Reader:
    """How one line of the file called ``name`` is read."""

    name: str
    lenient: bool

    def record(self, number: int, line: bytes) -> Record | Problem:
        if len(line) > MAX_LINE_BYTES:
            return Problem(self.name, number, "", f"the line is longer than {MAX_LINE_BYTES >> 20} MB")
        try:
            return as_record(self.name, number, self.parsed(line))
        except (ValueError, RecursionError):
            pass  # and what the error holds of a long line is let go
        return self.bad(number, line)

    def parsed(self, text: bytes) -> Any:
        return loads_leniently(text) if self.lenient else loads(text)

    def bad(self, number: int, line: bytes) -> Problem:
        """What is wrong with a line; read again without its end, so that what is missing there has a column on it."""
        is_last = not line.endswith(b"\n")
        cut = "the last line is cut short or " if is_last else ""
        severity = WARNING if is_last and self.lenient else ERROR
        try:
            self.parsed(line.rstrip(b"\r\n"))
        except (ValueError, RecursionError) as error:
            return Problem(self.name, number, "", cut + _reason(error), severity)
        return Problem(self.name, number, "", "not JSON", severity)


class _Lines:
    r"""(number, line) pairs, split on "\n" only: U+2028 and form feeds occur inside JSON strings.

    Of a line longer than ``limit`` bytes the first ``limit + 1`` are kept, so that the reader sees it is too long. The
    limit starts as that of a whole document: a list may stand on one line.
    """

    def __init__(self, stream: BinaryIO, number: int = 0) -> None:
        self.stream = stream
        self.limit = MAX_DOCUMENT_BYTES
        self.number = number  # of the last line that was read
        self.waiting: list[tuple[int, bytes]] = []  # read again, the last one first

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        return self

    def __next__(self) -> tuple[int, bytes]:
        if self.waiting:
            return self.waiting.pop()
        line = self.stream.readline(self.limit + 1)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) > self.limit:
            self._skip_rest(line)
        return self.number, line.removeprefix(BOM) if self.number == 1 else line

    def _skip_rest(self, line: bytes) -> None:
        while line and not line.endswith(b"\n"):
            line = self.stream.readline(1 << 20)


def _by_line(lines: Iterable[tuple[int, bytes]], reader: _Reader) -> Iterator[Record | Problem]:
    for number, line in lines:
        if not line.isspace():
            found = reader.record(number, line)
            del line  # it may be long, and what is made of it too
            yield found
            del found


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "not read: nested too deep"
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON: {error.msg} (column {error.colno})"
    return f"not JSON: {error}"


# --- Files that are one JSON text -------------------------------------------------------------------------


def _whole_or_by_line(lines: _Lines, number: int, first: bytes, reader: _Reader) -> Iterator[Record | Problem]:
    """The first line is no record: the file is one JSON text, over several lines perhaps, or its first line is bad.

    It is read by line if, taken as one text, it fails before its first record and some later line is a record.
    """
    kept, is_whole = _read_all(lines, number, first)
    found = _values(b"".join(line for _, line in kept), number, reader) if is_whole else iter(())
    head = next(found, None)
    if not isinstance(head, Record) and any(_starts_record(line) for _, line in kept[1:]):
        lines.waiting = kept[::-1]
        yield from _by_line(lines, reader)
    elif is_whole:
        yield from [head] if head else []
        yield from found
    else:
        limit = f"{MAX_DOCUMENT_BYTES >> 20} MB"
        yield Problem(reader.name, None, "", f"one JSON text may have at most {limit}: write one record per line")


def _read_all(lines: _Lines, number: int, first: bytes) -> tuple[list[tuple[int, bytes]], bool]:
    """The numbered lines from ``first`` on, and whether they are the whole file: more than the limit is not read."""
    kept, size = [(number, first)], 0
    while size <= MAX_DOCUMENT_BYTES and (item := next(lines, None)):
        kept.append(item)
        size += len(item[1])
    return kept, size + len(first) <= MAX_DOCUMENT_BYTES


def _starts_record(line: bytes) -> bool:
    """An object, whole and unindented: the lines of an indented document are not."""
    return line.startswith(b"{") and isinstance(_Reader("", lenient=True).record(0, line), Record)


def _values(raw: bytes, line: int, reader: _Reader) -> Iterator[Record | Problem]:
    """The records of a JSON text that begins on ``line``; the first mistake in it ends them."""
    text, counted = raw.decode("utf-8", "replace"), 0
    try:
        for position, value in _scan(text, LENIENT_DECODER if reader.lenient else DECODER):
            line += text.count("\n", counted, position)
            counted = position
            yield as_record(reader.name, line, value)
    except json.JSONDecodeError as error:
        line += text.count("\n", counted, error.pos)
        yield Problem(reader.name, line, "", f"{_reason(error)}; nothing from here on was read")
    except (ValueError, RecursionError) as error:
        yield Problem(reader.name, line, "", f"{_reason(error)}; nothing after the record on this line was read")


def _scan(text: str, decoder: json.JSONDecoder) -> Iterator[tuple[int, Any]]:
    """(position, value) of each item of the list, or of the one value, that ``text`` is. Raises JSONDecodeError."""
    start = _skip_space(text, 0)
    if text.startswith("[", start):
        end = yield from _scan_list(text, start, decoder)
        _nothing_follows(text, end)
    else:
        value, end = decoder.raw_decode(text, start)
        _nothing_follows(text, end)
        yield start, value


def _nothing_follows(text: str, at: int) -> None:
    if _skip_space(text, at) < len(text):
        raise json.JSONDecodeError("Extra data", text, _skip_space(text, at))


def _scan_list(text: str, at: int, decoder: json.JSONDecoder) -> Generator[tuple[int, Any], None, int]:
    """The items of the list that begins at ``at``. Returns the position after it."""
    at = _skip_space(text, at + 1)
    if text.startswith("]", at):
        return at + 1
    while True:
        value, end = decoder.raw_decode(text, at)
        yield at, value
        at = _skip_space(text, end)
        if text.startswith("]", at):
            return at + 1
        if not text.startswith(",", at):
            raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
        at = _skip_space(text, at + 1)


def _skip_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at
