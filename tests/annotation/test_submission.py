"""Submitting: what is checked, what is frozen, and what a retry does."""

import uuid
from datetime import timedelta

import pytest
from django.http import Http404
from django.utils import timezone

from annotation.answers.ops import apply_ops
from annotation.answers.submission import NotYet, submit
from annotation.assignments import states, timing
from annotation.assignments.handout import hand_out
from annotation.models import AnswerEvent, Assignment, Presence, Project, Submission
from potato_site.jobs.models import Job
from tests.factory import FIRST_ERROR, PER_STEP, answers, make_project, op, person, submit_item

pytestmark = pytest.mark.django_db


def payload(assignment, *operations, **keys):
    fresh = {"op_id": uuid.uuid4().hex, "tab": "tab", "version": assignment.version, "ops": list(operations)}
    return {**fresh, **keys}


def complete():
    return [op("step_reward", {"first_error": {"step": None}}), op("outcome", {"": "resolved"})]


def test_it_freezes_the_values_and_raises_the_change_counter(tmp_path):
    project = make_project(tmp_path)
    before = Project.objects.get(pk=project.pk).seq
    submission = submit_item(project, "ann", answers(2, "partial", "wrong file"))
    assert submission.values == {
        "step_reward": {"first_error": {"step": 2, "origin": "human"}},
        "outcome": {"": "partial"},
        "error_description": {"": "wrong file"},
    }
    assert submission.seq == before + 1 == Project.objects.get(pk=project.pk).seq
    assert submission.assignment.state == Assignment.State.SUBMITTED
    assert submission.active_ms == 60_000


def test_the_same_submission_again_is_the_same_one(tmp_path):
    assignment = hand_out(make_project(tmp_path), person("ann")).assignment
    request = payload(assignment, *complete())
    first = submit(assignment.public_id, person("ann"), request)
    assert submit(assignment.public_id, person("ann"), request) == first
    assert Submission.objects.count() == 1


def test_what_is_missing_is_named_and_the_operations_are_kept(tmp_path):
    assignment = hand_out(make_project(tmp_path), person("ann")).assignment
    with pytest.raises(NotYet) as refusal:
        submit(assignment.public_id, person("ann"), payload(assignment, op("outcome", {"": "resolved"})))
    assert [gap.scheme for gap in refusal.value.missing] == ["step_reward"]
    assert len(refusal.value.reply.acked) == 1
    assert AnswerEvent.objects.count() == 1
    assert not Submission.objects.exists()


def test_every_unlabeled_step_is_named(tmp_path):
    assignment = hand_out(make_project(tmp_path, schemes=[PER_STEP]), person("ann")).assignment
    labels = op("per_step", {"0": {"label": "correct"}, "3": {"label": "neutral"}})
    with pytest.raises(NotYet) as refusal:
        submit(assignment.public_id, person("ann"), payload(assignment, labels))
    assert [gap.step for gap in refusal.value.missing] == [1, 2, 4]


def test_without_require_all_steps_a_part_is_enough(tmp_path):
    project = make_project(tmp_path, schemes=[{**PER_STEP, "require_all_steps": False}])
    assignment = hand_out(project, person("ann")).assignment
    with pytest.raises(NotYet):
        submit(assignment.public_id, person("ann"), payload(assignment))
    submission = submit(
        assignment.public_id, person("ann"), payload(assignment, op("per_step", {"0": {"label": "correct"}}))
    )
    assert submission.values["per_step"].keys() == {"0"}


def test_answers_to_hidden_questions_are_left_out(tmp_path):
    project = make_project(tmp_path)
    assert "error_description" not in submit_item(project, "ann", answers(None, description="forgotten")).values
    assert "error_description" in submit_item(project, "ann", answers(0, description="wrong")).values


def test_a_required_question_counts_only_while_it_is_shown(tmp_path):
    description = {
        "annotation_type": "text_input",
        "name": "why",
        "required": True,
        "show_if": {"field": "step_reward", "condition": "has_error"},
    }
    project = make_project(tmp_path, schemes=[FIRST_ERROR, description])
    assignment = hand_out(project, person("ann")).assignment
    with pytest.raises(NotYet) as refusal:
        submit(
            assignment.public_id,
            person("ann"),
            payload(assignment, op("step_reward", {"first_error": {"step": 1}}), op("why", {"": "   "})),
        )
    assert [gap.scheme for gap in refusal.value.missing] == ["why"]
    assignment.refresh_from_db()
    fixed = op("step_reward", {"first_error": {"step": None}}, base=assignment.version)
    assert submit(assignment.public_id, person("ann"), payload(assignment, fixed))


