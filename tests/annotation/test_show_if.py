"""Which questions are asked, and of which steps: every condition, for the item and step by step."""

import pytest

from annotation.answers.show_if import asked
from annotation.schemes import schemes
from annotation.schemes.base import ItemContext
from tests.factory import ERROR_DESCRIPTION, FIRST_ERROR, OUTCOME, PER_STEP

SHAPE = ItemContext(("thinking", "file_edit", "bash_command"))
USEFUL = {"annotation_type": "radio", "name": "useful", "scope": "step", "labels": ["yes", "no"]}
WHY = {"annotation_type": "radio", "name": "why", "scope": "step", "labels": ["slip", "plan"]}


def make(*configs):
    return [schemes.get(config["annotation_type"]).model_validate(config) for config in configs]


def waiting(question, field, **condition):
    return {**question, "show_if": {"field": field, **condition}}


def is_asked(condition, answers, *, of=OUTCOME, ctx=SHAPE):
    questions = make(of, waiting(ERROR_DESCRIPTION, of["name"], **condition))
    return "error_description" in asked(questions, {of["name"]: answers}, ctx)


def labels(*names):
    return {str(step): {"label": name, "origin": "human"} for step, name in enumerate(names) if name}


@pytest.mark.parametrize(
    ("condition", "shown_for"),
    [
        ({"condition": "equals", "value": "partial"}, {"partial"}),
        ({"condition": "in", "values": ["partial", "not_resolved"]}, {"partial", "not_resolved"}),
        ({"condition": "not", "value": "resolved"}, {"partial", "not_resolved"}),
        ({"condition": "not", "values": ["resolved", "partial"]}, {"not_resolved"}),
        ({"condition": "count", "at_least": 1}, {"resolved", "partial", "not_resolved"}),
        ({"condition": "count", "value": "partial", "at_most": 0}, {"resolved", "not_resolved", None}),
    ],
)
def test_an_answer_meets_a_condition(condition, shown_for):
    given = {None: {}, **{value: {"": value} for value in ("resolved", "partial", "not_resolved")}}
    assert {value for value, answers in given.items() if is_asked(condition, answers)} == shown_for


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"condition": "has_error"}, [False, True, True]),
        ({"condition": "equals", "value": "neutral"}, [True, False, False]),
        ({"condition": "count", "value": "incorrect", "at_least": 2}, [False, False, True]),
        ({"condition": "count", "values": ["incorrect", "neutral"], "at_least": 1, "at_most": 2}, [True, True, True]),
        ({"condition": "count", "values": ["incorrect", "neutral"], "at_most": 1}, [True, True, False]),
    ],
)
def test_labels_of_steps_are_counted(condition, expected):
    given = [labels("neutral", "correct", "correct"), labels("incorrect"), labels("incorrect", "incorrect", "correct")]
    assert [is_asked(condition, answers, of=PER_STEP) for answers in given] == expected


def test_the_labels_behind_a_first_error_count_as_well():
    condition = {"condition": "count", "value": "incorrect", "at_least": 2}
    assert is_asked(condition, {"first_error": {"step": 1, "origin": "human"}}, of=FIRST_ERROR)
    assert not is_asked(condition, {"first_error": {"step": 2, "origin": "human"}}, of=FIRST_ERROR)


def test_between_questions_about_steps_it_is_judged_at_each_step():
    questions = make(PER_STEP, waiting(WHY, "per_step", condition="equals", value="incorrect"))
    about = asked(questions, {"per_step": labels("incorrect", "correct", "incorrect")}, SHAPE)["why"]
    assert questions[1].steps(about) == [0, 2]
    assert [gap.step for gap in questions[1].missing({"0": "slip"}, about)] == [2]
    assert questions[1].final({"0": "slip", "1": "plan", "2": "plan"}, about) == {"0": "slip", "2": "plan"}


def test_an_error_is_an_error_at_each_step():
    questions = make(PER_STEP, waiting(WHY, "per_step", condition="has_error"))
    about = asked(questions, {"per_step": labels("incorrect", "correct")}, SHAPE)["why"]
    assert questions[1].steps(about) == [0]


def test_a_question_that_no_step_asks_is_hidden():
    questions = make(PER_STEP, waiting(WHY, "per_step", condition="equals", value="incorrect"))
    assert "why" not in asked(questions, {"per_step": labels("correct")}, SHAPE)


def test_what_waits_for_a_hidden_question_is_hidden():
    questions = make(
        PER_STEP,
        waiting(USEFUL, "per_step", condition="equals", value="correct"),
        waiting(WHY, "useful", condition="equals", value="no"),
    )
    given = {"per_step": labels("correct", "incorrect"), "useful": {"0": "no", "1": "no"}}
    assert questions[2].steps(asked(questions, given, SHAPE)["why"]) == [0]
    assert set(asked(questions, {**given, "per_step": {}}, SHAPE)) == {"per_step"}
