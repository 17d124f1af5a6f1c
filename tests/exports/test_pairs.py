"""Preference pairs: which of two attempts is the better one, and by how much."""

import csv
import io
import json
from collections import Counter
from datetime import UTC, datetime

import datasets
import pytest
from django.core.management import call_command
from django.utils import timezone

from annotation import queries
from annotation.assignments.handout import hand_out
from annotation.models import Submission
from annotation.quality.disagreement import disputes_of, tied_items
from annotation.queries import LabeledPair, LabeledTrace, Labels, Question
from exports.asked import Asked
from exports.build import build
from exports.comparisons import from_comparisons
from exports.duplicates import OTHERWISE
from exports.options import Options
from exports.pairs import attempt_of, choose
from exports.rows import Rows
from exports.splits import Splits
from exports.tally import Tally
from tests.exports.samples import document, reward_of, row
from tests.factory import FIRST_ERROR, OUTCOME, answers, make_project, make_trace, person, submit_item
from traces.store import iter_opened

BETTER = Question("better", "pairwise", "item", "", "first", False)
REWARD = Question("step_reward", "process_reward", "item", "first_error", "first", False)
ISSUE = {"issue_id": "myorg__myproject-12", "issue_description": "Fix the TypeError"}


def attempt(place: int, *labels: str, **keys):
    turns = [{"step_idx": n, "type": "thinking", "content": f"{place} {n}"} for n in range(len(labels))]
    given = {"id": f"t{place}", "structured_turns": turns}
    return attempt_of(place, row(*labels, document=given, trace_id=f"t{place}", **keys), texts=True)


def chosen(*attempts, **options):
    tally = Tally()
    pairs = choose("issue", attempts, Options(**options), tally)
    found = [(pair.chosen.trace_id, pair.rejected.trace_id, round(pair.margin, 6)) for pair in pairs]
    return found, dict(tally.left_out)


RIGHT = ["correct"] * 5
LATE = ["correct"] * 3 + ["incorrect"] * 4


def test_the_margin_is_the_difference_of_the_mean_rewards():
    assert chosen(attempt(1, *LATE), attempt(2, *RIGHT)) == ([("t2", "t1", 0.571429)], {})


def test_neutral_steps_do_not_count():
    assert chosen(attempt(1, "correct", "neutral", "neutral"), attempt(2, "incorrect", "neutral"))[0] == [
        ("t1", "t2", 1.0)
    ]
    assert attempt(3, "neutral", "neutral") is None


def test_what_differs_too_little_is_no_pair():
    found, left_out = chosen(attempt(1, *RIGHT), attempt(2, *["correct"] * 6))
    assert (found, left_out) == ([], {"pairs differing by less than 0.1": 1})


def test_equal_rewards_are_told_apart_by_the_outcome_then_by_the_first_error():
    one, other = attempt(1, *RIGHT, resolved=False), attempt(2, *RIGHT, resolved=True)
    assert chosen(one, other, min_margin=0.0)[0] == [("t2", "t1", 0.0)]
    early = attempt(1, "incorrect", "correct", "correct", "incorrect", resolved=None)
    late = attempt(2, "correct", "correct", "incorrect", "incorrect", resolved=None)
    assert chosen(early, late, min_margin=0.0)[0] == [("t2", "t1", 0.0)]
    equal = attempt(1, *RIGHT), attempt(2, *RIGHT)
    assert chosen(*equal, min_margin=0.0) == ([], {"pairs of which neither trace is better": 1})
    assert chosen(*equal) == ([], {"pairs differing by less than 0.1": 1})


def test_an_attempt_with_the_same_steps_is_no_other_attempt():
    one = attempt(1, *RIGHT)
    same = attempt(2, *LATE)._replace(steps_hash=one.steps_hash)
    assert chosen(one, same) == ([], {"pairs with the same steps": 1})


def test_the_clearest_pairs_of_an_issue_are_kept():
    many = [attempt(place, *["correct"] * place, *["incorrect"] * (10 - place)) for place in range(10)]
    found, left_out = chosen(*many, pairs_per_issue=2)
    assert [margin for _, _, margin in found] == [0.9, 0.8]
    assert left_out["pairs beyond 2 of one issue"] == 43


# --- comparisons ---------------------------------------------------------------------------------------------------


def labeled(name: str, labels=()) -> LabeledTrace:
    return LabeledTrace(name, "issue-1", "issue-1", "issue-1", 0, document(name), list(labels))


