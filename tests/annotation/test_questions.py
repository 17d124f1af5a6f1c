"""Choices, scales, numbers and words: every option with two values, and what becomes of answers of several people."""

import json

import pytest
import yaml
from django.core.management import call_command
from django.template.loader import get_template

from annotation.projects.config import ProjectConfig, parse
from annotation.projects.dump import to_yaml
from annotation.quality.agreement import agreement
from annotation.schemes import schemes
from annotation.schemes.base import ItemContext, Refused
from tests.factory import FIRST_ERROR, make_project, make_trace, submit_item

SHAPE = ItemContext(("thinking", "file_edit", "bash_command"))
LIKERT = {"annotation_type": "likert", "name": "quality"}
SLIDER = {"annotation_type": "slider", "name": "sure"}
NUMBER = {"annotation_type": "number", "name": "minutes"}
TEXT = {"annotation_type": "text_input", "name": "notes"}
PROBLEMS = {"annotation_type": "multiselect", "name": "problems", "options": ["slow", "risky", "needless"]}
SELECT = {"annotation_type": "select", "name": "kind", "options": ["look", "do"]}


def make(config, **options):
    return schemes.get(config["annotation_type"]).model_validate({**config, **options})


def keys_of(scheme):
    keys = scheme.keys()
    return [(key.key, key.action, key.value) for key in keys]


def panel(config, **options):
    scheme = make(config, **options)
    return get_template(scheme.panel_template).render({"scheme": scheme, "state": scheme.page_state()})


def on_step(config, **options):
    scheme = make(config, scope="step", **options)
    return get_template(scheme.step_template).render({"scheme": scheme, "state": scheme.page_state()})


@pytest.mark.parametrize(
    ("config", "option", "seen"),
    [
        (LIKERT, {"size": 7}, 'value="7"'),
        (LIKERT, {"min_label": "Poor"}, "Poor"),
        (LIKERT, {"max_label": "Excellent"}, "Excellent"),
        (SLIDER, {"min_value": -5}, 'min="-5"'),
        (SLIDER, {"max_value": 7}, 'max="7"'),
        (SLIDER, {"step": 0.25}, 'step="0.25"'),
        (SLIDER, {"starting_value": 20}, 'data-start="20"'),
        (SLIDER, {"min_label": "Guess"}, "Guess"),
        (SLIDER, {"max_label": "Certain"}, "Certain"),
        (NUMBER, {"min_value": 3}, 'min="3"'),
        (NUMBER, {"max_value": 9}, 'max="9"'),
        (NUMBER, {"integer": True}, "A whole number"),
        (NUMBER, {"placeholder": "in minutes"}, "in minutes"),
        (TEXT, {"placeholder": "e.g. the wrong file"}, "e.g. the wrong file"),
        (TEXT, {"rows": 9}, 'rows="9"'),
        (TEXT, {"max_length": 77}, 'maxlength="77"'),
        (SELECT, {"options": ["look", "a <b>third</b>"]}, "a &lt;b&gt;third&lt;/b&gt;"),
        (PROBLEMS, {"required": False}, "optional"),
        (SELECT, {"description": "What the step is for"}, "What the step is for"),
    ],
)
def test_an_option_is_seen(config, option, seen):
    assert seen in panel(config, **option)
    assert seen not in panel(config)


@pytest.mark.parametrize("config", [LIKERT, SLIDER, NUMBER, TEXT, PROBLEMS, SELECT])
def test_every_kind_can_be_asked_of_each_step(config):
    assert "data-action" in on_step(config) or "data-key" in on_step(config)
    scheme = make(config, scope="step", required=True)
    assert [gap.step for gap in scheme.missing({}, SHAPE)] == [0, 1, 2]
    with pytest.raises(Refused, match="there is no step"):
        scheme.clean("7", 1, SHAPE)


@pytest.mark.parametrize(("types", "steps"), [([], [0, 1, 2]), (["any_tool"], [1, 2]), (["thinking"], [0])])
def test_step_types_restrict_what_is_asked(types, steps):
    scheme = make(SELECT, scope="step", step_types=types)
    assert scheme.steps(SHAPE) == [gap.step for gap in scheme.missing({}, SHAPE)] == steps
    for step in range(3):
        if step in steps:
            assert scheme.clean(str(step), "look", SHAPE) == "look"
        else:
            with pytest.raises(Refused, match="is not asked about"):
                scheme.clean(str(step), "look", SHAPE)


