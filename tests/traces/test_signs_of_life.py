"""An import that takes long before the first trace is not taken for dead, and can be stopped."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile

import pytest

from potato_site.jobs import JobHandle
from potato_site.jobs.models import Job
from potato_site.jobs.queue import cancel
from tests.factory import make_trace
from tests.slow_work import SlowWork
from traces import archives, conversion, document, imports, shaping, source
from traces.conversion import Conversion
from traces.models import Dataset, Trace
from traces.tooling.claude_session import Session
from traces.unpacking import uploads_folder

pytestmark = pytest.mark.django_db(transaction=True)

# Of a lease of 120: twice that is too long.
SECONDS = 70
KB = 1024


@pytest.fixture
def slow(monkeypatch, settings):
    settings.JOB_LEASE_SECONDS = 120
    clock = SlowWork(monkeypatch)
    monkeypatch.setattr(imports, "monotonic", lambda: clock.seconds)
    monkeypatch.setattr(archives, "PIECE_BYTES", 16 * KB)
    monkeypatch.setattr(source, "PEEK_BYTES", KB)
    monkeypatch.setattr(source, "WHOLE_BYTES", 2 * KB)
    return clock


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "in"
    made.mkdir()
    return made


def trace(name: str) -> bytes:
    return json.dumps(make_trace(name, 20)).encode()


def tarred(path, members: dict[str, bytes], mode: str = "w:gz") -> None:
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def imported(slow, folder, **options) -> Job:
    dataset = Dataset.objects.create(name="d")
    return slow.run("traces.import", {"dataset": dataset.pk, "paths": [str(folder)], **options})


def assert_done(slow, job: Job, traces: int) -> None:
    assert (job.state, job.attempt, job.error) == ("done", 1, "")
    assert Trace.objects.count() == traces
    assert slow.times >= 3, "too few to take longer than a lease"


@pytest.mark.parametrize("member", ["notes.txt", ".passed-over"])
def test_while_what_is_packed_is_read(slow, folder, member):
    tarred(folder / "a.tar.gz", {member: bytes(KB * KB), "t.json": trace("t")})
    slow.each_call(gzip._GzipReader, "read", seconds=SECONDS / 7)
    assert_done(slow, imported(slow, folder), traces=1)


def test_while_archives_are_looked_for(slow, folder):
    for name in ("a", "b", "c"):
        (folder / f"{name}.json").write_bytes(trace(name))
    slow.each_call(archives, "_kind", seconds=SECONDS)
    assert_done(slow, imported(slow, folder), traces=3)


def test_while_members_of_a_zip_are_unpacked(slow, folder):
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        for number in range(5):
            archive.writestr(f"{number}.json", trace(f"t{number}"))
    slow.each_call(zipfile.ZipExtFile, "read", seconds=SECONDS)
    assert_done(slow, imported(slow, folder), traces=5)


def test_while_the_checksum_of_a_large_file_is_taken(slow, folder):
    (folder / "t.json").write_bytes(trace("t"))
    digest, update = source.hashlib.sha256, []

    class Slow:
        def __init__(self, *args):
            self.digest = digest(*args)

        def update(self, piece):
            update.append(slow._afterwards(self.digest.update(piece), SECONDS))

        def hexdigest(self):
            return self.digest.hexdigest()

    slow.monkeypatch.setattr(source, "hashlib", type("hashlib", (), {"sha256": Slow}))
    assert_done(slow, imported(slow, folder), traces=1)


def test_while_files_are_looked_at_for_results(slow, folder):
    for number in range(5):
        (folder / f"{number}.json").write_bytes(trace(f"t{number}"))
    slow.each_call(Conversion, "_attaching", seconds=SECONDS)
    assert_done(slow, imported(slow, folder), traces=5)


@pytest.fixture
def session(folder, monkeypatch):
    """Of many lines, and no trace comes before the last of them."""
    monkeypatch.setattr(source, "PEEK_BYTES", 4 * KB)
    monkeypatch.setattr(source, "BUFFER_BYTES", KB)
    (folder / "session.jsonl").write_bytes(b"".join(map(line_of_session, range(20))))


def test_while_one_long_trace_is_read(slow, folder, session):
    slow.each_call(Session, "add", seconds=SECONDS / 2)
    assert_done(slow, imported(slow, folder), traces=1)


def test_while_the_steps_of_one_long_trace_are_looked_at(slow, folder, monkeypatch):
    monkeypatch.setattr(document, "STEPS_AT_ONCE", 2)
    (folder / "t.json").write_bytes(trace("t"))
    slow.each_call(document, "_is_good_step", seconds=SECONDS / 2)
    assert_done(slow, imported(slow, folder), traces=1)


def test_while_the_steps_of_one_long_trace_are_redacted(slow, folder):
    (folder / "t.json").write_bytes(trace("t"))
    slow.each_call(shaping, "redact", seconds=SECONDS)
    assert_done(slow, imported(slow, folder, shaping={"redact": True}), traces=1)


def test_while_long_traces_are_made_of_what_was_read(slow, folder):
    (folder / "t.jsonl").write_bytes(b"".join(trace(name) + b"\n" for name in "abc"))
    for of, name in ((conversion, "normalize"), (imports, "normalize"), (conversion, "copied"), (imports, "entry_of")):
        slow.each_call(of, name, seconds=SECONDS)
    assert_done(slow, imported(slow, folder), traces=3)


def test_who_cancels_while_one_long_trace_is_read_stops_it(slow, folder, session, monkeypatch):
    """No converter takes it for a mistake of the file."""
    add, seen = Session.add, []

    def cancelled(*args):
        seen.append(args)
        cancel(job_of_import().pk)
        slow.seconds += SECONDS
        add(*args)

    monkeypatch.setattr(Session, "add", cancelled)
    assert imported(slow, folder).state == "cancelled"
    assert len(seen) < 10
    assert not Trace.objects.exists()


def line_of_session(number: int) -> bytes:
    """Of Claude Code, of more than a kilobyte."""
    said = {"role": "user" if number % 2 == 0 else "assistant", "content": f"{number} " + "word " * 400}
    ids = {"uuid": f"u{number}", "parentUuid": f"u{number - 1}" if number else None, "sessionId": "s1"}
    line = {"type": said["role"], "message": said, "cwd": "/w", "timestamp": f"2026-01-01T00:00:{number:02}Z", **ids}
    return json.dumps(line).encode() + b"\n"


def test_who_cancels_while_it_unpacks_stops_it(slow, folder, monkeypatch):
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        for number in range(5):
            archive.writestr(f"{number}.json", trace(f"t{number}"))
    read, seen = zipfile.ZipExtFile.read, []

    def cancelled(*args):
        seen.append(job_of_import().progress.get("message"))
        cancel(job_of_import().pk)
        slow.seconds += SECONDS
        return read(*args)

    monkeypatch.setattr(zipfile.ZipExtFile, "read", cancelled)
    before = set(uploads_folder().glob("*"))
    job = imported(slow, folder)
    assert job.state == "cancelled"
    assert len(seen) == 1
    assert not Trace.objects.exists()
    assert set(uploads_folder().glob("*")) <= before, "what was unpacked is removed"


def test_people_see_that_it_unpacks(slow, folder, monkeypatch):
    monkeypatch.setattr(archives, "PIECE_BYTES", KB * KB)
    tarred(folder / "a.tar", {"notes.txt": bytes(3 * KB * KB), "t.json": trace("t")}, mode="w")
    slow.each_call(archives._Bounded, "read", seconds=SECONDS)
    told, progress = [], JobHandle.progress
    monkeypatch.setattr(JobHandle, "progress", lambda job, *what: told.append(what) or progress(job, *what))
    imported(slow, folder)
    assert (0, 0, "unpacking 3 MB") in told


def job_of_import() -> Job:
    return Job.objects.get(kind="traces.import")