@pytest.fixture
def said():
    """``said(*choices)``: the pairs that people's choices about t1 and t2 make."""

    def run(*choices, aggregation="majority"):
        labels = [
            Labels(f"p{place}", None, datetime(2026, 1, 1, tzinfo=UTC), 60.0, (), "production",
                   {"better": BETTER}, {"better": choice and {"grades": 3, **choice}}, {})
            for place, choice in enumerate(choices)
        ]  # fmt: skip
        options = Options(aggregation=aggregation)
        tally = Tally()
        pair = LabeledPair(labeled("t1"), labeled("t2"), labels)

        def make_rows(tally: Tally) -> Rows:
            return Rows(Asked(None, None, "", ()), options, "pairs", Splits(options, ()), tally)

        found = list(from_comparisons([pair], None, make_rows, options, tally))
        return [(p.chosen.trace_id, p.margin, p.preference_strength) for p in found], dict(tally.left_out)

    return run


A, B, TIE = {"side": "a"}, {"side": "b"}, {"side": "tie"}


def test_votes_make_the_preference_and_its_strength(said):
    assert said(A) == ([("t1", 1.0, 1.0)], {})
    assert said(B, B, B, A) == ([("t2", 0.5, 0.75)], {})
    assert said({"side": "b", "strength": 1}, {"side": "b", "strength": 3})[0] == [("t2", 0.666667, 1.0)]


def test_a_draw_is_no_preference(said):
    for choices in ([A, B], [TIE], [TIE, TIE, TIE], [TIE, TIE, B], [TIE, B], [A, A, B, TIE]):
        assert said(*choices) == ([], {"comparisons without a winner": 1})
    assert said(None) == ([], {"comparisons nobody answered": 1})


def test_a_vote_for_neither_is_a_vote(said):
    assert said(TIE, B, B) == ([("t2", 0.666667, 0.666667)], {})


def test_the_margin_is_none_where_the_votes_of_the_others_weigh_more(said):
    """Two of three call the first slightly better, one the second much better."""
    few, many = {"side": "a", "strength": 1}, {"side": "b", "strength": 3}
    assert said(few, few, many) == ([("t1", 0.0, 0.666667)], {})
    assert said(few, few, {"side": "b", "strength": 1}) == ([("t1", 0.111111, 0.666667)], {})


def test_a_decision_made_before_the_comparison_was_asked_for_leaves_it_to_the_annotators():
    def labels(name: str, purpose: str, **answers) -> Labels:
        when = datetime(2026, 1, 1, tzinfo=UTC)
        return Labels(name, None, when, 60.0, (), purpose, dict.fromkeys(answers, BETTER), answers, {})

    def make_rows(tally: Tally) -> Rows:
        return Rows(Asked(None, None, "", ()), Options(), "pairs", Splits(Options(), ()), tally)

    def found(**decided):
        said = [labels("ann", "production", better=A), labels("judge", "adjudication", **decided)]
        pairs = [LabeledPair(labeled("t1"), labeled("t2"), said)]
        return [pair.chosen.trace_id for pair in from_comparisons(pairs, None, make_rows, Options(), Tally())]

    assert found() == ["t1"]
    assert found(better=B) == ["t2"]
    assert found(better=TIE) == []


def test_per_annotator_every_vote_is_a_pair(said):
    assert [name for name, _, _ in said(A, B, aggregation="per_annotator")[0]] == ["t1", "t2"]


def test_labels_of_another_version_of_a_trace_are_not_about_its_steps():
    def answer(name: str, question: Question, value) -> Labels:
        when = datetime(2026, 1, 1, tzinfo=UTC)
        return Labels("ann", None, when, 60.0, (), "production", {name: question}, {name: value}, {})

    def make_rows(tally: Tally) -> Rows:
        return Rows(Asked(REWARD, None, "", ()), Options(), "pairs", Splits(Options(), ()), tally)

    first, second = labeled("t1")._replace(version_id=1), labeled("t2")._replace(version_id=2)
    count = len(first.document["structured_turns"])
    labels = [answer("step_reward", REWARD, reward_of(*["correct"] * count))]
    read = [first._replace(submissions=labels), second._replace(submissions=labels, version_id=3)]
    pair = LabeledPair(first, second, [answer("better", BETTER, A)])
    (found,) = from_comparisons([pair], lambda ids, **_: read, make_rows, Options(), Tally())
    told = [[step["label"] for step in side.steps] for side in (found.chosen, found.rejected)]
    assert told == [["correct"] * count, [None] * count]


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_what_people_chose_comes_before_what_process_rewards_say(tmp_path):
    """One pair of each source: people preferred the trace with the lower rewards, and nobody compared the others."""
    pairwise = {"annotation_type": "pairwise", "name": "better", "strength": ["slightly", "clearly"]}
    traces = [make_trace("t1", 5, **ISSUE), make_trace("t2", 5, **{**ISSUE, "final_patch": "x"})]
    project = make_project(tmp_path, traces=traces, schemes=[FIRST_ERROR, pairwise], overlap=0, people=["ann"])
    for first_error in (None, 1):
        submit_item(project, "ann", {"step_reward": {"first_error": {"step": first_error}}})
    submit_item(project, "ann", {"better": {"choice": {"side": "b", "strength": 1}}})
    output = tmp_path / "pairs.jsonl"
    run("--format", "preference_pairs", "--project", project.slug, "--output", str(output), "--no-dedupe")
    (pair,) = [json.loads(line) for line in output.read_text().splitlines()]
    assert (pair["chosen_trace_id"], pair["source"], pair["margin"]) == ("t2", "pairwise", 0.5)
    # What she said of their steps goes along.
    assert (pair["chosen_first_error"], pair["rejected_first_error"]) == (1, None)
    assert [step["label"] for step in pair["chosen"]["steps"]] == ["correct"] + ["incorrect"] * 4
    assert [step["label"] for step in pair["rejected"]["steps"]] == ["correct"] * 5
    run("--format", "preference_pairs", "--project", project.slug, "--output", str(output), "--pair_source", "prm",
        "--no-dedupe")  # fmt: skip
    # As process rewards they are no pair: their steps are the same.
    assert output.read_text() == ""


