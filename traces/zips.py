"""The list of members of a ZIP, looked at before Python's reader makes an object of each: that takes 500 bytes each,
and a file of gigabytes can name millions of members. Read one by one, they take nothing."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator
from typing import IO

_MEMBER = struct.Struct("<4s24x3H12x")  # what stands before a name: the lengths of name, extra field and comment
_SIGNATURE = b"PK\x01\x02"
_END = struct.Struct("<4s8xL4xH")  # the record of the end: how long the list is, and the comment behind the record
_END_SIGNATURE = b"PK\x05\x06"
_MOST_COMMENT = 2**16 - 1
# Before that one in large ZIPs: the record of the end they have of their own, and what says where it is.
_END_OF_ZIP64 = struct.Struct("<4s36xQ8x")
_END_OF_ZIP64_SIGNATURE = b"PK\x06\x06"
_LOCATOR = struct.Struct("<4s4xQ4x")
_LOCATOR_SIGNATURE = b"PK\x06\x07"


class TooManyMembers(zipfile.BadZipFile):
    """``str()`` says how many there may be."""


def opened(stream: IO[bytes], most: int) -> zipfile.ZipFile:
    """The ZIP, if it has at most so many members. Raises TooManyMembers and what ``ZipFile`` raises."""
    for number, _ in enumerate(names(stream)):
        if number == most:
            raise TooManyMembers(f"holds more than {most:,} members")
    return zipfile.ZipFile(stream)


def names(stream: IO[bytes]) -> Iterator[bytes]:
    """The name of each member, read one after the other. Raises BadZipFile.

    They are counted, not taken from the record at the end, which may say anything; only where they stand is.
    """
    last, left = _end(stream)
    first = last - left
    if first < 0:
        raise zipfile.BadZipFile("Bad offset for central directory")
    stream.seek(first)
    while left > 0:
        head = stream.read(_MEMBER.size)
        if len(head) < _MEMBER.size or not head.startswith(_SIGNATURE):
            raise zipfile.BadZipFile("Truncated central directory")
        _, *lengths = _MEMBER.unpack(head)
        yield stream.read(lengths[0])
        stream.read(lengths[1] + lengths[2])
        left -= _MEMBER.size + sum(lengths)


def _end(stream: IO[bytes]) -> tuple[int, int]:
    """(where the list ends, how long it is), as every reader of Python's finds it. Raises BadZipFile."""
    size = stream.seek(0, io.SEEK_END)
    start = max(size - _END.size - _MOST_COMMENT, 0)
    tail = _read(stream, start, size - start)
    # Without a comment it stands last, whatever else looks like one.
    alone = tail[-_END.size :]
    is_last = alone.startswith(_END_SIGNATURE) and alone.endswith(b"\0\0")
    found = len(tail) - _END.size if is_last else tail.rfind(_END_SIGNATURE)
    if not 0 <= found <= len(tail) - _END.size:
        raise zipfile.BadZipFile("File is not a zip file")
    place = start + found
    return _end_of_zip64(stream, place) or (place, _END.unpack_from(tail, found)[1])


def _end_of_zip64(stream: IO[bytes], place: int) -> tuple[int, int] | None:
    """The same of a ZIP that says it in a record of its own before ``place``, directly before what says where that is.

    Some readers look for the record there, others where they are told. A ZIP that has one in each place has two lists.
    """
    locator = _read(stream, place - _LOCATOR.size, _LOCATOR.size)
    if not locator.startswith(_LOCATOR_SIGNATURE):
        return None
    near, told = place - _LOCATOR.size - _END_OF_ZIP64.size, _LOCATOR.unpack(locator)[1]
    if told != near and _read(stream, told, _END_OF_ZIP64.size).startswith(_END_OF_ZIP64_SIGNATURE):
        raise zipfile.BadZipFile("Corrupt zip64 end of central directory locator")
    record = _read(stream, near, _END_OF_ZIP64.size)
    return (near, _END_OF_ZIP64.unpack(record)[1]) if record.startswith(_END_OF_ZIP64_SIGNATURE) else None


def _read(stream: IO[bytes], place: int, size: int) -> bytes:
    """Nothing where not all of it is there."""
    if not 0 <= place < 2**63:
        return b""
    stream.seek(place)
    found = stream.read(size)
    return found if len(found) == size else b""
