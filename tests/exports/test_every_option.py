"""Every option changes what every format writes, or is said to do nothing there."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from annotation.models import Submission
from exports.build import Built, build
from exports.formats import formats
from exports.options import Options, options_of
from tests.factory import OUTCOME, PER_STEP, make_project, make_trace, submit_item

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])]

# Values of each option that are not the recommended one. Only what another option asks for goes with them.
OTHER: dict[str, list[dict[str, Any]]] = {
    "scheme": [{"scheme": "second", "ties": "drop"}],
    "outcome_scheme": [{"outcome_scheme": "merge", "outcome": ["yes"]}],
    "aggregation": [{"aggregation": "per_annotator"}],
    "ties": [{"ties": "latest"}, {"ties": "drop"}],
    "soft_labels": [{"soft_labels": True}],
    "reward_values": [{"reward_values": {"partially_correct": 0.25}}],
    "post_error": [{"post_error": "mask"}, {"post_error": "truncate"}],
    "neutral": [{"neutral": "mask"}, {"neutral": "negative"}],
    "content": [{"content": "truncated", "content_limit": 100}],
    "prompt_limit": [{"prompt_limit": 100}],
    "submitted_since": [{"submitted_since": "2100-01-01T00:00"}],
    "exclude_annotators": [{"exclude_annotators": ["ann"]}],
    "min_agreement": [{"min_agreement": 1.0}],
    "outcome": [{"outcome": ["resolved"]}],
    "dedupe": [{"dedupe": False}],
    "traces": [{"traces": ["t0", "t1"]}],
    "since_seq": [{"since_seq": 10}],
    "validation": [{"validation": 0.9}],
    "test": [{"test": 0.9}],
    "hold_out_benchmarks": [{"hold_out_benchmarks": True}],
    "pair_source": [{"pair_source": "prm"}, {"pair_source": "pairwise"}],
    "pairs_per_issue": [{"pairs_per_issue": 1}],
    "min_margin": [{"min_margin": 0.9}],
    "compress": [{"compress": "gzip"}],
}
# Not here, but elsewhere: where a reviewer decided, people compared, and a tie is broken by what its labels are worth.
ELSEWHERE = {
    *((name, "pair_source") for name in ("dpo", "preference_pairs")),
    ("swe_bench", "ties"),
    *((name, "aggregation") for name in ("annotations", "code_review", "csv")),
    *((name, "reward_values") for name in ("processbench", "swe_bench")),
}
# They differ in the fourth step of the first trace.
LABELS = ["correct", "neutral", "partially_correct", "incorrect", "correct"]
RUNS = {"ann": [LABELS, ["correct"] * 5, ["incorrect"] * 5]}
RUNS["bob"] = [[*LABELS[:3], "correct", "correct"], *RUNS["ann"][1:]]


@pytest.fixture
def project(tmp_path):
    patch = "--- a/src/a.py\n+++ b/src/a.py\n@@ -1,2 +1,2 @@\n-x = 1\n+x = {}\n y = 2\n"
    traces = [
        make_trace(
            f"t{n}", 5, issue_description="Fix it", repo="django/django", instance_id="django__django-1",
            final_patch=patch.format(n), model=f"m{n}",
        )
        for n in range(3)
    ]  # fmt: skip
    for n, trace in enumerate(traces):
        trace["structured_turns"][4]["content"] = f"Done {n}. " + "x" * 200
    traces.append({**traces[2], "id": "t3"})
    merge = {"annotation_type": "radio", "name": "merge", "label": "Merge?", "options": ["yes", "no"]}
    review = {"annotation_type": "code_review", "name": "review", "file_ratings": {"enabled": False}}
    keys = {
        label: {"text": label, "keyboard_shortcut": key} for label, key in zip(PER_STEP["labels"], "5678", strict=True)
    }
    second = {**PER_STEP, "name": "second", "labels": keys}
    made = make_project(tmp_path, traces=traces, schemes=[PER_STEP, second, OUTCOME, merge, review], overlap=100)
    for who, runs in RUNS.items():
        for n, labels in enumerate([*runs, runs[2]]):
            steps = {str(place): {"label": label} for place, label in enumerate(labels)}
            other = {str(place): {"label": label} for place, label in enumerate(["correct", *labels][:5])}
            submit_item(made, who, {
                "per_step": steps, "second": other, "outcome": {"": "resolved" if n == 1 else "partial"},
                "merge": {"": "yes" if n == 0 else "no"}, "review": {"verdict": "approve"},
            })  # fmt: skip
    return made


def written(project, name: str, folder: Path, given: dict[str, Any]) -> tuple[Built, dict[str, bytes]]:
    output = folder / formats.get(name).file if formats.get(name).file else folder
    built = build(project.pk, name, options_of(given), output)
    files = {file.name: (folder / file.name).read_bytes() for file in built.files}
    return built, {file: data for file, data in files.items() if not file.endswith("changes.jsonl")}


@pytest.mark.once
def test_an_option_changes_the_files_or_is_said_to_do_nothing(project, tmp_path):
    wrong = []
    for name in formats.names():
        plain, usual = written(project, name, tmp_path / name / "usual", {})
        for option, given in ((option, given) for option, tries in OTHER.items() for given in tries):
            built, files = written(project, name, tmp_path / name / uuid.uuid4().hex, given)
            changes, is_told = files != usual, any(line.startswith(f"{option}: ") for line in built.without_effect)
            if changes == is_told and (changes or (name, option) not in ELSEWHERE):
                wrong.append(f"{name} {given}: changes {changes}, told {is_told}")
            if is_told and built.counts != plain.counts:
                wrong.append(f"{name} {given}: counted {built.counts}, not {plain.counts}")
    assert wrong == []


def test_every_option_is_tried():
    """The others do nothing alone: a test of their own says so."""
    assert set(Options.model_fields) - set(OTHER) == {
        "content_limit", "split_by", "split_seed", "suggested", "include_surplus", "exclude_flags", "pair_by",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("alone", "beside"),
    [
        ({"content_limit": 100}, {"content": "truncated"}),
        ({"split_seed": "other"}, {"test": 0.5}),
        ({"split_by": "issue"}, {"test": 0.5}),
        ({"outcome_scheme": "merge"}, {"outcome": ["no"]}),
    ],
)
def test_an_option_that_needs_another_says_so_without_it(project, tmp_path, alone, beside):
    def told(given: dict[str, Any]) -> list[str]:
        return [line.split(":")[0] for line in written(project, "prm", tmp_path / "out", given)[0].without_effect]

    assert told(alone) == list(alone)
    assert told({**alone, **beside}) == []


@pytest.mark.parametrize(("name", "different"), [("kto", 2), ("preference_pairs", 3)])
def test_shares_of_votes_are_those_of_the_rule_for_neutral_steps(project, tmp_path, name, different):
    """One of two calls the fourth step of the first trace neutral, the other incorrect."""
    said = Submission.objects.get(assignment__annotator__username="bob", assignment__item__trace_a__external_id="t0")
    said.values["per_step"]["3"]["label"] = "neutral"
    said.save(update_fields=["values"])
    files = [
        written(project, name, tmp_path / neutral, {"soft_labels": True, "neutral": neutral})
        for neutral in ("positive", "mask", "negative")
    ]
    assert all(built.without_effect == () for built, _ in files)
    assert len({str(found) for _, found in files}) == different


def test_kto_takes_steps_that_are_worth_more_or_less_than_half(project, tmp_path):
    given = {"reward_values": {"partially_correct": 0.25, "incorrect": 0.1, "correct": 0.9}, "ties": "earliest"}
    _, files = written(project, "kto", tmp_path / "out", given)
    labels = [(row["trace_id"], row["label"]) for row in map(json.loads, files["kto_steps.jsonl"].splitlines())]
    assert [label for trace, label in labels if trace == "t0"] == [True, False, False, True]