def say(project, name, first_errors, choices=None):
    """``name`` labels every trace and compares every pair there is, in whatever order they come: by trace the first
    error, by pair the choice."""
    while assignment := hand_out(project, person(name), timezone.now()).assignment:
        item = assignment.item
        if item.trace_b:
            chosen = (choices or {})[item.trace_a.external_id, item.trace_b.external_id]
            submit_item(project, name, {"better": {"choice": chosen}})
        else:
            first_error = first_errors[item.trace_a.external_id]
            submit_item(project, name, {"step_reward": {"first_error": {"step": first_error}}})


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
@pytest.mark.parametrize("aggregation", ["majority", "per_annotator"])
def test_what_people_called_a_draw_is_no_pair_of_process_rewards(tmp_path, aggregation):
    pairwise = {"annotation_type": "pairwise", "name": "better"}
    traces = [make_trace(f"t{n}", 4 + n, **ISSUE) for n in range(2)]
    project = make_project(tmp_path, traces=traces, schemes=[FIRST_ERROR, pairwise])
    for name in ("ann", "bob", "ann"):
        say(project, name, {"t0": None, "t1": 1}, {("t0", "t1"): {"side": "tie"}})
    options = Options(aggregation=aggregation)
    built = build(project.pk, "preference_pairs", options, tmp_path / "pairs.jsonl")
    assert (tmp_path / "pairs.jsonl").read_text() == ""
    draws = {"majority": 1, "per_annotator": 2}[aggregation]
    assert built.counts["left_out"]["comparisons without a winner"] == draws
    only = options.model_copy(update={"pair_source": "prm"})
    assert build(project.pk, "preference_pairs", only, tmp_path / "pairs.jsonl").counts["rows"] > 0


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
@pytest.mark.parametrize(
    ("chosen", "is_pair", "is_decided"),
    [
        (["a", "a", "b", "tie"], False, False),
        (["a", "a", "b", "a"], True, True),
        (["a", "b", "tie", "tie"], False, False),
        (["a", "tie", "tie", "tie"], False, True),
    ],
)
def test_somebody_decides_a_comparison_that_is_no_pair_but_one_that_most_call_a_draw(
    tmp_path, chosen, is_pair, is_decided
):
    people = ("ann", "bob", "cat", "dan")
    pairwise = {"annotation_type": "pairwise", "name": "better"}
    traces = [make_trace(f"t{n}", 4, **ISSUE) for n in range(2)]
    project = make_project(
        tmp_path,
        traces=traces,
        schemes=[pairwise],
        people=people,
        quality_control={"overlap_percentage": 100, "overlap_depth": 4, "minimum_time_per_instance": 0},
    )
    for name, side in zip(people, chosen, strict=True):
        submit_item(project, name, {"better": {"choice": {"side": side}}})
    assert bool(disputes_of(project, using="default")) == bool(tied_items(project, using="default")) == (not is_decided)
    build(project.pk, "preference_pairs", Options(), tmp_path / "pairs.jsonl")
    assert bool((tmp_path / "pairs.jsonl").read_text()) == is_pair


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_per_annotator_a_comparison_has_the_step_labels_of_who_made_it(tmp_path):
    pairwise = {"annotation_type": "pairwise", "name": "better"}
    traces = [make_trace("t1", 5, **ISSUE), make_trace("t2", 5, **{**ISSUE, "final_patch": "x"})]
    project = make_project(tmp_path, traces=traces, schemes=[FIRST_ERROR, pairwise], people=["ann", "bob"])
    for name, first_error in (("ann", 1), ("bob", 2)):
        for _ in traces:
            submit_item(project, name, {"step_reward": {"first_error": {"step": first_error}}})
    for name in ("ann", "bob"):
        submit_item(project, name, {"better": {"choice": {"side": "a"}}})
    output = tmp_path / "pairs.jsonl"
    run("--format", "preference_pairs", "--project", project.slug, "--output", str(output), "--no-dedupe",
        "--aggregation", "per_annotator")  # fmt: skip
    pairs = [json.loads(line) for line in output.read_text().splitlines()]
    found = [(pair["annotators"], pair["chosen_first_error"], pair["rejected_first_error"]) for pair in pairs]
    assert found == [(["ann"], 1, 1), (["bob"], 2, 2)]


