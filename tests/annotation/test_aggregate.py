"""Several annotators to one label."""

import pytest

from annotation.queries import LabelMeaning, Question, aggregate

REWARDS = {"correct": 1.0, "partially_correct": 0.5, "neutral": 0.5, "incorrect": 0.0}


def marked(first: int | None, steps: int = 5) -> dict:
    """A first-error answer as a scheme exports it."""
    end = steps if first is None else first
    labels = ["correct" if step < end else "incorrect" for step in range(steps)]
    return labeled(*labels)


def labeled(*labels: str | None) -> dict:
    """A per-step answer as a scheme exports it."""
    steps = [{"label": label, "reward": REWARDS.get(label), "label_source": "human"} for label in labels]
    first = next((place for place, step in enumerate(steps) if step["reward"] == 0), None)
    return {"first_error_step": first, "all_correct": first is None and None not in labels, "steps": steps}


def test_one_annotator_passes_through_without_an_agreement():
    answer = marked(2)
    result = aggregate.process_reward([answer], "first_error")
    assert (result.value, result.agreement, result.is_tie, result.method) == (answer, None, False, "single")


def test_the_first_error_named_most_often_wins():
    result = aggregate.process_reward([marked(3), marked(1), marked(3)], "first_error")
    assert result.value["first_error_step"] == 3
    assert result.agreement == pytest.approx(2 / 3)
    assert (result.is_tie, result.method, result.agreeing) == (False, "majority", (0, 2))


def test_tied_first_errors_become_the_earliest_and_need_adjudication():
    result = aggregate.process_reward([marked(4), marked(1)], "first_error")
    assert (result.value["first_error_step"], result.is_tie, result.agreement) == (1, True, 0.5)


def test_all_correct_loses_a_tie_against_any_error():
    result = aggregate.process_reward([marked(None), marked(4)], "first_error")
    assert (result.value["first_error_step"], result.value["all_correct"]) == (4, False)


def test_all_correct_wins_when_most_say_so():
    result = aggregate.process_reward([marked(None), marked(4), marked(None)], "first_error")
    assert (result.value["first_error_step"], result.value["all_correct"]) == (None, True)


def test_each_step_gets_the_label_of_the_majority():
    answers = [labeled("correct", "incorrect"), labeled("correct", "correct"), labeled("neutral", "correct")]
    result = aggregate.process_reward(answers, "per_step")
    assert [step["label"] for step in result.value["steps"]] == ["correct", "correct"]
    assert (result.value["all_correct"], result.is_tie) == (True, False)
    assert result.agreement == pytest.approx(2 / 3)


def test_a_tied_step_takes_the_lower_reward():
    result = aggregate.process_reward([labeled("correct", "correct"), labeled("correct", "incorrect")], "per_step")
    assert [step["label"] for step in result.value["steps"]] == ["correct", "incorrect"]
    assert (result.value["first_error_step"], result.is_tie, result.agreement) == (1, True, 0.75)


def test_tied_labels_of_one_reward_become_the_one_submitted_first():
    result = aggregate.process_reward([labeled("neutral"), labeled("partially_correct")], "per_step")
    assert result.value["steps"][0]["label"] == "neutral"


def test_a_step_that_only_one_annotator_labeled_keeps_that_label():
    result = aggregate.process_reward([labeled(None, None), labeled("incorrect", None)], "per_step")
    assert [step["label"] for step in result.value["steps"]] == ["incorrect", None]
    assert (result.value["first_error_step"], result.value["all_correct"], result.is_tie) == (0, False, False)


def test_a_trace_with_an_unlabeled_step_is_not_all_correct():
    assert not aggregate.process_reward([labeled("correct", None)] * 2, "per_step").value["all_correct"]


def test_a_choice_that_is_tied_becomes_the_one_submitted_first():
    result = aggregate.choice(["partial", "resolved"])
    assert (result.value, result.is_tie, result.agreeing) == ("partial", True, (0,))


def test_choices_of_several_parts_are_compared_as_wholes():
    assert aggregate.choice([{"a": 1}, {"b": 2}, {"b": 2}]).value == {"b": 2}


