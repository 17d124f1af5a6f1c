"""Results that belong to traces by their instance id."""

import json

import pytest

from tests.traces.test_convert import convert
from traces.attachments import Attachment
from traces.converters import Converter, converters

TRACE = {"structured_turns": [{"type": "system", "content": "x"}]}


@pytest.fixture(autouse=True)
def results():
    """A converter of results, for one test: ``{"result_of", "fields"}`` per line."""

    class Results(Converter):
        name, version, attaches = "results", "1", ("result_of",)

        def detect(self, source):
            return "result_of" in source.top_keys

        def convert(self, source):
            for record in source.records():
                yield Attachment(
                    record.value["result_of"], record.value["fields"], record.line, record.value.get("number")
                )

    converters.register("results")(Results())
    yield
    del converters._items["results"]


@pytest.fixture
def write(tmp_path):
    def make(name, *records):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(record) + "\n" for record in records))

    return make


def result(instance_id, **fields):
    return {"result_of": instance_id, "fields": fields}


def test_results_reach_their_traces_whatever_file_comes_first(write, tmp_path):
    write("a.jsonl", {"id": "t1", "instance_id": "django-1", **TRACE}, {"id": "django-2", **TRACE})
    write("z.jsonl", result("django-1", final_patch="diff", outcome="resolved"), result("django-2", final_patch="d2"))
    documents, problems = convert(tmp_path)
    assert [(doc["final_patch"], doc.get("outcome")) for doc in documents] == [("diff", "resolved"), ("d2", None)]
    assert problems == []


def test_results_of_no_trace_are_a_warning_of_their_file_and_no_error(write, tmp_path):
    write("a.jsonl", {"id": "t1", **TRACE})
    write("z.jsonl", *(result(f"other-{n}", outcome="x") for n in range(7)))
    assert convert(tmp_path)[1] == ["z.jsonl: 7 results match no trace: other-0, other-1, other-2, other-3, other-4, …"]


def test_a_file_of_results_alone_is_no_error(write, tmp_path):
    write("z.jsonl", result("a", outcome="x"))
    documents, problems = convert(tmp_path)
    assert documents == []
    assert len(problems) == 1


def test_what_the_trace_has_stays_and_a_difference_is_told(write, tmp_path):
    write("a.jsonl", {"id": "t1", "outcome": "mine", "agent": "same", "repo": "", **TRACE})
    write("z.jsonl", result("t1", outcome="theirs", agent="same", repo="r", report=None))
    (doc,), _ = convert(tmp_path)
    assert (doc["outcome"], doc["repo"]) == ("mine", "r")
    assert doc["source"]["warnings"] == ["outcome of z.jsonl differs and was not taken"]


def test_a_result_with_another_patch_is_of_another_run_and_gives_nothing(write, tmp_path):
    write("a.jsonl", {"id": "t1", "final_patch": "mine", **TRACE})
    write("z.jsonl", result("t1", final_patch="theirs", outcome="resolved"))
    (doc,), _ = convert(tmp_path)
    assert (doc["final_patch"], doc.get("outcome")) == ("mine", None)
    assert doc["source"]["warnings"] == ["final_patch of z.jsonl differs and was not taken"]


def test_a_patch_that_differs_in_its_line_ends_is_the_same(write, tmp_path):
    write("a.jsonl", {"id": "t1", "final_patch": "\r\na\r\nb", **TRACE})
    write("z.jsonl", result("t1", final_patch="a\nb\n", outcome="resolved"))
    (doc,), _ = convert(tmp_path)
    assert (doc["final_patch"], doc["outcome"], doc["source"]["warnings"]) == ("\r\na\r\nb", "resolved", [])


def test_a_result_may_be_for_one_of_several_runs_in_a_file(write, tmp_path):
    for name in ("a.jsonl", "b.jsonl"):
        write(name, *({"id": f"{name}{n}", "instance_id": "i", **TRACE} for n in range(3)))
    write("z.jsonl", *(result("i", outcome=f"run {n}") | {"number": n} for n in (2, 1)), result("i", model="m"))
    documents, _ = convert(tmp_path)
    assert [doc.get("outcome") for doc in documents] == ["run 1", "run 2", None] * 2
    assert {doc["model"] for doc in documents} == {"m"}


def test_a_file_of_the_same_name_comes_before_others(write, tmp_path):
    write("runs/b.traj.jsonl", {"id": "t1", **TRACE})
    write("a.jsonl", result("t1", final_patch="of another"))
    write("results/b.jsonl", result("t1", final_patch="its own"))
    write("report.jsonl", result("t1", outcome="resolved"))
    (doc,), _ = convert(tmp_path)
    assert (doc["final_patch"], doc["outcome"]) == ("its own", "resolved")


def test_of_several_results_the_one_of_the_nearest_folder_counts(write, tmp_path):
    for run in "ab":
        write(f"{run}/trajs/t.jsonl", {"id": f"{run}-1", "instance_id": "i", **TRACE})
        write(f"{run}/preds.jsonl", result("i", final_patch=f"patch of {run}"))
    documents, problems = convert(tmp_path)
    assert [doc["final_patch"] for doc in documents] == ["patch of a", "patch of b"]
    assert problems == []


def test_a_result_that_no_document_could_hold_is_named(write, tmp_path):
    write("a.jsonl", {"id": "t1", **TRACE})
    write("z.jsonl", result("t1", final_patch=7), result("t1", outcome="good"))
    documents, problems = convert(tmp_path)
    assert documents[0]["outcome"] == "good"
    assert problems == ["z.jsonl:1: final_patch: must be text or null"]


def test_the_name_of_a_format_takes_files_with_results_too(write, tmp_path):
    write("a.jsonl", {"id": "t1", **TRACE})
    write("z.jsonl", result("t1", outcome="good"))
    documents, problems = convert(tmp_path, format="native")
    assert (documents[0]["outcome"], problems) == ("good", [])
