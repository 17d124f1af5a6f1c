"""Writing a set of files: all of them complete, under their names, or none."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

import zstandard

from exports.earlier import Earlier
from exports.formats import Piece
from exports.leftovers import noted
from exports.publish import Written
from potato_site.files import UNFINISHED, make_folders, nothing, sync_folder, take_back, tell_nobody
from potato_site.large_file import LargeFile

ENDINGS = {"none": "", "gzip": ".gz", "zstd": ".zst"}
# What is worth compressing: a card is read as it is, parquet compresses itself.
COMPRESSED = {".jsonl", ".json", ".csv"}
# So many files of one set are open at once, each with up to a large file's chunk in memory; what is written to again
# is opened again.
MOST_OPEN = 16
GZIP = 16 + zlib.MAX_WBITS


@dataclass(frozen=True)
class WrittenFile(Written):
    """One file of a set, by its name relative to the folder of the set."""

    name: str


class Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


class _Plain:
    def compress(self, data: bytes) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


def compressor(kind: str) -> Compressor:
    """Equal content gives equal bytes: no time and no file name in the header."""
    if kind == "gzip":
        return zlib.compressobj(6, zlib.DEFLATED, GZIP)
    return zstandard.ZstdCompressor(level=3).compressobj() if kind == "zstd" else _Plain()


def name_of(name: str, compress: str) -> str:
    """The name a file gets: what is compressed ends in .gz or .zst."""
    ending = ENDINGS[compress]
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{name!r} leaves its folder")
    return name + ending if ending and path.suffix in COMPRESSED else name


def write_files(
    pieces: Iterable[Piece],
    place: Callable[[str], Path],
    *,
    compress: str = "none",
    before_publishing: Callable[[], None] = nothing,
    checksums: bool = True,
    earlier: Earlier | None = None,
) -> list[WrittenFile]:
    """Write every file to ``place(its name)``, replacing what is there; folders on the way are made.

    ``before_publishing`` runs when all is on disk; if it raises, or anything else does, nothing is published, and the
    folders that were made are gone again. The first file gets its name last: whoever finds it finds the others.
    ``checksums``: without them nothing is hashed, and the SHA-256 are empty. ``earlier``: the note about what an
    earlier run wrote there, so that nothing of it stays that belongs no more; nor of one that was killed on the way.
    Raises OSError.
    """
    made = make_folders(earlier.folder) if earlier else []
    try:
        with noted(earlier.folder) if earlier else contextlib.nullcontext(tell_nobody) as tell:
            files = _Set(place, compress, checksums, tell, made)
            try:
                for piece in pieces:
                    files.write(piece)
                written = files.finish()
                before_publishing()
                files.publish(earlier)
                return written
            finally:
                files.discard()
    except BaseException:
        take_back(made)
        raise


class _Set:
    """The files of one set, under temporary names until all of them are published."""

    def __init__(
        self,
        place: Callable[[str], Path],
        compress: str,
        checksums: bool,
        tell: Callable[[Path], None],
        made: list[Path],
    ) -> None:
        """``tell``: notes a temporary name before there is such a file. ``made`` gets the folders that are made."""
        self.place, self.compress, self.checksums, self.tell, self.made = place, compress, checksums, tell, made
        self.files: dict[str, _File] = {}
        # Those that are open, the one that was written to last at the end.
        self.opened: list[_File] = []

    def write(self, piece: Piece) -> None:
        file = self.files.get(piece.file) or self._begin(piece.file)
        file.write(piece.data)
        if piece.rename:
            file.rename(name_of(piece.rename, self.compress), self.place)

    def _begin(self, name: str) -> _File:
        target = self.place(name_of(name, self.compress))
        self.made += make_folders(target.resolve().parent)
        file = self.files[name] = _File(name, target, self)
        return file

    def finish(self) -> list[WrittenFile]:
        """All of them are on disk."""
        return [file.finish() for file in self.files.values()]

    def publish(self, earlier: Earlier | None) -> None:
        """All of them get their names, the first one last; what is there of an ``earlier`` run goes."""
        main, *others = self.files.values()
        if earlier:
            earlier.expect({file.name: file.path for file in (main, *others)}, self.tell)
        for file in others:
            file.path.replace(file.target)
        if earlier:
            earlier.remove_others()
        main.path.replace(main.target)
        for folder in {file.target.parent for file in (main, *others)}:
            sync_folder(folder)
        if earlier:
            earlier.settle(self.tell)

    def discard(self) -> None:
        for file in self.files.values():
            file.discard()


class _File:
    """One file under its temporary name."""

    def __init__(self, name: str, target: Path, files: _Set) -> None:
        """``files``: the set it is one of. Its folder is there."""
        if target.is_dir():
            raise IsADirectoryError(f"{target} is a folder; name a file")
        is_compressed = PurePosixPath(name).suffix in COMPRESSED
        self.name, self.target = name_of(name, files.compress), target.resolve()
        self.size, self.digest = 0, hashlib.sha256() if files.checksums else None
        self.compressor = compressor(files.compress if is_compressed else "none")
        self.path = self.target.parent / f"{UNFINISHED}{secrets.token_hex(8)}"
        files.tell(self.path)
        self.opened = files.opened
        self.stream: LargeFile | None = None
        self._open(is_new=True)

    def rename(self, name: str, place: Callable[[str], Path]) -> None:
        """Publish it under another name, in the same folder."""
        self.name, self.target = name, place(name).resolve()

    def write(self, data: bytes) -> None:
        self._keep(self.compressor.compress(data))

    def _keep(self, data: bytes) -> None:
        if not data:
            return
        (self.stream or self._open(is_new=False)).write(data)
        if self.opened[-1] is not self:
            self.opened.remove(self)
            self.opened.append(self)
        if self.digest:
            self.digest.update(data)
        self.size += len(data)

    def _open(self, *, is_new: bool) -> LargeFile:
        if len(self.opened) >= MOST_OPEN:
            self.opened[0].rest()
        self.stream = LargeFile(self.path, is_new=is_new)
        self.opened.append(self)
        return self.stream

    def rest(self) -> None:
        """Closed until it is written to again."""
        if self.stream:
            self.stream.flush()
            self.stream.close()
            self.stream = None
            self.opened.remove(self)

    def finish(self) -> WrittenFile:
        """All of it is on disk."""
        self._keep(self.compressor.flush())
        (self.stream or self._open(is_new=False)).sync()
        self.rest()
        return WrittenFile(self.size, self.digest.hexdigest() if self.digest else "", self.name)

    def discard(self) -> None:
        with contextlib.suppress(OSError):
            if self.stream:
                self.stream.close()
        self.path.unlink(missing_ok=True)


def main_only(pieces: Iterable[Piece], main: str) -> Iterator[bytes]:
    """The bytes of the main file alone: what goes to a pipe."""
    return (piece.data for piece in pieces if piece.file == main)
