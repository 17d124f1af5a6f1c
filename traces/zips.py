"""The list of members of a ZIP, looked at before Python's reader makes an object of each: that takes 500 bytes each,
and a file of gigabytes can name millions of members. Read one by one, they take nothing."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from typing import IO

_MEMBER = struct.Struct("<4s24x3H12x")  # what stands before a name: the lengths of name, extra field and comment
_SIGNATURE = b"PK\x01\x02"
_END_OF_ZIP64 = b"PK\x06\x06"
_END_OF_ZIP64_BYTES = 56 + 20  # the record of the end and what says where it is
_SIZE, _PLACE = 5, 9


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
    end = zipfile._EndRecData(stream)  # type: ignore[attr-defined]  # found as the reader finds it
    if not end:
        raise zipfile.BadZipFile("File is not a zip file")
    left, last = end[_SIZE], end[_PLACE]
    if end[0] == _END_OF_ZIP64:
        # The place is that of the older record behind it, or of this one itself: Python's patch releases differ.
        stream.seek(last)
        last -= 0 if stream.read(len(_END_OF_ZIP64)) == _END_OF_ZIP64 else _END_OF_ZIP64_BYTES
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
