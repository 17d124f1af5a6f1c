"""Archives among the input: what is read of them, and what a hostile one cannot do."""

import gzip
import io
import os
import struct
import tarfile
import tracemalloc
import zipfile

import pytest
import zstandard

from tests.traces.test_convert import TRACE
from traces import zips
from traces.archives import Limits, unpacked
from traces.finding import find_sources
from traces.jsonl import Problem
from traces.recognition import is_claimed
from traces.source import Source


@pytest.fixture
def unpack(tmp_path):
    """``unpack(**limits)``: ({name: content}, problems) of all in the folder ``in``."""
    (tmp_path / "in").mkdir()
    room = tmp_path / "room"
    room.mkdir()

    def run(is_claimed=lambda source: False, **limits):
        found = list(find_sources(tmp_path / "in"))
        items = list(unpacked(found, lambda: room, is_claimed=is_claimed, limits=Limits(**limits)))
        files = {item.name: item.path.read_bytes() for item in items if isinstance(item, Source)}
        return files, [str(item) for item in items if isinstance(item, Problem)]

    return run


@pytest.fixture
def zipped(tmp_path, unpack):
    def make(members, name="a.zip"):
        with zipfile.ZipFile(tmp_path / "in" / name, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, content in members.items():
                archive.writestr(member, content)
        return tmp_path / "in" / name

    return make


@pytest.fixture
def tarred(tmp_path, unpack):
    def make(members, name="a.tar.gz", mode="w:gz", **changes):
        with tarfile.open(tmp_path / "in" / name, mode) as archive:
            for member, content in members.items():
                info = tarfile.TarInfo(member)
                info.size = len(content)
                for key, value in changes.items():
                    setattr(info, key, value)
                archive.addfile(info, io.BytesIO(content))

    return make


def test_members_are_called_after_their_archive(zipped, tarred, tmp_path, unpack):
    zipped({"run/t.jsonl": b"zip", "run/": b"", "__MACOSX/x": b"", ".DS_Store": b""})
    tarred({"run/t.jsonl": b"tar.gz"})
    tarred({"t.jsonl": b"tar"}, name="b.tar", mode="w")
    (tmp_path / "in" / "c.jsonl.gz").write_bytes(gzip.compress(b"gz"))
    (tmp_path / "in" / "d.jsonl").write_bytes(b"plain")
    zipped({".aider.chat.history.md": b"hidden, and read all the same", ".git/x": b""}, name="e.zip")
    assert unpack() == (
        {
            "a.tar.gz/run/t.jsonl": b"tar.gz",
            "a.zip/run/t.jsonl": b"zip",
            "b.tar/t.jsonl": b"tar",
            "c.jsonl.gz/c.jsonl": b"gz",
            "d.jsonl": b"plain",
            "e.zip/.aider.chat.history.md": b"hidden, and read all the same",
        },
        [],
    )


def test_an_archive_that_a_converter_reads_itself_stays_as_it_is(zipped, unpack):
    zipped({"header.json": b"{}"}, name="log.eval")
    assert list(unpack(is_claimed=lambda source: True)[0]) == ["log.eval"]


@pytest.mark.parametrize("name", ["../../evil.jsonl", "/etc/evil.jsonl", "a/../../evil.jsonl", "..\\evil.jsonl"])
def test_a_name_leads_nowhere(zipped, tarred, tmp_path, unpack, name):
    zipped({name: b"zip"})
    tarred({name: b"tar"})
    files, problems = unpack()
    assert sorted(files.values()) == [b"tar", b"zip"]
    assert all(".." not in shown.split("/") and shown.startswith("a.") for shown in files)
    assert not problems
    found = [os.path.join(folder, file) for folder, _, names in os.walk(tmp_path) for file in names if "evil" in file]
    assert found == []


def test_members_know_their_neighbours(zipped, tmp_path):
    room = tmp_path / "room"
    zipped({"s.jsonl": b"1", "s/subagents/agent-1.jsonl": b"2"})
    items = unpacked(find_sources(tmp_path / "in"), lambda: room, is_claimed=lambda source: False)
    sources = {item.name: item for item in items}
    (agent,) = sources["a.zip/s.jsonl"].near("s/subagents/agent-*.jsonl")
    assert agent.path.read_bytes() == b"2"
    assert [one.name for one in agent.near("../../s.jsonl")] == ["a.zip/s.jsonl"]


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"files": 3}, "holds more than 3 files"),
        ({"bytes": 2500}, "unpacks to more than 0.0 GB"),
        ({"ratio": 2, "ratio_from": 1000}, "grows to more than 2 times its size"),
    ],
)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_what_is_within_the_limits_is_kept_and_the_rest_is_told(zipped, tarred, unpack, kind, limits, message):
    members = {f"{n}.jsonl": b"0" * 1000 for n in range(5)}
    zipped(members) if kind == "zip" else tarred(members)
    files, problems = unpack(**limits)
    assert len(files) < 5
    assert len(problems) == 1
    assert message in problems[0]


