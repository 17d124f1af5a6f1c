"""An export that takes long is not taken for dead, whatever it is at."""

from __future__ import annotations

import pytest

from annotation import queries
from annotation.quality import measured, ratings
from exports import build as building
from exports import pairs as pairing
from tests.factory import FIRST_ERROR, answers, make_project, make_trace, submit_item
from tests.slow_work import SlowWork

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])

PAIRWISE = {"annotation_type": "pairwise", "name": "better"}
# Of a lease of 120: twice that is too long.
SECONDS = 70


@pytest.fixture
def slow(monkeypatch, settings):
    settings.JOB_LEASE_SECONDS = 120
    return SlowWork(monkeypatch)


def export(slow, project, format_name: str = "preference_pairs", **options):
    job = slow.run("exports.build", {"project": project.pk, "format": format_name, "options": options})
    assert (job.state, job.attempt, job.error) == ("done", 1, "")
    assert slow.times >= 3, "too few to take longer than a lease"
    return job


def attempts(count: int, issues: int = 1) -> list[dict]:
    """Attempts of different lengths at so many issues."""
    return [
        make_trace(f"t{number}", number + 3, issue_id=f"i{number % issues}", issue_description=f"Fix {number % issues}")
        for number in range(count)
    ]


@pytest.fixture
def rewarded(tmp_path):
    """Four attempts at one issue, each with another mean reward."""
    project = make_project(tmp_path, traces=attempts(4), overlap=0)
    for first_error in (0, 1, 2, None):
        submit_item(project, "ann", answers(first_error))
    return project


@pytest.fixture
def compared(tmp_path):
    """The six pairs of four attempts, each compared."""
    project = make_project(tmp_path, traces=attempts(4), schemes=[FIRST_ERROR, PAIRWISE], overlap=0, people=["ann"])
    for _ in range(4):
        submit_item(project, "ann", {"step_reward": {"first_error": {"step": None}}})
    for _ in range(6):
        submit_item(project, "ann", {"better": {"choice": {"side": "b"}}})
    return project


def test_while_comparisons_are_read(slow, compared):
    slow.each_of(queries, "labeled_pairs", seconds=SECONDS)
    job = export(slow, compared, pair_source="pairwise")
    assert job.progress["done"] == 0, "no trace of its own went in"


def test_while_comparisons_that_nobody_decided_are_left_out(slow, tmp_path):
    project = make_project(tmp_path, traces=attempts(3), schemes=[PAIRWISE], overlap=0, people=["ann"])
    for _ in range(3):
        submit_item(project, "ann", {"better": {"choice": {"side": "tie"}}})
    slow.each_of(queries, "labeled_pairs", seconds=SECONDS)
    export(slow, project)


@pytest.mark.parametrize("source", ["pairwise", "prm"])
def test_while_labels_of_steps_are_read(slow, compared, source):
    """For pairs of rewards they are looked at twice."""
    slow.each_of(queries, "labeled_traces", seconds=SECONDS)
    export(slow, compared, pair_source=source)


def test_while_traces_are_looked_at_a_second_time(slow, rewarded, monkeypatch):
    monkeypatch.setattr(pairing, "HELD", 1)
    slow.each_of(queries, "at_hand", seconds=SECONDS)
    job = export(slow, rewarded)
    assert job.progress["done"] == 4, "rows that were looked at, as before"


def test_while_pairs_are_chosen(slow, tmp_path):
    project = make_project(tmp_path, traces=attempts(6, issues=3), overlap=0)
    for number in range(6):
        submit_item(project, "ann", answers(0 if number < 3 else None))
    slow.each_call(pairing, "choose", seconds=SECONDS)
    export(slow, project)


def test_while_pairs_are_written(slow, rewarded):
    slow.each_call(building, "note", seconds=SECONDS)
    export(slow, rewarded)


def test_while_traces_are_read_that_are_left_out(slow, rewarded):
    slow.each_of(queries, "labeled_traces", seconds=SECONDS)
    job = export(slow, rewarded, "prm", exclude_annotators=["ann"])
    assert job.progress["done"] == 0


@pytest.fixture
def overlapping(tmp_path):
    """Two people labeled the same traces, on which agreement of several measures is told."""
    project = make_project(tmp_path)
    for name in ("ann", "bob"):
        for _ in range(3):
            submit_item(project, name, answers(1))
    return project


def test_while_agreement_is_measured(slow, overlapping):
    slow.each_call(measured, "agreement_on", seconds=SECONDS)
    export(slow, overlapping, "prm")


def test_while_that_is_read_which_agreement_compares(slow, overlapping, monkeypatch):
    monkeypatch.setattr(ratings, "CHUNK", 1)
    slow.each_call(ratings, "_add_item", seconds=SECONDS)
    export(slow, overlapping, "prm")


def test_steps_of_the_end_are_each_a_sign_of_life(slow, overlapping):
    slow.each_call(queries, "coverage", seconds=SECONDS)
    slow.each_call(queries, "configuration", seconds=SECONDS)
    slow.each_call(building, "without_effect", seconds=SECONDS)
    export(slow, overlapping, "prm")
