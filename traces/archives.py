"""Archives among the input: ZIP, tar, gzip and zstd, unpacked into a private folder, within limits.

Members are stored under numbers; their names are only shown, and looked up by converters. What an archive holds beyond
the limits, links, devices, encrypted members and archives in archives are named and not read.
"""

from __future__ import annotations

import gzip
import io
import secrets
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from traces import zips, zstd
from traces.finding import printable
from traces.jsonl import Problem
from traces.neighbours import NamedFiles, is_hidden
from traces.packed import HEAD_BYTES, kind_of
from traces.source import Source

PIECE_BYTES = 1024 * 1024
MEMBERS_PER_FILE = 2  # of a ZIP: macOS adds a file to each, others add folders
MAX_HEADER_BYTES = 64 * 1024 * 1024  # asked for in one piece; tar keeps long names so
BAD = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile, zstd.Damaged),
    *(NotImplementedError, RuntimeError),
)


@dataclass(frozen=True)
class Limits:
    """What an archive may hold. The ratio counts from ``ratio_from`` bytes on: small files shrink as they like."""

    files: int = 100_000
    bytes: int = 20 * 1024**3
    ratio: int = 100
    ratio_from: int = 64 * 1024 * 1024


def tell_nobody(size: int) -> None:
    """Nobody waits for a sign of life."""


class TooMuch(Exception):
    """The archive is larger than allowed. ``str()`` says in which way."""


def unpacked(
    found: Iterable[Source | Problem],
    room: Callable[[], Path],
    *,
    is_claimed: Callable[[Source], bool],
    limits: Limits | None = None,
    alive: Callable[[int], object] = tell_nobody,
) -> Iterator[Source | Problem]:
    """``found`` with its archives replaced by the files in them, called ``<archive>/<member>``.

    ``room()`` is the folder to unpack into, asked for when there is an archive. An archive that a converter reads
    itself (``is_claimed``) stays as it is. ``alive`` is called with the bytes of every piece that was unpacked, a
    megabyte at most, and for members of none; what it raises ends the unpacking.
    """
    for item in found:
        alive(0)
        kind = "" if isinstance(item, Problem) else _kind(item)
        if isinstance(item, Problem) or not kind or is_claimed(replace(item)):
            yield item
        else:
            yield from _Archive(item, kind, room(), limits or Limits(), alive).files()


def _kind(source: Source) -> str:
    """ "zip", "tar", "tar.gz", "gz", "zstd" or "" by the first bytes."""
    try:
        kind = kind_of(source.first_bytes(HEAD_BYTES))
        if kind != "gzip":
            return kind
        with source.open() as stream:
            return "tar.gz" if kind_of(gzip.GzipFile(fileobj=stream).read(HEAD_BYTES)) == "tar" else "gz"
    except BAD:
        return "gz"  # told where it is unpacked
    except OSError:
        return ""  # told where it is read


