"""Workers that die or stall in the middle of a job: it is finished by another, and only once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import timezone

from potato_site.jobs.models import Job
from tests.faults.worker import Worker, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


@pytest.fixture(params=["filesystem", pytest.param("redis", marks=pytest.mark.services)])
def broker_url(request) -> str:
    return "" if request.param == "filesystem" else os.environ["CELERY_BROKER_URL"]


@pytest.fixture
def start(broker_url) -> Iterator:
    """Start a worker; all are killed at the end."""
    workers: list[Worker] = []

    def begin() -> Worker:
        workers.append(Worker(broker_url))
        return workers[-1]

    yield begin
    for worker in workers:
        worker.kill()


@pytest.fixture
def job(tmp_path) -> Job:
    """Queued, and nobody was told: the first tick has to find it."""
    return Job.objects.create(
        kind="tests.publish_when_told", queue="bulk", params={"folder": str(tmp_path)}, due_at=timezone.now()
    )


def let_time_pass(job: Job) -> None:
    """Wait for the end of the lease, and let the last ring be long ago."""
    until(lambda: Job.objects.filter(pk=job.pk, lease_until__lt=timezone.now()).exists())
    Job.objects.filter(pk=job.pk).update(rung_at=None)


def state_of(job: Job) -> str:
    job.refresh_from_db()
    return job.state


def test_a_killed_workers_job_is_finished_by_another(start, job, tmp_path: Path):
    first = start()
    until((tmp_path / "started-1").exists)
    first.kill()
    (tmp_path / "go").touch()
    let_time_pass(job)
    start()
    until(lambda: state_of(job) == "done")
    assert (tmp_path / "published").read_text() == "2"
    assert (job.attempt, job.failures, job.progress["result"]) == (2, 1, 2)


def test_a_stalled_worker_cannot_publish_or_finish_when_it_wakes(start, job, tmp_path: Path):
    first = start()
    until((tmp_path / "started-1").exists)
    first.stall()
    let_time_pass(job)
    start()
    until((tmp_path / "started-2").exists)
    (tmp_path / "go").touch()
    until(lambda: state_of(job) == "done")
    first.signal(signal.SIGCONT)
    # It ends in good order, so it has finished what it was at.
    first.signal(signal.SIGTERM)
    assert first.process.wait(timeout=30) == 0
    assert (tmp_path / "published").read_text() == "2"
    assert state_of(job) == "done"
    assert job.progress["result"] == 2


def test_a_worker_that_is_asked_to_end_gives_its_job_back_at_once(start, job, tmp_path: Path):
    first = start()
    until((tmp_path / "started-1").exists)
    first.signal(signal.SIGTERM)
    assert first.process.wait(timeout=10) == 0
    assert state_of(job) == "queued"
    assert (job.failures, job.error) == (0, "")
    (tmp_path / "go").touch()
    start()
    until(lambda: state_of(job) == "done")
    assert job.progress["result"] == 2