def test_a_multiselect_wants_as_many_as_it_says():
    scheme = make(PROBLEMS, min_selections=2, max_selections=2)
    assert scheme.missing({"": ["slow"]}, SHAPE) != []
    assert scheme.missing({"": ["slow", "risky"]}, SHAPE) == []
    assert make(PROBLEMS).missing({"": ["slow"]}, SHAPE) == []
    assert make(PROBLEMS).clean("", ["slow", "risky", "needless"], SHAPE) == ["slow", "risky", "needless"]


def test_an_optional_multiselect_may_be_left_open_but_not_half_answered():
    scheme = make(PROBLEMS, required=False, min_selections=2)
    assert scheme.missing({}, SHAPE) == []
    assert [gap.message for gap in scheme.missing({"": ["slow"]}, SHAPE)] == ["“Problems”: choose at least 2"]
    assert scheme.missing({"": ["slow", "risky"]}, SHAPE) == []
    of_steps = make(PROBLEMS, required=False, min_selections=2, scope="step")
    (gap,) = of_steps.missing({"0": ["slow", "risky"], "2": ["slow"]}, SHAPE)
    assert (gap.step, gap.message) == (2, "“Problems” at step 2: choose at least 2")


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({}, ""),
        ({"max_selections": 2}, "Choose at most 2"),
        ({"min_selections": 2}, "Choose at least 2"),
        ({"min_selections": 2, "max_selections": 3}, "Choose 2 to 3"),
        ({"min_selections": 2, "max_selections": 2}, "Choose 2<"),
    ],
)
@pytest.mark.parametrize("scope", ["item", "step"])
def test_a_multiselect_says_how_many_it_takes(limits, said, scope):
    shown = panel({**PROBLEMS, "scope": scope, **limits})
    assert said in shown if said else "Choose" not in shown


def test_a_number_is_whole_where_it_should_be():
    assert make(NUMBER).clean("", 1.5, SHAPE) == 1.5
    assert make(NUMBER, integer=True).clean("", 2.0, SHAPE) == 2
    with pytest.raises(Refused, match="from 3 to 9"):
        make(NUMBER, min_value=3, max_value=9).clean("", 10, SHAPE)


def test_the_limits_of_whole_numbers_are_such():
    minutes = make(NUMBER, integer=True, min_value=0.5, max_value=1_234_567_890_123.5)
    assert minutes.takes() == "a whole number from 1 to 1234567890123"
    attributes = minutes.field_attributes
    assert (attributes["data-min"], attributes["data-max"]) == ("1", "1234567890123")
    assert [minutes.clean("", value, SHAPE) for value in (1, 1_234_567_890_123)] == [1, 1_234_567_890_123]


def test_the_points_of_a_scale_have_keys_where_asked():
    assert keys_of(make(LIKERT, sequential_key_binding=True, size=11))[8:] == [("9", "choose", "9")]
    assert keys_of(make(LIKERT)) == []


def test_the_keys_of_choices_choose_or_toggle():
    assert keys_of(make(PROBLEMS, keyboard_shortcuts={"slow": "7"})) == [("7", "toggle", "slow")]
    assert keys_of(make(SELECT, keyboard_shortcuts={"do": "8"})) == [("8", "choose", "do")]
    assert keys_of(make(PROBLEMS)) == []


@pytest.mark.parametrize(
    ("config", "wrong", "message"),
    [
        (NUMBER, {"max_value": float("inf")}, "schemes.0.max_value: Input should be a finite number"),
        (SLIDER, {"min_value": float("nan")}, "schemes.0.min_value: Input should be a finite number"),
        (LIKERT, {"size": 12}, "schemes.0.size: Input should be less than or equal to 11"),
        (SLIDER, {"max_value": 0}, "schemes.0.max_value: is not larger than min_value"),
        (SLIDER, {"step": 200}, "schemes.0.step: is longer than the slider"),
        (SLIDER, {"starting_value": 101}, "schemes.0.starting_value: lies outside the slider"),
        (NUMBER, {"min_value": 2, "max_value": 1}, "schemes.0.max_value: is smaller than min_value"),
        (PROBLEMS, {"min_selections": 4}, "schemes.0.min_selections: nobody could choose so many"),
        (PROBLEMS, {"options": [str(n) for n in range(51)]}, "schemes.0.options: at most 50; more are found in a"),
        (SELECT, {"step_types": ["thinking"]}, "schemes.0.step_types: only of a question with `scope: step`"),
        (
            SELECT,
            {"scope": "step", "step_types": ["thoughts"]},
            "schemes.0.step_types: there is no step type 'thoughts'",
        ),
    ],
)
def test_what_cannot_be_asked_is_named(config, wrong, message):
    text = to_yaml(ProjectConfig.from_plain({"project_name": "P", "annotation_schemes": [config]}))
    raw = yaml.safe_load(text)
    raw["annotation_schemes"][0].update(wrong)
    (error,) = parse(yaml.safe_dump(raw), "config.yaml", needs_files=False).errors
    assert f"annotation_{message}" in str(error)


