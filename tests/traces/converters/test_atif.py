"""ATIF: which result is whose, what each agent's results mean, sub-agents, and wrong types."""

from __future__ import annotations

import json

import pytest

from tests.left_out import corpus_folder
from tests.traces.patching import patched
from traces.converters.atif import Atif
from traces.finding import find_sources
from traces.jsonl import Record
from traces.source import Source
from traces.tooling.values import as_object

CALL = {"tool_call_id": "c", "function_name": "bash", "arguments": {"command": "ls"}}


@pytest.fixture
def source(tmp_path):
    def write(value: object) -> Source:
        (tmp_path / "t.trajectory.json").write_text(json.dumps(value), encoding="utf-8")
        return Source(tmp_path / "t.trajectory.json", "t.trajectory.json")

    return write


@pytest.fixture
def steps(source):
    def of(*steps: object, agent: str = "any", **more) -> list[dict]:
        value = {"schema_version": "ATIF-v1.6", "agent": {"name": agent}, "steps": list(steps)} | more
        (record,) = Atif().convert(source(value))
        assert isinstance(record, Record)
        return record.value["structured_turns"]

    return of


def acts(*results: object, calls: tuple = (CALL,), **more) -> dict:
    return {
        "source": "agent",
        "message": "",
        "tool_calls": list(calls),
        "observation": {"results": list(results)},
    } | more


@pytest.mark.parametrize("version", [f"ATIF-v1.{number}" for number in range(9)])
def test_it_claims_every_version(source, version):
    assert Atif().detect(source({"schema_version": version, "steps": []}))


@pytest.mark.parametrize("value", [{"schema_version": 2}, {"steps": []}, [], {"schema_version": "1.7", "steps": []}])
def test_it_leaves_the_files_of_others_alone(source, value):
    assert not Atif().detect(source(value))


def test_results_with_the_id_of_a_call_are_its_own_whatever_their_order(steps):
    other = CALL | {"tool_call_id": "d"}
    results = [{"source_call_id": "d", "content": "second"}, {"source_call_id": "c", "content": "first"}]

    assert [step["output"] for step in steps(acts(*results, calls=(CALL, other)))] == ["first", "second"]


def test_results_without_an_id_are_those_of_the_calls_in_order_and_what_is_left_is_the_systems(steps):
    found = steps(acts({"content": "a"}, {"content": "b"}))

    assert [(step["type"], step.get("output"), step.get("content")) for step in found] == [
        ("bash_command", "a", None),
        ("system", None, "b"),
    ]


def test_a_call_without_a_result_has_no_output(steps):
    assert steps(acts())[0]["output"] is None


def test_the_text_of_an_answer_that_holds_its_calls_too_is_said_once(steps):
    message = "I look.\n\n<function=bash>\n<parameter=command>ls</parameter>\n</function>"
    found = steps(acts(message=message), acts(message=message, reasoning_content="I look."))

    assert [step["type"] for step in found] == ["assistant_message", "bash_command", "thinking", "bash_command"]
    assert found[0]["content"] == "I look."


def test_a_sub_agents_trajectory_is_a_trace_of_its_own_with_its_call(source):
    result = {"source_call_id": "c", "content": "done", "subagent_trajectory_ref": [{"session_id": "inner"}]}
    inner = {"schema_version": "ATIF-v1.7", "session_id": "inner", "steps": [{"source": "user", "message": "Help."}]}
    value = {
        "schema_version": "ATIF-v1.7",
        "session_id": "outer",
        "steps": [acts(result)],
        "subagent_trajectories": [inner],
    }

    outer, other = (record.value for record in Atif().convert(source(value)))

    assert (other["id"], other["subagent_of"], other["subagent_call"]) == ("inner", "outer", "c")
    assert outer["structured_turns"][0]["call_id"] == "c"


