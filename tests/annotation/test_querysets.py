"""The questions managers ask of items, assignments and submissions."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from annotation.assignments import managing, states
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


def test_surplus_work_is_found_whatever_other_flag_it_has(project):
    submission = label(project, "ann", seconds=0)
    Submission.objects.filter(pk=submission.pk).update(flags=["surplus", "too_fast"])
    assert list(Submission.objects.surplus()) == list(Submission.objects.too_fast()) == [submission]
    assert list(Assignment.objects.surplus()) == [submission.assignment]
