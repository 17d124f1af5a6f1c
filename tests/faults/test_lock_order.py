"""Loading a file while people label: nobody waits for it, nobody's item changes under them, no slot is lost.

SQLite knows one writer at a time, so there is nothing to see there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from django.db import connection, transaction

from annotation.answers.ops import apply_ops
from annotation.answers.submission import submit
from annotation.assignments import managing, states
from annotation.assignments.handout import hand_out
from annotation.assignments.items import sync_items
from annotation.models import Assignment, Gold, Item, Membership, Project, Slot, Submission
from annotation.projects import membership
from annotation.projects.counter import bump
from annotation.projects.load import load_file
from annotation.projects.revisions import current, set_config
from annotation.quality.gold import NotGold, delete_gold, keep_submission, set_gold
from potato_site.accounts.models import User
from tests.factory import answers, make_project, make_traces, op, person, submit_item, write_project
from traces.models import Trace, TraceVersion

pytestmark = [
    pytest.mark.django_db(transaction=True),
    # Row locks are Postgres's: SQLite has one writer at a time.
    pytest.mark.services,
]
SOON = 10.0


def beside(work: Callable[[], Any]) -> Future[Any]:
    """Run ``work`` in a thread with a connection of its own."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)
        finally:
            connection.close()

    threading.Thread(target=run, daemon=True).start()
    return future


def test_nobody_waits_for_an_item_while_a_file_is_loaded(tmp_path):
    project = make_project(tmp_path, traces=make_traces(4))
    config = current(project).model_copy(update={"project_name": "Another name"})
    with transaction.atomic():
        set_config(Project.objects.get(), config, None)
        sync_items(project)
        given = beside(lambda: hand_out(project, person("ann"))).result(SOON)
    assert given.assignment is not None


def test_a_slot_that_is_just_being_taken_is_not_deleted(tmp_path):
    project = make_project(tmp_path, overlap=100, traces=make_traces(1))
    hand_out(project, person("ann"))
    with transaction.atomic():
        given = hand_out(project, person("bob")).assignment
        write_project(tmp_path, overlap=0, traces=make_traces(1))
        load = beside(lambda: load_file(tmp_path / "config.yaml", tmp_path / "output" / ".potato"))
        load.result(SOON)
    assert Slot.objects.filter(assignment=given).exists()
    # Two people label it, so it counts as overlapping.
    assert Item.objects.get().in_overlap


def test_an_item_is_opened_before_its_version_moves_or_after(tmp_path):
    project = make_project(tmp_path, traces=make_traces(1))
    trace = Trace.objects.get()
    newest = TraceVersion.objects.create(trace=trace, number=2, sha256="2", converter="native", n_steps=5)
    Trace.objects.update(current=newest)
    with transaction.atomic():
        sync_items(project)
        given = beside(lambda: hand_out(project, person("ann")))
        with pytest.raises(TimeoutError):
            given.result(1.0)
    assert given.result(SOON).assignment.item.a_id == newest.pk


def test_a_submission_under_way_is_not_handed_out_again(tmp_path):
    """An item whose lease ran out is submitted after all, while its annotator asks for the next one elsewhere."""
    project = make_project(tmp_path, overlap=100, traces=make_traces(2))
    user = person("ann")
    lost = hand_out(project, user).assignment
    states.expire_overdue(lost.lease_until.replace(year=lost.lease_until.year + 1))
    operations = [op(scheme, changes) for scheme, changes in answers().items()]
    with transaction.atomic():
        submit(lost.public_id, user, {"op_id": "s1", "tab": "tab", "version": 0, "ops": operations})
        given = beside(lambda: hand_out(project, user))
        with pytest.raises(TimeoutError):
            given.result(1.0)
    assert given.result(SOON).assignment.item_id != lost.item_id
    assert Assignment.objects.get(pk=lost.pk).state == Assignment.State.SUBMITTED


def test_a_submission_under_way_takes_the_place_that_its_item_gets_back(tmp_path):
    """Whoever restores the item sees no label yet, and whoever submits it no place."""
    project = make_project(tmp_path, overlap=0, traces=make_traces(1), people=("ann", "bob"))
    boss = User.objects.create_superuser("boss")
    lost = hand_out(project, person("ann")).assignment
    states.expire_overdue(lost.lease_until.replace(year=lost.lease_until.year + 1))
    managing.withdraw(lost.item_id, boss)
    sync_items(project)
    assert not Slot.objects.exists()
    payload = {"op_id": "s1", "tab": "tab", "version": 0, "ops": [op(*one) for one in answers().items()]}
    with transaction.atomic():
        managing.restore(lost.item_id, boss)
        submitted = beside(lambda: submit(lost.public_id, person("ann"), payload))
        with pytest.raises(TimeoutError):
            submitted.result(1.0)
    assert "surplus" not in submitted.result(SOON).flags
    assert Slot.objects.get().assignment == lost
    assert hand_out(project, person("bob")).assignment is None


def test_labels_that_count_again_take_the_places_that_their_item_gets_back(tmp_path):
    project = make_project(tmp_path, overlap=0, traces=make_traces(1), people=("ann", "bob"))
    boss = User.objects.create_superuser("boss")
    made = submit_item(project, "ann", answers()).assignment
    member = Membership.objects.get(user=person("ann"))
    membership.exclude(member, boss, True)
    managing.requeue(made.item_id, boss)
    managing.withdraw(made.item_id, boss)
    sync_items(project)
    assert not Slot.objects.exists()
    with transaction.atomic():
        managing.restore(made.item_id, boss)
        back = beside(lambda: membership.exclude(member, boss, False))
        with pytest.raises(TimeoutError):
            back.result(1.0)
    back.result(SOON)
    assert Slot.objects.get().assignment == made
    assert hand_out(project, person("bob")).assignment is None


