"""The questions managers ask of items, assignments and submissions."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone

from annotation.answers.submission import submit
from annotation.assignments import managing, states, timing
from annotation.assignments.handout import hand_out
from annotation.models import Assignment, Item, Submission
from potato_site.accounts.models import User
from tests import factory


@pytest.fixture
def project(db, tmp_path):
    return factory.make_project(tmp_path, traces=factory.make_traces(2), overlap=100)


def positions(items) -> list[int]:
    return list(items.order_by("position").values_list("position", flat=True))


def label(project, name: str, seconds: float = 60) -> Submission:
    return factory.submit_item(project, name, factory.answers(), seconds=seconds)


def test_an_item_is_short_of_overlap_until_everybody_it_needs_has_submitted(project):
    assert positions(Item.objects.short_of_overlap()) == [0, 1]
    item = label(project, "ann").assignment.item
    assert item in Item.objects.with_free_places()
    bobs = hand_out(project, factory.person("bob")).assignment
    while bobs.item_id != item.pk:
        bobs = (
            states.skip(bobs.public_id, factory.person("bob")) and hand_out(project, factory.person("bob")).assignment
        )
    # The last place is taken, its label not given yet.
    assert item in Item.objects.short_of_overlap()
    assert item not in Item.objects.with_free_places()
    assert item not in Item.objects.finished()
    label(project, "bob")
    assert item not in Item.objects.short_of_overlap()
    assert list(Item.objects.finished([project.pk])) == [item]


def test_an_item_that_one_person_labels_is_never_short_of_overlap(tmp_path, db):
    factory.make_project(tmp_path, overlap=0)
    assert positions(Item.objects.short_of_overlap()) == []
    assert positions(Item.objects.unfinished()) == [0, 1, 2]


def test_a_withdrawn_item_is_in_no_other_list(project):
    item = Item.objects.get(position=0)
    managing.withdraw(item.pk, User.objects.create_user("boss"))
    assert positions(Item.objects.withdrawn()) == [0]
    for found in (Item.objects.unfinished(), Item.objects.short_of_overlap(), Item.objects.with_free_places()):
        assert positions(found) == [1]


def test_an_item_of_a_withdrawn_trace_is_withdrawn(project):
    trace = Item.objects.get(position=1).trace_a
    trace.is_withdrawn = True
    trace.save(update_fields=["is_withdrawn"])
    assert positions(Item.objects.withdrawn()) == [1]


def test_an_assignment_is_overdue_when_its_lease_has_run_out(project):
    assignment = hand_out(project, factory.person("ann")).assignment
    assert list(Assignment.objects.overdue()) == []
    later = timezone.now() + states.LEASE + timedelta(seconds=1)
    assert list(Assignment.objects.overdue(later)) == [assignment]


def test_what_was_submitted_faster_than_anybody_reads_is_flagged(project):
    # Five steps: 20 seconds expected, 5 is the floor.
    slow, fast = label(project, "ann", seconds=15), label(project, "bob", seconds=0)
    assert (slow.flags, fast.flags) == ([], ["too_fast"])
    assert list(Submission.objects.too_fast()) == [fast]
    assert list(Assignment.objects.too_fast()) == [fast.assignment]


def test_surplus_work_is_found_whatever_other_flag_it_has(db, tmp_path):
    project = factory.make_project(tmp_path, traces=factory.make_traces(1), overlap=0)
    user, late = factory.person("ann"), timezone.now() + states.LEASE + timedelta(seconds=1)
    assignment = hand_out(project, user).assignment
    states.expire_overdue(late)
    hand_out(project, factory.person("bob"), late)
    submission = submit(assignment.public_id, user, payload(), late)
    assert submission.flags == ["surplus", "too_fast"]
    assert list(Submission.objects.surplus()) == list(Submission.objects.too_fast()) == [submission]
    assert list(Assignment.objects.surplus()) == list(Assignment.objects.too_fast()) == [assignment]


@pytest.mark.parametrize("named", [False, True])
def test_a_label_that_lost_its_place_is_surplus_though_it_was_submitted_in_one(project, named):
    earlier = label(project, "ann")
    label(project, "bob")
    managing.reopen(earlier.assignment_id, User.objects.create_superuser("boss"))
    body = {"op_id": "again", "tab": "tab", "version": earlier.assignment.version, "ops": []}
    submission = submit(earlier.assignment.public_id, factory.person("ann"), body)
    Assignment.objects.filter(pk=earlier.assignment_id).update(is_surplus=True)
    assert list(Submission.objects.surplus([project.pk] if named else None)) == [submission]
    assert not Submission.objects.surplus([project.pk + 1]).exists()
    found = {one.pk: one.standing_flags for one in Submission.objects.filter(assignment=earlier.assignment_id)}
    assert found == {earlier.pk: [], submission.pk: ["surplus"]}


def payload() -> dict[str, object]:
    ops = [factory.op(scheme, changes) for scheme, changes in factory.answers().items()]
    return {"op_id": "one", "tab": "tab", "version": 0, "ops": ops}


def test_reopened_work_stays_flagged_until_it_is_submitted_again(project):
    public_id, user = label(project, "bob", seconds=0).assignment.public_id, factory.person("bob")
    assignment = states.reopen(public_id, user)
    assert list(Assignment.objects.too_fast()) == [assignment]
    later = timezone.now()
    for number in range(4):
        later += timedelta(seconds=15)
        timing.seen(public_id, user, {"seq": number + 1, "delta_ms": 15_000, "steps": {}}, later)
    version = Assignment.objects.get(public_id=public_id).version
    again = submit(public_id, user, {"op_id": "again", "tab": "tab", "version": version, "ops": []}, later)
    assert again.flags == []
    assert not Assignment.objects.too_fast().exists()


def test_invalidated_work_is_flagged_no_more(project):
    assignment = label(project, "bob", seconds=0).assignment
    states.void(assignment.pk)
    assert not Assignment.objects.too_fast().exists()


def test_an_upgrade_flags_what_was_submitted_before(project, monkeypatch):
    """By the current submissions, in more than one batch; a second run changes nothing."""
    migration = import_module("annotation.migrations.0010_fill_flags_of_assignments")
    monkeypatch.setattr(migration, "AT_ONCE", 1)
    fast, slow, void = (label(project, name, seconds=s).assignment for name, s in (("ann", 0), ("bob", 60), ("bob", 0)))
    other = label(project, "ann", seconds=0)
    Submission.objects.filter(pk=other.pk).update(flags=["surplus", "too_fast"])
    states.void(void.pk)
    Assignment.objects.update(is_too_fast=False, is_surplus=False)
    for _ in range(2):
        migration.fill(apps, SimpleNamespace(connection=connection))
        assert set(Assignment.objects.too_fast()) == {fast, other.assignment}
        assert list(Assignment.objects.surplus()) == [other.assignment]
    assert not Assignment.objects.get(pk=slow.pk).is_too_fast
