"""A manager reopens work with the questions as they are now."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
import yaml
from django.urls import reverse
from django.utils import timezone

from annotation import audits
from annotation.answers.submission import NotYet, submit
from annotation.assignments import leaving, managing, states
from annotation.assignments.handout import hand_out
from annotation.models import Answer, Assignment, Submission
from annotation.projects.apply import apply_text
from annotation.quality.agreement import agreement
from potato_site.accounts.models import AuditEntry, User
from potato_site.operations.audits import Audit
from tests import factory
from tests.factory import FIRST_ERROR, OUTCOME

pytestmark = pytest.mark.django_db

State = Assignment.State
MORE = {**OUTCOME, "options": [*OUTCOME["options"], {"value": "unclear", "text": "Unclear"}]}
FAULTS = {"annotation_type": "text", "name": "faults", "label": "Which faults?", "required": True}


@pytest.fixture
def boss(db):
    return User.objects.create_superuser("boss")


@pytest.fixture
def project(tmp_path):
    return factory.make_project(tmp_path, overlap=100)


@pytest.fixture
def work(project, boss):
    """Submitted by two people; then one question means something else, and one is new."""
    done = [factory.submit_item(project, name, factory.answers(2)).assignment for name in ("ann", "bob")]
    config = {"project_name": "Test project", "annotation_schemes": [FIRST_ERROR, MORE, FAULTS]}
    apply_text(project, yaml.safe_dump({**config, "quality_control": {"overlap_percentage": 100}}), boss)
    project.refresh_from_db()
    return done


def payload(assignment, **given):
    ops = [factory.op(scheme, {"": value}, base=assignment.version) for scheme, value in given.items()]
    return {"op_id": "again", "tab": "tab", "version": assignment.version, "ops": ops}


def reopen(assignment, boss, **options):
    managing.reopen(assignment.pk, boss, anew=True, **options)
    assignment.refresh_from_db()
    return assignment


def test_answers_to_the_same_questions_are_kept_and_the_others_are_asked(client, project, work, boss):
    mine = reopen(work[0], boss)
    assert mine.revision_id == project.revision_id
    given = dict(Answer.objects.filter(assignment=mine).values_list("scheme", "value"))
    assert given == {"step_reward": {"first_error": {"step": 2, "origin": "human"}}, "outcome": {}}
    assert not list(audits.event_chains(Audit("answer events", "default")))
    client.force_login(factory.person("ann"))
    text = client.get(reverse("label", args=[mine.public_id])).content.decode()
    assert ("Which faults?" in text, "The questions have changed since" in text) == (True, True)
    with pytest.raises(NotYet):
        submit(mine.public_id, mine.annotator, payload(mine, outcome="unclear"))


def test_what_is_submitted_again_is_of_the_present_revision_and_compared(project, work, boss):
    for one in work:
        mine = reopen(one, boss)
        assert Submission.objects.get(assignment=mine).is_current
        submit(mine.public_id, mine.annotator, payload(mine, outcome="unclear", faults="none"))
    current = Submission.objects.filter(is_current=True)
    assert {one.revision_id for one in current} == {project.revision_id}
    assert all(one.values["step_reward"]["first_error"]["step"] == 2 for one in current)
    compared = {one.scheme: one.traces for one in agreement(project, using="default").results}
    assert (compared["outcome"], compared["step_reward"]) == (1, 1)
    assert Submission.objects.filter(is_current=False, revision__number=1).count() == 2


@pytest.mark.parametrize("ends", ["left", "lapsed"])
def test_what_is_not_submitted_again_stays_as_it_was(project, work, boss, ends):
    before = Submission.objects.get(assignment=work[0])
    mine = reopen(work[0], boss)
    if ends == "left":
        leaving.leave_as_it_was(mine.public_id, mine.annotator)
    else:
        states.expire_overdue(timezone.now() + states.MANAGERS_LEASE + timedelta(minutes=1), project)
    after = Submission.objects.get(assignment=mine)
    assert (after.is_current, after.revision_id, after.values) == (True, before.revision_id, before.values)
    assert after.assignment.state == State.SUBMITTED


def test_what_was_asked_the_same_is_reopened_as_ever(project, boss):
    done = factory.submit_item(project, "ann", factory.answers()).assignment
    reopen(done, boss)
    assert AuditEntry.objects.get(action="assignment.reopen").after == {"state": "reopened", "reason": ""}


def test_without_it_the_questions_are_those_of_then(project, work, boss):
    managing.reopen(work[0].pk, boss)
    work[0].refresh_from_db()
    assert (work[0].state, work[0].revision.number) == (State.REOPENED, 1)


def test_where_nothing_is_asked_of_the_item_any_more_it_stays_submitted(project, boss):
    done = factory.submit_item(project, "ann", factory.answers()).assignment
    pairs = {"annotation_type": "pairwise", "name": "preference"}
    apply_text(project, yaml.safe_dump({"project_name": "Test project", "annotation_schemes": [pairs]}), boss)
    with pytest.raises(states.Closed, match="Nothing is asked"):
        managing.reopen(done.pk, boss, anew=True)
    done.refresh_from_db()
    assert (done.state, done.revision.number) == (State.SUBMITTED, 1)
    assert Answer.objects.filter(assignment=done, scheme="outcome").get().value == {"": "resolved"}


def page_of(client, assignment):
    """What the forms of a person's open page say of what it shows."""
    text = client.get(reverse("label", args=[assignment.public_id])).content.decode()
    return {name: re.search(rf'name="{name}" value="(\w+)"', text)[1] for name in ("shown", "questions")}


def test_a_page_that_shows_the_questions_of_before_is_told_and_submits_nothing(client, project, boss):
    mine = hand_out(project, factory.person("ann"), timezone.now()).assignment
    client.force_login(mine.annotator)
    before = page_of(client, mine)
    factory.submit_item(project, "ann", factory.answers())
    more = [FIRST_ERROR, OUTCOME, {**FAULTS, "required": False}]
    config = {"project_name": "Test project", "annotation_schemes": more}
    apply_text(project, yaml.safe_dump({**config, "quality_control": {"overlap_percentage": 100}}), boss)
    mine = reopen(Assignment.objects.get(pk=mine.pk), boss, reason="Say which faults.")

    def send(shows):
        sent = {**shows, "payload": json.dumps(payload(mine))}
        return client.post(reverse("label-submit", args=[mine.public_id]), sent)

    answer = send(before)
    assert (answer.status_code, answer.json()["reopens"]) == (410, False)
    assert answer.json()["message"] == "The questions have changed since this page was opened. Reload the page."
    saved = {**before, "ops": json.dumps([factory.op("outcome", {"": "partial"}, base=mine.version)])}
    assert client.post(reverse("label-ops", args=[mine.public_id]), saved).status_code == 410
    mine.refresh_from_db()
    assert (mine.state, mine.reason) == (State.REOPENED, "Say which faults.")
    assert send(page_of(client, mine)).status_code == 200
