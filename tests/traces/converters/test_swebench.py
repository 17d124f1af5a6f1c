"""SWE-bench's predictions and reports: what the samples in tests/golden do not show."""

import json
import shutil

import pytest

from tests.left_out import corpus_folder
from tests.traces.test_convert import convert
from traces.attachments import Attachment
from traces.converters import converters
from traces.jsonl import Problem
from traces.source import Source

swebench = converters.get("swebench")
PREDICTION = {"instance_id": "a", "model_name_or_path": "m", "model_patch": ""}
REPORT = {"patch_exists": True, "resolved": False, "tests_status": {}}


def source_of(tmp_path, value, name="a.json", *, lines=False):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(item) + "\n" for item in value) if lines else json.dumps(value))
    return Source(path, name)


def converted(tmp_path, value, name="a.json"):
    return list(swebench.convert(source_of(tmp_path, value, name)))


@pytest.mark.parametrize(
    "value",
    [
        PREDICTION,
        [PREDICTION],
        [{"instance_id": "a"}, PREDICTION],
        {"a": PREDICTION, "b": 7},
        {"a": {"model_patch": None}},
        REPORT,
        {"a": REPORT},
        {"submitted_ids": [], "resolved_ids": ["a"], "unresolved_ids": []},
        {"resolved": 1, "unresolved": 1, "ids_resolved": [], "ids_unresolved": []},
        {"no_generation": [], "generated": ["a"], "resolved": []},
        {"FAIL_TO_PASS": [], "PASS_TO_PASS": []},
    ],
)
def test_it_recognises_predictions_and_reports(tmp_path, value):
    assert swebench.detect(source_of(tmp_path, value))
    if isinstance(value, list):
        assert swebench.detect(source_of(tmp_path, value, "a.jsonl", lines=True))


@pytest.mark.parametrize(
    "value",
    [
        {"instance_id": "a", "problem_statement": "x", "FAIL_TO_PASS": "[]", "PASS_TO_PASS": "[]"},
        {"instance_id": "a", "problem_statement": "x", "FAIL_TO_PASS": [], "PASS_TO_PASS": []},
        {**PREDICTION, "messages": []},
        {**PREDICTION, "trajectory": []},
        {"id": "a", "structured_turns": [], "model_patch": ""},
        {"info": {"resolved_ids": []}},
        {"resolved_ids": ["a"]},
        {"a": {"model_patch": ""}, "b": {"other": 1}},
        [{"instance_id": "a", "note": "model_patch"}],
    ],
)
def test_it_leaves_other_files_alone(tmp_path, value):
    assert not swebench.detect(source_of(tmp_path, value))


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("logs/a__b-1/report.json", "a__b-1"),
        ("report.json", "report"),
        ("a__b-1.json", "a__b-1"),
        ("x/a.report.json", "a"),
    ],
)
def test_a_report_without_an_id_is_named_by_its_folder_or_file(tmp_path, name, id):
    assert [item.instance_id for item in converted(tmp_path, REPORT, name)] == [id]


def test_the_first_list_that_has_an_id_says_what_became_of_it(tmp_path):
    run = {"resolved": ["a"], "applied": ["a", "b"], "generated": ["a", "b", "c"], "test_timeout": ["c"]}
    found = {item.instance_id: item.fields["outcome"] for item in converted(tmp_path, run)}
    assert found == {"a": "resolved", "b": "unresolved", "c": "error"}


def test_a_patch_stays_as_it_is(tmp_path):
    patch = "diff --git a/x b/x\r\nGIT binary patch\r\n\x00no end"
    assert converted(tmp_path, PREDICTION | {"model_patch": patch})[0].fields["final_patch"] == patch


@pytest.mark.parametrize("value", [None, 7, "x", [], [1], {}, {"a": 1}, True])
@pytest.mark.parametrize("key", ["instance_id", "model_patch", "model", "resolved", "all_results", "patch_exists"])
def test_a_wrong_type_does_no_harm(tmp_path, key, value):
    for item in converted(tmp_path, PREDICTION | {key: value}) + converted(tmp_path, {"a": REPORT | {key: value}}):
        assert isinstance(item, Attachment | Problem)
    run = {"resolved_ids": ["a", value, 7], "unresolved_ids": [], "error_ids": value}
    assert "a" in {item.instance_id for item in converted(tmp_path, run)}


@pytest.mark.corpus
def test_each_run_of_aider_on_swe_bench_gets_its_own_result(tmp_path):
    for folder in ("aider", "aider_swebench_json", "swebench"):
        shutil.copytree(corpus_folder() / folder, tmp_path / folder)
    documents, _ = convert(tmp_path)
    runs = [doc for doc in documents if doc["source"]["file"].startswith("aider/swebench_")]
    assert len(runs) == 13
    assert all(doc["final_patch"] and doc["model"] == doc["prediction"]["model"] for doc in runs)
