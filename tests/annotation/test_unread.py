"""Submissions that judge steps which were never in view."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from annotation.answers.submission import submit
from annotation.assignments.handout import hand_out
from annotation.assignments.timing import MAX_TRACKED_STEPS, is_unread, seen
from annotation.models import Submission
from tests.factory import FIRST_ERROR, PER_STEP, make_project, make_traces, op, person

pytestmark = pytest.mark.django_db


def submitted(project, values, in_view):
    """Ann's submission of ``{scheme: {key: value}}`` after a minute in which the steps ``in_view`` were seen."""
    ann, start = person("ann"), timezone.now()
    assignment = hand_out(project, ann, start).assignment
    for number in range(4):
        signal = {"seq": number + 1, "delta_ms": 15_000, "steps": {str(step): 5_000 for step in in_view}}
        seen(assignment.public_id, ann, signal, start + timedelta(seconds=15 * (number + 1)))
    ops = [op(scheme, changes) for scheme, changes in values.items()]
    payload = {"op_id": uuid.uuid4().hex, "tab": "tab", "version": 0, "ops": ops}
    return submit(assignment.public_id, ann, payload, start + timedelta(seconds=61))


@pytest.mark.parametrize(
    ("in_view", "first_error", "flags"),
    [
        (range(10), None, []),
        (range(8), None, []),
        (range(7), None, ["unread"]),
        # What lies behind the first error only follows from it.
        (range(4), 3, []),
        (range(2), 4, ["unread"]),
        # The page told of nothing: so nothing is known.
        ([], None, []),
    ],
)
def test_steps_up_to_the_first_error_have_to_be_in_view(tmp_path, in_view, first_error, flags):
    project = make_project(tmp_path, traces=make_traces(1, steps=10), schemes=[FIRST_ERROR])
    assert submitted(project, {"step_reward": {"first_error": {"step": first_error}}}, in_view).flags == flags


def test_of_labels_step_by_step_those_that_were_given(tmp_path):
    project = make_project(tmp_path, traces=make_traces(2, steps=10), schemes=[{**PER_STEP, "required": False}])
    labels = {str(step): {"label": "correct"} for step in (0, 1, 2)}
    assert submitted(project, {"per_step": labels}, range(3)).flags == []
    assert submitted(project, {"per_step": labels}, [7]).flags == ["unread"]
    assert Submission.objects.unread().count() == 1


def test_a_glance_is_not_seen_and_one_step_is_forgiven():
    assert is_unread({"0": 699, "1": 699, "2": 5000}, {0, 1, 2})
    assert not is_unread({"0": 700, "1": 699, "2": 5000}, {0, 1, 2})
    assert not is_unread({"9": 5000}, set())


def test_of_more_steps_than_are_kept_nothing_is_known():
    kept = {str(step): 5_000 for step in range(MAX_TRACKED_STEPS)}
    assert not is_unread(kept, range(2 * MAX_TRACKED_STEPS))
