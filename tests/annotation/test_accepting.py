"""Work that was given up for a time: who may go on with it by saving, and who may not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from annotation.answers.ops import apply_ops
from annotation.answers.submission import submit
from annotation.assignments import limits, managing, states
from annotation.assignments.accepting import GIVEN_UP, TAKEN_BACK
from annotation.assignments.handout import hand_out
from annotation.models import Answer, Assignment, Membership, Project, Slot, Submission
from annotation.projects import membership
from tests import factory

pytestmark = pytest.mark.django_db
State = Assignment.State


@pytest.fixture
def project(tmp_path) -> Project:
    return factory.make_project(tmp_path, traces=factory.make_traces(4), overlap=0)


@pytest.fixture
def ann(project) -> Membership:
    return Membership.objects.get(user__username="ann")


def opened(project) -> Assignment:
    return hand_out(project, factory.person("ann")).assignment


def run_out(assignment: Assignment) -> None:
    assert states.expire(assignment.pk, timezone.now() + timedelta(hours=1)) == 1


def save(assignment: Assignment) -> None:
    apply_ops(assignment.public_id, factory.person("ann"), [factory.op("outcome", {"": "partial"})])


def state_of(assignment: Assignment) -> str:
    return Assignment.objects.get(pk=assignment.pk).state


def test_who_comes_back_in_time_goes_on(project):
    work = opened(project)
    run_out(work)
    save(work)
    assert state_of(work) == State.OPEN
    assert Slot.objects.filter(assignment=work).exists()


@pytest.mark.parametrize(
    ("stop", "said"),
    [
        (lambda project, ann: Project.objects.update(state="closed"), "not open"),
        (lambda project, ann: Project.objects.update(state="paused"), "is paused"),
        (lambda project, ann: membership.pause(ann, None), "paused your work"),
        (lambda project, ann: membership.set_limit(ann, None, 0), limits.REACHED),
    ],
)
def test_where_nothing_new_is_given_out_what_ran_out_is_not_taken_up(project, ann, stop, said):
    work = opened(project)
    save(work)
    run_out(work)
    stop(project, ann)
    with pytest.raises(states.Closed) as refused:
        apply_ops(work.public_id, factory.person("ann"), [factory.op("outcome", {"": "resolved"}, base=1)])
    assert str(refused.value).startswith(GIVEN_UP)
    assert said in str(refused.value)
    assert (state_of(work), Answer.objects.get().value) == (State.EXPIRED, {"": "partial"})


def test_what_is_open_is_finished_all_the_same(project, ann):
    work = opened(project)
    Project.objects.update(state="closed")
    membership.pause(ann, None)
    save(work)
    assert state_of(work) == State.OPEN


def test_a_cap_is_not_passed_by_giving_back_and_submitting(project, ann):
    membership.set_limit(ann, None, 1)
    user, given_back = factory.person("ann"), []
    for _ in range(2):
        given_back.append(opened(project))
        states.release(given_back[-1].public_id, user)
    factory.submit_item(project, "ann", factory.answers())
    for work in given_back:
        if state_of(work) == State.SUBMITTED:
            continue
        ops = [factory.op(scheme, changes) for scheme, changes in factory.answers().items()]
        with pytest.raises(states.Closed):
            submit(work.public_id, user, {"op_id": "late", "tab": "tab", "version": 0, "ops": ops})
    assert Submission.objects.count() == 1


def test_what_a_manager_took_away_stays_away(project, client):
    work = opened(project)
    managing.release(work.pk, factory.person("bob"), "somebody else shall do it")
    with pytest.raises(states.Closed) as refused:
        save(work)
    work.refresh_from_db()
    assert (str(refused.value), work.state, work.reason) == (TAKEN_BACK, State.RELEASED, "somebody else shall do it")
    assert not Slot.objects.filter(assignment=work).exists()
    client.force_login(factory.person("ann"))
    page = client.get(reverse("label", args=[work.public_id]))
    assert TAKEN_BACK in page.content.decode().replace("&#x27;", "'")


def test_what_a_manager_took_away_comes_back_when_there_is_nothing_else(project):
    work = opened(project)
    managing.release(work.pk, factory.person("bob"))
    for _ in range(3):
        factory.submit_item(project, "ann", factory.answers())
    assert opened(project) == work
    save(work)
    assert state_of(work) == State.OPEN


def test_what_one_gave_back_oneself_one_may_go_on_with(project):
    work = opened(project)
    states.release(work.public_id, factory.person("ann"))
    save(work)
    assert state_of(work) == State.OPEN


def test_a_reviewers_decision_goes_on_in_a_closed_project(project):
    Membership.objects.create(project=project, user=factory.person("ann"), role="adjudicator", source="admin")
    work = opened(project)
    Assignment.objects.filter(pk=work.pk).update(purpose="adjudication")
    Slot.objects.filter(assignment=work).update(assignment=None)
    run_out(work)
    Project.objects.update(state="closed")
    save(work)
    assert state_of(work) == State.OPEN
