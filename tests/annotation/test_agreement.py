"""``potato agreement``: which labels are compared, and what is said of them."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from annotation.assignments.states import void
from annotation.models import Assignment, Membership, Slot
from annotation.projects.revisions import current, set_config
from annotation.quality.agreement import UnknownMetric, agreement
from tests.factory import (
    FIRST_ERROR,
    OUTCOME,
    PER_STEP,
    answers,
    make_project,
    make_trace,
    make_traces,
    person,
    submit_item,
)

DEEP = {"overlap_percentage": 100, "overlap_depth": 3}
pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])


def on(project, measure: str, metric: str = "krippendorff_alpha", scheme: str = "step_reward"):
    results = {(result.scheme, result.measure): result for result in agreement(project, metric).results}
    return results[scheme, measure]


def label(project, name: str, *firsts: int | None) -> list:
    return [submit_item(project, name, answers(first)) for first in firsts]


def test_full_agreement_is_one(tmp_path):
    project = make_project(tmp_path, traces=make_traces(3))
    label(project, "ann", None, 1, 2)
    label(project, "bob", None, 1, 2)
    result = on(project, "first_error_position")
    assert (result.value, result.percent, result.units, result.traces, result.annotators) == (1.0, 1.0, 3, 3, 2)
    assert result.interval == (1.0, 1.0)


def test_trace_level_measures_come_before_step_level_ones(tmp_path):
    project = make_project(tmp_path)
    order = [(result.scheme, result.measure, result.per) for result in agreement(project).results]
    assert order == [
        ("step_reward", "has_error", "item"),
        ("step_reward", "first_error_position", "item"),
        ("step_reward", "step_label", "step"),
        ("outcome", "choice", "item"),
    ]


def test_disagreement_is_measured_on_every_level(tmp_path):
    project = make_project(tmp_path, traces=make_traces(3))
    label(project, "ann", None, 1, 2)
    label(project, "bob", 0, 1, 4)
    assert on(project, "has_error").percent == pytest.approx(2 / 3)
    assert on(project, "first_error_position").percent == pytest.approx(1 / 3)
    steps = on(project, "step_label")
    # All five steps of the first trace and two of the third differ.
    assert (steps.units, steps.traces, steps.percent) == (15, 3, pytest.approx(8 / 15))


def test_of_first_errors_it_tells_how_many_are_the_same_and_how_many_within_a_step(tmp_path):
    traces = [make_trace("t1", 5), make_trace("t2", 7), make_trace("t3", 3), make_trace("t4", 6)]
    project = make_project(tmp_path, traces=traces, people=("ann", "bob", "cyd"), quality_control=DEEP)
    # Beside each other; two of three pairs; an error in the last step and none; the same, and none.
    for name, firsts in {"ann": (1, 2, 2, 4), "bob": (2, 3, None, 4), "cyd": (1, 4, None, None)}.items():
        label(project, name, *firsts)
    found = on(project, "first_error_position")
    assert found.percent == pytest.approx((1 / 3 + 0 + 1 / 3 + 1 / 3) / 4)
    assert found.within_one_step == pytest.approx((1 + 2 / 3 + 1 / 3 + 1 / 3) / 4)
    assert {one.within_one_step for one in agreement(project).results if one.measure != "first_error_position"} == {
        None
    }
    share = on(project, "first_error_position", "percent_agreement")
    assert (share.value, share.within_one_step) == (found.percent, found.within_one_step)


def test_without_overlap_it_is_undefined_and_says_why(tmp_path):
    project = make_project(tmp_path)
    label(project, "ann", 1)
    result = on(project, "has_error")
    assert (result.value, result.percent, result.units) == (None, None, 0)
    assert result.reason == "no trace has labels of two people yet"


def test_one_value_only_is_undefined_and_not_one(tmp_path):
    project = make_project(tmp_path, traces=make_traces(2))
    label(project, "ann", 1, 1)
    label(project, "bob", 1, 1)
    result = on(project, "has_error")
    assert (result.value, result.interval, result.percent) == (None, None, 1.0)
    assert result.reason == "everybody gave one value only (yes)"


def test_a_place_in_the_trace_is_told_in_few_digits(tmp_path):
    project = make_project(tmp_path, traces=make_traces(2, steps=3))
    label(project, "ann", 1, 1)
    label(project, "bob", 1, 1)
    result = on(project, "first_error_position")
    assert result.reason == "everybody gave one value only (0.333)"


@pytest.mark.parametrize("told", [1500.5, 1234567.25])
def test_a_number_is_told_as_it_was_given(tmp_path, told):
    minutes = {"annotation_type": "number", "name": "minutes"}
    project = make_project(tmp_path, traces=make_traces(1), schemes=[FIRST_ERROR, minutes])
    for name in ("ann", "bob"):
        submit_item(project, name, {"step_reward": {"first_error": {"step": 1}}, "minutes": {"": told}})
    (result,) = (one for one in agreement(project).results if one.scheme == "minutes")
    assert result.reason == f"everybody gave one value only ({told})"


def test_only_items_of_the_overlap_are_compared(tmp_path):
    project = make_project(tmp_path, traces=make_traces(4), overlap=50)
    label(project, "ann", 1, 1, 1)
    label(project, "bob", 1, 1, 1)
    assert on(project, "has_error").units == 2


@pytest.mark.parametrize("what", ["voided", "excluded", "surplus", "adaptive", "gold"])
def test_what_does_not_count_is_not_compared(tmp_path, what):
    project = make_project(tmp_path, traces=make_traces(1))
    label(project, "ann", 1)
    (last,) = label(project, "bob", 1)
    assert on(project, "has_error").units == 1
    if what == "voided":
        void(last.assignment_id)
    elif what == "excluded":
        Membership.objects.filter(project=project, user=person("bob")).update(is_excluded=True)
    elif what == "surplus":
        Slot.objects.filter(assignment=last.assignment_id).update(assignment=None)
    elif what == "adaptive":
        Slot.objects.filter(assignment=last.assignment_id).update(purpose=Slot.Purpose.ADAPTIVE)
    else:
        Assignment.objects.filter(pk=last.assignment_id).update(purpose=Assignment.Purpose.GOLD)
    assert on(project, "has_error").units == 0


def test_answers_under_another_meaning_are_not_compared(tmp_path):
    project = make_project(tmp_path, traces=make_traces(2), schemes=[OUTCOME])
    submit_item(project, "ann", {"outcome": {"": "resolved"}})
    submit_item(project, "bob", {"outcome": {"": "resolved"}})
    assert on(project, "choice", scheme="outcome").units == 1
    config = current(project)
    options = [*config.annotation_schemes[0].options, {"value": "unclear", "text": "Unclear"}]
    changed = type(config.annotation_schemes[0])(**{**OUTCOME, "options": options})
    set_config(project, config.model_copy(update={"annotation_schemes": (changed,)}), None)
    result = on(project, "choice", scheme="outcome")
    assert result.units == 0
    assert result.reason == (
        "no trace has labels of two people since the question changed its meaning: 2 answers were given before"
    )
    # A question that two people answered under its meaning of today says nothing of earlier ones.
    for name in ("ann", "bob"):
        submit_item(project, name, {"outcome": {"": "unclear"}})
    assert on(project, "choice", scheme="outcome").reason == "everybody gave one value only (unclear)"


def test_new_wording_does_not_part_old_answers_from_new_ones(tmp_path):
    project = make_project(tmp_path, traces=make_traces(1), schemes=[OUTCOME])
    submit_item(project, "ann", {"outcome": {"": "resolved"}})
    config = current(project)
    reworded = config.annotation_schemes[0].model_copy(update={"label": "Did it work?"})
    set_config(project, config.model_copy(update={"annotation_schemes": (reworded,)}), None)
    submit_item(project, "bob", {"outcome": {"": "partial"}})
    assert on(project, "choice", scheme="outcome").units == 1


def test_steps_somebody_left_out_are_missing_and_not_different(tmp_path):
    schemes = [{**PER_STEP, "require_all_steps": False}]
    project = make_project(tmp_path, traces=make_traces(1, 3), schemes=schemes)
    correct, wrong = {"label": "correct"}, {"label": "incorrect"}
    submit_item(project, "ann", {"per_step": {"0": correct, "1": wrong, "2": wrong}})
    submit_item(project, "bob", {"per_step": {"0": correct, "1": wrong}})
    result = on(project, "step_label", scheme="per_step")
    assert (result.units, result.percent, result.value) == (2, 1.0, 1.0)


def test_grades_that_lie_near_differ_less_and_neutral_is_none_of_them(tmp_path):
    project = make_project(tmp_path, traces=make_traces(1, 5), schemes=[PER_STEP])
    given = {
        "ann": ["correct", "correct", "incorrect", "neutral", "partially_correct"],
        "bob": ["correct", "partially_correct", "incorrect", "correct", "correct"],
    }
    for name, labels in given.items():
        submit_item(project, name, {"per_step": {str(n): {"label": label} for n, label in enumerate(labels)}})
    label, grade = (on(project, measure, scheme="per_step") for measure in ("step_label", "step_grade"))
    assert (label.level, label.units, label.percent) == ("nominal", 5, 0.4)
    assert (grade.level, grade.units, grade.percent) == ("ordinal", 4, 0.5)
    assert grade.value > label.value


def test_two_labels_have_no_grades(tmp_path):
    schemes = [{**PER_STEP, "labels": {"correct": "Right", "incorrect": "Wrong", "neutral": "Neither"}}]
    project = make_project(tmp_path, schemes=schemes)
    assert [one.measure for one in agreement(project).results] == ["has_error", "first_error_position", "step_label"]


def test_percent_agreement_is_a_metric_with_an_interval(tmp_path):
    project = make_project(tmp_path, traces=make_traces(4))
    label(project, "ann", None, 1, 2, 2)
    label(project, "bob", 0, 1, 2, 2)
    result = on(project, "has_error", "percent_agreement")
    assert result.value == result.percent == 0.75
    low, high = result.interval
    assert 0 <= low < 0.75 < high <= 1


def test_an_unknown_metric_names_the_known_ones(tmp_path):
    project = make_project(tmp_path)
    with pytest.raises(UnknownMetric, match="known: krippendorff_alpha, percent_agreement"):
        agreement(project, "cohen_kappa")
    with pytest.raises(CommandError, match="cohen_kappa"):
        call_command("agreement", project.slug, metric="cohen_kappa")


def test_the_command_prints_the_value_the_units_and_why_there_is_none(tmp_path):
    project = make_project(tmp_path, traces=make_traces(3), schemes=[FIRST_ERROR, OUTCOME])
    label(project, "ann", None, 1, 2)
    label(project, "bob", 0, 1, 2)
    out = io.StringIO()
    call_command("agreement", str(tmp_path / "output"), metric="krippendorff_alpha", stdout=out)
    lines = out.getvalue().splitlines()
    position = next(line for line in lines if "first_error_position" in line)
    assert " to " in position
    assert "66.7%" in position
    assert position.split()[-5:] == ["66.7%", "66.7%", "3", "3", "2"]
    choice = next(line for line in lines if "outcome" in line)
    assert "undefined" in choice
    assert choice.endswith("everybody gave one value only (resolved)")
    assert lines[-1].startswith("note: only 3 traces")


def test_the_command_prints_one_json_object_on_request(tmp_path):
    project = make_project(tmp_path)
    out = io.StringIO()
    call_command("agreement", project.slug, json=True, stdout=out)
    report = json.loads(out.getvalue())
    assert (report["project"], report["metric"]) == ("test-project", "krippendorff_alpha")
    assert report["results"][0]["value"] is None