def test_the_minimum_time_is_counted_by_the_server(tmp_path):
    project = make_project(tmp_path, minimum_time=20)
    user, start = person("ann"), timezone.now()
    assignment = hand_out(project, user, start).assignment
    with pytest.raises(NotYet) as refusal:
        submit(
            assignment.public_id,
            user,
            payload(assignment, *complete(), presence={"seq": 1, "delta_ms": 999_999, "steps": {}}),
            start + timedelta(seconds=3),
        )
    assert refusal.value.wait_seconds == 17
    timing.seen(assignment.public_id, user, {"seq": 2, "delta_ms": 12_000}, start + timedelta(seconds=15))
    assignment.refresh_from_db()
    last = {"seq": 3, "delta_ms": 5_000, "steps": {}}
    request = payload(assignment, presence=last)
    submission = submit(assignment.public_id, user, request, start + timedelta(seconds=20))
    assert submission.active_ms == 20_000


def test_what_another_tab_changed_must_be_seen_first(tmp_path):
    assignment = hand_out(make_project(tmp_path), person("ann")).assignment
    apply_ops(assignment.public_id, person("ann"), complete())
    apply_ops(assignment.public_id, person("ann"), [op("outcome", {"": "partial"}, tab="other", base=2)])
    with pytest.raises(NotYet) as refusal:
        submit(assignment.public_id, person("ann"), payload(assignment, version=2))
    assert refusal.value.changed_elsewhere
    assert refusal.value.reply.theirs == [{"scheme": "outcome", "key": "", "value": "partial"}]
    assert submit(assignment.public_id, person("ann"), payload(assignment, version=3))


def test_a_reopened_item_makes_a_second_submission_and_keeps_the_first(tmp_path):
    project = make_project(tmp_path)
    first = submit_item(project, "ann", answers(None))
    assignment = states.reopen(first.assignment.public_id, person("ann"))
    change = op("step_reward", {"first_error": {"step": 3}}, base=assignment.version)
    second = submit(assignment.public_id, person("ann"), payload(assignment, change))
    first.refresh_from_db()
    assert (first.number, first.is_current) == (1, False)
    assert (second.number, second.is_current) == (2, True)
    assert first.values["step_reward"]["first_error"]["step"] is None


def test_after_a_day_a_submission_stays(tmp_path):
    submission = submit_item(make_project(tmp_path), "ann", answers())
    with pytest.raises(states.Closed):
        states.reopen(submission.assignment.public_id, person("ann"), timezone.now() + timedelta(hours=25))


def test_it_asks_for_the_annotators_file_once(tmp_path):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers())
    submit_item(project, "ann", answers())
    job = Job.objects.get(kind="exports.mirror")
    assert job.params == {"project": project.pk, "annotator": person("ann").pk}


def test_nobody_else_can_submit(tmp_path):
    assignment = hand_out(make_project(tmp_path), person("ann")).assignment
    with pytest.raises(Http404):
        submit(assignment.public_id, person("bob"), payload(assignment, *complete()))


class TestTiming:
    @pytest.fixture
    def opened(self, tmp_path):
        start = timezone.now()
        return hand_out(make_project(tmp_path), person("ann"), start).assignment, start

    def signal(self, opened, seconds, seq, delta_ms, **keys):
        assignment, start = opened
        at = start + timedelta(seconds=seconds)
        return timing.seen(assignment.public_id, person("ann"), {"seq": seq, "delta_ms": delta_ms, **keys}, at)

    def test_a_signal_never_counts_more_than_the_wall_time(self, opened):
        assert self.signal(opened, 5, 1, 60_000)["active_ms"] == 5_000

    def test_a_signal_counts_at_most_fifteen_seconds(self, opened):
        assert self.signal(opened, 3600, 1, 3_600_000)["active_ms"] == 15_000

    def test_a_repeated_signal_counts_once(self, opened):
        self.signal(opened, 5, 1, 5_000)
        assert self.signal(opened, 10, 1, 5_000) == {"seq": 1, "active_ms": 5_000}

    def test_time_away_is_not_counted(self, opened):
        self.signal(opened, 5, 1, 5_000)
        assert self.signal(opened, 600, 2, 0)["active_ms"] == 5_000

    @pytest.mark.parametrize("delta", [-5, "5000", None, True, 2**40, 1.5])
    def test_nonsense_counts_nothing(self, opened, delta):
        assert self.signal(opened, 5, 1, delta)["active_ms"] == 0

    def test_steps_seen_are_added_up(self, opened):
        self.signal(opened, 5, 1, 5_000, steps={"0": 3_000, "x": 5, "²": 5, "1": "a"})
        self.signal(opened, 10, 2, 5_000, steps={"0": 1_000})
        assert Presence.objects.get(assignment=opened[0]).steps == {"0": 4_000, "1": 0}