class _Archive:
    """One archive on its way into ``room``."""

    def __init__(self, source: Source, kind: str, room: Path, limits: Limits, alive: Callable[[int], object]) -> None:
        self.source = source
        self.kind = kind
        self.room = room
        self.limits = limits
        self.alive = alive
        self.packed = source.path.stat().st_size
        self.bytes = 0
        self.kept: list[tuple[str, Path]] = []

    def files(self) -> Iterator[Source | Problem]:
        problems: list[Problem] = []
        readers = {"zip": self._zip, "tar": self._tar, "tar.gz": self._tar, "gz": self._gz, "zstd": self._zstd}
        try:
            with self.source.open() as stream:
                problems += readers[self.kind](stream)
        except TooMuch as error:
            rest = "the rest of this archive was not read" if self.bytes else "nothing of this archive was read"
            problems.append(self._problem("", f"{error}: {rest}"))
        except OSError as error:
            problems.append(self._problem("", f"cannot be unpacked: {error.strerror or error}"))
        except BAD as error:
            problems.append(self._problem("", f"this archive is damaged ({error}): the rest of it was not read"))
        names, used = NamedFiles(self.kept), set[str]()
        for name, path in sorted(self.kept):
            yield Source(path, name, names, used)
        yield from problems

    def _zip(self, stream: IO[bytes]) -> Iterator[Problem]:
        with self._opened(stream) as archive:
            for member in archive.infolist():
                self.alive(0)
                if member.is_dir() or is_passed_over(member.filename):
                    continue
                if member.flag_bits & 1:
                    yield self._problem(member.filename, "is encrypted; not read")
                elif (member.external_attr >> 16) & 0o170000 == 0o120000:
                    yield self._problem(member.filename, "is a link; not read")
                else:
                    with archive.open(member) as content:
                        yield from self._keep(member.filename, content)

    def _opened(self, stream: IO[bytes]) -> zipfile.ZipFile:
        try:
            return zips.opened(stream, self.limits.files * MEMBERS_PER_FILE)
        except zips.TooManyMembers as error:
            raise TooMuch(str(error)) from error

    def _tar(self, stream: IO[bytes]) -> Iterator[Problem]:
        raw: Any = gzip.GzipFile(fileobj=stream) if self.kind == "tar.gz" else stream
        bounded: Any = _Bounded(raw, self._count)
        with tarfile.open(fileobj=bounded, mode="r:") as archive:
            while member := archive.next():
                archive.members.clear()  # type: ignore[attr-defined]  # or it remembers them all
                if member.isdir() or is_passed_over(member.name):
                    continue
                content = archive.extractfile(member) if member.isreg() else None
                if content is None:
                    yield self._problem(member.name, "is a link or a device; not read")
                else:
                    yield from self._keep(member.name, content, is_counted=True)

    def _gz(self, stream: IO[bytes]) -> Iterator[Problem]:
        last = self.source.name.rpartition("/")[2]
        content: Any = gzip.GzipFile(fileobj=stream)
        with content:
            yield from self._keep(last.removesuffix(".gz") or last, content)

    def _zstd(self, stream: IO[bytes]) -> Iterator[Problem]:
        """A tar archive is unpacked to the disk first, and counted twice: to read it one must be able to seek in it."""
        path, last = self.room / secrets.token_hex(12), self.source.name.rpartition("/")[2]
        name = last.removesuffix(".zst") or last
        with path.open("xb") as out:
            for piece in zstd.unpack(iter(lambda: stream.read(PIECE_BYTES), b"")):
                self._count(len(piece))
                out.write(piece)
        with path.open("rb") as content:
            kind = kind_of(content.read(HEAD_BYTES))
            content.seek(0)
            if kind == "tar":
                yield from self._tar(content)
        if not kind:
            self.kept.append((self._name(name), path))
            return
        path.unlink()
        if kind != "tar":
            yield self._problem(name, "is an archive in an archive; not read")

    def _keep(self, name: str, content: IO[bytes], *, is_counted: bool = False) -> Iterator[Problem]:
        if len(self.kept) == self.limits.files:
            raise TooMuch(f"holds more than {self.limits.files:,} files")
        path = self.room / secrets.token_hex(12)
        is_nested = False
        with path.open("xb") as out:
            while piece := content.read(PIECE_BYTES):
                is_nested = is_nested or (out.tell() == 0 and kind_of(piece) in ("gzip", "zstd", "tar"))
                if not is_counted:
                    self._count(len(piece))
                out.write(piece)
        if is_nested:
            path.unlink()
            yield self._problem(name, "is an archive in an archive; not read")
        else:
            self.kept.append((self._name(name), path))

    def _count(self, size: int) -> None:
        """Note unpacked bytes. Raises TooMuch."""
        self.alive(size)
        self.bytes += size
        if self.bytes > self.limits.bytes:
            raise TooMuch(f"unpacks to more than {self.limits.bytes / 1e9:,.1f} GB")
        if self.bytes > max(self.limits.ratio_from, self.packed * self.limits.ratio):
            raise TooMuch(f"grows to more than {self.limits.ratio} times its size")

    def _name(self, member: str) -> str:
        """What a member is called: no part of it leads anywhere."""
        parts = [part for part in member.replace("\\", "/").split("/") if part not in ("", ".", "..")]
        return f"{self.source.name}/{printable(Path('/'.join(parts) or 'unnamed'))}"

    def _problem(self, member: str, message: str) -> Problem:
        return Problem(self._name(member) if member else self.source.name, None, "", message)


class _Bounded(io.RawIOBase):
    """A stream whose reading is counted, also what is passed over, and that gives no piece larger than a header may
    be."""

    def __init__(self, stream: IO[bytes], count: Callable[[int], None]) -> None:
        self.stream = stream
        self.count = count
        self.furthest = 0

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_HEADER_BYTES:
            raise TooMuch("has a header that is too large")
        raw = self.stream.read(size)
        self._note()
        return raw

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence == io.SEEK_SET:
            # What is packed is read on the way: a large member takes as long to pass over as to keep.
            place = self.stream.tell()
            while offset - place > PIECE_BYTES:
                behind = self.stream.seek(PIECE_BYTES, io.SEEK_CUR)
                self._note()
                if behind == place:
                    break  # What is packed ends here, whatever the header says.
                place = behind
        place = self.stream.seek(offset, whence)
        self._note()
        return place

    def tell(self) -> int:
        return self.stream.tell()

    def _note(self) -> None:
        place = self.stream.tell()
        self.count(max(0, place - self.furthest))
        self.furthest = max(place, self.furthest)


def is_passed_over(member: str) -> bool:
    """As in a folder: what is hidden, or lies in a hidden one; and what macOS adds."""
    *folders, last = member.replace("\\", "/").split("/")
    in_hidden = any(part.startswith(".") and part not in (".", "..") for part in folders)
    return in_hidden or "__MACOSX" in folders or is_hidden(last)
