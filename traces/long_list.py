"""Read a JSON list that is too large to be read whole, item by item: memory is set by the longest item."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from potato_site.canonical import loads_leniently
from traces.jsonl import BOM, MAX_DOCUMENT_BYTES, Problem, Record

PIECE_BYTES = 4 * 1024 * 1024
# A text to its end, or a sign that nests or separates. A text without end matches as one quote.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{},]', re.DOTALL)


class _TooLong(Exception):
    """An item is longer than a document may be."""


def read_long_list(stream: BinaryIO, name: str) -> Iterator[Record | Problem]:
    """The objects of the list that ``stream`` holds, read leniently, and a Problem for each item that is none."""
    line = 1
    try:
        for skipped, raw in _items(stream):
            line += skipped
            try:
                value: Any = loads_leniently(raw)
            except (ValueError, RecursionError) as error:
                yield Problem(name, line, "", f"not read: {error}")
            else:
                yield (
                    Record(line, value) if isinstance(value, dict) else Problem(name, line, "", "must be a JSON object")
                )
            line += raw.count(b"\n")
    except _TooLong:
        yield Problem(
            name, line, "", f"an item is longer than {MAX_DOCUMENT_BYTES >> 20} MB; nothing from here on was read"
        )
    except EOFError:
        yield Problem(name, line, "", "the file is cut short: the list does not end")


def _items(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """(line ends before it, bytes) of each item. Raises EOFError, _TooLong."""
    kept, start, at, depth, skipped = b"", 0, 0, 0, 0
    while piece := stream.read(PIECE_BYTES):
        kept, at, start = kept[start:] + piece, at - start, 0
        if len(kept) > MAX_DOCUMENT_BYTES + PIECE_BYTES:
            raise _TooLong
        for match in _TOKEN.finditer(kept, at):
            token = match[0]
            if token == b'"':
                at = match.start()  # its end is in a later piece
                break
            at = match.end()
            if token in (b"[", b"{"):
                depth += 1
                if depth == 1:
                    skipped, start = kept.count(b"\n", 0, at), at
            elif token in (b"]", b"}") or (token == b"," and depth == 1):
                depth -= token != b","
                if depth == 0 or token == b",":
                    raw = kept[start : match.start()]
                    body = raw.lstrip().removeprefix(BOM)
                    skipped += raw.count(b"\n", 0, len(raw) - len(raw.lstrip()))
                    if body.strip():
                        yield skipped, body
                        skipped = 0
                    start = at
                if depth == 0:
                    return
        else:
            at = len(kept)
    raise EOFError
