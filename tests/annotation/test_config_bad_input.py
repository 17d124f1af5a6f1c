"""Mistakes in a configuration: each named with file, line and key, all at once."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.projects.config import parse
from annotation.projects.notes import Note
from tests.annotation.test_config import DOCUMENTS, messages, parsed_with
from tests.factory import ERROR_DESCRIPTION, FIRST_ERROR, OUTCOME, PER_STEP

RADIO = {"annotation_type": "radio", "name": "useful", "options": ["yes", "no"]}
REVIEW = {"annotation_type": "code_review", "name": "review"}
COMPARISON = {"annotation_type": "pairwise", "name": "better"}
PARTS = ("inline_comments", "file_ratings", "verdict")


def errors(**keys):
    parsed = parsed_with(**keys)
    assert parsed.config is None
    return messages(parsed.errors)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"project_name": 5}, "line 1: project_name: Input should be a valid string (put it in quotes)"),
        ({"project_name": "  "}, "line 1: project_name: the name is empty"),
        ({"project_name": "a\nerror: b"}, "line 1: project_name: the name is not one line of text"),
        ({"port": "eighty"}, "port: Input should be a valid integer"),
        ({"port": 70000}, "port: Input should be less than or equal to 65535"),
        ({"data": {}}, "line 2: data.input_path: Field required"),
        ({"data": {"input_path": []}}, "data.input_path: List should have at least 1 item"),
        ({"data": {"input_path": [""]}}, "data.input_path: a path is empty"),
        ({"data": "t.jsonl"}, "line 2: data: Input should be a valid dictionary"),
        ({"output": {"path": 5}}, "output.path: Input should be a valid string"),
        ({"quality_control": {"overlap_percentage": 101}}, "overlap_percentage: Input should be less than or equal"),
        ({"quality_control": {"overlap_percentage": -1}}, "overlap_percentage: Input should be greater than or equal"),
        ({"quality_control": {"overlap_percentage": float("nan")}}, "quality_control.overlap_percentage: Input should"),
        ({"quality_control": {"overlap_depth": 1}}, "overlap_depth: Input should be greater than or equal to 2"),
        ({"quality_control": {"minimum_time_per_instance": "soon"}}, "minimum_time_per_instance: Input should be a"),
        ({"hand_out": {"order": "backwards"}}, "hand_out.order: Input should be 'in_order', 'random' or"),
        ({"instances_per_annotator": 0}, "instances_per_annotator: Input should be greater than or equal to 1"),
        ({"coding_agent": {"display": {"diff_style": "side"}}}, "coding_agent.display.diff_style: Input should be"),
        ({"coding_agent": {"display": {"collapsible": {"default_expanded_types": ["edit"]}}}},
         "coding_agent.display.collapsible.default_expanded_types: there is no step type 'edit'; known: "),
        ({"annotation_schemes": None}, "annotation_schemes: Field required"),
        ({"annotation_schemes": {}}, "annotation_schemes: Input should be a list"),
        ({"annotation_schemes": ["radio"]}, "annotation_schemes.0: Input should be a mapping"),
        ({"annotation_schemes": [{"name": "x"}]}, "annotation_schemes.0.annotation_type: Field required"),
        ({"annotation_schemes": [{**RADIO, "annotation_type": 5}]}, "annotation_type: Input should be a valid string"),
        ({"annotation_schemes": [{**RADIO, "annotation_type": "radios"}]},
         "annotation_schemes.0.annotation_type: there is no scheme of this type; did you mean radio?; known: "),
        ({"annotation_schemes": [{"annotation_type": "ranking", "name": "r"}]}, "no scheme is left"),
        ({"annotation_schemes": [{**REVIEW, "inline_comments": {"categories": ["Bug", "Bug"]}}]},
         "annotation_schemes.0.inline_comments.categories: one is there twice"),
        ({"annotation_schemes": [{**REVIEW, "file_ratings": {"labels": ["Poor"]}}]},
         "annotation_schemes.0.file_ratings.labels: 5 are needed, one for each rating of the scale"),
        ({"annotation_schemes": [{**REVIEW, "file_ratings": {"scale": [1]}}]},
         "annotation_schemes.0.file_ratings.scale: at least two ratings are needed"),
        ({"annotation_schemes": [{**REVIEW, "verdict": {"options": []}}]},
         "annotation_schemes.0.verdict.options: at least one is needed"),
        ({"annotation_schemes": [{**REVIEW, "verdict": {"options": ["good"]}, "require_comment_on_reject": True}]},
         "annotation_schemes.0.require_comment_on_reject: no verdict rejects"),
        ({"annotation_schemes": [{**REVIEW, **{part: {"enabled": False} for part in PARTS}}]},
         "annotation_schemes.0: inline_comments, file_ratings and verdict are all off"),
        ({"annotation_schemes": [REVIEW, {**RADIO, "keyboard_shortcuts": {"yes": "r"}}]},
         "the key 'r' of 'yes' is also the key of 'Rate the file: 1' in 'review'"),
        ({"annotation_schemes": [{**RADIO, "options": 5}]}, "line 7: annotation_schemes.0.options: Input should be"),
        ({"annotation_schemes": [{**RADIO, "options": ["one"]}]}, "schemes.0.options: at least two are needed"),
        ({"annotation_schemes": [{**RADIO, "name": "my name"}]},
         "annotation_schemes.0.name: should be a letter, then letters, digits, _ and -"),
        ({"annotation_schemes": [RADIO, RADIO]}, "annotation_schemes.1.name: scheme 0 is called 'useful' as well"),
        ({"annotation_schemes": [{**PER_STEP, "labels": {"good": "Good", "bad": "Bad"}}]},
         "annotation_schemes.0.labels: no reward is known for good, bad"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_key(keys, expected):
    (message,) = errors(**keys)
    assert message.startswith("config.yaml: ")
    assert expected in message


@pytest.mark.parametrize(
    ("show_if", "expected"),
    [
        (
            {"field": "nobody", "condition": "has_error"},
            "show_if.field: names no other scheme; known: step_reward, out",
        ),
        ({"field": "error_description", "condition": "has_error"}, "show_if.field: names no other scheme"),
        ({"field": "outcome", "condition": "has_error"}, "show_if.condition: 'outcome' names no errors"),
        ({"field": "outcome", "condition": "equals"}, "show_if.value: Field required with `condition: equals`"),
        (
            {"field": "outcome", "condition": "equals", "value": "maybe"},
            "show_if.value: 'outcome' never has this",
        ),
        (
            {"field": "outcome", "condition": "is"},
            "show_if.condition: Input should be 'has_error', 'equals', 'in', 'not'",
        ),
        ({"field": "outcome", "condition": "in"}, "show_if.values: Field required with `condition: in`"),
        ({"field": "outcome", "condition": "not"}, "show_if.value: Field required with `condition: not`"),
        ({"field": "outcome", "condition": "count"}, "show_if.at_least: Field required with `condition: count`, or at"),
        (
            {"field": "outcome", "condition": "in", "values": ["partial", "nearly"]},
            "show_if.values.1: 'outcome' never has this",
        ),
        ("outcome", "annotation_schemes.2.show_if: Input should be a valid dictionary"),
    ],
)
def test_a_condition_that_can_never_hold_is_named(show_if, expected):
    (message,) = errors(annotation_schemes=[FIRST_ERROR, OUTCOME, {**ERROR_DESCRIPTION, "show_if": show_if}])
    assert expected in message


def test_a_condition_between_a_question_of_traces_and_one_of_pairs_is_named():
    compare = {"annotation_type": "pairwise", "name": "preference", "show_if": {**ERROR_DESCRIPTION["show_if"]}}
    (message,) = errors(annotation_schemes=[FIRST_ERROR, compare])
    assert "show_if.field: 'step_reward' is asked of single traces, this one of pairs: no item has both" in message
    condition = {"field": "preference", "condition": "equals", "value": "tie"}
    alone = [{**RADIO, "show_if": condition}, {"annotation_type": "pairwise", "name": "preference"}]
    assert parsed_with(annotation_schemes=alone).config is not None


def test_schemes_that_wait_for_each_other_are_named():
    first = {**RADIO, "name": "a", "show_if": {"field": "b", "condition": "equals", "value": "yes"}}
    second = {**RADIO, "name": "b", "show_if": {"field": "a", "condition": "equals", "value": "yes"}}
    assert [message.split(": ")[2] for message in errors(annotation_schemes=[first, second])] == [
        "annotation_schemes.0.show_if.field",
        "annotation_schemes.1.show_if.field",
    ]


def test_a_condition_may_name_a_scheme_further_down():
    waiting = {**ERROR_DESCRIPTION, "show_if": {"field": "outcome", "condition": "equals", "value": "partial"}}
    assert parsed_with(annotation_schemes=[waiting, OUTCOME]).errors == []


@pytest.mark.parametrize(
    ("shortcuts", "expected"),
    [
        ({"yes": "1"}, "the key '1' of 'yes' is also the key of 'Correct' in 'per_step'"),
        ({"yes": "j"}, "the key 'j' of 'yes' is also the key of 'Next step' in 'per_step'"),
        ({"yes": "5", "no": "5"}, "the key '5' of 'no' is also the key of 'yes'"),
        ({"yes": "z"}, "the key 'z' of 'yes' is taken by the page: undo"),
        ({"yes": "10"}, "the shortcut of 'yes' must be one visible character"),
    ],
)
def test_a_key_does_one_thing(shortcuts, expected):
    (message,) = errors(annotation_schemes=[PER_STEP, {**RADIO, "keyboard_shortcuts": shortcuts}])
    assert message.endswith(expected)


def test_two_schemes_may_share_the_keys_that_move():
    other = {**PER_STEP, "name": "other", "labels": {"correct": "Good", "incorrect": "Bad"}}
    keys = {
        "correct": {"text": "Good", "keyboard_shortcut": "5"},
        "incorrect": {"text": "Bad", "keyboard_shortcut": "6"},
    }
    assert parsed_with(annotation_schemes=[PER_STEP, {**other, "labels": keys}]).errors == []


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        ("ann", "annotators: Input should be a list of people"),
        ([5], "annotators.0: Input should be a name, or a mapping"),
        ([{"password": "x"}], "annotators.0.username: Field required"),
        ([{"username": 7}], "annotators.0.username: Input should be a valid string (put it in quotes)"),
        ([{"username": "../etc"}], "annotators.0.username: '../etc' cannot be a user name"),
        ([{"username": "exports"}], "annotators.0.username: 'exports' cannot be a user name"),
        ([{"username": "ann", "password": 1234}], "annotators.0.password: Input should be a valid string"),
        ([{"username": "ann", "password": ""}], "annotators.0.password: is empty"),
        (["ann", "Ann"], "annotators.1.username: 'Ann' is the same name as 'ann' above"),
    ],
)
def test_a_person_that_cannot_be_is_named(people, expected):
    (message,) = errors(annotators=people)
    assert expected in message


def test_a_number_for_a_password_is_not_quoted_back():
    (message,) = errors(annotators=[{"username": "ann", "password": 73314242}])
    assert "73314242" not in message


MISTAKES = {
    "port: 8000": "port: x",
    'diff_style: "unified"': "diff_style: 3",
    "annotation_type: radio": "annotation_type: radoi",
    'field: "step_reward"': 'field: "step"',
    "overlap_percentage: 15": "overlap_percentage: 150",
    'username: "reviewer1"': "username: 1",
}


def test_all_mistakes_are_reported_at_once():
    text = (DOCUMENTS / "guide.yaml").read_text()
    for right, wrong in MISTAKES.items():
        assert right in text
        text = text.replace(right, wrong, 1)
    found = [(note.line, note.path) for note in parse(text, "config.yaml").errors]
    assert sorted(found) == [
        (3, "port"),
        (12, "coding_agent.display.diff_style"),
        (40, "annotation_schemes.1.annotation_type"),
        (57, "annotation_schemes.2.show_if.field"),
        (66, "quality_control.overlap_percentage"),
        (70, "annotators.0.username"),
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"coding_agent": {"display": {"diff_style": "sideways", "terminal_them": "dark"}}},
        {"port": 70000, "coding_agent": {"display": {"terminal_them": "dark"}}},
        {"pairs": {"strategy": "best_against_rest"}, "annotation_schemes": [COMPARISON],
         "coding_agent": {"display": {"terminal_them": "dark"}}},
    ],
)  # fmt: skip
def test_keys_that_nobody_knows_are_named_though_a_value_is_wrong(wrong):
    parsed = parsed_with(**wrong, foo=1)
    assert parsed.errors
    assert {note.path for note in parsed.warnings if note.kind == "unknown"} == {
        "foo",
        "coding_agent.display.terminal_them",
    }


@pytest.mark.parametrize(
    ("keys", "unknown"),
    [
        ({"project_name": None, "project_nme": "X", "more": 1}, ["project_nme", "more"]),
        ({"annotation_schemes": [{"annotation_type": "radio", "name": "q", "labls": ["a", "b"]}]},
         ["annotation_schemes.0.labls"]),
        ({"annotation_schemes": [{"annotation_type": "radio", "nam": "q", "labels": ["a", "b"]}]},
         ["annotation_schemes.0.nam"]),
        ({"output": {"export_formats": [7, 8], "frmat": "x"}}, ["output.frmat"]),
        ({"annotation_schemes": [{**REVIEW, "verdict": {"options": [{"text": "no value", "rejcts": True}]}}]},
         ["annotation_schemes.0.verdict.options.0.rejcts"]),
        ({"annotation_schemes": [{**PER_STEP, "labels": {"good": {"txt": "Good"}, "bad": "Bad"}}]},
         ["annotation_schemes.0.labels.good.txt"]),
    ],
)  # fmt: skip
def test_the_unknown_key_that_is_the_cause_is_named(keys, unknown):
    parsed = parsed_with(**keys)
    assert parsed.errors
    assert [note.path for note in parsed.warnings if note.kind == "unknown"] == unknown


def test_a_scheme_with_a_mistake_has_its_unknown_keys_and_its_condition_named_as_well():
    wrong = {"mode": "frist_error", "allow_al_correct": True, "show_if": {"field": "nope", "condition": "is"}}
    parsed = parsed_with(annotation_schemes=[RADIO, {**FIRST_ERROR, **wrong}])
    assert {note.path for note in parsed.errors} == {
        "annotation_schemes.1.mode",
        "annotation_schemes.1.show_if.condition",
        "annotation_schemes.1.show_if.field",
    }
    assert [note.path for note in parsed.warnings] == ["annotation_schemes.1.allow_al_correct"]


def test_a_scheme_with_a_mistake_may_wait_for_one_that_has_one_too_or_comes_later():
    waits = {"field": "useful", "condition": "equals", "value": "yes"}
    reason = {"annotation_type": "text_input", "name": "why", "show_if": waits, "required": "perhaps"}
    wrong = parsed_with(annotation_schemes=[{**RADIO, "options": ["a", "a"]}, reason])
    later = parsed_with(annotation_schemes=[{"annotation_type": "ranking", "name": "useful"}, reason])
    assert not [note for parsed in (wrong, later) for note in parsed.errors if "show_if" in note.path]


def test_two_of_one_name_are_said_though_one_has_mistakes_of_its_own():
    text = (
        "project_name: P\ndata: {input_path: x}\nannotation_schemes:\n"
        "- {annotation_type: radio, name: y, options: [a, a]}\n- {annotation_type: text_input, name: y}\n"
    )
    assert [(note.line, note.path) for note in parse(text, "config.yaml").errors] == [
        (4, "annotation_schemes.0.options"),
        (5, "annotation_schemes.1.name"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "config.yaml: the file is empty"),
        ("- a\n- b", "config.yaml: the file should be a mapping of keys to values"),
        ("just words", "config.yaml: the file should be a mapping of keys to values"),
        ("a: [1, 2", "config.yaml: line 2: not valid YAML"),
        ("a: 1\na: 2", "config.yaml: line 2: a: this key is already on line 1"),
    ],
)
def test_a_file_that_is_no_configuration_is_named(text, expected):
    parsed = parse(text, "config.yaml")
    assert parsed.config is None
    assert str(parsed.errors[0]).startswith(expected)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(value, path=()):
    """Every path of a plain value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def replaced(value, path, new):
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(copy[path[0]], path[1:], new)
    return copy


DOCUMENT_VALUES = [
    yaml.safe_load((DOCUMENTS / name).read_text()) for name in ("guide.yaml", "announcement.yaml", "design.yaml")
]


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_value_at_any_place_of_a_document_crashes_the_reader(data):
    value = data.draw(st.sampled_from(DOCUMENT_VALUES))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from([path for path in places(value) if path] or [()]))
        value = replaced(value, path, data.draw(values))
    parsed = parse(yaml.safe_dump(value), "config.yaml")
    assert (parsed.config is None) == bool(parsed.errors)


def test_a_terminal_is_shown_what_it_would_obey():
    note = Note("config.yaml", 1, "a\nb", "\x1b[2J \u202e is not a key we know")
    assert str(note) == r"config.yaml: line 1: a\nb: \x1b[2J \u202e is not a key we know"
