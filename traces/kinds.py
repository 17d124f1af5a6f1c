"""What kind of file arrives, from its first bytes: what may hold traces goes on, all else is named in words."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator

from traces import zstd
from traces.packed import EMPTY_ZIP, GZIP, ZIP, ZSTD, kind_of

HEAD_BYTES = 64 * 1024
PIECE_BYTES = 256 * 1024
BOM = b"\xef\xbb\xbf"
# JSON of traces shrinks to a tenth, at most to a thirtieth; what shrinks more was made to fill a disk.
MAX_RATIO = 100
RATIO_COUNTS_FROM = 64 * 1024 * 1024
EXPECTED = (
    "expected agents' traces: JSON lines or JSON, an Aider history, an Inspect log, or a ZIP or tar archive of them"
)
# What a ZIP file of an office program begins with, behind 30 bytes.
OFFICE = (b"[Content_Types].xml", b"_rels/", b"docProps/", b"mimetypeapplication/")
MARKS = {
    EMPTY_ZIP: "an empty ZIP archive",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ\x00": "compressed with xz",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"\xd0\xcf\x11\xe0": "an office document",
    b"SQLite format 3": "a database",
    b"PAR1": "a Parquet file",
    b"\xff\xfe": "text in UTF-16, not in UTF-8",
    b"\xfe\xff": "text in UTF-16, not in UTF-8",
}
_RECORD = re.compile(rb"^[ \t]*[{\[]", re.MULTILINE)


class WrongKind(ValueError):
    """Not a file of traces. ``str()`` says what it seems to be and what was expected."""


def unpacked_pieces(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces of a file, unpacked where it is gzip or zstd. Raises WrongKind, as early as it shows."""
    head, rest = _head(pieces)
    for mark, unpack in ((GZIP, _gunzip), (ZSTD, _unzstd)):
        if head.startswith(mark):
            return _checked(*_head(unpack(_chain(head, rest))))
    return _checked(head, rest)


def has_records(head: bytes) -> bool:
    """Whether it looks like JSON or is an archive. A bad first line is reported with its number; other text needs a
    converter that knows it, or there is nothing to report on."""
    return is_archive(head) or _RECORD.search(head.removeprefix(BOM).lstrip()) is not None


def is_archive(head: bytes) -> bool:
    return kind_of(head) in ("zip", "tar")


def _checked(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    what = mistaken(head)
    if what:
        raise WrongKind(f"this is {what}: {EXPECTED}")
    yield from _chain(head, rest)


def mistaken(head: bytes) -> str:
    """What the file is instead of traces, as a noun phrase; empty: it may well hold some."""
    text = head.removeprefix(BOM).lstrip()
    if not text:
        return "an empty file"
    for mark, what in MARKS.items():
        if head.startswith(mark):
            return what
    if head.startswith(ZIP) and head[30:].startswith(OFFICE):
        return "an office document"
    if is_archive(head):
        return ""
    if b"\x00" in head and not _RECORD.match(text):
        return "a binary file"
    return "a page of HTML or XML" if text.startswith(b"<") else ""


def _head(pieces: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first HEAD_BYTES or more, and the pieces behind them."""
    rest, head = iter(pieces), b""
    while len(head) < HEAD_BYTES and (piece := next(rest, None)) is not None:
        head += piece
    return head, rest


def _chain(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from rest


def _gunzip(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Unpack one or more gzip members, a bounded piece at a time. Raises WrongKind."""
    inflate, received, given = zlib.decompressobj(31), 0, 0
    try:
        for piece in pieces:
            received, rest = received + len(piece), piece
            while rest:
                if inflate.eof:
                    inflate = zlib.decompressobj(31)
                yield (out := inflate.decompress(rest, PIECE_BYTES))
                given += len(out)
                _check_ratio("gzip", received, given)
                rest = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
    except zlib.error:
        raise WrongKind("this gzip file is damaged: pack it again") from None
    yield (out := inflate.flush())
    if not inflate.eof:
        raise WrongKind("this gzip file is cut short: pack it again")


def _unzstd(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Unpack one or more zstd frames. Raises WrongKind."""
    received = given = 0

    def counted() -> Iterator[bytes]:
        nonlocal received
        for piece in pieces:
            received += len(piece)
            yield piece

    try:
        for out in zstd.unpack(counted()):
            given += len(out)
            _check_ratio("zstd", received, given)
            yield out
    except zstd.Damaged:
        raise WrongKind("this zstd file is damaged: pack it again") from None
    except EOFError:
        raise WrongKind("this zstd file is cut short: pack it again") from None


def _check_ratio(kind: str, received: int, given: int) -> None:
    if given > max(RATIO_COUNTS_FROM, received * MAX_RATIO):
        raise WrongKind(f"this {kind} file grows to more than {MAX_RATIO} times its size: send it unpacked")
