"""Options that name what is not there are named, wherever an export is asked for."""

import io

import pytest
from django.core.management import call_command

from exports.build import build
from exports.models import Export
from exports.options import Options
from exports.preview import preview
from potato_site.jobs import run_now
from tests.factory import FIRST_ERROR, OUTCOME, answers, make_project, submit_item

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])

MISTAKES = [
    ({"exclude_annotators": ("ann", "bbo")}, "exclude_annotators: nobody here is called 'bbo'; there are: ann"),
    (
        {"reward_values": {"incorect": 0.2}},
        "reward_values: no label is called 'incorect'; there are: correct, incorrect",
    ),
    ({"outcome": ("solved",)}, "outcome: no outcome is called 'solved'; there are: not_resolved, partial, resolved"),
    ({"traces": ("trace_001", "trace_9")}, "traces: 1 of 2 ids is of no trace here"),
]


@pytest.fixture
def project(tmp_path):
    made = make_project(tmp_path)
    for name in ("ann", "bob"):
        submit_item(made, name, answers(1))
    return made


@pytest.mark.parametrize(("given", "sentence"), MISTAKES)
def test_a_name_that_is_not_there_is_said_before_it_is_made_and_in_the_manifest(project, given, sentence):
    assert preview(project, "prm", Options(**given)).warnings[0] == sentence
    options = {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}
    made = run_now("exports.build", {"project": project.pk, "format": "prm", "options": options})
    assert Export.objects.get(pk=made["export"]).manifest["without_effect"] == [sentence]


def test_the_command_says_it_and_names_that_are_there_are_not(project, tmp_path):
    for name, expected in (("bbo", "no effect: exclude_annotators: nobody here is called 'bbo'\n"), ("bob", "")):
        err = io.StringIO()
        call_command(
            "export", format="prm", project=project.slug, output=tmp_path / "out.jsonl", exclude_annotators=[name],
            outcome=["resolved"], reward_values={"incorrect": 0.1}, stdout=io.StringIO(), stderr=err,
        )  # fmt: skip
        assert err.getvalue() == expected


def test_the_command_does_not_call_without_effect_what_lets_no_trace_in(project, tmp_path):
    [(given, sentence)] = [mistake for mistake in MISTAKES if "outcome" in mistake[0]]
    err = io.StringIO()
    call_command(
        "export", format="prm", project=project.slug, output=tmp_path / "out.jsonl", stdout=io.StringIO(), stderr=err,
        **{name: list(value) for name, value in given.items()},
    )  # fmt: skip
    assert err.getvalue() == f"warning: {sentence}\n"


def test_what_is_no_time_is_said_with_an_example(project, tmp_path):
    with pytest.raises(Exception, match="--submitted_since: is no time; one is 2026-01-31T18:00"):
        call_command(
            "export", format="prm", project=project.slug, output=tmp_path / "out.jsonl", submitted_since="yesterday"
        )


def idle(project, folder, name, **given):
    """The options that are said to do nothing."""
    built = build(project.pk, name, Options(**given), folder / "out")
    return [line.partition(":")[0] for line in built.without_effect]


@pytest.mark.parametrize("name", ["prm", "atif", "kto", "csv"])
def test_an_outcome_that_is_not_told_makes_no_row_tied(tmp_path, name):
    review = {"annotation_type": "code_review", "name": "review", "file_ratings": {"enabled": False}}
    project = make_project(tmp_path, schemes=[FIRST_ERROR, OUTCOME, review])
    for who, verdict in (("ann", "approve"), ("bob", "request_changes")):
        submit_item(project, who, {**answers(1), "review": {"verdict": verdict}})
    for more in ({}, {"ties": "drop"}):
        plain, other = (
            build(project.pk, name, Options(**more, **given), tmp_path / str(number) / "out")
            for number, given in enumerate(({}, {"outcome_scheme": "review"}))
        )
        assert plain.counts == other.counts
        assert plain.counts["rows"] > 0
        assert "outcome_scheme: it changes nothing of this format" in other.without_effect
    # Where it decides what is in, so does its tie.
    chosen = {"outcome_scheme": "review", "outcome": ("approve", "request_changes"), "ties": "drop"}
    assert build(project.pk, name, Options(**chosen), tmp_path / "out").counts["left_out"] == {"tied": 1}


def test_with_a_row_for_every_annotator_nothing_is_tied(project, tmp_path):
    for name in ("prm", "swe_bench", "preference_pairs"):
        for given in ({"ties": "drop"}, {"ties": "latest"}, {"min_agreement": 0.5}):
            assert idle(project, tmp_path, name, aggregation="per_annotator", **given) == list(given)
            assert idle(project, tmp_path, name, **given) == []


def test_what_is_for_process_rewards_does_nothing_to_comparisons(project, tmp_path):
    for given in ({"min_margin": 0.5}, {"min_agreement": 0.5}, {"outcome": ("partial",)}, {"dedupe": False},
                  {"ties": "drop"}, {"outcome_scheme": "outcome"}):  # fmt: skip
        assert idle(project, tmp_path, "preference_pairs", pair_source="pairwise", **given) == list(given)
        assert idle(project, tmp_path, "preference_pairs", **given) == []
    # Of the steps one has labels, the other none.
    for given in ({"ties": "latest"}, {"reward_values": {"incorrect": 0.2}}, {"post_error": "truncate"}):
        assert idle(project, tmp_path, "preference_pairs", pair_source="pairwise", **given) == []
        assert idle(project, tmp_path, "dpo", pair_source="pairwise", **given) == list(given)


NO_PAIRS = "there is nothing to make pairs of: the project has neither a process_reward nor a pairwise scheme"


def test_pairs_of_a_project_that_asks_for_none_are_no_empty_file_without_a_word(tmp_path):
    made = make_project(tmp_path, schemes=[OUTCOME])
    submit_item(made, "ann", {"outcome": {"": "resolved"}})
    assert preview(made, "preference_pairs", Options()).warnings[0] == NO_PAIRS
    err = io.StringIO()
    call_command(
        "export", format="dpo", project=made.slug, output=tmp_path / "out.jsonl", stdout=io.StringIO(), stderr=err
    )
    assert err.getvalue() == f"warning: {NO_PAIRS}\n"


@pytest.mark.parametrize(("source", "is_said"), [("all", False), ("prm", True), ("pairwise", False)])
def test_a_project_that_compares_makes_pairs_of_what_people_chose(tmp_path, source, is_said):
    made = make_project(tmp_path, schemes=[{"annotation_type": "pairwise", "name": "better"}])
    said = "there is nothing to make pairs of: the project has no process_reward scheme"
    assert (said in preview(made, "dpo", Options(pair_source=source)).warnings) is is_said