@pytest.fixture
def three(tmp_path):
    """``three(choices)``: three runs of one issue that two people labeled, the best one first. By ``choices``, if any,
    they compared two of them."""
    pairwise = {"annotation_type": "pairwise", "name": "better", "strength": ["slightly", "clearly"]}

    def make(choices=None):
        traces = [make_trace(f"t{n}", 5 + n, **ISSUE) for n in range(3)]
        project = make_project(tmp_path, traces=traces, schemes=[FIRST_ERROR, *([pairwise] if choices else [])])
        for name in ("ann", "bob", "ann"):
            say(project, name, {"t0": None, "t1": 3 if name == "ann" else 2, "t2": 0}, choices)
        return project

    return make


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_per_annotator_both_sides_of_a_pair_are_one_persons(three, tmp_path):
    project = three()
    pairs = pairs_of(project, tmp_path, "--aggregation", "per_annotator")
    found = Counter((*pair["annotators"], pair["chosen_trace_id"], pair["rejected_trace_id"]) for pair in pairs)
    two = [("t0", "t1"), ("t0", "t2"), ("t1", "t2")]
    assert found == {(name, *traces): 1 for name in ("ann", "bob") for traces in two}
    assert {pair["rejected_first_error"] for pair in pairs if pair["rejected_trace_id"] == "t1"} == {3, 2}
    assert len({pair["pair_id"] for pair in pairs}) == len(pairs)
    # What is counted are pairs of traces, whoever said so.
    (one, other) = pairs_of(project, tmp_path, "--aggregation", "per_annotator", "--pairs_per_issue", "1")
    assert (one["annotators"], other["annotators"]) == (["ann"], ["bob"])
    assert {(pair["chosen_trace_id"], pair["rejected_trace_id"]) for pair in (one, other)} == {("t0", "t2")}


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_per_annotator_who_labeled_one_attempt_only_is_in_no_pair(tmp_path):
    traces = [make_trace(f"t{n}", 5 + n, **ISSUE) for n in range(2)]
    project = make_project(tmp_path, traces=traces)
    submit_item(project, "ann", answers(None))
    submit_item(project, "ann", answers(1))
    submit_item(project, "bob", answers(0))
    built = build(project.pk, "preference_pairs", Options(aggregation="per_annotator"), tmp_path / "pairs.jsonl")
    assert built.counts["rows"] == 1
    assert built.counts["left_out"] == {"labeled by somebody who labeled no other attempt at the issue": 1}


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_comparisons_come_first_among_the_pairs_of_an_issue(three, tmp_path):
    strong, weak, draw = {"side": "b", "strength": 2}, {"side": "a", "strength": 1}, {"side": "tie"}
    project = three({("t0", "t1"): weak, ("t0", "t2"): strong, ("t1", "t2"): draw})

    def built(**options):
        options = Options(min_margin=0.9, **options)
        counts = build(project.pk, "preference_pairs", options, tmp_path / "pairs.jsonl").counts
        pairs = [json.loads(line) for line in (tmp_path / "pairs.jsonl").read_text().splitlines()]
        return [(pair["chosen_trace_id"], pair["rejected_trace_id"]) for pair in pairs], counts["left_out"]

    # Whatever their rewards, which say nothing more of what was compared.
    assert built() == ([("t0", "t1"), ("t2", "t0")], {"comparisons without a winner": 1})
    beyond = {"pairs beyond 1 of one issue": 1}
    assert built(pairs_per_issue=1) == ([("t2", "t0")], {"comparisons without a winner": 1, **beyond})
    assert built(pairs_per_issue=1, aggregation="per_annotator") == (
        [("t2", "t0")] * 2, {"comparisons without a winner": 2, "pairs beyond 1 of one issue": 2}
    )  # fmt: skip


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_process_rewards_fill_up_what_comparisons_leave_of_an_issue(three, tmp_path, monkeypatch):
    """As where only the first comparison was made."""
    strong, draw = {"side": "b", "strength": 2}, {"side": "tie"}
    project = three({("t0", "t1"): draw, ("t0", "t2"): draw, ("t1", "t2"): strong})
    Submission.objects.filter(assignment__item__trace_b__external_id="t1").delete()
    Submission.objects.filter(
        assignment__item__trace_a__external_id="t0", assignment__item__trace_b__external_id="t2"
    ).delete()
    for most, rows, left_out in (
        (3, [("pairwise", "t2", "t1"), ("prm", "t0", "t2"), ("prm", "t0", "t1")], {}),
        (2, [("pairwise", "t2", "t1"), ("prm", "t0", "t2")], {"pairs beyond 2 of one issue": 1}),
        (1, [("pairwise", "t2", "t1")], {"pairs beyond 1 of one issue": 2}),
    ):
        options = Options(pairs_per_issue=most)
        built = build(project.pk, "preference_pairs", options, tmp_path / "pairs.jsonl")
        pairs = [json.loads(line) for line in (tmp_path / "pairs.jsonl").read_text().splitlines()]
        assert [(pair["source"], pair["chosen_trace_id"], pair["rejected_trace_id"]) for pair in pairs] == rows
        assert built.counts["left_out"] == left_out


