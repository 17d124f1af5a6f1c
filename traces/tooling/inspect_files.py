"""The samples of an Inspect log: one JSON text, or a ZIP (``.eval``) whose members are packed with deflate or zstd."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import zstandard

from potato_site.canonical import loads_leniently
from traces import zips
from traces.jsonl import MAX_WHOLE_BYTES

ZSTD = 93  # the number of the method in a ZIP; Python's reader learns it in 3.14
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
MAX_SAMPLES = 100_000
MAX_MEMBERS = 2 * MAX_SAMPLES  # the journal has a file for some
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, zstandard.ZstdError, struct.error),
    *(NotImplementedError, RuntimeError, EOFError),
)


class BadMember(ValueError):
    """A member that cannot be read. ``str()`` says why."""


def is_log_archive(stream: BinaryIO) -> bool:
    """Whether the stream is a ZIP with an Inspect log in it. Only its list of members is read."""
    if not stream.read(4).startswith(b"PK\x03\x04"):
        return False
    try:
        return any(name in (b"header.json", b"_journal/start.json") for name in zips.names(stream))
    except _BROKEN:
        return False


def read_archive(stream: BinaryIO) -> Iterator[tuple[str, Any]]:
    """(name, value) of the log's head and then of each sample; a BadMember in place of one that cannot be read."""
    with zips.opened(stream, MAX_MEMBERS) as archive:
        members = {member.filename: member for member in archive.infolist()}
        samples = sorted(name for name in members if name.startswith("samples/") and name.endswith(".json"))
        heads = [name for name in ("header.json", "_journal/start.json") if name in members][:1]
        for name in [*heads, *samples[:MAX_SAMPLES]]:
            try:
                yield name, loads_leniently(_read(stream, archive, members[name]))
            except (*_BROKEN, ValueError, RecursionError) as error:
                yield name, BadMember(str(error)[:200] or type(error).__name__)


def _read(stream: BinaryIO, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    if member.flag_bits & 1:
        raise BadMember("is encrypted")
    if member.compress_type != ZSTD:
        with archive.open(member) as content:
            raw = content.read(MAX_WHOLE_BYTES + 1)
    else:
        raw = _unpacked(stream, member)
    if len(raw) > MAX_WHOLE_BYTES:
        raise BadMember(f"one sample may have at most {MAX_WHOLE_BYTES >> 20} MB")
    return raw


def _unpacked(stream: BinaryIO, member: zipfile.ZipInfo) -> bytes:
    """The bytes of a member packed with zstd, which stand behind its local header."""
    stream.seek(member.header_offset)
    header = _LOCAL_HEADER.unpack(stream.read(_LOCAL_HEADER.size))
    if header[0] != b"PK\x03\x04":
        raise BadMember("its header is damaged")
    stream.seek(header[9] + header[10], io.SEEK_CUR)
    packed = stream.read(min(member.compress_size, MAX_WHOLE_BYTES))
    reader = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)
    return reader.read(MAX_WHOLE_BYTES + 1)
