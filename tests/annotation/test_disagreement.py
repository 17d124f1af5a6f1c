"""What there is to decide where a question changed between two answers: only answers to its present meaning differ."""

import pytest

from annotation.projects.revisions import current, set_config
from annotation.quality import statistics
from annotation.schemes.radio import Radio
from tests.factory import PER_STEP, answers, make_project, make_traces, submit_item

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
MODES = {
    "first_error": {"first_error": {"step": 1}},
    "per_step": {str(step): {"label": "incorrect" if step == 1 else "correct"} for step in range(5)},
    "stop_at_first_error": {"0": {"label": "correct"}, "1": {"label": "incorrect"}},
}


def change(project, name, **keys):
    """Ask the question ``name`` with other keys."""
    asked = [remade(one, keys) if one.name == name else one for one in current(project).annotation_schemes]
    ask(project, asked)


def remade(scheme, keys):
    return type(scheme).model_validate({**scheme.model_dump(exclude_unset=True), **keys})


def ask(project, schemes):
    set_config(project, current(project).model_copy(update={"annotation_schemes": tuple(schemes)}), None)
    project.refresh_from_db()


def disputed(project):
    statistics.compute(project)
    assert statistics.COUNT in statistics.read(project)
    return [one.words for one in statistics.disputes(project)[0]]


@pytest.mark.parametrize("before", MODES)
@pytest.mark.parametrize("after", MODES)
def test_answers_under_two_modes_are_not_compared(tmp_path, before, after):
    project = make_project(tmp_path, traces=make_traces(1))
    change(project, "step_reward", mode=before)
    submit_item(project, "ann", {**answers(), "step_reward": MODES[before]})
    change(project, "step_reward", mode=after)
    submit_item(project, "bob", {**answers(), "step_reward": MODES[after]})
    assert disputed(project) == []


def test_answers_with_labels_that_were_renamed_are_not_compared(tmp_path):
    project = make_project(tmp_path, traces=make_traces(1), schemes=[PER_STEP])
    submit_item(project, "ann", {"per_step": {str(step): {"label": "partially_correct"} for step in range(5)}})
    change(project, "per_step", labels={"good": {"text": "Good", "reward": 1}, "bad": {"text": "Bad", "reward": 0}})
    submit_item(project, "bob", {"per_step": {str(step): {"label": "bad"} for step in range(5)}})
    assert disputed(project) == []


def test_answers_of_two_types_of_question_are_not_compared(tmp_path):
    scale = {"annotation_type": "likert", "name": "outcome", "label": "How well?", "size": 5}
    project = make_project(tmp_path, traces=make_traces(1), schemes=[scale])
    submit_item(project, "ann", {"outcome": {"": 3}})
    options = [{"value": "good", "text": "Good"}, {"value": "bad", "text": "Bad"}]
    asked = {"annotation_type": "radio", "name": "outcome", "label": "Well?", "options": options}
    ask(project, [Radio.model_validate(asked)])
    submit_item(project, "bob", {"outcome": {"": "bad"}})
    assert disputed(project) == []


def test_a_change_of_words_alone_still_compares_and_tells_the_new_ones(tmp_path):
    project = make_project(tmp_path, traces=make_traces(1))
    submit_item(project, "ann", answers(1))
    change(project, "outcome", label="Is it solved?")
    submit_item(project, "bob", answers(1, "not_resolved"))
    assert disputed(project) == ["Is it solved? Fully Resolved / Not Resolved"]


def test_a_part_that_fails_keeps_no_other_from_being_counted(tmp_path, monkeypatch):
    project = make_project(tmp_path, traces=make_traces(1))

    def fails(*args):
        raise KeyError("agreement")

    monkeypatch.setattr(statistics, "_compute_agreement", fails)
    with pytest.raises(KeyError):
        statistics.compute(project)
    kept = statistics.read(project)
    assert {statistics.PROGRESS, statistics.ADJUDICATION, statistics.COUNT} <= set(kept)
    assert statistics.AGREEMENT not in kept
    assert project.pk not in statistics.due()


def test_a_job_that_was_lost_counts_no_further(tmp_path):
    project = make_project(tmp_path, traces=make_traces(1))

    def lost():
        raise InterruptedError

    with pytest.raises(InterruptedError):
        statistics.compute(project, check=lost)
    assert statistics.read(project) == {}


@pytest.mark.parametrize(("label", "told"), [("First error", "step 1"), ("Which one?", "First error: step 1")])
def test_a_question_that_is_called_what_its_answers_begin_with_says_it_once(tmp_path, label, told):
    project = make_project(tmp_path, traces=make_traces(1))
    change(project, "step_reward", label=label)
    submit_item(project, "ann", answers(1))
    submit_item(project, "bob", answers(None))
    title = label if label.endswith("?") else f"{label}:"
    assert disputed(project)[0].startswith(f"{title} {told} / All correct")