def made_of_two(tmp_path, said, *, annotators=("ann",)):
    """A project with two runs of one issue that differ in their patch alone; ``said``: by annotator what they answered
    to each. Then all prefer the second."""
    pairwise = {"annotation_type": "pairwise", "name": "better"}
    traces = [make_trace("t1", 5, **ISSUE), make_trace("t2", 5, **{**ISSUE, "final_patch": "x"})]
    schemes = [FIRST_ERROR, OUTCOME, pairwise]
    overlap = 100 if annotators[1:] else 0
    project = make_project(tmp_path, traces=traces, schemes=schemes, people=annotators, overlap=overlap)
    for name in annotators:
        for values in said[name]:
            submit_item(project, name, values)
    for name in annotators:
        submit_item(project, name, {"better": {"choice": {"side": "b"}}})
    return project


def pairs_of(project, tmp_path, *arguments):
    output = tmp_path / "pairs.jsonl"
    run("--format", "preference_pairs", "--project", project.slug, "--output", str(output), *arguments)
    return [json.loads(line) for line in output.read_text().splitlines()]


def first_errors(pairs):
    """Per pair, what its sides have: (whether every step is labeled, the first error)."""
    return [
        tuple((all(step["label"] for step in pair[side]["steps"]), pair[f"{side}_first_error"])
              for side in ("chosen", "rejected"))
        for pair in pairs
    ]  # fmt: skip


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
@pytest.mark.parametrize("source", ["all", "pairwise"])
def test_what_leaves_traces_out_takes_no_labels_from_one_side_of_a_comparison(tmp_path, source):
    """By default the second is a duplicate of the first; it alone is not resolved."""
    project = made_of_two(tmp_path, {"ann": [answers(2, "resolved"), answers(1, "partial")]})
    whole = [((True, 1), (True, 2))]
    assert first_errors(pairs_of(project, tmp_path, "--pair_source", source)) == whole
    assert first_errors(pairs_of(project, tmp_path, "--pair_source", source, "--outcome", "resolved")) == whole


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
@pytest.mark.parametrize(
    ("patches", "lines", "reason"),
    [
        (("one", "two"), [1, 0], "pairs of equal conversations (in the standard file only)"),
        (("one", "one"), [0, 0], "pairs of equal conversations"),
        (("one", ""), [0, 0], "pairs of equal conversations"),
    ],
)
def test_dpo_holds_no_pair_of_equal_conversations(tmp_path, patches, lines, reason):
    """As far as they are written: the ends of the first steps differ."""
    traces = [make_trace(f"t{n}", 2, final_patch=patch, **ISSUE) for n, patch in enumerate(patches)]
    for n, trace in enumerate(traces):
        trace["structured_turns"][0]["content"] = "x" * 500 + str(n) + "x" * 500
    pairwise = {"annotation_type": "pairwise", "name": "better"}
    project = make_project(tmp_path, traces=traces, schemes=[pairwise], overlap=0, people=["ann"])
    submit_item(project, "ann", {"better": {"choice": {"side": "b"}}})
    files = ("dpo.jsonl", "dpo.conversational.jsonl")

    def written(**given):
        counts = build(project.pk, "dpo", Options(**given), tmp_path / "out" / "dpo.jsonl").counts
        return [len((tmp_path / "out" / name).read_text().splitlines()) for name in files], counts

    assert written()[0] == [lines[0], 1]
    found, counts = written(content="truncated", content_limit=100)
    assert (found, counts["left_out"], counts["rows"]) == (lines, {reason: 1}, max(lines))


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
@pytest.mark.parametrize("options", [("--ties", "drop"), ("--min_agreement", "0.9")])
def test_labels_people_do_not_agree_on_are_merged_in_a_comparison(tmp_path, options):
    said = {"ann": [answers(2), answers(1)], "bob": [answers(2), answers(3)]}
    project = made_of_two(tmp_path, said, annotators=("ann", "bob"))
    found = pairs_of(project, tmp_path, "--pair_source", "pairwise", "--no-dedupe", *options)
    assert first_errors(found) == [((True, 1), (True, 2))]


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_steps_cut_from_compared_traces_are_counted(tmp_path):
    project = made_of_two(tmp_path, {"ann": [answers(2), answers(1)]})
    options = Options(pair_source="pairwise", post_error="truncate", dedupe=False)
    built = build(project.pk, "preference_pairs", options, tmp_path / "pairs.jsonl")
    (pair,) = [json.loads(line) for line in (tmp_path / "pairs.jsonl").read_text().splitlines()]
    assert (pair["chosen_steps"], pair["rejected_steps"]) == (2, 3)
    assert built.counts["changed"] == {"steps left out behind the first error": 5}


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_a_text_of_a_compared_trace_that_is_cut_is_counted_once(tmp_path):
    long = make_trace("t1", 1, **ISSUE)
    long["structured_turns"][0]["content"] = "x" * 200
    pairwise = {"annotation_type": "pairwise", "name": "better"}
    traces = [long, make_trace("t2", 1, **ISSUE)]
    project = make_project(tmp_path, traces=traces, schemes=[FIRST_ERROR, pairwise], overlap=0, people=["ann"])
    for _ in traces:
        submit_item(project, "ann", {"step_reward": {"first_error": {"step": None}}})
    submit_item(project, "ann", {"better": {"choice": {"side": "b"}}})
    options = Options(pair_source="pairwise", content="truncated", content_limit=100)
    for name in ("preference_pairs", "dpo"):
        built = build(project.pk, name, options, tmp_path / name)
        assert built.counts["changed"] == {"steps with truncated content": 1}


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_labels_of_compared_traces_are_read_for_a_format_that_writes_them(tmp_path, monkeypatch):
    project = made_of_two(tmp_path, {"ann": [answers(2), answers(1)]})
    asked, labeled_traces = [], queries.labeled_traces

    def watched(*arguments, only=None, documents="whole", **options):
        asked.append((only, documents))
        return labeled_traces(*arguments, only=only, documents=documents, **options)

    monkeypatch.setattr(queries, "labeled_traces", watched)
    # Of equal conversations one has no row.
    for name, rows in (("dpo", 0), ("preference_pairs", 1)):
        assert build(project.pk, name, Options(pair_source="pairwise"), tmp_path / name).counts["rows"] == rows
    # Without their documents, which the pairs have.
    assert asked == [(["t1", "t2"], "later")]


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
@pytest.mark.parametrize("name", ["preference_pairs", "dpo"])
def test_a_document_is_read_once_and_equal_ones_are_told_apart(name, tmp_path, monkeypatch):
    one = make_trace("t1", 5, **ISSUE)
    first_differs, last_differs = ({**one, "structured_turns": [*map(dict, one["structured_turns"])]} for _ in "ab")
    first_differs["structured_turns"][0]["content"] = last_differs["structured_turns"][-1]["content"] = "Otherwise."
    traces = [one, {**first_differs, "id": "t2"}, {**last_differs, "id": "t3"}]
    # Another repository makes another task of it, but no other steps; other steps than its number make no duplicate.
    traces += [{**one, "id": "t4", "repo": "a/b"}, {**one, "id": "t5", "model": "m"}, make_trace("t6", 6, **ISSUE)]
    traces.append(make_trace("alone", 3))
    project = make_project(tmp_path, traces=traces, overlap=0)
    for first_error in (None, 1, 2, 3, 4, None, None):
        submit_item(project, "ann", answers(first_error))
    read = []

    def watched(versions, **options):
        versions = list(versions)
        read.extend(versions)
        return iter_opened(versions, **options)

    monkeypatch.setattr("annotation.queries.later.iter_opened", watched)
    built = build(project.pk, name, Options(min_margin=0.0), tmp_path / "out" / "pairs.jsonl")
    assert built.counts["left_out"][OTHERWISE] == 1
    assert built.counts["left_out"]["pairs with the same steps"] == 1
    # Ten pairs of five traces, without that one and without t1 and t6, who both did everything right.
    assert (built.counts["rows"], built.counts["traces"]) == (8, 5)
    assert sorted(Counter(read).values()) == [1, 1, 1, 1, 1]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
