"""Sets of files: all of them or none, compressed alike every time."""

import gzip
import hashlib
import os

import pytest
import zstandard

from exports import fileset
from exports.earlier import Earlier
from exports.fileset import write_files
from exports.formats import Piece
from potato_site import large_file

PIECES = [Piece("main.jsonl", b"one\n"), Piece("sub/other.tar", b"x"), Piece("main.jsonl", b"two\n")]


def test_files_are_written_with_their_sizes_and_checksums(tmp_path):
    first, second = write_files(PIECES, tmp_path.joinpath)
    assert (tmp_path / "main.jsonl").read_bytes() == b"one\ntwo\n"
    assert (first.name, first.size, first.sha256) == ("main.jsonl", 8, hashlib.sha256(b"one\ntwo\n").hexdigest())
    assert (second.name, (tmp_path / "sub" / "other.tar").read_bytes()) == ("sub/other.tar", b"x")


@pytest.mark.parametrize(("kind", "ending", "expand"), [
    ("gzip", ".gz", gzip.decompress),
    ("zstd", ".zst", lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data)),
])  # fmt: skip
def test_data_is_compressed_to_the_same_bytes_every_time(tmp_path, kind, ending, expand):
    first, second = write_files(PIECES, tmp_path.joinpath, compress=kind)
    assert (first.name, second.name) == (f"main.jsonl{ending}", "sub/other.tar")
    content = (tmp_path / first.name).read_bytes()
    assert expand(content) == b"one\ntwo\n"
    assert write_files(PIECES, (tmp_path / "again").joinpath, compress=kind)[0].sha256 == first.sha256
    assert hashlib.sha256(content).hexdigest() == first.sha256


def test_what_fails_on_the_way_leaves_the_files_of_before(tmp_path):
    write_files(PIECES, tmp_path.joinpath)

    def broken():
        yield Piece("main.jsonl", b"new\n")
        yield Piece("sub/other.tar", b"new")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_files(broken(), tmp_path.joinpath)
    assert (tmp_path / "main.jsonl").read_bytes() == b"one\ntwo\n"
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["main.jsonl", "other.tar"]


def test_what_fails_on_the_way_leaves_no_folder_that_was_made_for_it(tmp_path):
    def broken():
        yield Piece("README.md", b"")
        yield Piece("data/train.parquet", b"x")
        raise OSError(28, "No space left on device")

    (tmp_path / "was there").mkdir()
    for folder in (tmp_path / "was there", tmp_path / "on" / "the way"):
        for earlier in (None, Earlier(folder, "")):
            with pytest.raises(OSError, match="No space"):
                write_files(broken(), folder.joinpath, earlier=earlier)
    assert list(tmp_path.rglob("*")) == [tmp_path / "was there"]


def test_a_folder_that_somebody_else_uses_by_now_stays(tmp_path):
    def broken():
        yield Piece("data/train.parquet", b"x")
        (tmp_path / "out" / "theirs").write_text("x")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_files(broken(), (tmp_path / "out").joinpath)
    assert list(tmp_path.rglob("*")) == [tmp_path / "out", tmp_path / "out" / "theirs"]


def test_nothing_is_published_when_the_last_check_fails(tmp_path):
    def lost():
        raise RuntimeError("lost")

    with pytest.raises(RuntimeError):
        write_files(PIECES, tmp_path.joinpath, before_publishing=lost)
    assert list(tmp_path.iterdir()) == []


def test_a_file_can_get_its_name_at_the_end(tmp_path):
    pieces = [Piece("a-00000.parquet", b"x"), Piece("a-00000.parquet", b"y", "a-00000-of-00001.parquet")]
    assert [file.name for file in write_files(pieces, tmp_path.joinpath)] == ["a-00000-of-00001.parquet"]
    assert [path.name for path in tmp_path.iterdir()] == ["a-00000-of-00001.parquet"]


def test_many_files_are_not_all_open_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(fileset, "MOST_OPEN", 2)
    is_open: list[int] = []
    synced: list[int] = []
    sync = os.fsync
    monkeypatch.setattr(large_file.os, "fsync", lambda handle: synced.append(handle) or sync(handle))

    def pieces():
        for number in range(20):
            yield Piece(f"{number % 5}.jsonl", f"{number}\n".encode())
            is_open.append(sum("unfinished" in os.readlink(f"/proc/self/fd/{fd}") for fd in _handles()))

    written = write_files(pieces(), tmp_path.joinpath)
    assert [file.name for file in written] == [f"{number}.jsonl" for number in range(5)]
    assert (tmp_path / "3.jsonl").read_text() == "3\n8\n13\n18\n"
    assert max(is_open) == 2
    # Each file once, and its folder: to put a file away for a while is no reason to wait for the disk.
    assert len(synced) == 5 + 1


def _handles() -> list[str]:
    return [fd for fd in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{fd}")]


@pytest.mark.parametrize("name", ["../out.jsonl", "/etc/passwd", "a/../../b"])
def test_a_name_that_leaves_its_folder_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="leaves its folder"):
        write_files([Piece(name, b"")], (tmp_path / "in").joinpath)
