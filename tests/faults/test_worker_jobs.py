"""A real worker does every kind of job from its row: import, render, a person's file, an export."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from annotation.models import Item
from annotation.projects.revisions import current
from exports.models import Export
from potato_site.jobs import enqueue
from potato_site.jobs.models import Job
from tests.factory import answers, make_project, make_trace, submit_item
from tests.faults.worker import Worker, until
from traces.chunks import enqueue_render
from traces.models import Chunk, Rendering, Trace

pytestmark = [pytest.mark.django_db(transaction=True, databases=["default", "snapshot"]), pytest.mark.faults]


@pytest.fixture
def worker() -> Iterator[Worker]:
    """On the broker of this run: files beside SQLite, Redis in the run with the services."""
    running = Worker(os.environ.get("CELERY_BROKER_URL", ""))
    yield running
    running.kill()


def all_done() -> bool:
    failed = Job.objects.filter(state="failed").values_list("kind", "error")
    assert not failed.exists(), list(failed)
    # The tick waits for its next turn, always.
    return not Job.objects.filter(state__in=Job.LIVE).exclude(kind="jobs.tick").exists()


def test_a_worker_imports_renders_mirrors_and_exports(tmp_path: Path, worker: Worker):
    project = make_project(tmp_path)
    more = tmp_path / "more.jsonl"
    more.write_text(json.dumps(make_trace("trace_more")) + "\nnot json\n")
    submit_item(project, "ann", answers(2, "partial", "wrong"))
    version = Item.objects.filter(project=project).values_list("a", flat=True)[0]
    enqueue_render([version], current(project).render_options())
    imported = enqueue("traces.import", {"dataset": project.dataset_id, "paths": [str(more)]})
    enqueue("exports.build", {"project": project.pk, "format": "prm", "options": {}})
    connection.close()
    until(all_done, 60)
    imported.refresh_from_db()
    assert imported.progress["result"]["new"] == 1
    assert Trace.objects.filter(external_id="trace_more").exists()
    assert Rendering.objects.filter(version=version).exists()
    assert Chunk.objects.exists()
    [line] = (tmp_path / "output" / "ann" / "annotations.jsonl").read_text().splitlines()
    assert json.loads(line)["first_error_step"] == 2
    export = Export.objects.get()
    assert (Path(export.path) / "manifest.json").is_file()