@pytest.fixture
def late(tmp_path):
    """Ann's work on an item whose place another one had, and gave up; she is left out."""
    project = make_project(tmp_path, overlap=0, traces=make_traces(1), people=("ann", "bob", "cat"))
    boss = User.objects.create_superuser("boss")
    lost = hand_out(project, person("ann")).assignment
    states.expire_overdue(lost.lease_until.replace(year=lost.lease_until.year + 1))
    other = submit_item(project, "bob", answers()).assignment
    apply_ops(lost.public_id, person("ann"), [op("outcome", {"": "partial"})])
    membership.exclude(Membership.objects.get(user=person("ann")), boss, True)
    managing.invalidate(other.pk, boss, "")
    lost.refresh_from_db()
    assert lost.state == Assignment.State.OPEN
    assert Slot.objects.get().assignment is None
    return lost


def submit_late(late):
    operations = [op(*one, tab="tab", base=late.version) for one in answers().items()]
    payload = {"op_id": "s1", "tab": "tab", "version": late.version, "ops": operations}
    return submit(late.public_id, person("ann"), payload)


def take_in(late):
    membership.exclude(Membership.objects.get(user=late.annotator), None, False)


@pytest.mark.parametrize(("first", "second"), [(take_in, submit_late), (submit_late, take_in)])
def test_a_submission_under_way_counts_again_with_a_place(late, first, second):
    """Whoever takes the person in again sees no label yet, and whoever submits it one that is left out."""
    with transaction.atomic():
        first(late)
        done = beside(lambda: second(late))
        with pytest.raises(TimeoutError):
            done.result(1.0)
    done.result(SOON)
    assert Slot.objects.get().assignment == late
    assert hand_out(late.project, person("cat")).assignment is None


def test_a_save_that_takes_an_item_up_again_meets_the_next_one(tmp_path):
    project = make_project(tmp_path, overlap=100, traces=make_traces(2))
    user = person("ann")
    lost = hand_out(project, user).assignment
    states.expire_overdue(lost.lease_until.replace(year=lost.lease_until.year + 1))
    with transaction.atomic():
        apply_ops(lost.public_id, user, [op("outcome", {"": "partial"})])
        given = beside(lambda: hand_out(project, user))
        with pytest.raises(TimeoutError):
            given.result(1.0)
    assert given.result(SOON).assignment == lost
    assert Slot.objects.filter(assignment=lost).count() == 1


def test_a_known_answer_is_changed_while_somebody_forgets_it(tmp_path):
    project = make_project(tmp_path, traces=make_traces(1))
    item = Item.objects.get()
    gold = set_gold(project, item, "outcome", {"": "resolved"}, user=None)
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        forgotten = beside(lambda: delete_gold(project, gold, None))
        with pytest.raises(TimeoutError):
            forgotten.result(1.0)
        set_gold(project, item, "outcome", {"": "partial"}, user=None)
    forgotten.result(SOON)
    assert not Gold.objects.exists()


def test_a_submission_is_invalidated_while_somebody_keeps_it_as_the_known_answer(tmp_path):
    project = make_project(tmp_path, traces=make_traces(1))
    submission = submit_item(project, "ann", answers())
    with transaction.atomic():
        # As who invalidates it does first.
        Assignment.objects.select_for_update().get(pk=submission.assignment_id)
        kept = beside(lambda: keep_submission(project, submission, None))
        with pytest.raises(TimeoutError):
            kept.result(1.0)
        states.void(submission.assignment_id)
    with pytest.raises(NotGold, match="counts no more"):
        kept.result(SOON)
    assert not Gold.objects.exists()


def test_an_item_is_given_to_somebody_who_is_just_submitting_it(tmp_path):
    project = make_project(tmp_path, traces=make_traces(1), overlap=100)
    boss = User.objects.create_superuser("boss")
    done = submit_item(project, "ann", answers()).assignment
    mine = hand_out(project, person("bob")).assignment
    with transaction.atomic():
        # As a submission does, which takes the project's row last.
        Assignment.objects.filter(pk=mine.pk).update(version=1)
        given = beside(lambda: managing.reassign(done.pk, boss, person("bob").pk))
        with pytest.raises(TimeoutError):
            given.result(1.0)
        bump(project.pk)
    with pytest.raises(states.Closed, match="has had the item already"):
        given.result(SOON)
    assert Submission.objects.get().is_current


def test_who_is_taken_in_again_keeps_the_place_that_is_just_to_be_handed_out(tmp_path):
    project = make_project(tmp_path, traces=make_traces(1), overlap=0)
    boss = User.objects.create_superuser("boss")
    made = submit_item(project, "ann", answers()).assignment
    member = Membership.objects.get(user=person("ann"))
    membership.exclude(member, boss, True)
    with transaction.atomic():
        membership.exclude(member, boss, False)
        again = beside(lambda: managing.requeue(made.item_id, boss))
        with pytest.raises(TimeoutError):
            again.result(1.0)
    with pytest.raises(states.Closed, match="No label that is left out"):
        again.result(SOON)
    assert Slot.objects.get().assignment == made