def test_two_hundred_choices_fit_a_list():
    many = [f"Kind {number}" for number in range(200)]
    assert panel(SELECT, options=many).count("<option") == 201


@pytest.mark.parametrize("config", [LIKERT, SLIDER, NUMBER, TEXT, PROBLEMS, SELECT])
def test_a_file_says_it_and_reads_it_back(config):
    asked = make(config, scope="step", step_types=["any_tool"], required=True, description="‏לפי ההנחיות")
    config = ProjectConfig(project_name="P", annotation_schemes=(asked,))
    assert parse(to_yaml(config), "config.yaml", needs_files=False).config == config


def test_files_of_the_older_dialect_are_read():
    older = """
annotation_task_name: Older
annotation_schemes:
  - {annotation_type: multiselect, name: topics, labels: [{name: tests, tooltip: "About tests"}, docs],
     sequential_key_binding: true, label_requirement: {required: true}}
  - {annotation_type: likert, name: quality, size: 5, min_label: Poor, max_label: Good}
  - {annotation_type: slider, name: sure, min_value: 0, max_value: 10, starting_value: 5}
  - {annotation_type: select, name: kind, labels: [a, b]}
"""
    parsed = parse(older, "older.yaml", needs_files=False)
    assert (parsed.errors, parsed.warnings) == ([], [])
    topics, quality, sure, kind = parsed.config.annotation_schemes
    assert topics.keyboard_shortcuts == {"tests": "1", "docs": "2"}
    assert topics.options[0].description == "About tests"
    assert (quality.min_label, sure.starting_value, kind.options[1].value) == ("Poor", 5, "b")


EACH = {"annotation_type": "likert", "name": "effort", "scope": "step", "size": 3}
ANN = {
    "quality": {"": 2},
    "sure": {"": 10},
    "minutes": {"": 3},
    "problems": {"": ["slow", "risky"]},
    "kind": {"": "look"},
    "effort": {"0": 1, "1": 3, "2": 2},
}
BOB = {**ANN, "sure": {"": 20}, "minutes": {"": 4}, "problems": {"": ["risky"]}, "effort": {"0": 1, "1": 2, "2": 2}}


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_answers_of_two_people_are_compared_and_become_one_in_an_export(tmp_path):
    asked = [FIRST_ERROR, LIKERT, SLIDER, NUMBER, PROBLEMS, SELECT, EACH]
    project = make_project(tmp_path, traces=[make_trace("t", 3)], schemes=asked)
    for name, values in (("ann", ANN), ("bob", BOB)):
        submit_item(project, name, {"step_reward": {"first_error": {"step": 1}}, **values})
    found = {(one.scheme, one.measure): (one.level, one.per, one.percent) for one in agreement(project).results}
    assert found["quality", "rating"] == ("ordinal", "item", 1)
    assert found["sure", "value"] == ("interval", "item", 0)
    assert found["problems", "selection"] == ("nominal", "item", 0)
    assert found["problems", "chose_risky"] == ("nominal", "item", 1)
    assert found["effort", "rating"] == ("ordinal", "step", pytest.approx(2 / 3))
    path = tmp_path / "labels.jsonl"
    call_command("export", format="prm", project=project.slug, output=path)
    line = json.loads(path.read_text())
    assert {name: line[name] for name in ANN} == {
        "quality": 2,
        "sure": 15,
        "minutes": 3.5,
        "problems": ["slow", "risky"],
        "kind": "look",
        "effort": [1, 3, 2],
    }