@pytest.mark.parametrize("name", ["preference_pairs", "dpo"])
@pytest.mark.parametrize("given", [{}, {"content": "truncated", "content_limit": 100}, {"post_error": "truncate"}])
def test_pairs_are_the_same_however_few_rows_and_documents_are_held(name, given, tmp_path, monkeypatch):
    traces = [make_trace(f"t{number}", 3 + number % 3, issue_id=f"i{number % 4}") for number in range(20)]
    for number, trace in enumerate(traces):
        trace["structured_turns"][number % 3]["content"] = f"{number % 7}" * 200
    project = make_project(tmp_path, traces=traces, overlap=100)
    for who in ("ann", "bob"):
        for number in range(20):
            submit_item(project, who, answers(number % 3 if number % 4 else None))
    options = Options(min_margin=0.0, aggregation="per_annotator", **given)

    def written(folder: str) -> tuple:
        built = build(project.pk, name, options, tmp_path / folder / "pairs.jsonl")
        return built.counts, {file.name: (tmp_path / folder / file.name).read_bytes() for file in built.files}

    usual = written("usual")
    assert usual[0]["rows"] > 20
    for limits in ({"KEPT": 0}, {"KEPT": 3, "ROWS": 1, "HELD": 1}, {"HELD": 2, "BATCH_PAIRS": 1}):
        with monkeypatch.context() as patched:
            for limit, value in limits.items():
                patched.setattr(f"exports.pairs.{limit}", value)
            assert written("few") == usual


