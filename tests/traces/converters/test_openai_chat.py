"""Chat messages: what is claimed, how calls find their results, what a row's columns become."""

from __future__ import annotations

import json

import pytest

from traces.converters.openai_chat import OpenAIChat
from traces.jsonl import Record
from traces.source import Source

USER = {"role": "user", "content": "Do it."}
CALL = {"id": "c", "type": "function", "function": {"name": "bash", "arguments": '{"command": "ls"}'}}
ASKS = {"role": "assistant", "content": None, "tool_calls": [CALL]}
SAYS = {"role": "assistant", "content": "Done."}
PARTS = {"role": "user", "content": [{"type": "text", "text": "x"}]}
BLOCK = {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "x", "input": {}}]}


@pytest.fixture
def source(tmp_path):
    def write(value: object, name: str = "chat.json") -> Source:
        (tmp_path / name).write_text(json.dumps(value), encoding="utf-8")
        return Source(tmp_path / name, name)

    return write


@pytest.fixture
def steps(source):
    def of(*messages: object) -> list[dict]:
        (record,) = OpenAIChat().convert(source({"messages": list(messages)}))
        assert isinstance(record, Record)
        return record.value["structured_turns"]

    return of


def answer(content: object, call_id: str | None = "c", **more) -> dict:
    return {"role": "tool", "tool_call_id": call_id, "content": content} | more


@pytest.mark.parametrize(
    "value",
    [
        {"messages": [USER, ASKS]},
        {"messages": [USER, SAYS]},
        {"messages": json.dumps([USER, SAYS])},
        [USER, ASKS],
        [USER, {"role": "assistant", "content": "<function=bash></function>"}],
        {"messages": [PARTS, ASKS]},
        {
            "messages": [PARTS],
            "response": {"choices": [{"message": SAYS}]},
        },
        {"trajectory": [{"role": "ai", "text": "x"}], "instance_id": "a"},
    ],
)
def test_it_claims_messages_of_this_api(source, value):
    assert OpenAIChat().detect(source(value))


@pytest.mark.parametrize(
    "value",
    [
        {"messages": [USER, BLOCK]},
        {"messages": [PARTS]},
        {"messages": [USER, ASKS], "trajectory_format": "mini-swe-agent-1.1"},
        {"messages": [USER, SAYS], "info": {"mini_version": "1"}},
        {"id": 1, "epoch": 1, "messages": [USER, SAYS]},
        {"trajectory": [{"action": "ls", "observation": ""}]},
        {"history": [], "messages": []},
        {"instance_id": "a", "model_patch": "diff"},
        [USER, SAYS],
        [{"role": "user", "parts": [{"text": "x"}]}],
        {"messages": "role"},
    ],
)
def test_it_leaves_the_files_of_others_alone(source, value):
    assert not OpenAIChat().detect(source(value))


def test_calls_of_one_id_take_their_results_in_order(steps):
    found = steps(USER, ASKS, answer("first"), ASKS, answer("second"), ASKS)

    assert [(step["call_id"], step["output"]) for step in found[1:]] == [
        ("c", "first"),
        ("c#2", "second"),
        ("c#3", None),
    ]


def test_a_result_without_an_id_is_that_of_the_call_before_it(steps):
    assert steps(ASKS, answer("found", call_id=None, name="bash"))[0]["output"] == "found"


def test_a_result_of_no_call_is_a_step_of_its_own(steps):
    (step,) = steps(answer("late", call_id="x"))

    assert (step["type"], step["name"], step["output"]) == ("tool_call", "unknown", "late")


def test_an_empty_result_is_empty_and_a_missing_one_is_null(steps):
    found = steps(ASKS, answer(""), {**ASKS, "tool_calls": [{**CALL, "id": "d"}]})

    assert [step["output"] for step in found] == ["", None]


def test_a_user_in_the_middle_of_calls_in_the_text_keeps_the_word(steps):
    asks = {"role": "assistant", "content": "<function=bash>\n<parameter=command>ls</parameter>\n</function>"}
    found = steps(
        USER, asks, {"role": "user", "content": "OBSERVATION:\na"}, {"role": "user", "content": "Stop."}, asks
    )

    assert [step["type"] for step in found] == ["user_message", "bash_command", "user_message", "bash_command"]
    assert found[1]["output"] == "a"


def test_a_failed_result_marks_its_call(steps):
    (step,) = steps(ASKS, answer("", error={"type": "timeout", "message": "too slow"}))

    assert (step["status"], step["output"]) == ("failed", "too slow")


def test_the_issue_is_what_stands_in_the_marks_of_the_prompt(source):
    prompt = {"role": "user", "content": "Fix:\n<pr_description>\nIt is wrong.\n</pr_description>"}
    (record,) = OpenAIChat().convert(source({"messages": [prompt, SAYS]}))

    assert record.value["issue_description"] == "It is wrong."


def test_a_long_column_is_counted_and_a_short_one_kept(source):
    (record,) = OpenAIChat().convert(source({"messages": [USER, SAYS], "split": "train", "log": "x" * 2000}))

    assert record.value["split"] == "train"
    assert record.value["source"]["warnings"] == ["1 × columns of the row that are not shown (log)"]


@pytest.mark.parametrize("value", [None, 5, "x", [], [5], {}, {"a": 1}, [[]]])
def test_wrong_types_anywhere_do_not_raise(source, value):
    keys = ("role", "content", "tool_calls", "function_call", "tool_call_id", "name", "error", "timestamp", "refusal")
    changed = [base | {key: value} for base in (USER, ASKS, answer("x")) for key in keys]
    changed += [{**ASKS, "tool_calls": [{**CALL, key: value}]} for key in ("id", "function", "custom")]
    changed += [{**ASKS, "tool_calls": [{**CALL, "function": {"name": value, "arguments": value}}]}]
    changed += [USER | {"content": [{"type": "image_url", "image_url": value}]}]
    row = dict.fromkeys(("id", "usage", "cost", "timestamp", "tools", "model", "patch", "repo", "instance_id"), value)

    (record,) = OpenAIChat().convert(source(row | {"messages": [USER, *changed], "response": {"choices": value}}))

    assert record.value["structured_turns"][0]["content"] == "Do it."
