"""A reopened item is left as it was: the answers are what was submitted, whatever was changed or is on its way."""

from __future__ import annotations

from datetime import timedelta

import pytest
import yaml
from django.utils import timezone

from annotation import audits
from annotation.answers.ops import LEFT, apply_ops
from annotation.answers.submission import NotYet, has_unsubmitted, submit
from annotation.assignments import leaving, managing, states
from annotation.models import Answer, AnswerEvent, Assignment, Submission
from annotation.projects.apply import apply_text
from potato_site.accounts.models import User
from potato_site.operations.audits import Audit
from tests import factory
from tests.annotation.test_scheme_contract import SAMPLES, make
from tests.factory import ERROR_DESCRIPTION, FIRST_ERROR, OUTCOME, PER_STEP, op

pytestmark = pytest.mark.django_db

NOTES = {"annotation_type": "text_input", "name": "notes", "label": "Notes", "required": False}
LABELS = {str(step): {"label": "correct"} for step in range(5)}
UP_TO_THE_ERROR = {**PER_STEP, "name": "up_to", "mode": "stop_at_first_error", "required": False}
CORRECT, WRONG = ({"label": label, "origin": "human"} for label in ("correct", "incorrect"))


@pytest.fixture
def boss(db):
    return User.objects.create_superuser("boss")


@pytest.fixture
def project(tmp_path):
    return factory.make_project(tmp_path, schemes=[FIRST_ERROR, OUTCOME, ERROR_DESCRIPTION, PER_STEP, NOTES])


@pytest.fixture
def work(project, boss):
    """Submitted, and open for changes."""
    return reopened(project, boss, {**factory.answers(2, "partial", "wrong file"), "per_step": LABELS})


def reopened(project, boss, values):
    found = factory.submit_item(project, "ann", values).assignment
    managing.reopen(found.pk, boss)
    found.refresh_from_db()
    return found


def save(assignment, *operations):
    return apply_ops(assignment.public_id, assignment.annotator, list(operations))


def leave(assignment):
    left = leaving.leave_as_it_was(assignment.public_id, assignment.annotator)
    assignment.refresh_from_db()
    return left


def given(assignment):
    stored = Answer.objects.filter(assignment=assignment).values_list("scheme", "value")
    return {scheme: value for scheme, value in stored if value}


def change(work):
    """Of every kind: changed, taken away, added, hidden by another one."""
    save(
        work,
        op("step_reward", {"first_error": {"step": None}}, base=work.version),
        op("error_description", {"": "another file"}, base=work.version),
        op("outcome", {"": "resolved"}, base=work.version),
        op("per_step", {"0": {"label": "incorrect"}, "4": None}, base=work.version),
        op("notes", {"": "Look again"}, base=work.version),
    )
    work.refresh_from_db()


def test_the_answers_are_again_what_was_submitted(work):
    before = given(work)
    change(work)
    assert given(work) != before
    leave(work)
    assert given(work) == before == Submission.objects.get().values
    assert work.state == Assignment.State.SUBMITTED
    again = states.reopen(work.public_id, work.annotator)
    assert not has_unsubmitted(again, Submission.objects.get())


def test_nothing_of_what_was_done_is_forgotten(work):
    change(work)
    n_events = AnswerEvent.objects.count()
    leave(work)
    later = AnswerEvent.objects.filter(version__gt=n_events)
    assert set(later.values_list("tab", flat=True)) == {LEFT}
    assert not list(audits.event_chains(Audit("answer events", "default")))


@pytest.mark.parametrize("is_changed", [True, False])
def test_what_is_on_its_way_when_it_is_left_is_late(work, is_changed):
    if is_changed:
        change(work)
    before, base = Submission.objects.get().values, work.version
    leave(work)
    late = [op("outcome", {"": "not_resolved"}, base=base), op("notes", {"": "One more"}, base=base)]
    with pytest.raises(states.Closed):
        save(work, *late)
    states.reopen(work.public_id, work.annotator)
    reply = save(work, *late)
    assert reply.acked == []
    assert [(one["scheme"], one["value"]) for one in reply.conflicts] == [("outcome", "partial"), ("notes", None)]
    assert all(one["was_left"] for one in reply.conflicts)
    assert given(work) == before
    # Whoever has seen it changes it.
    assert save(work, op("notes", {"": "One more"}, base=reply.version)).conflicts == []


def test_what_another_tab_set_after_it_was_left_is_said_to_be_that_tabs(work):
    base = work.version
    change(work)
    leave(work)
    states.reopen(work.public_id, work.annotator)
    work.refresh_from_db()
    save(work, op("outcome", {"": "resolved"}, tab="other", base=work.version))
    late = [op("outcome", {"": "not_resolved"}, base=base), op("notes", {"": "One more"}, base=base)]
    assert [one["was_left"] for one in save(work, *late).conflicts] == [False, True]


