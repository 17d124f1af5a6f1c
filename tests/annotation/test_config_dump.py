"""A configuration written as a file is the same configuration when it is read again."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.projects.config import ProjectConfig, parse
from annotation.projects.dump import to_yaml
from annotation.schemes import schemes
from potato_site.safe_yaml import UNWANTED
from tests.annotation.test_scheme_contract import SAMPLES
from tests.factory import ERROR_DESCRIPTION, FIRST_ERROR, OUTCOME, PER_STEP

DOCUMENTS = Path(__file__).parents[1] / "documents"
HARD = [
    "yes", "No", "on", "true", "null", "~", "", "0123", "1e5", "1.5", "12", "2024-01-01", "0x1F", "1_000", "=", "<<",
    "-", "- a", "a: b", "#a", "a #b", "'", '"', "*a", "&a", "!a", "%a", "@a", "`a", "{a}", "[a", "?", "|", ">", " a",
    "a ", ":", "a:", "<b onclick=\"x()\">Yes</b> & {{text}}", "‏עברית (RTL)", "日本語 ✅ 🥔", "line\nbreak",
    "a\n\n  b\n",
    "\nfirst", "end\n\n", " lead\ntwo", "tab\there\nx", "trail \nx", "\u2028", "\ufeff", "\xa0", "a\u00adb", "x" * 300,
    "word " * 60, "123456789012345678901", ".inf", ".nan", "1:30",
]  # fmt: skip
TEXT = st.one_of(st.sampled_from(HARD), st.text(max_size=40).filter(lambda text: not UNWANTED.search(text)))


def read(text):
    parsed = parse(text, "config.yaml", needs_files=False)
    assert parsed.errors == [], text
    return parsed


def same_again(config):
    parsed = read(to_yaml(config))
    assert [note for note in parsed.warnings if note.kind != "advice"] == []
    assert parsed.config == config
    assert parsed.config.stored() == config.stored()


def configured(*asked, **keys):
    value = {"project_name": "P", "annotation_schemes": list(asked) or [OUTCOME], **keys}
    return read(yaml.safe_dump(value, sort_keys=False, allow_unicode=True)).config


@pytest.mark.parametrize("name", ["announcement", "design", "guide"])
def test_the_documents_configurations_stay_what_they_are(name):
    parsed = parse((DOCUMENTS / f"{name}.yaml").read_bytes(), "config.yaml")
    same_again(parsed.config)


@pytest.mark.parametrize(("name", "sample"), SAMPLES)
def test_every_scheme_stays_what_it_is(name, sample):
    same_again(configured(sample.config))


def test_a_file_says_what_differs_and_what_people_look_for():
    text = to_yaml(configured(FIRST_ERROR, ERROR_DESCRIPTION), people=["ann", "bob"])
    assert (
        text
        == """\
project_name: P
data:
  source: local
  data_format: coding_trace
annotation_schemes:
  - annotation_type: process_reward
    name: step_reward
    mode: first_error
    labels:
      correct:
        text: Correct Step
      incorrect:
        text: Incorrect Step
    allow_all_incorrect: true
  - annotation_type: text_input
    name: error_description
    label: If incorrect, briefly describe the error
    show_if:
      field: step_reward
      condition: has_error
    scope: item
output:
  path: ./output/
  format: jsonl
quality_control:
  overlap_percentage: 0
  overlap_depth: 2
  minimum_time_per_instance: 0
annotators:
  - ann
  - bob
"""
    )


def test_people_come_back_by_name():
    parsed = read(to_yaml(configured(), people=["ann", "null", "1e5", "0123"]))
    assert [person.username for person in parsed.people] == ["ann", "null", "1e5", "0123"]


@pytest.mark.parametrize("text", HARD)
def test_hard_text_comes_back_as_it_was(text):
    option = {"value": text, "text": text, "description": text}
    radio = {
        "annotation_type": "radio",
        "name": "r",
        "description": text,
        "options": [option, {"value": "other", "text": "x"}],
    }
    labels = {text: {"text": text, "reward": 1}, "other": {"text": "x", "reward": 0}}
    steps = {"annotation_type": "process_reward", "name": "s", "mode": "per_step", "labels": labels}
    config = ProjectConfig.from_plain(
        {"project_name": "P", "annotation_schemes": [radio, steps], "html_layout": text, "data": {}}
    )
    same_again(config)


@pytest.mark.slow
@given(texts=st.lists(TEXT, min_size=2, max_size=6, unique=True), layout=TEXT)
@settings(max_examples=150, deadline=None)
def test_any_text_comes_back_as_it_was(texts, layout):
    radio = {"annotation_type": "radio", "name": "r", "options": [{"value": t, "text": t} for t in texts]}
    radio["keyboard_shortcuts"] = {texts[0]: "b"}
    steps = {**PER_STEP, "labels": {t: {"text": t, "reward": 0.25} for t in texts}}
    same_again(
        ProjectConfig.from_plain(
            {"project_name": "P", "annotation_schemes": [radio, steps], "html_layout": layout, "data": {}}
        )
    )


@given(share=st.floats(0, 100), seconds=st.floats(0, 86_400), reward=st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_any_number_comes_back_as_it_was(share, seconds, reward):
    labels = {"a": {"text": "A", "reward": reward}, "b": {"text": "B", "reward": 0}}
    quality = {"overlap_percentage": share, "minimum_time_per_instance": seconds}
    same_again(
        ProjectConfig.from_plain(
            {"project_name": "P", "annotation_schemes": [{**PER_STEP, "labels": labels}], "quality_control": quality}
        )
    )


@pytest.mark.parametrize("value", ["3", "true", True, 3, 2.5, "null"])
def test_what_a_condition_compares_with_keeps_its_type(value):
    class_ = schemes.get("text_input")
    scheme = class_.model_validate(
        {**ERROR_DESCRIPTION, "show_if": {"field": "o", "condition": "equals", "value": value}}
    )
    config = ProjectConfig.from_plain({"project_name": "P", "annotation_schemes": []}).model_copy(
        update={"annotation_schemes": (scheme,)}
    )
    raw = yaml.safe_load(to_yaml(config))["annotation_schemes"][0]["show_if"]["value"]
    assert (raw, type(raw)) == (value, type(value))
