"""Results that arrive after their traces: an outcome and a patch for runs that are in the dataset already."""

import json

import pytest

from tests.factory import make_trace
from traces.imports import import_files
from traces.models import Dataset, Import, ImportFile, Trace
from traces.store import load_document

PATCH = "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x = 1\n+x = 2\n"


@pytest.fixture
def dataset(db):
    return Dataset.objects.create(name="traces")


@pytest.fixture
def bring(tmp_path, dataset):
    """``bring(name, record, …)``: import a file with these lines; what was counted."""

    def bring(name, *records):
        (tmp_path / name).write_text("".join(json.dumps(record) + "\n" for record in records))
        report = import_files(dataset, [tmp_path / name])
        return {key: count for key, count in report.counts().items() if count}, [
            str(one).removeprefix(f"{tmp_path}/") for one in report.problems
        ]

    return bring


def run(number, **keys):
    return make_trace(f"run-{number}", 2, instance_id=f"acme__tool-{number}", source={"warnings": []}, **keys)


def prediction(number, patch=PATCH):
    return {"instance_id": f"acme__tool-{number}", "model_name_or_path": "m", "model_patch": patch}


def current(number):
    return Trace.objects.select_related("current").get(external_id=f"run-{number}").current


def patch_of(number):
    return load_document(current(number).pk).get("final_patch")


def test_they_reach_the_traces_that_are_there_as_a_new_version(bring):
    bring("runs.jsonl", run(1), run(2), run(3))
    counts, problems = bring("preds.jsonl", prediction(1), prediction(3), prediction(9))
    assert counts == {"changed": 2, "warnings": 1}
    assert problems == ["preds.jsonl: 1 result matches no trace: acme__tool-9"]
    assert [patch_of(n) for n in (1, 2, 3)] == [PATCH, None, PATCH]
    assert [current(n).number for n in (1, 2, 3)] == [2, 1, 2]
    row = ImportFile.objects.get(batch=Import.objects.latest("pk"))
    assert (row.file.rsplit("/")[-1], row.format, row.counts["changed"]) == ("preds.jsonl", "swebench", 2)


def test_the_same_results_or_the_run_itself_once_more_change_nothing(bring):
    bring("runs.jsonl", run(1))
    bring("preds.jsonl", prediction(1))
    assert bring("preds.jsonl", prediction(1))[0] == {"unchanged": 1}
    assert bring("runs.jsonl", run(1))[0] == {"unchanged": 1}
    assert bring("again.jsonl", run(1))[0] == {"unchanged": 1}
    assert (current(1).number, patch_of(1)) == (2, PATCH)


def test_of_two_results_the_last_counts(bring):
    bring("runs.jsonl", run(1))
    bring("preds.jsonl", prediction(1))
    other = PATCH.replace("+x = 2", "+x = 3")
    assert bring("better.jsonl", prediction(1, other))[0] == {"changed": 1}
    assert (current(1).number, patch_of(1)) == (3, other)
    assert bring("preds.jsonl", prediction(1))[0] == {"changed": 1}
    assert (current(1).number, patch_of(1)) == (2, PATCH)


def test_what_the_trace_says_itself_stays_and_the_difference_is_told(bring):
    bring("runs.jsonl", run(1, final_patch=PATCH))
    counts, problems = bring("preds.jsonl", prediction(1, PATCH.replace("+x = 2", "+x = 3")))
    assert counts == {"warnings": 1}
    assert problems == ["preds.jsonl: 'run-1': final_patch of preds.jsonl differs and was not taken"]
    assert current(1).number == 1


def test_a_changed_run_comes_without_the_results_of_the_one_before(bring):
    bring("runs.jsonl", run(1))
    bring("preds.jsonl", prediction(1))
    assert bring("runs.jsonl", run(1, model="newer"))[0] == {"changed": 1}
    assert patch_of(1) is None
    assert bring("both.jsonl", prediction(1))[0] == {"changed": 1}
    assert patch_of(1) == PATCH


def test_those_of_a_run_in_the_same_import_are_no_late_ones(bring, tmp_path, dataset):
    bring("runs.jsonl", run(1))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "runs.jsonl").write_text(json.dumps(run(1)) + "\n")
    (tmp_path / "folder" / "preds.jsonl").write_text(json.dumps(prediction(1)) + "\n")
    assert import_files(dataset, [tmp_path / "folder"]).counts()["changed"] == 1
    assert (current(1).number, patch_of(1)) == (2, PATCH)
