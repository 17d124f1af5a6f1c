"""A withdrawn item or trace is handed out no more and counts no more; restored, everything is as before."""

from datetime import timedelta

import pytest
from django.utils import timezone

from annotation import queries
from annotation.assignments import managing, states
from annotation.assignments.handout import hand_out
from annotation.assignments.items import sync_items
from annotation.models import Assignment, Gold, Item, Slot
from annotation.projects.withdrawal import set_withdrawn
from annotation.quality.gold import set_gold
from potato_site.accounts.models import AuditEntry, User
from potato_site.jobs import runner
from potato_site.jobs.models import Job
from tests.factory import answers, make_project, person, submit_item
from traces.models import Trace

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path)


def work() -> None:
    for job in Job.objects.filter(state=Job.State.QUEUED, kind="annotation.sync_items"):
        assert runner.run(job.pk)


def labeled(project) -> int:
    project.refresh_from_db()
    return queries.coverage(project, using="default").labeled


def test_its_labels_no_longer_count_and_the_change_counter_says_so_at_once(project):
    submission = submit_item(project, "ann", answers())
    trace = submission.assignment.item.trace_a
    before = project.seq
    set_withdrawn(trace, True, person("ann"))
    assert labeled(project) == 0
    assert project.seq > before
    set_withdrawn(trace, False, person("ann"))
    assert labeled(project) == 1
    assert list(AuditEntry.objects.filter(project=project).order_by("pk").values_list("action", "user__username"))[
        -2:
    ] == [("trace.withdraw", "ann"), ("trace.restore", "ann")]


def test_nobody_gets_it_until_it_is_restored(project):
    item = Item.objects.filter(project=project).order_by("position").first()
    set_withdrawn(item.trace_a, True, None)
    work()
    assert not Slot.objects.filter(item=item).exists()
    assert hand_out(project, person("ann")).assignment.item != item
    set_withdrawn(item.trace_a, False, None)
    work()
    assert Slot.objects.filter(item=item, assignment=None).exists()


def test_what_somebody_has_open_stays_theirs(project):
    assignment = hand_out(project, person("ann")).assignment
    set_withdrawn(assignment.item.trace_a, True, None)
    work()
    assert hand_out(project, person("ann")).assignment == assignment


def test_withdrawing_twice_is_withdrawing_once(project):
    trace = Trace.objects.first()
    set_withdrawn(trace, True, None)
    project.refresh_from_db()
    seq = project.seq
    set_withdrawn(Trace.objects.get(pk=trace.pk), True, None)
    project.refresh_from_db()
    assert project.seq == seq
    assert AuditEntry.objects.filter(action="trace.withdraw").count() == 1


@pytest.fixture
def boss(db):
    return User.objects.create_user("boss")


def withdraw(how, item, boss, withdrawn=True):
    """The item itself, or its trace."""
    if how == "trace":
        set_withdrawn(item.trace_a, withdrawn, boss)
    else:
        (managing.withdraw if withdrawn else managing.restore)(item.pk, boss)


WAYS = pytest.mark.parametrize("how", ["item", "trace"])


@WAYS
@pytest.mark.parametrize("lost", ["by time", "given back"])
def test_who_lost_it_before_does_not_get_it_back_until_it_is_restored(project, boss, how, lost):
    mine = hand_out(project, person("ann")).assignment
    if lost == "by time":
        assert states.expire_overdue(timezone.now() + timedelta(hours=1), project) == 1
    else:
        states.release(mine.public_id, person("ann"))
    withdraw(how, mine.item, boss)
    while (found := hand_out(project, person("ann")).assignment) is not None:
        assert found.item_id != mine.item_id
        states.skip(found.public_id, person("ann"))
    withdraw(how, Item.objects.get(pk=mine.item_id), boss, withdrawn=False)
    assert hand_out(project, person("ann")).assignment == mine


@WAYS
def test_what_is_kept_for_somebody_is_kept_no_more(project, boss, how):
    mine = hand_out(project, person("ann")).assignment
    kept = managing.reassign(mine.pk, boss, person("bob").pk)
    withdraw(how, mine.item, boss)
    assert not Assignment.objects.filter(pk=kept.pk).exists()
    sync_items(project)
    assert hand_out(project, person("bob")).assignment.item_id != mine.item_id


def test_what_is_kept_while_it_is_withdrawn_is_kept_no_more_when_its_person_comes(project, boss):
    mine = hand_out(project, person("ann")).assignment
    kept = managing.reassign(mine.pk, boss, person("bob").pk)
    Item.objects.filter(pk=mine.item_id).update(is_withdrawn=True)
    assert hand_out(project, person("bob")).assignment.item_id != mine.item_id
    assert not Assignment.objects.filter(pk=kept.pk).exists()


@WAYS
def test_it_is_given_to_nobody_else(project, boss, how):
    mine = hand_out(project, person("ann")).assignment
    withdraw(how, mine.item, boss)
    with pytest.raises(states.Closed, match="withdrawn"):
        managing.reassign(mine.pk, boss, person("bob").pk)
    assert hand_out(project, person("ann")).assignment == mine


@pytest.mark.parametrize("over", ["withdrawn", "trace withdrawn", "of the calibration set", "not known"])
def test_a_check_that_is_over_is_not_gone_on_with(project, boss, over):
    mine = hand_out(project, person("ann")).assignment
    set_gold(project, mine.item, "outcome", {"": "resolved"}, user=None)
    Slot.objects.filter(assignment=mine).update(assignment=None)
    Assignment.objects.filter(pk=mine.pk).update(purpose=Assignment.Purpose.GOLD)
    assert states.expire_overdue(timezone.now() + timedelta(hours=1), project) == 1
    assert hand_out(project, person("ann")).assignment == mine, "until then it is"
    assert states.expire_overdue(timezone.now() + timedelta(hours=1), project) == 1
    if over == "of the calibration set":
        managing.calibrate(mine.item_id, boss)
    elif over == "not known":
        Gold.objects.all().delete()
    else:
        withdraw("trace" if over == "trace withdrawn" else "item", mine.item, boss)
    assert hand_out(project, person("ann")).assignment.item_id != mine.item_id
