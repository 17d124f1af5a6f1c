"""What holds for every export format: one walk over the registry."""

import csv
import io
import json
import re
from pathlib import Path

import pytest

from exports.formats import formats, sibling
from tests.exports import samples
from tests.exports.samples import sample_of, written

GOLDEN = Path(__file__).parents[1] / "golden" / "exports" / "formats"
DOCS = Path(__file__).parents[2] / "docs" / "exports.md"
NAMES = formats.names()
OURS = {
    "annotations", "atif", "code_review", "csv", "dpo", "huggingface", "kto", "openrlhf_prm", "preference_pairs", "prm",
    "processbench", "swe_bench",
}  # fmt: skip


def lines_of(files: dict[str, bytes]) -> dict[str, list[bytes]]:
    return {name: data.split(b"\n") for name, data in files.items() if name.endswith(".jsonl")}


def types(value: object) -> object:
    """The shape of a JSON value; an empty list and null fit any."""
    if isinstance(value, dict):
        return {key: types(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [types(value[0])] if value else None
    return None if value is None else type(value)


def fits(one: object, other: object) -> bool:
    if one is None or other is None:
        return True
    if isinstance(one, dict) and isinstance(other, dict):
        return set(one) == set(other) and all(fits(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return fits(one[0], other[0])
    return one == other


def test_these_formats_are_there():
    assert set(NAMES) == OURS


@pytest.mark.parametrize("name", NAMES)
def test_the_files_are_the_expected_ones(name, golden):
    files = sample_of(formats.get(name)())
    for file, content in files.items():
        # Parquet holds the version of the library that wrote it: its content is compared in test_huggingface.
        if not file.endswith(".parquet"):
            golden(GOLDEN / name / file, content)
    assert {path.name for path in (GOLDEN / name).iterdir()} >= {Path(file).name for file in files if "/" not in file}


@pytest.mark.parametrize("name", NAMES)
def test_equal_rows_give_equal_bytes(name):
    assert sample_of(formats.get(name)()) == sample_of(formats.get(name)())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("soft", [False, True])
def test_every_row_has_every_key_with_one_type_and_no_line_is_blank(name, soft):
    for file, lines in lines_of(sample_of(formats.get(name)(), soft_labels=soft)).items():
        assert lines.pop() == b"", f"{file} does not end its last line"
        assert all(line.strip() for line in lines), f"{file} has a blank line"
        assert all(len(line.decode().splitlines()) == 1 for line in lines)
        rows = [json.loads(line) for line in lines]
        if name == "atif":
            continue  # an interchange format: its keys are its own, and what is not known is left out
        for row in rows:
            assert list(row) == list(rows[0]), file
            if file.startswith("dpo.conversational"):
                row = {key: value for key, value in row.items() if key not in ("chosen", "rejected")}
            shape = {key: types(value) for key, value in row.items()}
            assert fits({key: shape.get(key) for key in row}, {key: types(rows[0][key]) for key in row}), file


@pytest.mark.parametrize("name", NAMES)
def test_numbers_that_may_have_a_fraction_are_printed_with_one(name):
    for lines in lines_of(sample_of(formats.get(name)(), soft_labels=True)).values():
        for line in lines:
            for key in ("reward", "margin", "preference_strength", "p_correct", "duration_s", "agreement"):
                assert not re.search(rb'"%s":-?\d+[,}\]]' % key.encode(), line), line


@pytest.mark.parametrize("name", NAMES)
def test_no_row_at_all_is_still_a_file(name):
    writer = formats.get(name)()
    files = written(writer, [])
    assert files if not writer.file else writer.file in files


@pytest.mark.parametrize("name", NAMES)
def test_rows_to_test_on_are_in_a_file_of_their_own(name):
    writer = formats.get(name)()
    files = sample_of(writer)
    if name == "swe_bench":
        return  # what is measured with is not trained on anyway
    if name == "huggingface":
        assert any("/test-" in file for file in files)
        return
    main, test = files[writer.file], files[sibling(writer.file, f"test{Path(writer.file).suffix}")]
    assert b"t5" in test.replace(b"trace_id", b"")
    assert b'"t5"' not in main


@pytest.mark.parametrize("name", NAMES)
def test_it_is_documented(name):
    assert f"### `{name}`" in DOCS.read_text()


# --- what single formats promise -----------------------------------------------------------------------------------


def jsonl(name: str, file: str = "") -> list[dict]:
    writer = formats.get(name)()
    return [json.loads(line) for line in sample_of(writer)[file or writer.file].splitlines()]


def test_openrlhf_has_as_many_values_as_placeholders_and_none_inside_a_text():
    for row in jsonl("openrlhf_prm"):
        assert row["input"].count("<|step|>") == len(row["value"])
        assert set(row["value"]) <= {"+", "-"}
        assert row["input"].endswith(" <|step|>\n")


def test_kto_takes_steps_that_people_judged_right_or_wrong_only():
    rows = jsonl("kto")
    assert {row["label"] for row in rows} == {True, False}
    # Of t2: a right step and the first error; not what the user said, the neutral one, what follows from the error.
    assert [(row["step_idx"], row["label"]) for row in rows if row["trace_id"] == "t2"] == [(1, True), (3, False)]
    second, third = [row for row in rows if row["trace_id"] == "t1"][:2]
    assert third["prompt"] == f"{second['prompt']}\n\n{second['completion']}"


def test_processbench_says_minus_one_where_there_is_no_error():
    assert [(row["id"], row["label"], row["final_answer_correct"]) for row in jsonl("processbench")] == [
        ("t1", -1, True), ("t2", 3, False), ("t3", -1, False), ("bare", -1, None),
    ]  # fmt: skip


def test_dpo_pairs_final_patches_and_whole_conversations():
    (standard,) = jsonl("dpo")
    assert (type(standard["prompt"]), standard["chosen"][:3], standard["margin"]) == (str, "---", 0.571429)
    first, second = jsonl("dpo", "dpo.conversational.jsonl")
    assert [message["role"] for message in first["chosen"]] == [
        "assistant", "tool", "assistant", "tool", "assistant", "tool", "assistant", "tool", "user", "assistant",
    ]  # fmt: skip
    call = first["chosen"][0]["tool_calls"][0]
    assert call["function"] == {"name": "read_file", "arguments": {"path": "src/config.py"}}
    assert first["chosen"][1]["tool_call_id"] == call["id"]
    assert {tool["function"]["name"] for tool in json.loads(first["tools"])} >= {"bash", "lookup", "file_edit"}
    assert second["rejected_trace_id"] == "t3"


def test_a_cell_is_no_formula():
    files = sample_of(formats.get("csv")())
    rows = list(csv.DictReader(io.StringIO(files["answers.csv"].decode(), newline="")))
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "@"))]
    assert {row["value"] for row in rows if row["scheme"] == "note"} == {'\'=HYPERLINK("x")'}
    assert [row["key"] for row in rows if row["scheme"] == "step_reward"][:2] == ["2", "10"]
    assert {row["value"] for row in rows if row["key"] == "10"} == {"neutral"}


def test_a_code_review_has_its_comments_with_anchor_and_quoted_code():
    review = jsonl("code_review")[0]
    (comment,) = review["comments"]
    assert (review["verdict"], comment["file"], comment["side"], comment["start_line"], comment["code"]) == (
        "request_changes", "src/config.py", "new", 1, "a = {}",
    )  # fmt: skip
    assert review["file_ratings"] == [{"file": "src/config.py", "rating": 2, "label": "Below Average"}]


def test_a_comment_on_a_file_has_the_keys_of_one_on_lines_and_null_for_them():
    of_lines = dict.fromkeys(("side", "start_line", "end_line", "quote_sha", "code"))
    on_file = {
        "id": "1",
        "step": None,
        "file": "old.py",
        **of_lines,
        "category": None,
        "text": "Used",
        "resolved": False,
    }
    review = {"verdict": "comment", "comments": [on_file], "file_ratings": []}
    files = written(formats.get("code_review")(), [samples.row(said=(samples.said(review=review),))])
    [line] = files["code_review.jsonl"].splitlines()
    assert json.loads(line)["comments"] == [on_file]
    assert [set(comment) for comment in jsonl("code_review")[0]["comments"]] == [set(on_file)]


def test_preference_pairs_have_the_keys_of_both_documents_with_their_types():
    pair = jsonl("preference_pairs")[0]
    guide = {"prompt": str, "chosen_trace_id": str, "rejected_trace_id": str, "chosen_first_error": type(None),
             "rejected_first_error": int, "chosen_steps": int, "rejected_steps": int, "margin": float}  # fmt: skip
    announcement = {"prompt": str, "chosen": dict, "rejected": dict, "preference_strength": float}
    assert {key: type(pair[key]) for key in {**guide, **announcement}} == {**guide, **announcement}
    assert set(pair["chosen"]) == {"trace_id", "steps"}
    assert {"step_idx", "content", "label"} <= set(pair["chosen"]["steps"][0])
