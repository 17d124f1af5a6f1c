"""Results that arrive after their traces: an outcome and a patch for runs that are in the dataset already."""

import json

import pytest

from annotation.assignments.handout import hand_out
from annotation.assignments.items import sync_items
from annotation.models import Item
from potato_site.accounts.models import User
from tests.factory import make_project, make_trace
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


def test_a_changed_run_keeps_the_results_of_the_one_before(bring):
    bring("runs.jsonl", run(1))
    bring("preds.jsonl", prediction(1))
    bring("report.json", report(1))
    assert bring("runs.jsonl", run(1, model="newer"))[0] == {"changed": 1}
    assert (patch_of(1), current(1).outcome, current(1).meta["model"]) == (PATCH, "resolved", "newer")
    assert bring("runs.jsonl", run(1, model="newer"))[0] == {"unchanged": 1}
    assert bring("report.json", report(1))[0] == {"unchanged": 1}
    assert current(1).number == 4
    assert bring("runs.jsonl", run(1))[0] == {"changed": 1}
    assert current(1).number == 3  # what it was


def test_a_run_of_a_newer_converter_keeps_its_results(bring):
    bring("runs.jsonl", run(1) | {"source": {"format": "codex", "version": "1", "warnings": []}})
    bring("preds.jsonl", prediction(1))
    newer = run(1) | {"source": {"format": "codex", "version": "2", "warnings": ["1 line left out"]}}
    assert bring("runs.jsonl", newer)[0] == {"changed": 1, "warnings": 1}
    assert (patch_of(1), current(1).converter_version) == (PATCH, "2")
    assert load_document(current(1).pk)["source"] == newer["source"]
    assert bring("runs.jsonl", newer)[0] == {"unchanged": 1, "warnings": 1}


def test_another_run_of_the_task_gets_nothing_of_the_one_before(bring):
    other = run(1) | {"structured_turns": [{"step_idx": 0, "type": "thinking", "content": "Something else."}]}
    bring("runs.jsonl", run(1))
    bring("preds.jsonl", prediction(1))
    assert bring("runs.jsonl", other)[0] == {"changed": 1}
    assert (patch_of(1), current(1).outcome) == (None, "")


def test_what_another_converter_makes_of_the_same_file_keeps_its_results(bring):
    told = {"format": "codex", "version": "1", "sha256": "a" * 64, "warnings": []}
    other = [{"step_idx": 0, "type": "thinking", "content": "Read otherwise."}]
    bring("runs.jsonl", run(1) | {"source": told})
    bring("preds.jsonl", prediction(1))
    assert (
        bring("runs.jsonl", run(1) | {"source": told | {"version": "2"}, "structured_turns": other})[0]["changed"] == 1
    )
    assert patch_of(1) == PATCH


def test_results_that_were_kept_can_be_replaced(bring):
    other = PATCH.replace("+x = 2", "+x = 3")
    bring("runs.jsonl", run(1, final_patch=None))
    bring("preds.jsonl", prediction(1))
    bring("runs.jsonl", run(1, final_patch=None, model="newer"))
    assert bring("better.jsonl", prediction(1, other)) == ({"changed": 1}, [])
    assert (patch_of(1), current(1).meta["model"]) == (other, "newer")
    assert bring("runs.jsonl", run(1, final_patch=None, model="newer"))[0] == {"unchanged": 1}
    assert bring("runs.jsonl", run(1, final_patch=None, model="newest"))[0] == {"changed": 1}
    assert patch_of(1) == other


def test_a_changed_run_with_another_patch_of_its_own_drops_the_outcome_of_the_one_before(bring):
    other = PATCH.replace("+x = 2", "+x = 3")
    bring("runs.jsonl", run(1))
    bring("preds.jsonl", prediction(1))
    bring("report.json", report(1))
    bring("runs.jsonl", run(1, final_patch=other))
    assert (patch_of(1), current(1).outcome) == (other, "")


def test_a_changed_run_that_says_the_same_itself_keeps_the_rest(bring):
    bring("runs.jsonl", run(1))
    bring("preds.jsonl", prediction(1))
    bring("report.json", report(1))
    bring("runs.jsonl", run(1, final_patch=PATCH))
    assert (patch_of(1), current(1).outcome) == (PATCH, "resolved")


def test_a_changed_run_with_results_of_its_own_takes_those_and_keeps_what_they_do_not_say(bring, tmp_path, dataset):
    bring("runs.jsonl", run(1))
    bring("preds.jsonl", prediction(1))
    bring("report.json", report(1))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "runs.jsonl").write_text(json.dumps(run(1, model="newer")) + "\n")
    (tmp_path / "folder" / "preds.jsonl").write_text(json.dumps(prediction(1)) + "\n")
    assert import_files(dataset, [tmp_path / "folder"]).counts()["changed"] == 1
    assert (patch_of(1), current(1).outcome) == (PATCH, "resolved")
    assert import_files(dataset, [tmp_path / "folder"]).counts()["unchanged"] == 1
    assert bring("runs.jsonl", run(1, model="newer"))[0] == {"unchanged": 1}
    (tmp_path / "folder" / "preds.jsonl").write_text(json.dumps(prediction(1, "another")) + "\n")
    assert import_files(dataset, [tmp_path / "folder"]).counts()["changed"] == 1
    assert (patch_of(1), current(1).outcome) == ("another", "")


