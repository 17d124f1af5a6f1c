"""Items and places are planned in batches: none is forgotten, wherever a batch ends."""

import json

import pytest
from django.conf import settings

from annotation.assignments import items, pairing
from annotation.models import Item, Slot
from tests.factory import make_project, make_trace, make_traces
from tests.slow_work import SlowWork
from traces.imports import import_files

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("count", [1, 2, 4, 5])
def test_every_trace_has_an_item_and_every_item_its_places(tmp_path, monkeypatch, count):
    monkeypatch.setattr(items, "BATCH", 2)
    project = make_project(tmp_path, traces=make_traces(count), overlap=100)
    positions = Item.objects.filter(project=project).order_by("position").values_list("position", flat=True)
    assert list(positions) == list(range(count))
    assert Slot.objects.filter(project=project).count() == 2 * count
    assert items.sync_items(project) == 0


def test_one_batch_is_asked_for_once(tmp_path, django_assert_max_num_queries):
    """Projects smaller than a batch, most of all, are not asked again whether that was all."""
    project = make_project(tmp_path)
    with django_assert_max_num_queries(26):
        items.sync_items(project)


@pytest.mark.parametrize("slow", ["_make_items", "_make_slots"])
def test_planning_that_takes_long_is_not_taken_for_dead(tmp_path, monkeypatch, slow):
    monkeypatch.setattr(items, "BATCH", 2)
    project = make_project(tmp_path, traces=make_traces(1), overlap=100)
    lines = "".join(f"{json.dumps(document)}\n" for document in make_traces(7))
    (tmp_path / "more.jsonl").write_text(lines)
    import_files(project.dataset, [tmp_path / "more.jsonl"])
    work = SlowWork(monkeypatch)
    work.each_call(items, slow, seconds=settings.JOB_LEASE_SECONDS * 0.6)
    job = work.run("annotation.sync_items", {"dataset": project.dataset_id})
    assert (job.state, job.attempt, job.error) == ("done", 1, "")
    assert job.progress["result"] == {project.slug: 6}
    assert work.times >= 3


def test_pairs_that_take_long_to_find_are_a_sign_of_life_each_batch(tmp_path, monkeypatch):
    monkeypatch.setattr(pairing, "BATCH", 1)
    traces = [make_trace(f"{issue}{number}", issue_id=issue) for issue in "abc" for number in range(2)]
    project = make_project(tmp_path, traces=traces, schemes=[{"annotation_type": "pairwise", "name": "better"}])
    work = SlowWork(monkeypatch)
    work.each_call(pairing, "_due", seconds=settings.JOB_LEASE_SECONDS * 0.6)
    job = work.run("annotation.sync_items", {"dataset": project.dataset_id})
    assert (job.state, job.attempt, work.times) == ("done", 1, 3)
