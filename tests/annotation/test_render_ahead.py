"""What is rendered before somebody opens it, and what looking for it costs."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotation.assignments import render_ahead
from annotation.assignments.handout import hand_out
from annotation.models import Assignment, Membership, Slot
from potato_site.jobs.models import Job
from tests.factory import make_project, make_traces, person

pytestmark = pytest.mark.django_db
PEOPLE = 40


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Sixty items, and forty people whose places in the queue are spread over them."""
    monkeypatch.setattr(render_ahead, "AHEAD", 2)
    monkeypatch.setattr(render_ahead, "READ", 5)
    names = [f"p{number:02}" for number in range(PEOPLE)]
    made = make_project(tmp_path, traces=make_traces(60, 1), people=names, overlap=0)
    keys = queue()
    for number, membership in enumerate(Membership.objects.filter(user__username__in=names).order_by("user__username")):
        membership.cursor = keys[number]
        membership.save()
    return made


def queue() -> list[str]:
    return list(Slot.objects.filter(assignment=None).order_by("queue_key", "id").values_list("queue_key", flat=True))


def rendered(project) -> set[int]:
    """The places in the queue of the items of which rendering is asked for."""
    Job.objects.all().delete()
    render_ahead.request(project)
    versions = {job.params["version"] for job in Job.objects.filter(kind="traces.render")}
    keys = Slot.objects.filter(item__a__in=versions).values_list("queue_key", flat=True)
    places = sorted(Slot.objects.values_list("queue_key", flat=True))
    return {places.index(key) for key in keys}


def looks(project) -> int:
    with CaptureQueriesContext(connection) as found:
        render_ahead._next_versions(project)
    return len(found)


def begin(project, number: int) -> Assignment:
    """The person takes the item behind their place."""
    begun = hand_out(project, person(f"p{number:02}")).assignment
    assert begun is not None
    return begun


def test_where_nobody_is_at_work_only_the_beginning_of_the_queue_is_rendered(project):
    assert rendered(project) == {0, 1}
    assert looks(project) == 5


def test_what_lies_behind_the_places_of_those_at_work_is_rendered(project):
    begin(project, 10)
    begin(project, 30)
    assert rendered(project) == {0, 1, 12, 13, 32, 33}


def test_who_took_an_item_within_the_hour_is_at_work(project):
    begun = begin(project, 10)
    Assignment.objects.update(state="submitted")
    assert rendered(project) == {0, 1, 12, 13}
    Assignment.objects.filter(pk=begun.pk).update(opened_at=timezone.now() - timedelta(minutes=61))
    assert rendered(project) == {0, 1}


def test_people_near_each_other_are_looked_for_together(project, monkeypatch):
    monkeypatch.setattr(render_ahead, "READ", 200)
    for number in range(PEOPLE):
        begin(project, number)
    assert looks(project) == 6, "as with one"


def test_however_many_are_at_work_the_looks_are_bounded(project, monkeypatch):
    monkeypatch.setattr(render_ahead, "READ", 2)
    monkeypatch.setattr(render_ahead, "LOOKS", 3)
    for number in range(0, PEOPLE, 4):
        begin(project, number)
    assert looks(project) == 8, "three of them"
