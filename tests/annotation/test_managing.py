"""What a manager does to work that is in somebody's hands, and to items."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from annotation.assignments import managing, states
from annotation.assignments.handout import hand_out
from annotation.models import Assignment, Item, Membership, Slot, Submission
from annotation.projects import membership
from potato_site.accounts.models import AuditEntry, User
from tests import factory

State = Assignment.State


@pytest.fixture
def boss(db) -> User:
    return User.objects.create_user("boss")


@pytest.fixture
def project(db, tmp_path):
    return factory.make_project(tmp_path, people=("ann", "bob", "cyd"), overlap=0)


def open_item(project, name: str) -> Assignment:
    found = hand_out(project, factory.person(name))
    assert found.assignment is not None, found.reason
    return found.assignment


def test_released_work_is_free_for_the_next_person(project, boss):
    assignment = open_item(project, "ann")
    managing.release(assignment.pk, boss, "away")
    assignment.refresh_from_db()
    assert (assignment.state, assignment.reason) == (State.RELEASED, "away")
    assert open_item(project, "bob").item_id == assignment.item_id
    entry = AuditEntry.objects.get(action="assignment.release")
    assert (entry.user, entry.project, entry.object) == (boss, project, managing.name_of(assignment))


def test_only_what_somebody_has_in_hand_is_released(project, boss):
    submission = factory.submit_item(project, "ann", factory.answers())
    with pytest.raises(states.Closed, match="in hand"):
        managing.release(submission.assignment_id, boss)


def test_a_reservation_that_ended_meanwhile_is_given_to_nobody(project, boss):
    kept = states.reserve(Item.objects.first().pk, project.pk, factory.person("ann").pk, timezone.now())
    managing.release(kept.pk, boss)
    with pytest.raises(states.Closed, match="It is gone"):
        managing.reassign(kept.pk, boss, factory.person("bob").pk)


def test_a_reassigned_item_is_the_next_one_its_new_person_gets(project, boss):
    for name in ("ann", "bob"):
        factory.submit_item(project, name, factory.answers())
    taken = open_item(project, "cyd")
    managing.reassign(taken.pk, boss, factory.person("ann").pk)
    taken.refresh_from_db()
    assert taken.state == State.RELEASED
    given = open_item(project, "ann")
    assert (given.item_id, given.state, given.revision_id) == (taken.item_id, State.OPEN, project.revision_id)
    assert given.lease_until < timezone.now() + states.LEASE + timedelta(seconds=1)
    assert given.presence.active_ms == 0
    assert Slot.objects.get(item=taken.item_id).assignment == given


def test_a_submitted_item_that_is_reassigned_no_longer_counts(project, boss):
    submission = factory.submit_item(project, "ann", factory.answers())
    managing.reassign(submission.assignment_id, boss, factory.person("bob").pk)
    submission.refresh_from_db()
    assert (submission.is_current, submission.assignment.state) == (False, State.VOID)
    assert open_item(project, "bob").item_id == submission.assignment.item_id


def test_a_second_item_is_not_reserved_for_one_person_and_stays_where_it_was(project, boss):
    first, second = open_item(project, "ann"), open_item(project, "bob")
    cyd = factory.person("cyd").pk
    managing.reassign(first.pk, boss, cyd)
    with pytest.raises(states.Closed, match="one at a time"):
        managing.reassign(second.pk, boss, cyd)
    second.refresh_from_db()
    assert second.state == State.OPEN


@pytest.mark.parametrize("change", ["paused", "removed", "had it"])
def test_an_item_is_reassigned_only_to_somebody_who_can_take_it(project, boss, change):
    assignment, bob = open_item(project, "ann"), factory.person("bob")
    if change == "had it":
        Assignment.objects.create(item=assignment.item, project=project, annotator=bob, state=State.SKIPPED)
    else:
        act = membership.pause if change == "paused" else membership.deactivate
        act(Membership.objects.get(user=bob, project=project), boss)
    with pytest.raises(states.Closed):
        managing.reassign(assignment.pk, boss, bob.pk)
    assignment.refresh_from_db()
    assert assignment.state == State.OPEN


def test_a_reservation_nobody_comes_for_returns_to_the_queue(project, boss):
    assignment = open_item(project, "ann")
    reserved = managing.reassign(assignment.pk, boss, factory.person("bob").pk)
    assert states.expire_overdue(timezone.now() + states.MANAGERS_LEASE + timedelta(minutes=1), project) == 1
    assert not Assignment.objects.filter(pk=reserved.pk).exists()
    assert open_item(project, "cyd").item_id == assignment.item_id


def test_a_manager_reopens_what_was_submitted_long_ago(project, boss):
    submission = factory.submit_item(project, "ann", factory.answers())
    Submission.objects.update(submitted_at=timezone.now() - timedelta(days=30))
    managing.reopen(submission.assignment_id, boss)
    submission.refresh_from_db()
    assert (submission.assignment.state, submission.is_current) == (State.REOPENED, True)
    # Long enough for the person to come back.
    assert submission.assignment.lease_until > timezone.now() + timedelta(days=6)


@pytest.mark.parametrize("change", ["removed", "closed"])
def test_nothing_is_reopened_for_somebody_who_cannot_open_it(project, boss, change):
    submission, ann = factory.submit_item(project, "ann", factory.answers()), factory.person("ann")
    if change == "removed":
        membership.deactivate(Membership.objects.get(user=ann, project=project), boss)
    else:
        User.objects.filter(pk=ann.pk).update(is_active=False)
    with pytest.raises(states.Closed, match="cannot open it"):
        managing.reopen(submission.assignment_id, boss)
    submission.refresh_from_db()
    assert submission.assignment.state == State.SUBMITTED


def test_a_paused_person_can_change_what_was_reopened(project, boss):
    submission = factory.submit_item(project, "ann", factory.answers())
    membership.pause(Membership.objects.get(user__username="ann", project=project), boss)
    managing.reopen(submission.assignment_id, boss, "please look again")
    assert AuditEntry.objects.get(action="assignment.reopen").after == {
        "state": "reopened", "reason": "please look again",
    }  # fmt: skip


def test_an_invalidated_submission_frees_its_place(project, boss):
    submission = factory.submit_item(project, "ann", factory.answers())
    managing.invalidate(submission.assignment_id, boss, "asleep")
    assert open_item(project, "bob").item_id == submission.assignment.item_id
    assert AuditEntry.objects.get(action="assignment.invalidate").after == {"state": "void", "reason": "asleep"}


@pytest.mark.parametrize("order", ["in_order", "random", "fewest_first"])
def test_an_item_with_a_priority_comes_before_all_others_and_one_below_zero_last(tmp_path, boss, order):
    project = factory.make_project(
        tmp_path, traces=factory.make_traces(4), people=("ann",), overlap=0, hand_out={"order": order}
    )
    expected = list(Slot.objects.order_by("queue_key").values_list("item", flat=True))
    first = open_item(project, "ann")
    assert first.item_id == expected[0]
    states.skip(first.public_id, factory.person("ann"))
    managing.set_priority(expected[3], boss, 5)
    managing.set_priority(expected[1], boss, -1)
    got = []
    for _ in range(3):
        assignment = open_item(project, "ann")
        got.append(assignment.item_id)
        states.skip(assignment.public_id, factory.person("ann"))
    assert got == [expected[3], expected[2], expected[1]]


def test_an_urgent_item_does_not_make_anybody_lose_their_place(tmp_path, boss):
    project = factory.make_project(
        tmp_path, traces=factory.make_traces(4), people=("ann",), overlap=0, hand_out={"order": "in_order"}
    )
    items = list(Item.objects.order_by("position"))
    factory.submit_item(project, "ann", factory.answers())
    managing.set_priority(items[3].pk, boss, 1)
    got = [factory.submit_item(project, "ann", factory.answers()).assignment.item_id for _ in range(3)]
    assert got == [items[3].pk, items[1].pk, items[2].pk]


def test_a_withdrawn_item_is_handed_out_to_nobody_until_it_is_restored(tmp_path, boss):
    project = factory.make_project(tmp_path, traces=factory.make_traces(1), people=("ann",), overlap=0)
    item = Item.objects.get()
    managing.withdraw(item.pk, boss)
    assert hand_out(project, factory.person("ann")).assignment is None
    # Planning removes the places of withdrawn items.
    Slot.objects.all().delete()
    managing.restore(item.pk, boss)
    assert open_item(project, "ann").item_id == item.pk
    assert list(
        AuditEntry.objects.filter(object=f"item {item.pk}").values_list("action", flat=True).order_by("pk")
    ) == [
        "item.withdraw",
        "item.restore",
    ]
