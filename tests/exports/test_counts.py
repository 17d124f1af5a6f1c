"""What is said to be in a file is in it: rows, splits and labels, of every format."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from annotation.projects.revisions import current, set_config
from exports.build import build
from exports.formats import formats
from exports.management.commands.export import summary
from exports.options import Options
from exports.preview import preview
from tests.api.people import member
from tests.factory import FIRST_ERROR, OUTCOME, answers, labeled_project, make_project, make_trace, submit_item

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])]
REVIEW = {"annotation_type": "code_review", "name": "review", "file_ratings": {"enabled": False}}
# The others are tables, reports and archives; of dpo all pairs are counted, those in its conversational file alone too.
OF_LINES = ["prm", "preference_pairs", "kto", "openrlhf_prm", "processbench", "code_review", "annotations", "csv"]


@pytest.fixture
def project(tmp_path):
    traces = [
        make_trace(f"t{n}", 5, instance_id=f"o__r-{n // 2}", repo=f"r{n // 2}", model=f"m{n % 2}") for n in range(6)
    ]
    for n, trace in enumerate(traces):
        trace["structured_turns"][0]["content"] = f"I should read file {n} first. " * 400
    labels = []
    for name in ("ann", "bob"):
        for first_error in (None, 0, 2, 3, None, 1):
            reward = {"first_error": {"step": first_error}}
            labels.append((name, {"step_reward": reward, "outcome": {"": "partial"}, "review": {"verdict": "approve"}}))
    return labeled_project(
        tmp_path, labels, traces=traces, schemes=[FIRST_ERROR, OUTCOME, REVIEW], people=("ann", "bob")
    )


def lines_of(folder: Path) -> dict[str, list[Any]]:
    """Split → the rows of its file."""
    found: dict[str, list[Any]] = {}
    for path in folder.iterdir():
        if path.suffix in (".jsonl", ".csv") and not path.name.startswith("."):
            with path.open(newline="") as stream:
                rows = list(csv.DictReader(stream)) if path.suffix == ".csv" else [json.loads(line) for line in stream]
            for row in rows:
                found.setdefault(row["split"], []).append(row)
    return found


@pytest.mark.parametrize("name", OF_LINES)
def test_the_rows_of_a_file_are_those_that_are_told(project, tmp_path, name):
    options = Options(test=0.5)
    built = build(project.pk, name, options, tmp_path / "out" / formats.get(name).file)
    found = lines_of(tmp_path / "out")
    assert built.counts["splits"] == {split: len(rows) for split, rows in found.items()}
    assert built.counts["rows"] == sum(map(len, found.values())) > 0
    looked = preview(project, name, options).counts
    assert (looked["rows"], looked["splits"]) == (built.counts["rows"], built.counts["splits"])


def test_of_dpo_the_rows_of_its_two_files_are_told_apart(tmp_path, client):
    patches = ("diff one", "diff two", "", "")
    issues = [{"issue_id": f"i{n // 2}", "issue_description": f"Fix {n // 2}"} for n in range(4)]
    traces = [make_trace(f"t{n}", 4 + n, final_patch=patch, **issues[n]) for n, patch in enumerate(patches)]
    project = make_project(tmp_path, traces=traces, overlap=0)
    for first_error in (None, 1, None, 1):
        submit_item(project, "ann", answers(first_error))
    built = build(project.pk, "dpo", Options(), tmp_path / "out" / "dpo.jsonl")
    lines = [len((tmp_path / "out" / name).read_text().splitlines()) for name in (file.name for file in built.files)]
    assert lines == [1, 2]
    assert (built.counts["rows"], built.counts["only_beside"]) == (2, 1)
    assert summary(built, tmp_path / "out" / "dpo.jsonl")[0].partition(": ")[2].startswith("1 of 2 pairs of 4 traces")
    reason = "pairs without two different final patches (in the conversational file only)"
    assert built.counts["left_out"] == preview(project, "dpo", Options()).counts["left_out"] == {reason: 1}
    client.force_login(member("max", project))
    page = client.post(reverse("manage-exports", args=[project.slug]), {"format": "dpo", "preview": "1"}).text
    assert "<strong>2 rows</strong> of 4 traces, 1 of them in the main file" in " ".join(page.split())


def test_the_labels_of_single_steps_are_those_of_the_file(project, tmp_path):
    built = build(project.pk, "kto", Options(), tmp_path / "out" / "kto.jsonl")
    labels = Counter(row["label"] for rows in lines_of(tmp_path / "out").values() for row in rows)
    assert built.counts["hard_labels"] == {"positive": labels[True], "negative": labels[False]}
    assert built.counts["labels"] == {"correct": labels[True], "incorrect": labels[False]}


def test_of_verdicts_for_swe_bench_ties_and_outcomes_are_told(project, tmp_path):
    counts = build(project.pk, "swe_bench", Options(), tmp_path / "out.json").counts
    assert counts["outcomes"] == {"partial": counts["rows"]}


def test_a_name_of_an_earlier_revision_is_known_to_every_format(project, tmp_path):
    (reward, outcome, review) = current(project).annotation_schemes
    fewer = type(outcome).model_validate({**outcome.model_dump(), "options": outcome.model_dump()["options"][::2]})
    assert "partial" not in str(fewer)
    set_config(project, current(project).model_copy(update={"annotation_schemes": (reward, fewer, review)}), None)
    for name in ("prm", "swe_bench", "annotations"):
        built = build(project.pk, name, Options(outcome=("partial",)), tmp_path / name / "out.jsonl")
        assert (built.counts["rows"] > 0, built.without_effect) == (True, ())


@pytest.mark.parametrize("name", ["annotations", "csv", "code_review"])
def test_of_answers_no_labels_are_told_and_no_trainer_is_warned_about(project, name):
    shown = preview(project, name, Options())
    assert (shown.counts["labels"], shown.counts["hard_labels"], shown.counts["ties"]) == ({}, {}, 0)
    assert not [warning for warning in shown.warnings if "tokens" in warning or "labels are" in warning]


def test_examples_of_single_steps_are_as_long_as_all_before_them(project):
    long = preview(project, "kto", Options())
    assert f"{long.counts['rows']} of {long.counts['rows']} examples are longer than 1,024 tokens" in " ".join(
        long.warnings
    )
    assert long.megabytes == pytest.approx(long.counts["rows"] * 0.012, rel=0.1)