def test_those_of_a_run_in_the_same_import_are_no_late_ones(bring, tmp_path, dataset):
    bring("runs.jsonl", run(1))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "runs.jsonl").write_text(json.dumps(run(1)) + "\n")
    (tmp_path / "folder" / "preds.jsonl").write_text(json.dumps(prediction(1)) + "\n")
    assert import_files(dataset, [tmp_path / "folder"]).counts()["changed"] == 1
    assert (current(1).number, patch_of(1)) == (2, PATCH)


def test_a_run_that_came_with_its_results_keeps_them_when_it_comes_alone(bring, tmp_path, dataset):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "runs.jsonl").write_text("".join(json.dumps(run(n)) + "\n" for n in (1, 2)))
    (tmp_path / "folder" / "preds.jsonl").write_text(json.dumps(prediction(1)) + "\n")
    assert import_files(dataset, [tmp_path / "folder"]).counts()["new"] == 2
    assert import_files(dataset, [tmp_path / "folder"]).counts()["unchanged"] == 2
    assert bring("runs.jsonl", run(1), run(2))[0] == {"unchanged": 2}
    assert patch_of(1) == PATCH
    assert bring("preds.jsonl", prediction(1))[0] == {"unchanged": 1}
    assert (current(1).number, patch_of(1)) == (1, PATCH)
    assert bring("better.jsonl", prediction(1, "another")) == ({"changed": 1}, [])
    assert patch_of(1) == "another"


def report(*numbers):
    return {"submitted_ids": [], "resolved_ids": [f"acme__tool-{n}" for n in numbers], "unresolved_ids": []}


def test_a_report_leaves_the_patch_of_earlier_predictions(bring):
    bring("runs.jsonl", run(1))
    bring("preds.jsonl", prediction(1))
    bring("report.json", report(1))
    assert (patch_of(1), current(1).outcome) == (PATCH, "resolved")
    assert bring("report.json", report(1))[0] == {"unchanged": 1}
    assert bring("runs.jsonl", run(1))[0] == {"unchanged": 1}
    assert current(1).number == 3


def test_predictions_of_another_patch_drop_the_outcome_of_the_earlier_one(bring):
    bring("runs.jsonl", run(1))
    bring("preds.jsonl", prediction(1))
    bring("report.json", report(1))
    bring("better.jsonl", prediction(1, PATCH.replace("+x = 2", "+x = 3")))
    assert ("+x = 3" in patch_of(1), current(1).outcome) == (True, "")


def test_of_several_runs_of_a_task_those_with_the_patch_get_the_result(bring):
    others = [run(n) | {"instance_id": "acme__tool-1"} for n in (2, 3)]
    bring("runs.jsonl", run(1, final_patch="other"), others[0] | {"final_patch": PATCH}, others[1])
    (_, problems) = bring("preds.jsonl", {**prediction(1), "resolved": True})
    assert problems == []
    assert [current(n).number for n in (1, 2, 3)] == [1, 2, 1]


def test_a_result_that_may_be_of_either_run_goes_to_none_and_is_named(bring):
    bring("runs.jsonl", run(1), run(2) | {"instance_id": "acme__tool-1"})
    text = "2 traces are of acme__tool-1 (run-1, run-2), none with the result's patch: not attached"
    assert bring("report.json", report(1)) == ({"warnings": 1}, [f"report.json: {text}"])
    assert [current(n).number for n in (1, 2)] == [1, 1]


def test_sub_agents_earlier_parts_and_withdrawn_traces_are_not_the_run(bring):
    part = {"of": "t", "parts": 2, "first_step": 0}
    parts = [run(n, part=part | {"number": n}) | {"instance_id": "acme__tool-1"} for n in (1, 2)]
    sub = run(3, subagent_of="t") | {"instance_id": "acme__tool-1"}
    bring("runs.jsonl", *parts, sub, run(4))
    Trace.objects.filter(external_id="run-4").update(is_withdrawn=True)
    bring("report.json", report(1, 4))
    assert [current(n).outcome for n in (1, 2, 3, 4)] == ["", "resolved", "", ""]


def test_unopened_items_move_to_the_version_with_the_result_and_opened_ones_stay(tmp_path, db):
    project = make_project(tmp_path / "project", overlap=0, traces=[run(1), run(2)])
    hand_out(project, User.objects.get(username="ann"))
    (tmp_path / "report.json").write_text(json.dumps(report(1, 2)))
    import_files(project.dataset, [tmp_path / "report.json"])
    sync_items(project)
    opened, unopened = Item.objects.filter(project=project).order_by("position")
    assert (opened.a.number, opened.trace_a.current.number) == (1, 2)
    assert (unopened.a.number, unopened.a.outcome) == (2, "resolved")
