"""What is written past the page cache is what was given, wherever it is written to."""

from __future__ import annotations

import errno
import fcntl
import os
import random

import pytest

from potato_site import large_file
from potato_site.large_file import ALIGNED, CHUNK, SMALL, LargeFile

# A flag of Linux, which other systems have no use for.
DIRECT = getattr(os, "O_DIRECT", 0o40000)
SIZES = [0, 1, SMALL - 2, 1, 1, ALIGNED, CHUNK, 3 * CHUNK + 17, 5, CHUNK - 1, 2 * CHUNK]


def content(sizes: list[int]) -> list[bytes]:
    chance = random.Random(1)
    return [chance.randbytes(size) for size in sizes]


def write(path, pieces: list[bytes], *, is_new: bool = True) -> None:
    file = LargeFile(path, is_new=is_new)
    try:
        for piece in pieces:
            file.write(piece)
        file.sync()
    finally:
        file.close()


@pytest.fixture
def written(monkeypatch):
    """(whether it went past the page cache, how much) of every write to a file."""
    calls: list[tuple[bool, int]] = []
    write, asked_for, set_flags = os.write, set[int](), fcntl.fcntl

    def control(handle, command, *given):
        """Whatever the file system of this machine says to it."""
        if command == fcntl.F_SETFL:
            (asked_for.add if given[0] & DIRECT else asked_for.discard)(handle)
            return 0
        return (set_flags(handle, command) & ~DIRECT) | (DIRECT if handle in asked_for else 0)

    def noted(handle, data):
        calls.append((handle in asked_for, len(data)))
        return write(handle, data)

    monkeypatch.setattr(large_file, "_DIRECT", DIRECT)
    monkeypatch.setattr(large_file.fcntl, "fcntl", control)
    monkeypatch.setattr(large_file.os, "write", noted)
    return calls


@pytest.mark.parametrize("sizes", [[], [0], [1], [SMALL - 1], [SMALL], [CHUNK], [CHUNK + 1], SIZES])
def test_the_file_has_what_was_written(tmp_path, sizes):
    pieces = content(sizes)
    write(tmp_path / "file", pieces)
    assert (tmp_path / "file").read_bytes() == b"".join(pieces)


def test_whole_chunks_go_past_the_page_cache_and_the_rest_does_not(tmp_path, written):
    write(tmp_path / "file", content([3 * CHUNK + 17]))
    assert written == [(True, CHUNK), (True, CHUNK), (True, CHUNK), (False, 17)]


def test_a_small_file_is_written_at_once_as_any_other(tmp_path, written):
    write(tmp_path / "file", content([10] * 100))
    assert written == [(False, 1000)]


@pytest.mark.parametrize(("before", "is_aligned"), [(0, True), (100, False), (ALIGNED, True), (ALIGNED + 512, False)])
def test_a_file_is_continued_at_its_end(tmp_path, written, before, is_aligned):
    """Past the page cache only from where any device could go on."""
    first, second = content([before, 2 * CHUNK + 1])
    write(tmp_path / "file", [first])
    written.clear()
    write(tmp_path / "file", [second], is_new=False)
    assert (tmp_path / "file").read_bytes() == first + second
    assert [is_direct for is_direct, _ in written] == [is_aligned, is_aligned, False]


def test_a_file_that_is_there_is_not_written_over(tmp_path):
    (tmp_path / "file").write_bytes(b"kept")
    with pytest.raises(FileExistsError):
        LargeFile(tmp_path / "file", is_new=True)
    assert (tmp_path / "file").read_bytes() == b"kept"


@pytest.mark.parametrize("error", [errno.EINVAL, errno.EOPNOTSUPP])
@pytest.mark.parametrize("refused", ["to be asked for", "when it is written"])
def test_a_file_system_that_knows_only_the_page_cache_gets_it_that_way(tmp_path, monkeypatch, refused, error):
    """As some network file systems do, the one or the other."""
    set_flags, write_part = fcntl.fcntl, os.write

    def control(handle, command, *given):
        if command == fcntl.F_SETFL and given[0] & large_file._DIRECT and refused == "to be asked for":
            raise OSError(error, os.strerror(error))
        return set_flags(handle, command, *given)

    def refusing(handle, data):
        if set_flags(handle, fcntl.F_GETFL) & large_file._DIRECT:
            raise OSError(error, os.strerror(error))
        return write_part(handle, data)

    monkeypatch.setattr(large_file.fcntl, "fcntl", control)
    monkeypatch.setattr(large_file.os, "write", refusing)
    pieces = content(SIZES)
    write(tmp_path / "file", pieces)
    assert (tmp_path / "file").read_bytes() == b"".join(pieces)


def test_a_write_that_was_cut_short_goes_on(tmp_path, monkeypatch):
    """As by a disk with room for a part; an odd rest cannot go past the page cache."""
    write_part = os.write
    monkeypatch.setattr(large_file.os, "write", lambda handle, data: write_part(handle, data[: ALIGNED + 512]))
    pieces = content([2 * CHUNK + 9])
    write(tmp_path / "file", pieces)
    assert (tmp_path / "file").read_bytes() == b"".join(pieces)


def test_a_full_disk_is_told_and_the_file_can_be_closed(tmp_path, monkeypatch):
    def full(handle, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(large_file.os, "write", full)
    file = LargeFile(tmp_path / "file", is_new=True)
    with pytest.raises(OSError, match="No space"):
        file.write(bytes(CHUNK + 1))
    file.close()
    file.close()