@pytest.mark.parametrize("kind", ["nope", ["thinking"], {"a": 1}, 5, None])
def test_a_step_of_ours_whose_type_is_none_is_left_out(source, kind):
    call = {"tool_call_id": "c", "function_name": "bash", "arguments": {}, "extra": {"trace": {"type": kind}}}
    value = {
        "schema_version": "ATIF-v1.7",
        "session_id": "s",
        "extra": {"trace": {"id": "s"}},
        "steps": [
            {"source": "user", "message": "Hi.", "extra": {"trace": [{"type": kind}, {"type": "user_message"}]}},
            {"source": "agent", "message": "", "tool_calls": [call]},
        ],
    }

    (record,) = Atif().convert(source(value))

    assert [step["type"] for step in record.value["structured_turns"]] == ["user_message"]
    assert record.value["source"]["warnings"] == ["2 × steps of an unknown type"]


def test_no_image_is_read_from_outside_of_the_input(tmp_path):
    (tmp_path / "secret.png").write_bytes(b"secret")
    (tmp_path / "in").mkdir()
    parts = [
        {"type": "image", "source": {"media_type": "image/png", "path": path}}
        for path in ("../secret.png", str(tmp_path / "secret.png"), "*.png", "file:///etc/passwd")
    ]
    value = {
        "schema_version": "ATIF-v1.6",
        "steps": [{"source": "user", "message": [{"type": "text", "text": "x"}, *parts]}],
    }
    (tmp_path / "in" / "t.json").write_text(json.dumps(value))

    (source,) = find_sources(tmp_path / "in")
    (record,) = Atif().convert(source)

    assert "images" not in record.value["structured_turns"][0]
    assert record.value["source"]["warnings"] == ["4 × images in files that are not here"]


@pytest.mark.parametrize("agent", ["claude-code", "codex", "swe-agent", "mini-swe-agent", "terminus-2"])
@pytest.mark.parametrize("value", [None, 5, "x", [], [5], {}, {"a": 1}, [{"type": "image"}]])
def test_wrong_types_anywhere_do_not_raise(source, steps, agent, value):
    names = ("exec", "apply_patch", "swe_agent_action", "Edit", "Bash", "Read")
    changed = [
        acts({"content": "x"}) | {key: value} for key in ("source", "message", "tool_calls", "observation", "metrics")
    ]
    changed += [acts({"content": "x"}, timestamp=value, extra=value, reasoning_content=value, model_name=value)]
    changed += [acts({"content": value, "source_call_id": value, "extra": value}, calls=(CALL, value))]
    changed += [acts({"content": "x"}, calls=(CALL | {"function_name": name, "arguments": value},)) for name in names]
    told = {"tool_result_metadata": {"raw_tool_result": value, "tool_use_result": value}}
    changed += [acts({"content": "x", "extra": told, "subagent_trajectory_ref": value})]

    found = steps({"source": "user", "message": "Go."}, value, *changed, agent=agent, final_metrics=value, notes=value)
    assert found[0]["content"] == "Go."
    for key in ("agent", "steps", "extra", "subagent_trajectories", "session_id"):
        assert list(Atif().convert(source({"schema_version": "ATIF-v1.7", "steps": []} | {key: value})))


@pytest.mark.corpus
def test_where_the_file_before_an_edit_is_recorded_the_diff_makes_the_file_after_it():
    path = corpus_folder() / "atif" / "claude_7acd37a8.trajectory.json"
    trajectory = json.loads(path.read_text())
    (record,) = Atif().convert(Source(path, path.name))
    edits = {step["call_id"]: step for step in record.value["structured_turns"] if step["type"] == "file_edit"}
    compared = 0
    for step in trajectory["steps"]:
        for result in as_object(step.get("observation")).get("results", ()):
            told = as_object(as_object(result["extra"].get("tool_result_metadata")).get("tool_use_result"))
            before, old = told.get("originalFile"), told.get("oldString")
            if isinstance(before, str) and isinstance(old, str):
                after = before.replace(old, told["newString"], -1 if told.get("replaceAll") else 1)
                assert patched(before, edits[result["source_call_id"]]["diff"]) == after
                compared += 1

    assert compared > 10