def test_what_had_arrived_and_was_put_back_is_not_shown_as_saved(work):
    known = op("outcome", {"": "not_resolved"}, base=work.version)
    save(work, known)
    leave(work)
    states.reopen(work.public_id, work.annotator)
    reply = save(work, known)
    assert (reply.acked, reply.theirs) == ([known["id"]], [{"scheme": "outcome", "key": "", "value": "partial"}])


def test_a_page_of_before_does_not_submit_what_was_put_back(work):
    change(work)
    version = work.version
    leave(work)
    states.reopen(work.public_id, work.annotator)
    payload = {"op_id": "late", "tab": "tab", "version": version, "ops": []}
    with pytest.raises(NotYet) as refusal:
        submit(work.public_id, work.annotator, payload)
    assert refusal.value.changed_elsewhere
    assert Submission.objects.get().values["outcome"] == {"": "partial"}


def test_what_was_behind_an_error_that_was_put_back_is_not_taken_for_an_answer(tmp_path, boss):
    project = factory.make_project(tmp_path, schemes=[OUTCOME, UP_TO_THE_ERROR])
    mine = reopened(project, boss, {"outcome": {"": "resolved"}, "up_to": {"0": CORRECT}})
    changes = {"0": WRONG, "1": WRONG, "2": CORRECT, "3": WRONG}
    save(mine, op("up_to", changes, base=mine.version))
    leave(mine)
    assert not has_unsubmitted(mine, Submission.objects.get())
    assert given(mine)["up_to"] == {"0": CORRECT}


@pytest.mark.parametrize(("name", "sample"), SAMPLES)
def test_of_every_question(name, sample):
    scheme, ctx = make(sample)
    all_of_it = {key: scheme.clean(key, value, ctx) for key, value in sample.accepted}
    some, others = (dict(list(all_of_it.items())[start::2]) for start in (0, 1))
    for submitted, now in ((some, others), (others, all_of_it), ({}, all_of_it), (all_of_it, {})):
        then = scheme.final(submitted, ctx)
        changes = leaving._changes(scheme, now, then, ctx)
        after = {key: value for key, value in {**now, **changes}.items() if value is not None}
        assert scheme.final(after, ctx) == then
        # What is no part of a submission stays.
        assert {key for key in now if key not in scheme.final(now, ctx)} <= set(after) | set(then)


def test_a_time_that_runs_out_takes_nothing_back(work, project):
    change(work)
    before = given(work)
    states.expire_overdue(timezone.now() + states.MANAGERS_LEASE + timedelta(minutes=1), project)
    work.refresh_from_db()
    assert (work.state, given(work)) == (Assignment.State.SUBMITTED, before)


def test_answers_to_questions_that_mean_something_else_now_stay(project, boss):
    done = factory.submit_item(project, "ann", {**factory.answers(2), "per_step": LABELS}).assignment
    more = {**OUTCOME, "options": [*OUTCOME["options"], {"value": "unclear", "text": "Unclear"}]}
    config = {"project_name": "Test project", "annotation_schemes": [FIRST_ERROR, more, PER_STEP]}
    apply_text(project, yaml.safe_dump(config), boss)
    managing.reopen(done.pk, boss, anew=True)
    done.refresh_from_db()
    save(done, op("outcome", {"": "unclear"}, base=done.version), op("per_step", {"0": None}, base=done.version))
    leave(done)
    assert given(done)["outcome"] == {"": "unclear"}
    assert given(done)["per_step"] == Submission.objects.get().values["per_step"]


def test_what_is_not_taken_any_more_is_put_back_too(tmp_path, boss):
    cost = {"annotation_type": "number", "name": "cost", "label": "Cost"}
    project = factory.make_project(tmp_path, schemes=[cost])
    done = factory.submit_item(project, "ann", {"cost": {"": 500}}).assignment
    config = {"project_name": "Test project", "annotation_schemes": [{**cost, "max_value": 60}]}
    apply_text(project, yaml.safe_dump(config), boss)
    managing.reopen(done.pk, boss, anew=True)
    done.refresh_from_db()
    base = done.version
    save(done, op("cost", {"": 40}, base=base))
    leave(done)
    assert given(done) == {"cost": {"": 500}}
    again = states.reopen(done.public_id, done.annotator)
    assert not has_unsubmitted(again, Submission.objects.get())
    assert save(done, op("cost", {"": 50}, base=base)).acked == []
    assert not list(audits.event_chains(Audit("answer events", "default")))
