"""An export that waits for another one lives, and can be stopped."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from exports import publish
from exports.publish import locked
from potato_site.accounts.models import User
from potato_site.jobs import enqueue, runner
from potato_site.jobs.models import Job
from potato_site.jobs.queue import cancel
from tests.factory import answers, make_project, submit_item

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])


@pytest.fixture
def project(tmp_path):
    made = make_project(tmp_path)
    submit_item(made, "ann", answers(1))
    Job.objects.all().delete()
    return made


@pytest.fixture
def written_by_another():
    """Call it with a folder and seconds: somebody writes there for so long, or until the test is over."""
    with ExitStack() as others:

        def begin(folder: Path, seconds: float) -> None:
            other = ExitStack()
            other.enter_context(locked(folder))
            others.callback(other.close)
            end = threading.Timer(seconds, other.close)
            others.callback(end.cancel)
            end.start()

        yield begin


def waiting_job(project, kind: str) -> tuple[Job, Path]:
    """A job of this kind, and the folder in which it writes alone."""
    output, ann = Path(project.output_path), User.objects.get(username="ann")
    params, folder = {
        "exports.build": ({"format": "prm", "options": {}}, output / "exports"),
        "exports.current": ({"format": "prm"}, output / "exports"),
        "exports.mirror": ({"annotator": ann.pk}, output / "ann"),
    }[kind]
    return enqueue(kind, {"project": project.pk, **params}), folder


def test_who_waits_longer_than_a_lease_keeps_the_job(project, settings, monkeypatch, written_by_another):
    settings.JOB_LEASE_SECONDS = 1
    job, folder = waiting_job(project, "exports.build")
    written_by_another(folder, seconds=1.5)
    taken = []
    look = publish.in_use
    # The first thing that is done once the folder is free: until then it may have been taken over.
    monkeypatch.setattr(publish, "in_use", lambda place: taken.append(runner.claim(job.pk)) or look(place))
    runner.run(job.pk)
    job.refresh_from_db()
    assert taken == [None]
    assert (job.state, job.attempt, job.failures) == ("done", 1, 0)


@pytest.mark.parametrize("kind", ["exports.build", "exports.current", "exports.mirror"])
def test_who_waits_can_be_cancelled(kind, project, monkeypatch, written_by_another):
    job, folder = waiting_job(project, kind)
    written_by_another(folder, seconds=2)
    before = sorted(folder.iterdir())
    monkeypatch.setattr(publish.time, "sleep", lambda seconds: cancel(job.pk))
    runner.run(job.pk)
    job.refresh_from_db()
    assert job.state == "cancelled"
    assert sorted(folder.iterdir()) == before
