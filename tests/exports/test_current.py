"""``output.export_formats``: exports that are there without anybody asking."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models.signals import post_init
from django.urls import reverse
from django.utils import timezone

from annotation.projects.load import load_file
from exports import current
from potato_site.jobs import runner
from potato_site.jobs.again import last_jobs
from potato_site.jobs.models import Job
from tests.api.people import member
from tests.factory import answers, make_project, submit_item, write_project

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])


@pytest.fixture
def project(tmp_path):
    output = {"path": "./output/", "format": "jsonl", "export_formats": ["prm", "swe_bench"]}
    return make_project(tmp_path, output=output, overlap=0)


def work() -> int:
    """What a tick asks for, done. How many."""
    current.keep_current()
    jobs = Job.objects.filter(state=Job.State.QUEUED, kind=current.KIND)
    return sum(runner.run(job.pk) for job in jobs)


def rest_is_over() -> None:
    Job.objects.filter(kind=current.KIND).update(finished_at=timezone.now() - timedelta(hours=2))


def labels_of(project) -> list[str]:
    lines = (Path(project.output_path) / "exports" / "prm_labels.jsonl").read_text().splitlines()
    return [json.loads(line)["trace_id"] for line in lines]


def test_each_format_is_written_and_written_anew_when_labels_change(project):
    submit_item(project, "ann", answers(1))
    assert work() == 2
    assert labels_of(project) == ["trace_001"]
    assert (Path(project.output_path) / "exports" / "swe_bench_results.json").exists()
    assert work() == 0
    submit_item(project, "ann", answers(1))
    rest_is_over()
    assert work() == 2
    assert labels_of(project) == ["trace_001", "trace_002"]


def test_each_is_written_anew_by_other_rules_of_rows(project, monkeypatch):
    """After an upgrade, though nobody labeled anything since."""
    submit_item(project, "ann", answers(1))
    project.refresh_from_db()
    assert work() == 2
    assert [one.is_current for one in current.kept(project)] == [True, True]
    monkeypatch.setattr(current, "ROWS_VERSION", current.ROWS_VERSION + 1)
    rest_is_over()
    assert [one.is_current for one in current.kept(project)] == [False, False]
    assert work() == 2
    assert [one.is_current for one in current.kept(project)] == [True, True]
    rest_is_over()
    assert work() == 0
    # Those of jobs from before there was a number are of other rules.
    for job in Job.objects.filter(kind=current.KIND):
        del job.progress["result"]["rows_version"]
        job.save()
    assert work() == 2


def test_a_large_one_is_not_written_all_the_time(project):
    submit_item(project, "ann", answers(1))
    work()
    for job in Job.objects.filter(kind=current.KIND):
        job.progress["result"]["seconds"] = 60
        job.save()
    submit_item(project, "ann", answers(1))
    assert work() == 0
    rest_is_over()
    assert work() == 2


def test_one_that_was_removed_is_written_again(project):
    work()
    (Path(project.output_path) / "exports" / "prm_labels.jsonl").unlink()
    assert work() == 1
    assert labels_of(project) == []


def test_of_all_that_was_ever_written_the_tick_reads_the_last(project):
    work()
    for job in Job.objects.filter(kind=current.KIND):
        rows = [
            Job(**{**values_of(job), "state": state}) for state in ("done", "failed", "cancelled") for _ in range(5)
        ]
        Job.objects.bulk_create(rows)
    keys = [current._key(project.pk, name) for name in ("prm", "swe_bench")]
    read: list[int] = []
    post_init.connect(on_init := lambda instance, **_: read.append(instance.pk), sender=Job)
    try:
        found = last_jobs(keys)
    finally:
        post_init.disconnect(on_init, sender=Job)
    assert {key: job.state for key, job in found.items()} == dict.fromkeys(keys, "failed")
    assert sorted(read) == sorted(job.pk for job in found.values())
    # The newest failed just now, whatever was done before.
    assert work() == 0


def values_of(job: Job) -> dict:
    """Of a row, but for its number."""
    return {field.attname: getattr(job, field.attname) for field in Job._meta.concrete_fields if not field.primary_key}


def test_its_manager_is_told_where_it_is_and_what_fails(client, project):
    client.force_login(member("mia", project))
    page = reverse("manage-exports", args=[project.slug])
    assert "not written yet" in client.get(page).content.decode()
    work()
    shown = client.get(page).content.decode()
    assert str(current.place_of(project.output_path, "prm")) in shown
    assert "up to date" in shown
    Job.objects.filter(kind=current.KIND).update(state="failed", error="OSError: <full>")
    assert "failed: OSError: &lt;full&gt;" in client.get(page).content.decode()
    assert work() == 0
    rest_is_over()
    assert work() == 2


def test_a_format_that_is_none_is_named_and_stops_no_other(tmp_path, client):
    output = {"path": "./output/", "format": "jsonl", "export_formats": ["nope", "prm"]}
    project = load_file(write_project(tmp_path, output=output), tmp_path / "output" / ".potato").project
    assert work() == 1
    client.force_login(member("mia", project))
    shown = client.get(reverse("manage-exports", args=[project.slug])).content.decode()
    assert "there is no such format; known: annotations" in shown
