"""Every scheme of the registry keeps the contract: what it takes, refuses, shows and exports."""

import importlib

import pytest
from django.template.loader import get_template

from annotation.pages import shell
from annotation.queries import asked
from annotation.queries.shapes import LabelMeaning
from annotation.schemes import schemes
from annotation.schemes.base import ItemContext, Meaning, PairLook, Refused, Sample, Scheme
from potato_site.textjson import canonical, loads

SAMPLES = [
    (name, sample)
    for name, scheme in schemes.items()
    for sample in importlib.import_module(scheme.__module__).SAMPLES
    if sample.config["annotation_type"] == name
]


def make(sample: Sample) -> tuple[Scheme, ItemContext]:
    return schemes.get(sample.config["annotation_type"]).model_validate(sample.config), sample.context()


def test_every_scheme_has_a_sample():
    assert {name for name, _ in SAMPLES} == set(schemes.names())


@pytest.mark.parametrize(("name", "sample"), SAMPLES)
def test_values_survive_being_stored_and_cleaned_again(name, sample):
    scheme, context = make(sample)
    for key, value in sample.accepted:
        clean = scheme.clean(key, value, context)
        assert clean is not None
        assert scheme.clean(key, loads(canonical(clean)), context) == clean


@pytest.mark.parametrize(("name", "sample"), SAMPLES)
def test_wrong_values_are_refused_with_a_sentence(name, sample):
    scheme, context = make(sample)
    for key, value in sample.refused:
        with pytest.raises(Refused, match=r"\w+ \w+"):
            scheme.clean(key, value, context)


@pytest.mark.parametrize(("name", "sample"), SAMPLES)
def test_units_belong_to_declared_measures_and_exports_are_json(name, sample):
    scheme, context = make(sample)
    answers = {key: scheme.clean(key, value, context) for key, value in sample.accepted}
    measures = {measure.name: measure for measure in scheme.measures()}
    units = scheme.units(answers, context)
    assert set(units) <= set(measures)
    for measure, values in units.items():
        steps = {str(step) for step in range(context.n_steps)}
        assert set(values) <= {"item": {""}, "step": steps, "file": context.changes.paths}[measures[measure].per]
    assert loads(canonical(scheme.export(answers, context))) == scheme.export(answers, context)
    assert scheme.export({}, context) is None or scheme.export({}, context) == []


@pytest.mark.parametrize(("name", "sample"), SAMPLES)
def test_what_is_required_is_missing_until_it_is_answered(name, sample):
    _, context = make(sample)
    required, optional = (
        schemes.get(name).model_validate({**sample.config, "required": required}) for required in (True, False)
    )
    before = required.missing({}, context)
    assert {gap.scheme for gap in before} == {required.name}
    assert all(f"step {gap.step}" in gap.message for gap in before if gap.step is not None)
    assert before[0].step is not None or f"“{required.title}”" in before[0].message
    # A key of its own may ask for a number of answers.
    assert optional.missing({}, context) == ([] if not hasattr(optional, "at_least") else before)
    answers = {key: required.clean(key, value, context) for key, value in sample.accepted}
    after = required.missing(answers, context)
    answered = {int(key) for key in answers if key.isdigit()}
    steps = {gap.step for gap in before if gap.step is not None}
    assert {gap.step for gap in before if gap in after} == steps - answered


@pytest.mark.parametrize(("name", "sample"), SAMPLES)
def test_it_has_templates_and_page_state(name, sample):
    scheme, _ = make(sample)
    assert scheme.panel_template or scheme.step_template
    for template in filter(None, (scheme.panel_template, scheme.step_template)):
        get_template(template)
    assert loads(canonical(scheme.page_state())) == scheme.page_state()


@pytest.mark.parametrize(("name", "sample"), SAMPLES)
def test_its_meaning_ignores_wording(name, sample):
    scheme, _ = make(sample)
    reworded = schemes.get(name).model_validate({**sample.config, "label": "Other words", "description": "More."})
    assert reworded.meaning() == scheme.meaning()


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)> ‏עברית"


@pytest.mark.parametrize(("name", "sample"), SAMPLES)
def test_its_templates_show_hostile_text_as_text(name, sample):
    config = {**sample.config, "label": HOSTILE, "description": HOSTILE}
    scheme = schemes.get(name).model_validate(config)
    for template in filter(None, (scheme.panel_template, scheme.step_template)):
        html = get_template(template).render({"scheme": scheme, "state": scheme.page_state()})
        assert "<script" not in html
        assert "<img" not in html


@pytest.mark.parametrize(("name", "sample"), SAMPLES)
def test_what_is_frozen_and_said_comes_from_what_was_answered(name, sample):
    scheme, context = make(sample)
    answers = {key: scheme.clean(key, value, context) for key, value in sample.accepted}
    assert set(scheme.final(answers, context)) <= set(answers)
    said = scheme.said(answers, context)
    assert said
    assert loads(canonical(said)) == said
    assert scheme.said({}, context) == {}
    if scheme.measures():
        for value in {value for values in said.values() for value in values}:
            scheme.could_say(value)


@pytest.mark.parametrize(("name", "sample"), SAMPLES)
def test_it_tells_a_reader_everything_it_exports(name, sample):
    scheme, context = make(sample)
    answers = {key: scheme.clean(key, value, context) for key, value in sample.accepted}
    assert scheme.told(answers, context)
    assert scheme.told({}, context) == []


class Own(Scheme):
    """A scheme of another package: it has keys, labels and a way of asking of its own."""

    annotation_type: str = "own"

    @property
    def asked_as(self):
        return "aloud"

    @property
    def moves(self):
        return True

    @property
    def hides_step_numbers(self):
        return True

    def meanings(self):
        return [Meaning("a", "A", reward=0.5)]

    def pair_look(self):
        return PairLook("tabs", sync=False)


def test_what_a_scheme_of_another_package_says_of_itself_is_what_pages_and_exports_go_by():
    own, plain = Own(name="own"), Scheme(name="plain", annotation_type="plain")
    assert (shell.page_keys((own,)), len(shell.page_keys((plain,)))) == ([], len(shell.STEP_KEYS))
    assert (plain.hides_step_numbers, shell.pair_state((plain,))) == (False, {"layout": "side_by_side", "sync": True})
    assert own.pair_look() == PairLook("tabs", sync=False)
    question = asked._question(own)
    assert (question.mode, question.labels) == ("aloud", (LabelMeaning("a", "A", "", 0.5),))
    assert (asked._question(plain).mode, asked._question(plain).labels) == ("", ())
