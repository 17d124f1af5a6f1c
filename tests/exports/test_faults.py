"""Exports nobody waits for, when the disk is full or the bucket is away: a clear state, no part of a file."""

import errno
import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from exports import current, schedules
from exports.models import Export, ExportSchedule
from exports.options import Options, as_json
from potato_site import large_file
from potato_site.accounts.models import User
from potato_site.jobs import runner
from potato_site.jobs.models import Job
from tests.api.people import member
from tests.exports.conftest import ADDRESS
from tests.factory import answers, make_project, submit_item

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])


@pytest.fixture
def project(tmp_path):
    output = {"path": "./output/", "format": "jsonl", "export_formats": ["prm"]}
    made = make_project(tmp_path, output=output, overlap=0)
    submit_item(made, "ann", answers(1))
    return made


def work(kind: str) -> Job:
    """Run what waits, due or not."""
    Job.objects.filter(kind=kind, state=Job.State.QUEUED).update(due_at=timezone.now() - timedelta(seconds=1))
    job = Job.objects.filter(kind=kind).latest("pk")
    runner.run(job.pk)
    job.refresh_from_db()
    return job


def full_disk(monkeypatch) -> None:
    """As a disk says it: when the bytes shall be on it."""

    def no_room(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(large_file.os, "fsync", no_room)


def files_of(project) -> dict[str, bytes]:
    folder = Path(project.output_path) / "exports"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_full_disk_leaves_what_is_kept_current_as_it_was(project, client, monkeypatch):
    current.keep_current()
    assert work(current.KIND).state == "done"
    before = files_of(project)
    submit_item(project, "ann", answers(2))
    Job.objects.filter(kind=current.KIND).update(finished_at=timezone.now() - timedelta(hours=2))
    current.keep_current()
    with monkeypatch.context() as patched:
        full_disk(patched)
        for _ in range(3):
            job = work(current.KIND)
    assert (job.state, job.error) == ("failed", "OSError: [Errno 28] No space left on device")
    assert files_of(project) == before
    client.force_login(member("mia", project))
    assert "failed: OSError: [Errno 28]" in client.get(reverse("manage-exports", args=[project.slug])).content.decode()
    Job.objects.filter(kind=current.KIND).update(finished_at=timezone.now() - timedelta(hours=2))
    current.keep_current()
    assert work(current.KIND).state == "done"
    assert len(files_of(project)["prm_labels.jsonl"].splitlines()) == 2


def scheduled(project, **keys) -> ExportSchedule:
    mia = member("mia", project)
    User.objects.filter(pk=mia.pk).update(email="mia@example.org")
    given = {"format": "prm", "every_n": 1, "options": as_json(Options()), "made_by": mia, **keys}
    return ExportSchedule.objects.create(project=project, **given)


def test_a_full_disk_publishes_nothing_and_the_schedule_says_so(project, monkeypatch):
    mine = scheduled(project)
    schedules.ask_for_due()
    with monkeypatch.context() as patched:
        full_disk(patched)
        assert work(schedules.KIND).state == "queued"
    mine.refresh_from_db()
    assert mine.last_error == "OSError: [Errno 28] No space left on device"
    assert (files_of(project), Export.objects.count()) == ({}, 0)
    assert work(schedules.KIND).state == "done"
    mine.refresh_from_db()
    assert (mine.last_error, Export.objects.get().schedule) == ("", mine)


def test_a_bucket_that_is_away_is_said_and_mailed_and_gets_the_export_once_later(
    project,
    bucket,
    monkeypatch,
    settings,
    server,
):
    settings.EMAIL_HOST, settings.SITE_URL = "mail", "https://labels.example.org"
    mine = scheduled(project, destination=ADDRESS)
    schedules.ask_for_due()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    for _ in range(3):
        job = work(schedules.KIND)
    assert job.state == "failed"
    mine.refresh_from_db()
    assert f"{ADDRESS}/{project.slug}" in mine.last_error
    assert "Could not connect" in mine.last_error
    # It is published all the same, and can be downloaded.
    export = Export.objects.get()
    assert (Path(export.path) / "manifest.json").is_file()
    assert work(schedules.MAIL).progress["result"] == {"sent": 1}
    assert "Could not connect" in mail.outbox[0].body
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    schedules.run_soon(mine)
    job = work(schedules.KIND)
    assert (job.state, len(job.progress["result"]["sent"])) == ("done", 2)
    mine.refresh_from_db()
    assert mine.last_error == ""
    assert Export.objects.get() == export
    arrived = {item.key.rsplit("/", 1)[1]: item.get()["Body"].read() for item in bucket.objects.all()}
    assert json.loads(arrived["manifest.json"]) == export.manifest
    assert set(arrived) == {"manifest.json", "prm_labels.jsonl"}
