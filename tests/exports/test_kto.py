"""Prompts of single steps: all before them, or the task and the latest of it in so many characters."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exports.build import build
from exports.formats.kto import LEFT_OUT, Kto, latest
from exports.options import Options
from exports.preview import preview
from tests.exports.samples import row
from tests.factory import PER_STEP, make_project, make_trace, submit_item

TEXTS = st.text(alphabet="ab é\n", max_size=300)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TEXTS, st.lists(TEXTS, max_size=12), st.integers(100, 2000))
def test_a_prompt_has_the_task_and_the_latest_steps_that_find_room(task, steps, limit):
    whole = "\n\n".join([task, *steps])
    prompt = latest(task, steps, len(steps), limit)
    assert len(prompt) <= limit
    if len(whole) <= limit:
        assert prompt == whole
        return
    if len(task) <= limit // 2:
        assert prompt.startswith(task)
    # What is said to be left out is, and what stands behind it is the rest.
    told = [number for number in range(1, len(steps) + 1) if LEFT_OUT.format(number) in prompt]
    rest = prompt.partition(LEFT_OUT.format(told[0]))[2] if told else prompt
    kept = steps[told[0] if told else 0 :]
    assert rest.endswith("".join(f"\n\n{step}" for step in kept)) or (len(kept) == 1 and "characters left out" in rest)


def test_steps_behind_are_in_no_prompt():
    assert latest("Fix it", ["one", "two", "three"], 2, 1000) == "Fix it\n\none\n\ntwo"
    assert (
        latest("Fix it", ["x" * 200, "y" * 200, "z"], 2, 300)
        == f"Fix it\n\n[… earlier steps left out: 1 …]\n\n{'y' * 200}"
    )


def test_a_row_is_looked_through_once_and_for_no_other_row():
    kto, right, wrong = Kto(), row("correct", None), row(None, "incorrect")
    assert kto.places(right) == [0]
    assert kto.places(right) is kto.places(right)
    assert kto.refusal(wrong) == ""
    assert kto.places(wrong) == [1]
    assert kto.places(right) == [0]


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_the_file_and_the_preview_keep_to_the_limit(tmp_path):
    trace = make_trace("t1", 40)
    for step in trace["structured_turns"]:
        step["content"] = f"{step['step_idx']} " + "x" * 500
    project = make_project(tmp_path, traces=[trace], schemes=[PER_STEP], overlap=0)
    submit_item(project, "ann", {"per_step": {str(place): {"label": "correct"} for place in range(40)}})
    given = Options(prompt_limit=2000)
    for name, options in {"all": Options(), "some": given}.items():
        build(project.pk, "kto", options, tmp_path / f"{name}.jsonl")
    every, some = ([json.loads(line) for line in (tmp_path / f"{name}.jsonl").open()] for name in ("all", "some"))
    assert max(len(row["prompt"]) for row in every) > 10_000
    assert max(len(row["prompt"]) for row in some) <= 2000
    drop = "prompt"
    assert [{**row, drop: ""} for row in some] == [{**row, drop: ""} for row in every]
    assert preview(project, "kto", given).megabytes < preview(project, "kto", Options()).megabytes / 3


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_a_step_without_a_text_is_no_example(tmp_path):
    """As thinking that a model keeps to itself."""
    traces = [make_trace("t1", 4), make_trace("t2", 1)]
    for trace in traces:
        trace["structured_turns"][0]["content"] = " \n"
    project = make_project(tmp_path, traces=traces, schemes=[PER_STEP], overlap=0)
    for n_steps in (4, 1):
        submit_item(project, "ann", {"per_step": {str(place): {"label": "correct"} for place in range(n_steps)}})
    built = build(project.pk, "kto", Options(), tmp_path / "kto.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "kto.jsonl").open()]
    assert [(row["trace_id"], row["step_idx"]) for row in rows] == [("t1", 1), ("t1", 2), ("t1", 3)]
    assert (built.counts["rows"], built.counts["hard_labels"]) == (3, {"positive": 3})
    assert built.counts["left_out"] == {"no text in what is judged right or wrong": 1, "steps without a text": 1}


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_merged_numbers_are_floats_in_every_row(tmp_path):
    """Else the column of one split is whole numbers, and that of another is not."""
    number = {"annotation_type": "number", "name": "minutes"}
    project = make_project(tmp_path, schemes=[PER_STEP, number])
    steps = {str(place): {"label": "correct"} for place in range(5)}
    for name, minutes in {"ann": (1, 2, 3), "bob": (2, 2, 3)}.items():
        for one in minutes:
            submit_item(project, name, {"per_step": steps, "minutes": {"": one}})
    build(project.pk, "prm", Options(), tmp_path / "prm.jsonl")
    assert [str(json.loads(line)["minutes"]) for line in (tmp_path / "prm.jsonl").open()] == ["1.5", "2.0", "3.0"]
