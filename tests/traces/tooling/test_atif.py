"""Writing ATIF: what other readers of the format rely on, and that all of a document comes back."""

import json

import pytest

from tests.traces.converters.golden import CASES, case_id
from traces.converters.atif import Atif
from traces.document import normalize
from traces.source import Source
from traces.tooling.atif import to_atif

DOCUMENTS = [
    pytest.param(json.loads(line), id=f"{case_id(case)}-{number}")
    for case in CASES
    for number, line in enumerate((case / "expected.jsonl").read_text().split("\n"))
    if '"structured_turns"' in line
]
ALL = {
    "id": "all",
    "agent": {"name": "own", "version": "2"},
    "labels": ["kept"],
    "metrics": {"cost": 0.5, "tokens": {"input": 3, "output": 4, "cached": 1}},
    "structured_turns": [
        {"type": "user_message", "content": "Look.", "images": [{"media_type": "image/png", "data": "aaaa"}]},
        {"type": "assistant_message", "content": "One."},
        {"type": "thinking", "content": "After a word.", "started_at": 5.5},
        {"type": "thinking", "content": "Twice."},
        {"type": "assistant_message", "content": "Two.", "started_at": "2026-01-01", "tokens": 5},
        {
            "type": "tool_call",
            "name": "shot",
            "input": {"x": 1},
            "call_id": "c",
            "output": None,
            "images": [{"media_type": "image/png", "data": "bbbb"}],
        },
        {"type": "tool_call", "name": "shot", "input": ["list"], "call_id": "c", "output": "text"},
        {"type": "search"},
        {"type": "file_read", "path": "a", "content": "x\n", "start_line": 1, "end_line": 1},
        {"type": "file_read", "path": "a", "content": "x\n", "output": "1\tx\n"},
        {"type": "file_read", "path": "a", "output": "no such file", "status": "failed"},
        {"type": "bash_command", "command": "ls", "output": None, "exit_code": None, "cwd": "/w"},
        {"type": "bash_command", "command": "ls", "output": "", "exit_code": 0, "parent": 5},
        {"type": "error", "content": "Stopped."},
    ],
}


def back(trajectory, tmp_path):
    path = tmp_path / "trajectory.json"
    path.write_text(json.dumps(trajectory))
    (record,) = Atif().convert(Source(path, path.name))
    return normalize(record.value)


def without_source(doc):
    """What is not said and what is said to be null are one."""
    steps = [{key: value for key, value in step.items() if value is not None} for step in doc["structured_turns"]]
    said = {key: value for key, value in doc.items() if key != "source" and value is not None}
    return said | {"structured_turns": steps}


@pytest.mark.parametrize("doc", [*DOCUMENTS, pytest.param(normalize(ALL), id="all")])
def test_a_document_written_and_read_again_is_the_same(doc, tmp_path):
    doc = doc | {"issue_description": doc.get("issue_description") or ""}

    assert without_source(back(to_atif(doc), tmp_path)) == without_source(doc)


@pytest.mark.parametrize("doc", [*DOCUMENTS, pytest.param(normalize(ALL), id="all")])
def test_what_is_written_keeps_the_rules_of_the_format(doc):
    trajectory = to_atif(doc)
    steps = trajectory["steps"]
    ids = [call["tool_call_id"] for step in steps for call in step.get("tool_calls", ())]

    assert trajectory["schema_version"] == "ATIF-v1.7"
    assert [step["step_id"] for step in steps] == list(range(1, len(steps) + 1))
    assert len(ids) == len(set(ids))
    for step in steps:
        assert isinstance(step["message"], str | list)
        assert step["source"] in ("user", "agent", "system")
        assert step["source"] == "agent" or not {"tool_calls", "reasoning_content"} & set(step)
        named = [call["tool_call_id"] for call in step.get("tool_calls", ())]
        answered = [result["source_call_id"] for result in step.get("observation", {}).get("results", ())]
        assert answered == named
        assert all(isinstance(call["arguments"], dict) for call in step.get("tool_calls", ()))


def test_a_thought_its_words_and_its_calls_are_one_step():
    steps = [
        {"step_idx": 0, "type": "thinking", "content": "Hm."},
        {"step_idx": 1, "type": "assistant_message", "content": "I look."},
        {"step_idx": 2, "type": "bash_command", "command": "ls", "output": "a\n", "exit_code": 0, "call_id": "c"},
        {"step_idx": 3, "type": "assistant_message", "content": "Done."},
    ]
    first, second = to_atif({"id": "x", "agent": "a", "model": "m", "structured_turns": steps})["steps"]

    assert (first["reasoning_content"], first["message"], second["message"]) == ("Hm.", "I look.", "Done.")
    assert first["tool_calls"][0]["arguments"] == {"command": "ls"}
    assert first["observation"]["results"] == [{"source_call_id": "c", "content": "a\n"}]
