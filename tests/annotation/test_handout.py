"""Handing out items: who gets what next, and why not."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from annotation.answers.ops import apply_ops
from annotation.assignments import handout, managing, states
from annotation.assignments.fresh import fresh_traces
from annotation.assignments.handout import hand_out
from annotation.assignments.items import sync_items
from annotation.models import Assignment, Item, Membership, Presence, Project, Slot
from tests.factory import answers, make_project, make_traces, op, person, submit_item

pytestmark = pytest.mark.django_db
State = Assignment.State


def ids(project, name):
    return list(
        Assignment.objects.filter(project=project, annotator__username=name)
        .order_by("pk")
        .values_list("item__trace_a__external_id", flat=True)
    )


def test_items_come_in_file_order_and_one_at_a_time(tmp_path):
    project = make_project(tmp_path, overlap=0)
    first = hand_out(project, person("ann")).assignment
    assert hand_out(project, person("ann")).assignment == first
    submit_item(project, "ann", answers())
    submit_item(project, "ann", answers())
    assert ids(project, "ann") == ["trace_001", "trace_002"]


def test_without_overlap_two_people_never_share_an_item(tmp_path):
    project = make_project(tmp_path, overlap=0, traces=make_traces(4))
    for name in ("ann", "bob", "ann", "bob"):
        submit_item(project, name, answers())
    assert not set(ids(project, "ann")) & set(ids(project, "bob"))
    refused = hand_out(project, person("ann"))
    assert refused.assignment is None
    assert "as many labels as it needs" in refused.reason


def test_with_full_overlap_everybody_gets_everything_once(tmp_path):
    project = make_project(tmp_path, overlap=100)
    for _ in range(3):
        for name in ("ann", "bob"):
            submit_item(project, name, answers())
    assert sorted(ids(project, "ann")) == sorted(ids(project, "bob")) == ["trace_001", "trace_002", "trace_003"]
    assert hand_out(project, person("ann")).reason == "You have labeled every item of this project. Thank you!"


def test_the_last_item_may_be_withdrawn_while_one_is_told_why_there_is_none(tmp_path, monkeypatch):
    project = make_project(tmp_path, traces=make_traces(1), overlap=0)
    submit_item(project, "ann", answers())
    told = handout._what_was_done

    def withdrawn_meanwhile(items, user):
        Item.objects.update(is_withdrawn=True)
        return told(items, user)

    monkeypatch.setattr(handout, "_what_was_done", withdrawn_meanwhile)
    assert "Thank you" in hand_out(project, person("ann")).reason


def test_who_skipped_or_decided_items_is_not_told_that_they_labeled_every_one(tmp_path):
    project = make_project(tmp_path, overlap=100)
    submit_item(project, "ann", answers())
    states.skip(hand_out(project, person("ann")).assignment.public_id, person("ann"))
    submit_item(project, "ann", answers())
    reason = "You have labeled or skipped every item of this project. Thank you!"
    assert hand_out(project, person("ann")).reason == reason
    mine = Assignment.objects.filter(annotator=person("ann"), item__trace_a__external_id="trace_003")
    mine.update(purpose=Assignment.Purpose.ADJUDICATION)
    Slot.objects.filter(assignment__in=mine).update(assignment=None)
    reason = "You have labeled, skipped or decided every item of this project. Thank you!"
    assert hand_out(project, person("ann")).reason == reason
    mine.update(state=State.RELEASED)
    assert "labeled, skipped or begun every item" in hand_out(project, person("ann")).reason


@pytest.mark.parametrize(("percent", "traces", "shared"), [(15, 20, 3), (15, 21, 4), (0, 5, 0), (50, 3, 2)])
def test_the_overlap_quota_is_exact(tmp_path, percent, traces, shared):
    project = make_project(tmp_path, overlap=percent, traces=make_traces(traces))
    assert Item.objects.filter(project=project, in_overlap=True).count() == shared
    assert Slot.objects.filter(project=project).count() == traces + shared


def test_looking_for_new_traces_reads_each_item_at_most_once(tmp_path):
    project = make_project(tmp_path)
    plan = fresh_traces(project).explain()
    assert connection.vendor != "sqlite" or "one_item_per_trace" in plan


def test_a_withdrawn_item_is_not_handed_out(tmp_path):
    project = make_project(tmp_path, overlap=0)
    Item.objects.filter(trace_a__external_id="trace_001").update(is_withdrawn=True)
    hand_out(project, person("ann"))
    assert ids(project, "ann") == ["trace_002"]


def test_picks_are_sticky_when_traces_are_added(tmp_path):
    project = make_project(tmp_path, overlap=20, traces=make_traces(10))
    before = set(Item.objects.filter(in_overlap=True).values_list("trace_a__external_id", flat=True))
    make_project(tmp_path, overlap=20, traces=make_traces(30))
    after = set(Item.objects.filter(in_overlap=True).values_list("trace_a__external_id", flat=True))
    assert len(after) == 6
    assert before < after
    assert Slot.objects.filter(project=project).count() == 36


def test_a_lower_overlap_deletes_only_free_slots(tmp_path):
    project = make_project(tmp_path, overlap=100, traces=make_traces(4))
    submit_item(project, "ann", answers())
    submit_item(project, "bob", answers())
    make_project(tmp_path, overlap=0, traces=make_traces(4))
    assert Slot.objects.filter(project=project).count() == 5
    assert Slot.objects.exclude(assignment=None).count() == 2


def test_sync_again_changes_nothing(tmp_path):
    project = make_project(tmp_path, overlap=50)
    before = list(Slot.objects.order_by("pk").values()), list(Item.objects.order_by("pk").values())
    assert sync_items(project) == 0
    assert before == (list(Slot.objects.order_by("pk").values()), list(Item.objects.order_by("pk").values()))


def test_unopened_items_move_to_a_changed_trace_and_opened_ones_stay(tmp_path):
    traces = make_traces(2)
    project = make_project(tmp_path, overlap=0, traces=traces)
    hand_out(project, person("ann"))
    for trace in traces:
        trace["issue_description"] += " (edited)"
    make_project(tmp_path, overlap=0, traces=traces)
    opened, unopened = Item.objects.filter(project=project).order_by("position")
    assert opened.a_id != opened.trace_a.current_id
    assert unopened.a_id == unopened.trace_a.current_id


def test_the_database_refuses_a_second_assignment_on_an_item(tmp_path):
    project = make_project(tmp_path)
    mine = hand_out(project, person("ann")).assignment
    with pytest.raises(IntegrityError), transaction.atomic():
        Assignment.objects.create(item=mine.item, project=project, annotator=person("ann"), state=State.SUBMITTED)


def test_the_database_refuses_a_second_assignment_in_a_slot(tmp_path):
    project = make_project(tmp_path)
    mine, other = hand_out(project, person("ann")).assignment, hand_out(project, person("bob")).assignment
    with pytest.raises(IntegrityError), transaction.atomic():
        Slot.objects.filter(assignment=other).update(assignment=mine)


def test_an_expired_item_goes_to_somebody_else_and_keeps_its_answers(tmp_path):
    project = make_project(tmp_path, overlap=0, traces=make_traces(1))
    mine = hand_out(project, person("ann")).assignment
    apply_ops(mine.public_id, person("ann"), [op("outcome", {"": "partial"})])
    later = timezone.now() + states.LEASE + timedelta(minutes=1)
    assert hand_out(project, person("bob"), later).assignment.item_id == mine.item_id
    mine.refresh_from_db()
    assert mine.state == State.EXPIRED
    assert mine.answers.get().value == {"": "partial"}


def test_who_returns_to_an_expired_item_gets_it_back_if_it_is_free(tmp_path):
    project = make_project(tmp_path, overlap=0, traces=make_traces(2))
    mine = hand_out(project, person("ann")).assignment
    later = timezone.now() + states.LEASE + timedelta(minutes=1)
    assert states.expire_overdue(later) == 1
    assert hand_out(project, person("ann"), later).assignment == mine
    assert Slot.objects.get(assignment=mine).item_id == mine.item_id


def test_work_on_an_item_somebody_else_took_is_kept_as_surplus(tmp_path):
    project = make_project(tmp_path, overlap=0, traces=make_traces(1))
    mine = hand_out(project, person("ann")).assignment
    later = timezone.now() + states.LEASE + timedelta(minutes=1)
    hand_out(project, person("bob"), later)
    reply = apply_ops(mine.public_id, person("ann"), [op("outcome", {"": "partial"})], later)
    assert len(reply.acked) == 1
    submission = submit_item(project, "ann", answers())
    assert submission.flags == ["surplus"]
    assert Slot.objects.exclude(assignment=None).get().assignment.annotator == person("bob")


def test_why_work_was_taken_away_is_not_told_of_work_that_was_taken_up_again(tmp_path):
    project = make_project(tmp_path)
    mine = hand_out(project, person("ann")).assignment
    states.release(mine.public_id, person("ann"), "taken away")
    apply_ops(mine.public_id, person("ann"), [op("outcome", {"": "partial"})])
    mine.refresh_from_db()
    assert (mine.state, mine.reason) == (State.OPEN, "")


def test_a_save_on_an_overdue_lease_nobody_has_taken_renews_it(tmp_path):
    project = make_project(tmp_path)
    mine = hand_out(project, person("ann")).assignment
    later = timezone.now() + states.LEASE + timedelta(minutes=1)
    apply_ops(mine.public_id, person("ann"), [op("outcome", {"": "partial"})], later)
    mine.refresh_from_db()
    assert mine.state == State.OPEN
    assert mine.lease_until > later
    assert states.expire_overdue(later) == 0


def test_a_reopened_item_whose_lease_runs_out_is_submitted_as_it_was(tmp_path):
    project = make_project(tmp_path)
    submission = submit_item(project, "ann", answers())
    now = timezone.now()
    states.reopen(submission.assignment.public_id, person("ann"), now)
    assert states.expire_overdue(now + states.LEASE + timedelta(minutes=1)) == 1
    submission.assignment.refresh_from_db()
    submission.refresh_from_db()
    assert submission.assignment.state == State.SUBMITTED
    assert submission.is_current
    assert Slot.objects.filter(assignment=submission.assignment).exists()


def test_a_reserved_item_that_is_never_opened_disappears(tmp_path):
    project = make_project(tmp_path, overlap=0)
    mine = hand_out(project, person("ann")).assignment
    Presence.objects.all().delete()
    Assignment.objects.filter(pk=mine.pk).update(state=State.RESERVED)
    states.expire_overdue(timezone.now() + states.LEASE + timedelta(minutes=1))
    assert not Assignment.objects.exists()
    assert not Slot.objects.exclude(assignment=None).exists()


def test_a_skipped_item_goes_to_somebody_else_and_not_back(tmp_path):
    project = make_project(tmp_path, overlap=0, traces=make_traces(2))
    mine = hand_out(project, person("ann")).assignment
    states.skip(mine.public_id, person("ann"), "too long")
    assert hand_out(project, person("ann")).assignment.item_id != mine.item_id
    assert hand_out(project, person("bob")).assignment.item_id == mine.item_id


def test_a_released_item_comes_back_only_when_there_is_nothing_else(tmp_path):
    project = make_project(tmp_path, overlap=0, traces=make_traces(2))
    mine = hand_out(project, person("ann")).assignment
    states.release(mine.public_id, person("ann"))
    submit_item(project, "ann", answers())
    assert hand_out(project, person("ann")).assignment == mine
    assert Slot.objects.filter(assignment=mine).exists()


def test_a_save_takes_a_released_item_up_again(tmp_path):
    project = make_project(tmp_path, overlap=0, traces=make_traces(1))
    mine = hand_out(project, person("ann")).assignment
    states.release(mine.public_id, person("ann"))
    assert apply_ops(mine.public_id, person("ann"), [op("outcome", {"": "partial"})]).version == 1
    mine.refresh_from_db()
    assert mine.state == State.OPEN


def test_a_void_submission_frees_its_slot(tmp_path):
    project = make_project(tmp_path, overlap=0, traces=make_traces(1))
    submission = submit_item(project, "ann", answers())
    seq = Project.objects.get(pk=project.pk).seq
    states.void(submission.assignment_id)
    submission.refresh_from_db()
    assert not submission.is_current
    assert hand_out(project, person("bob")).assignment.item_id == submission.assignment.item_id
    assert Project.objects.get(pk=project.pk).seq > seq


def test_a_cap_ends_the_work_with_thanks(tmp_path):
    project = make_project(tmp_path, instances_per_annotator=1)
    submit_item(project, "ann", answers())
    assert "number of items one person labels" in hand_out(project, person("ann")).reason


@pytest.mark.parametrize(("state", "word"), [("paused", "paused"), ("closed", "not open"), ("draft", "not open")])
def test_a_project_that_is_not_open_says_so(tmp_path, state, word):
    project = make_project(tmp_path)
    project.state = state
    project.save(update_fields=["state"])
    assert word in hand_out(project, person("ann")).reason


def test_somebody_else_has_the_last_item(tmp_path):
    project = make_project(tmp_path, overlap=0, traces=make_traces(1))
    hand_out(project, person("ann"))
    assert "somebody else" in hand_out(project, person("bob")).reason


def test_what_others_have_in_hand_is_not_said_to_be_labeled(tmp_path):
    """It is nothing to wait for, either: whoever asks has labeled it."""
    project = make_project(tmp_path, traces=make_traces(2), overlap=50, people=["ann", "bob", "cid"])
    twice = Item.objects.get(project=project, in_overlap=True)
    once = Item.objects.get(project=project, in_overlap=False)
    managing.set_priority(twice.pk, person("ann"), 1)
    assert submit_item(project, "ann", answers(1)).assignment.item == twice
    managing.set_priority(once.pk, person("ann"), 2)
    assert submit_item(project, "cid", answers(1)).assignment.item == once
    assert hand_out(project, person("ann")).reason == "What is left of this project is for other annotators. Thank you!"
    held = hand_out(project, person("bob")).assignment
    assert held is not None
    assert held.item == twice
    assert hand_out(project, person("ann")).reason == "What is left of this project is for other annotators. Thank you!"
    submit_item(project, "bob", answers(1))
    assert hand_out(project, person("ann")).reason == "Every item has as many labels as it needs. Thank you!"


def test_an_empty_project_says_so(tmp_path):
    project = make_project(tmp_path, traces=[])
    assert "no items yet" in hand_out(project, person("ann")).reason


def test_a_paused_person_gets_nothing(tmp_path):
    project = make_project(tmp_path)
    Membership.objects.filter(user=person("ann")).update(stage=Membership.Stage.PAUSED)
    assert "paused your work" in hand_out(project, person("ann")).reason
