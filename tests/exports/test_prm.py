"""The prm format: rows in, lines out."""

import json

from exports.describe import RESERVED
from exports.formats import formats
from tests.exports.samples import DOCUMENT, row, written


def lines(*rows, **sheet) -> list[bytes]:
    return written(formats.get("prm")(), list(rows), **sheet)["prm_labels.jsonl"].splitlines(keepends=True)


def test_a_line_has_the_keys_and_values_of_both_documents():
    line = json.loads(lines(row("correct", "incorrect"))[0])
    assert {key: line[key] for key in ("trace_id", "total_steps", "first_error_step", "all_correct")} == {
        "trace_id": "trace_001",
        "total_steps": 2,
        "first_error_step": 1,
        "all_correct": False,
    }
    assert line["issue_description"] == line["prompt"] == DOCUMENT["issue_description"]
    assert line["steps"][1] == {
        "step_idx": 1,
        "type": "bash_command",
        "content": "$ pytest\n2 passed",
        "label": "incorrect",
        "reward": 0.0,
        "label_source": "human",
    }
    assert line["completions"] == [step["content"] for step in line["steps"]]
    assert (line["labels"], line["split"], line["schema_version"]) == ([True, False], "train", "1.0")
    assert (line["outcome"], line["model_name_or_path"], line["issue_id"]) == ("resolved", "agent-x", None)


def test_rewards_are_printed_as_floats():
    assert b'"reward":1.0' in lines(row("correct", "correct"))[0]


def test_a_neutral_step_is_not_taught_as_an_error():
    assert json.loads(lines(row("neutral", "correct"))[0])["labels"] == [True, True]


def test_no_error_is_null_and_never_minus_one():
    assert b'"first_error_step":null' in lines(row("correct", "correct"))[0]


def test_hard_labels_are_all_integers_where_steps_may_be_unlabeled():
    found = [json.loads(line) for line in lines(row("correct", None), row("neutral", "incorrect"), has_gaps=True)]
    assert [line["labels"] for line in found] == [[1, -100], [1, 0]]
    assert all(type(label) is int for line in found for label in line["labels"])
    assert (found[0]["steps"][1]["label"], found[0]["steps"][1]["reward"]) == (None, None)


def test_every_row_has_the_same_keys_in_the_same_order():
    bare = {"id": "x", "structured_turns": DOCUMENT["structured_turns"]}
    first, second = lines(row("correct", "correct"), row("incorrect", None, document=bare), has_gaps=True)
    assert list(json.loads(first)) == list(json.loads(second))


def test_a_scheme_cannot_take_the_place_of_a_key():
    line = json.loads(lines(row("correct", "correct", answers={"steps": "few", "agreement": "none", "note": ""}))[0])
    assert (line["answer_steps"], line["answer_agreement"], line["note"]) == ("few", "none", "")
    assert len(line["steps"]) == 2
    assert set(line) >= RESERVED - {"p_correct"}


def test_a_line_is_one_line_for_every_reader():
    (line,) = lines(row("correct", "correct"))
    assert len(line.decode().splitlines()) == 1
    assert line.endswith(b"}\n")
    assert json.loads(line)["steps"][0]["content"] == "Line one\u2028and\u0085two"


def test_a_trace_without_steps_is_refused_with_a_reason():
    assert formats.get("prm")().refusal(row()) == "no steps"
    assert formats.get("prm")().refusal(row("correct", "correct")) == ""


def test_a_key_of_another_type_than_promised_becomes_null():
    odd = {**DOCUMENT, "repo": {"url": "x"}, "model": 5, "agent": ["a"], "base_commit": ""}
    line = json.loads(lines(row("correct", "correct", document=odd))[0])
    assert (line["repo"], line["model_name_or_path"], line["base_commit"]) == (None, None, None)
