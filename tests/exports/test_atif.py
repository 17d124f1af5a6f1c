"""Trajectories with their labels: they come back as the traces they were, and each label finds its step."""

import json

import pytest

from exports.formats import formats
from tests.exports.samples import sample_of, sample_rows
from traces.convert import convert_path

WRITER = formats.get("atif")


@pytest.fixture
def folder(tmp_path):
    for name, data in sample_of(WRITER()).items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def trajectories(folder):
    lines = [line for path in folder.iterdir() for line in path.read_bytes().splitlines()]
    return {run["session_id"]: run for run in map(json.loads, lines)}


def said(doc):
    """A document without what is null and where it was read."""
    steps = [{key: value for key, value in step.items() if value is not None} for step in doc["structured_turns"]]
    return {key: value for key, value in doc.items() if key != "source" and value is not None} | {
        "structured_turns": steps
    }


def test_our_converter_makes_the_same_traces_of_it(folder):
    found, problems = {}, []
    report = convert_path(folder, on_document=lambda doc: found.update({doc["id"]: doc}), on_problem=problems.append)
    assert (set(report.formats), problems) == ({"atif"}, [])
    wanted = {row.trace_id: said(row.document) for row in sample_rows()}
    assert {name: said(doc) for name, doc in found.items()} == {
        name: {"issue_description": ""} | doc for name, doc in wanted.items()
    }


def test_every_label_names_the_step_that_holds_what_it_is_about(folder):
    runs = trajectories(folder)
    for row in sample_rows():
        run = runs[row.trace_id]
        steps = {step["step_id"]: json.dumps(step, ensure_ascii=False) for step in run["steps"]}
        labels = run["extra"]["labels"]["steps"]
        assert [one["step_idx"] for one in labels] == list(range(len(row.steps)))
        for one, step, target in zip(labels, row.steps, row.targets, strict=True):
            assert (one["label"], one["reward"], one["target"]) == (step["label"], step["reward"], target)
            turn = row.document["structured_turns"][one["step_idx"]]
            words = turn.get("command") or turn.get("path") or turn.get("name") or turn["content"]
            assert json.dumps(words, ensure_ascii=False)[1:-1] in steps[one["step_id"]]


def test_what_people_said_of_the_whole_run_is_beside_it(folder):
    labels = trajectories(folder)["t2"]["extra"]["labels"]
    assert (labels["mode"], labels["first_error_step"], labels["all_correct"]) == ("first_error", 3, False)
    assert (labels["answers"], labels["annotators"], labels["split"]) == ({"outcome": "not_resolved"}, ["ann"], "train")
