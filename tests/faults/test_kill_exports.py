"""kill -9 of a worker at every point of an export: nothing half-published, and the next one does it once."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from exports import current, schedules
from exports.models import Export, ExportSchedule
from exports.options import Options, as_json
from exports.requests import KIND, ask
from potato_site.files import UNFINISHED
from potato_site.jobs import runner
from potato_site.jobs.models import Job
from tests.factory import answers, make_project, make_traces, submit_item
from tests.faults.server import database_url
from tests.faults.worker import Worker, until

pytestmark = [pytest.mark.django_db(transaction=True, databases=["default", "snapshot"]), pytest.mark.faults]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Start a worker, one that stops at a place if that is given. All are killed at the end."""
    workers: list[Worker] = []

    def begin(place: str = "") -> Worker:
        mark = str(tmp_path / "there")
        connection.close()
        workers.append(
            Worker(os.environ.get("CELERY_BROKER_URL", ""), POTATO_TEST_STALL=place, POTATO_TEST_STALL_MARK=mark)
        )
        return workers[-1]

    yield begin
    for worker in workers:
        worker.kill()


def kill_at(start: Callable[..., Worker], tmp_path: Path, place: str, kind: str) -> None:
    """A worker comes to the place, and is no more; the lease of its job runs out."""
    worker = start(place)
    until((tmp_path / "there").exists, 60)
    worker.kill()
    until(lambda: Job.objects.filter(kind=kind, state="running", lease_until__lt=timezone.now()).exists())
    Job.objects.filter(kind=kind).update(rung_at=None)


def folders(project: Any) -> set[Path]:
    """What people see among the exports, each of them whole."""
    found = {path for path in (Path(project.output_path) / "exports").iterdir() if not path.name.startswith(".")}
    for folder in found:
        for file in json.loads((folder / "manifest.json").read_bytes())["files"]:
            assert hashlib.sha256((folder / file["name"]).read_bytes()).hexdigest() == file["sha256"]
    return found


def left_over(project: Any) -> list[Path]:
    return list((Path(project.output_path) / "exports").glob(f"{UNFINISHED}*"))


@pytest.mark.parametrize(
    ("place", "is_published"),
    [
        ("exports.fileset:_File.finish:before", False),
        ("exports.releases:publish_folder:before", False),
        ("exports.releases:publish_folder:after", True),
    ],
)
def test_an_export_is_published_whole_and_once(tmp_path, start, place, is_published):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    job = ask(project, "prm", {}, None)
    kill_at(start, tmp_path, place, KIND)
    assert len(folders(project)) == is_published
    start()
    until(lambda: Job.objects.get(pk=job.pk).state == Job.State.DONE, 60)
    job.refresh_from_db()
    export = Export.objects.get()
    assert (job.attempt, job.failures, job.progress["result"]["export"]) == (2, 1, export.pk)
    assert folders(project) == {Path(export.path)}
    assert left_over(project) == []


@pytest.mark.parametrize(
    "place",
    [
        "exports.schedules:release:after",
        # The old one's folder has lost its name, its row is still there.
        "exports.models:Export.delete:before",
        "exports.schedules:prune:after",
    ],
)
def test_a_schedule_publishes_once_and_keeps_the_last(tmp_path, start, place):
    project = make_project(tmp_path, traces=make_traces(4), overlap=0)
    mine = ExportSchedule.objects.create(
        project=project, format="prm", every_n=1, keep_last=1, options=as_json(Options()), last_seq=project.seq
    )
    submit_item(project, "ann", answers(1))
    schedules.ask_for_due()
    assert runner.run(Job.objects.get(kind=schedules.KIND).pk)
    first = Export.objects.get()
    submit_item(project, "ann", answers(2))
    # The worker's first tick asks for the second.
    kill_at(start, tmp_path, place, schedules.KIND)
    shown = {export.path for export in Export.objects.all()}
    assert {str(folder) for folder in folders(project)} >= shown - {first.path}
    start()
    jobs = Job.objects.filter(kind=schedules.KIND)
    until(lambda: not jobs.filter(state__in=Job.LIVE).exists(), 60)
    assert list(jobs.order_by("pk").values_list("state", "attempt", "failures")) == [("done", 1, 0), ("done", 2, 1)]
    export = Export.objects.get()
    assert (export.schedule, export.seq > first.seq) == (mine, True)
    assert folders(project) == {Path(export.path)}
    mine.refresh_from_db()
    assert (mine.last_error, mine.last_seq) == ("", export.seq)


@pytest.mark.parametrize(
    ("place", "is_written"),
    [
        ("exports.earlier:Earlier.expect:after", False),
        ("exports.earlier:Earlier.settle:before", True),
    ],
)
def test_what_is_kept_current_is_the_old_file_or_the_new_one(tmp_path, start, place, is_written):
    output = {"path": "./output/", "format": "jsonl", "export_formats": ["prm"]}
    project = make_project(tmp_path, output=output, traces=make_traces(4), overlap=0)
    submit_item(project, "ann", answers(1))
    current.keep_current()
    assert runner.run(Job.objects.get(kind=current.KIND).pk)
    Job.objects.filter(kind=current.KIND).update(finished_at=timezone.now() - timedelta(hours=2))
    submit_item(project, "ann", answers(2))
    file = current.place_of(project.output_path, "prm")

    def ids() -> list[str]:
        return [json.loads(line)["trace_id"] for line in file.read_text().splitlines()]

    kill_at(start, tmp_path, place, current.KIND)
    assert ids() == (["trace_001", "trace_002"] if is_written else ["trace_001"])
    (told,) = current.kept(project)
    assert not told.is_current
    start()
    jobs = Job.objects.filter(kind=current.KIND)
    until(lambda: not jobs.filter(state__in=Job.LIVE).exists(), 60)
    assert ids() == ["trace_001", "trace_002"]
    assert jobs.order_by("pk").values_list("state", "attempt")[1] == ("done", 2)
    assert left_over(project) == []
    project.refresh_from_db()
    (told,) = current.kept(project)
    assert told.is_current


def test_what_a_killed_command_left_goes_with_the_next_run_and_no_sooner(tmp_path):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    folder, mark = tmp_path / "taken", tmp_path / "there"
    code = "import sys; import django; django.setup(); import tests.faults.stalls; " + (
        "from django.core.management import call_command; call_command('export', *sys.argv[1:])"
    )
    asked = ["--format", "swe_bench", "--project", project.slug, "--output", str(folder / "results.json")]
    stalled = {"POTATO_TEST_STALL": "exports.earlier:Earlier.expect:after", "POTATO_TEST_STALL_MARK": str(mark)}
    environment = os.environ | {"DATABASE_URL": database_url(), **stalled}
    connection.close()
    process = subprocess.Popen([sys.executable, "-c", code, *asked], env=environment)
    try:
        until(mark.exists, 60)
        left = set(folder.rglob(f"{UNFINISHED}*"))
        assert len(left) > 1
        # It lives, if it does nothing: another run beside it takes nothing away.
        call_command("export", *asked)
        assert set(folder.rglob(f"{UNFINISHED}*")) == left
    finally:
        process.kill()
        process.wait()
    assert set(folder.rglob(f"{UNFINISHED}*")) == left
    call_command("export", *asked)
    assert set(folder.rglob(f"{UNFINISHED}*")) == set()
    assert (folder / "results.json").exists()