def test_step_choices_are_merged_step_by_step():
    result = aggregate.per_step([["yes", None, "no"], ["yes", None, "yes"], ["no", None, "yes"]], aggregate.choice)
    assert (result.value, result.is_tie) == (["yes", None, "yes"], False)


def test_the_text_is_that_of_the_first_who_agrees_with_the_label():
    assert aggregate.text(aggregate.agreeing_first(["from the minority", None, "wrong file"], (1, 2))) == "wrong file"


def test_a_text_of_the_minority_is_better_than_none():
    assert aggregate.text(aggregate.agreeing_first(["from the minority", None], (1,))) == "from the minority"
    assert aggregate.text([None, None]) is None


def test_a_step_that_one_person_labeled_has_no_agreement():
    one = {"label": "correct", "reward": 1.0, "label_source": "human"}
    none = {"label": None, "reward": None, "label_source": "human"}
    both = [{"first_error_step": None, "all_correct": False, "steps": [one, none]},
            {"first_error_step": None, "all_correct": False, "steps": [none, one]}]  # fmt: skip
    assert aggregate.process_reward(both, "per_step").agreement is None


@pytest.mark.parametrize(
    ("given", "expected", "tied"),
    [
        ([["a", "b"], ["b"], ["b", "c"]], ["b"], False),
        ([["a", "b"], ["b"]], ["a", "b"], True),
        ([["a"], ["b"], ["c"]], ["a"], True),
        ([["a", "b"], ["b", "a"]], ["a", "b"], False),
    ],
)
def test_of_several_choices_those_of_at_least_half_stay(given, expected, tied):
    result = aggregate.options(given)
    assert (result.value, result.is_tie) == (expected, tied)


@pytest.mark.parametrize(("given", "expected"), [([1, 9, 3], 3.0), ([1, 2], 1.5), ([2, 4], 3.0), ([0.5, 0.5, 7], 0.5)])
def test_of_several_numbers_the_middle_is_taken(given, expected):
    result = aggregate.median(given)
    assert (result.value, type(result.value), result.is_tie) == (expected, type(expected), False)


def test_numbers_of_steps_are_taken_step_by_step():
    found = aggregate.per_step([[1, None], [3, None], [8, 2]], aggregate.median).value
    assert str(found) == "[3.0, 2.0]"


@pytest.mark.parametrize(("scope", "each"), [("item", lambda value: value), ("step", lambda value: [value, None])])
def test_merged_choices_are_in_the_order_of_the_options(scope, each):
    labels = tuple(LabelMeaning(name, name, "", None) for name in ("slow", "risky", "needless"))
    question = Question("problems", "multiselect", scope, "", "options", False, labels)
    said = [["risky", "gone"], ["slow", "risky", "gone"], ["slow", "needless"]]
    for given in (said, said[::-1]):
        assert aggregate.one_of(question, [each(value) for value in given], "").value == each(["slow", "risky", "gone"])


def sides(*chosen: str | None) -> list[dict]:
    return [{"side": side, "strength": None, "grades": 0, "dimensions": {}, "reason": None} for side in chosen]


@pytest.mark.parametrize(
    ("chosen", "is_tie"),
    [("aab", False), ("aabt", True), ("ab", True), ("ttta", False), ("ttab", True), ("aat", False), ("abt", True)],
)
def test_a_comparison_without_more_than_half_of_the_votes_is_tied(chosen, is_tie):
    result = aggregate.comparison(sides(*chosen))
    assert (result.is_tie, result.value["side"]) == (is_tie, chosen[0])


def test_who_chose_no_side_has_no_vote_in_a_comparison():
    result = aggregate.comparison(sides(None, "b", "b", None))
    assert (result.value["side"], result.is_tie, result.agreeing, result.agreement) == ("b", False, (1, 2), 1.0)
    assert aggregate.comparison(sides(None, "a", "b")).is_tie
    assert not aggregate.comparison(sides(None, None)).is_tie