# --- the documents' command ----------------------------------------------------------------------------------------


@pytest.fixture
def attempts(tmp_path, monkeypatch, transactional_db):
    """Three attempts at one issue and one at another, labeled; the commands of the documents run beside output/."""
    monkeypatch.chdir(tmp_path)
    traces = [make_trace(f"t{number}", steps, **ISSUE) for number, steps in enumerate((5, 7, 4), start=1)]
    traces.append(make_trace("alone", 3))
    project = make_project(tmp_path, traces=traces, overlap=0)
    for first_error, outcome in ((None, "resolved"), (3, "partial"), (0, "not_resolved"), (None, "resolved")):
        submit_item(project, "ann", answers(first_error, outcome))
    return project


def run(*arguments) -> str:
    out = io.StringIO()
    call_command("export", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_the_documents_command_writes_pairs_of_process_rewards(attempts, tmp_path):
    said = run("--format", "preference_pairs", "--project", "./output/", "--output",
               "./training_data/preferences.jsonl", "--pair_by", "issue_id")  # fmt: skip
    pairs = [json.loads(line) for line in (tmp_path / "training_data/preferences.jsonl").read_text().splitlines()]
    assert [(pair["chosen_trace_id"], pair["rejected_trace_id"], pair["margin"]) for pair in pairs] == [
        ("t1", "t3", 1.0), ("t1", "t2", 0.571429), ("t2", "t3", 0.428571),
    ]  # fmt: skip
    first = pairs[1]
    assert (first["chosen_first_error"], first["rejected_first_error"]) == (None, 3)
    assert first["prompt"] == "Fix the TypeError"
    assert (first["chosen_steps"], first["rejected_steps"], first["preference_strength"]) == (5, 7, 0.785714)
    assert [step["label"] for step in first["rejected"]["steps"]] == ["correct"] * 3 + ["incorrect"] * 4
    assert "3 pairs of 3 traces" in said


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_a_pair_names_the_instance_that_made_it_one(tmp_path):
    traces = [make_trace(f"t{number}", number, instance_id="o__r-1") for number in (4, 5)]
    project = make_project(tmp_path, traces=traces, overlap=0)
    for first_error in (None, 0):
        submit_item(project, "ann", answers(first_error))
    output = tmp_path / "pairs.jsonl"
    run("--format", "preference_pairs", "--project", project.slug, "--output", str(output))
    assert json.loads(output.read_text())["issue_id"] == "o__r-1"


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
@pytest.mark.parametrize("name", ["prm", "preference_pairs", "swe_bench"])
def test_the_documents_commands_never_fail(tmp_path, name):
    """Not without a label, without steps, without an outcome, nor without a SWE-bench id."""
    traces = [make_trace("a", 3), {"id": "record", "issue_description": "No steps"}]
    project = make_project(tmp_path, traces=traces, overlap=0)
    output = tmp_path / "out" / f"{name}.json"
    run("--format", name, "--project", str(tmp_path / "output"), "--output", str(output))
    assert output.exists()
    submit_item(project, "ann", answers(1))
    run("--format", name, "--project", str(tmp_path / "output"), "--output", str(output))


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
@pytest.mark.parametrize("name", ["preference_pairs", "swe_bench", "csv", "annotations", "code_review"])
def test_a_project_without_process_reward_exports_what_does_not_need_it(tmp_path, name):
    project = make_project(tmp_path, schemes=[OUTCOME], overlap=0, traces=[make_trace("a", 2, instance_id="o__r-1")])
    submit_item(project, "ann", {"outcome": {"": "resolved"}})
    run("--format", name, "--project", project.slug, "--output", str(tmp_path / "out" / "file"))


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_all_pairs_of_an_issue_in_which_a_trace_changed_are_in_an_incremental_export(attempts, tmp_path):
    seq = Submission.objects.order_by("seq")[1].seq
    output = tmp_path / "changed.jsonl"
    run("--format", "preference_pairs", "--project", attempts.slug, "--output", str(output), "--since_seq", str(seq))
    pairs = [json.loads(line) for line in output.read_text().splitlines()]
    assert {(pair["chosen_trace_id"], pair["rejected_trace_id"]) for pair in pairs} == {
        ("t1", "t2"), ("t1", "t3"), ("t2", "t3"),
    }  # fmt: skip


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_raw_answers_of_comparisons_are_among_the_annotations(tmp_path):
    traces = [make_trace(f"t{n}", 3 + n, issue_id="x") for n in (1, 2)]
    schemes = [FIRST_ERROR, {"annotation_type": "pairwise", "name": "better"}]
    project = make_project(tmp_path, traces=traces, schemes=schemes, people=["ann"], overlap=0)
    for _ in range(2):
        submit_item(project, "ann", {"step_reward": {"first_error": {"step": None}}})
    submit_item(project, "ann", {"better": {"choice": {"side": "b"}, "reason": "It passes."}})
    output = tmp_path / "out.jsonl"
    call_command(
        "export", "--project", project.slug, "--format", "annotations", "--output", output, stdout=io.StringIO()
    )
    *_, line = [json.loads(text) for text in output.read_text().splitlines()]
    assert (line["trace_id"], line["trace_id_b"], line["annotator"]) == ("t1", "t2", "ann")
    assert [(one["scheme"], one["key"], json.loads(one["value"])) for one in line["answers"]] == [
        ("better", "choice", {"side": "b"}), ("better", "reason", "It passes."),
    ]  # fmt: skip
    table = tmp_path / "out.csv"
    call_command("export", "--project", project.slug, "--format", "csv", "--output", table, stdout=io.StringIO())
    told = [(row["trace_id"], row["trace_id_b"], row["key"]) for row in csv.DictReader(table.open(newline=""))]
    assert told[-2:] == [("t1", "t2", "choice"), ("t1", "t2", "reason")]
    assert told[0][1] == ""


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_a_single_attempt_is_said_to_make_no_pair(attempts, tmp_path):
    told = run("--format", "preference_pairs", "--project", attempts.slug, "--output", str(tmp_path / "pairs.jsonl"))
    assert "left out: 1 trace, of an issue nobody labeled another attempt at" in told


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_a_whole_number_of_any_width_in_a_call_is_exported_as_its_digits_and_loads(tmp_path):
    wide = make_trace("t1", 3, **ISSUE)
    given = {"n": 2**70, "low": -(2**70), "much": 2**62, "yes": True, "each": [None, {"a": "b"}]}
    call = {"step_idx": 1, "type": "tool_call", "name": "seed", "input": given, "output": "ok"}
    wide["structured_turns"][1] = call
    project = make_project(tmp_path, traces=[wide, make_trace("t2", 3, **ISSUE)], overlap=0, people=["ann"])
    for first_error in (None, 1):
        submit_item(project, "ann", answers(first_error))
    build(project.pk, "dpo", Options(), tmp_path / "dpo.jsonl")
    file, cache = str(tmp_path / "dpo.conversational.jsonl"), str(tmp_path / "cache")
    (row,) = datasets.load_dataset("json", data_files=file, cache_dir=cache)["train"]
    calls = [call["function"] for message in row["chosen"] for call in message.get("tool_calls") or ()]
    seed = next(call["arguments"] for call in calls if call["name"] == "seed")
    assert seed == {**given, "n": str(2**70), "low": str(-(2**70))}