def with_members(path, n_members: int) -> None:
    """A ZIP of empty members, as quickly as it can be made: of every one but the first only the list knows."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("0", b"")
    raw = path.read_bytes()
    start, end = raw.index(b"PK\x01\x02"), raw.index(b"PK\x05\x06")
    size = (end - start) * n_members
    last = b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 1, 1, size, start, 0)
    path.write_bytes(raw[:start] + raw[start:end] * n_members + last)


def test_a_zip_that_names_too_many_members_costs_no_memory(tmp_path, unpack):
    with_members(tmp_path / "in" / "a.zip", 50_000)
    tracemalloc.start()
    try:
        files, problems = unpack(is_claimed, files=1000)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert files == {}
    assert problems == ["a.zip: holds more than 2,000 members: nothing of this archive was read"]
    assert most < 5_000_000, "the list itself has 2.4 MB, an object of each member 25"


def test_what_a_zip_says_of_the_number_of_its_members_is_not_believed(tmp_path):
    path = tmp_path / "a.zip"
    with_members(path, 10)
    with path.open("rb") as stream:
        assert len(list(zips.names(stream))) == len(zipfile.ZipFile(stream).namelist()) == 10


@pytest.mark.parametrize("before", [b"", b"#!/bin/sh\n"])
@pytest.mark.parametrize("comment", [b"", b"made by hand"])
@pytest.mark.parametrize("is_large", [False, True])
def test_the_list_of_a_zip_is_found_where_it_is(tmp_path, monkeypatch, before, comment, is_large):
    if is_large:
        monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)  # as of one with 65,536 files
    members = ["a", "b/c.jsonl", "\u00e9" * 40]
    path = tmp_path / "a.zip"
    path.write_bytes(before)
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = comment
        for name in members:
            archive.writestr(name, b"x")
    assert is_large == (b"PK\x06\x06" in path.read_bytes())
    with path.open("rb") as stream:
        assert [name.decode() for name in zips.names(stream)] == members
        assert zips.opened(stream, 3).namelist() == members
        with pytest.raises(zips.TooManyMembers):
            zips.opened(stream, 2)


@pytest.mark.parametrize("behind", [b"", b"PK\x05\x06", b"PK\x05\x06" + b"\x01" * 30, b"PK\x05\x06" + bytes(18)])
def test_a_comment_that_looks_like_an_end_leads_us_where_it_leads_the_reader(tmp_path, behind):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.comment = b"made by hand" + behind
        archive.writestr("a", b"x")
    with path.open("rb") as stream:
        try:
            expected = zipfile.ZipFile(stream).namelist()
        except zipfile.BadZipFile:
            expected = []
        try:
            found = list(zips.names(stream))
        except zipfile.BadZipFile:
            found = []
        assert [name.decode() for name in found] == expected


def test_a_large_zip_has_one_list_whichever_way_a_reader_finds_it(tmp_path, monkeypatch):
    """Some look for its record of the end where it stands, others where they are told it does."""
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("a", "b", "c"):
            archive.writestr(name, b"x")
    raw = path.read_bytes()
    record, locator = raw.rindex(b"PK\x06\x06"), raw.rindex(b"PK\x06\x07")
    copied = bytearray(raw[record:locator] + raw)
    copied[len(copied) - 22 - 12 : len(copied) - 22 - 4] = struct.pack("<Q", 0)
    path.write_bytes(copied)
    with path.open("rb") as stream, pytest.raises(zipfile.BadZipFile, match="zip64"):
        zips.opened(stream, 10)
    # Told a place where nothing stands (bytes were put before it), both find the one that is there.
    path.write_bytes(b"x" * 100 + raw)
    with path.open("rb") as stream:
        assert zips.opened(stream, 3).namelist() == ["a", "b", "c"]


@pytest.mark.parametrize("raw", [b"", b"PK\x05\x06", b"PK\x05\x06" + b"\xff" * 18, b"x" * 100])
def test_what_is_no_zip_is_damaged(raw):
    with pytest.raises(zipfile.BadZipFile):
        zips.opened(io.BytesIO(raw), 10)


@pytest.mark.parametrize("name", [".git/pack", "pack"])
def test_a_tar_that_ends_in_the_middle_of_a_large_member_is_damaged(tmp_path, tarred, unpack, name):
    tarred({"a.jsonl": (TRACE % "a").encode(), name: os.urandom(3_000_000)}, name="whole.tar", mode="w")
    whole = tmp_path / "in" / "whole.tar"
    (tmp_path / "in" / "cut.tar.gz").write_bytes(gzip.compress(whole.read_bytes()[:-2_000_000], 1))
    whole.unlink()
    files, problems = unpack()
    assert list(files) == ["cut.tar.gz/a.jsonl"]
    assert ["damaged" in problem for problem in problems] == [True]


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_a_bomb_stops_early(tmp_path, unpack, compress):
    (tmp_path / "in" / "bomb").write_bytes(compress(bytes(20_000_000)))
    files, problems = unpack(ratio_from=1_000_000)
    assert files == {}
    assert problems == ["bomb: grows to more than 100 times its size: the rest of this archive was not read"]


def zst(folder, name, content, frames=1):
    size = -(-len(content) // frames)
    parts = [content[start : start + size] for start in range(0, len(content), size)]
    (folder / name).write_bytes(b"".join(map(zstandard.compress, parts)))


@pytest.mark.parametrize("frames", [1, 3])
def test_a_file_packed_by_zstd_is_the_file(tmp_path, unpack, frames):
    zst(tmp_path / "in", "rollout.jsonl.zst", b"one\ntwo\n" * 300_000, frames)
    assert unpack() == ({"rollout.jsonl.zst/rollout.jsonl": b"one\ntwo\n" * 300_000}, [])


def test_a_tar_archive_packed_by_zstd_is_its_files(tmp_path, tarred, unpack):
    members = {"a/one.jsonl": b"1" * 512, "../two.jsonl": os.urandom(2_000_000), "three.jsonl": b""}
    tarred(members, name="whole.tar", mode="w")
    whole = tmp_path / "in" / "whole.tar"
    zst(tmp_path / "in", "all.tar.zst", whole.read_bytes())
    whole.unlink()
    files, problems = unpack()
    assert (set(files.values()), problems) == (set(members.values()), [])
    assert set(files) == {"all.tar.zst/a/one.jsonl", "all.tar.zst/two.jsonl", "all.tar.zst/three.jsonl"}
    assert len(list((tmp_path / "room").iterdir())) == 3


def test_zstd_that_is_cut_short_damaged_or_wants_too_much_memory_is_named(tmp_path, unpack):
    whole = zstandard.compress(os.urandom(300_000))
    (tmp_path / "in" / "cut.zst").write_bytes(whole[:-1000])
    (tmp_path / "in" / "bad.zst").write_bytes(whole[:4] + b"\xff" * 40)
    wide = zstandard.ZstdCompressionParameters.from_level(3, window_log=29)
    packer = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    (tmp_path / "in" / "wide.zst").write_bytes(packer.compress(b"x" * 1000) + packer.flush())
    files, problems = unpack()
    assert files == {}
    assert ["damaged" in problem for problem in problems] == [True] * 3


def test_an_archive_packed_by_zstd_in_an_archive_is_named(tmp_path, zipped, unpack):
    zipped({"inner.zst": zstandard.compress(b"x" * 1000)})
    zst(tmp_path / "in", "twice.zst", zstandard.compress(b"x" * 1000))
    files, problems = unpack()
    assert files == {}
    assert ["is an archive in an archive" in problem for problem in problems] == [True] * 2


def test_a_tar_header_that_is_too_large_is_not_read_into_memory(tmp_path, unpack):
    header = tarfile.TarInfo("././@PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, 1024**3
    (tmp_path / "in" / "a.tar").write_bytes(header.tobuf() + bytes(1024))
    files, problems = unpack()
    assert files == {}
    assert problems == ["a.tar: has a header that is too large: the rest of this archive was not read"]


def test_links_devices_and_encrypted_members_are_named(tarred, zipped, tmp_path, unpack):
    tarred({"link": b""}, type=tarfile.SYMTYPE, linkname="/etc/passwd")
    tarred({"pipe": b""}, name="b.tar", mode="w", type=tarfile.FIFOTYPE)
    info = zipfile.ZipInfo("link")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "in" / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    path = zipped({"secret.jsonl": b"x"}, name="c.zip")
    raw = path.read_bytes().replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01")
    path.write_bytes(raw)
    files, problems = unpack()
    assert files == {}
    assert problems == [
        "a.tar.gz/link: is a link or a device; not read",
        "a.zip/link: is a link; not read",
        "b.tar/pipe: is a link or a device; not read",
        "c.zip/secret.jsonl: is encrypted; not read",
    ]


@pytest.mark.parametrize("cut", [30, 60, 90])
def test_a_damaged_archive_is_named_and_what_came_before_kept(zipped, tarred, tmp_path, unpack, cut):
    for path in [zipped({"t.jsonl": os.urandom(500)}), tarred({"t.jsonl": os.urandom(5000)})]:
        del path
    for path in (tmp_path / "in").iterdir():
        path.write_bytes(path.read_bytes()[: path.stat().st_size * cut // 100])
    _, problems = unpack()
    assert all("damaged" in problem for problem in problems)
    assert {problem.split(":")[0] for problem in problems} == {"a.zip", "a.tar.gz"}


def test_archives_in_archives_are_named(zipped, unpack):
    zipped({"inner.gz": gzip.compress(b"x"), "t.jsonl": (TRACE % "a").encode()})
    files, problems = unpack()
    assert list(files) == ["a.zip/t.jsonl"]
    assert problems == ["a.zip/inner.gz: is an archive in an archive; not read"]
