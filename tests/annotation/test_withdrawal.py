"""A withdrawn trace is handed out no more and counts no more; restored, everything is as before."""

import pytest

from annotation import queries
from annotation.assignments.handout import hand_out
from annotation.models import Item, Slot
from annotation.projects.withdrawal import set_withdrawn
from potato_site.accounts.models import AuditEntry
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
