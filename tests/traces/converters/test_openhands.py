"""OpenHands' runs: what the samples in tests/golden do not show."""

import json

import pytest

from tests.left_out import corpus_folder
from tests.traces.patching import patched
from traces.converters import converters
from traces.finding import find_sources
from traces.jsonl import Record
from traces.source import Source
from traces.tooling.openhands_calls import with_counts

openhands = converters.get("openhands")


def source_of(tmp_path, value, name="a.json", *, lines=False):
    path = tmp_path / name
    path.write_text("".join(json.dumps(item) + "\n" for item in value) if lines else json.dumps(value))
    return Source(path, name)


def act(id, action, **args):
    return {"id": id, "source": "agent", "action": action, "args": args}


def obs(id, cause, kind, content, **extras):
    return {"id": id, "source": "agent", "cause": cause, "observation": kind, "content": content, "extras": extras}


def steps_of(tmp_path, *events):
    return next(iter(openhands.convert(source_of(tmp_path, list(events))))).value["structured_turns"]


@pytest.mark.parametrize(
    "value",
    [
        [act(0, "message", content="Hello")],
        {"instance_id": "a", "history": [act(0, "message", content="x")], "test_result": {}},
        {"issue": {}, "history": [{"action": "message", "content": "x"}], "git_patch": ""},
        {"instance_id": "a", "git_patch": "", "history": [[act(0, "run", command="ls"), obs(1, 0, "run", "")]]},
        {"instance_id": "a", "instruction": "x", "test_result": {}, "history": []},
        [{"id": "a", "source": "agent", "kind": "MessageEvent", "llm_message": {}}],
        [[act(0, "run", command="ls"), obs(1, 0, "run", "")]],
    ],
)
def test_it_recognises_its_shapes(tmp_path, value):
    assert openhands.detect(source_of(tmp_path, value))
    if isinstance(value, dict):
        assert openhands.detect(source_of(tmp_path, [value], "a.jsonl", lines=True))


@pytest.mark.parametrize(
    "value",
    [
        {"trajectory": [{"action": "ls", "observation": ""}], "history": [], "info": {}},
        {"history": [{"role": "user", "content": "x", "agent": "main"}], "instance_id": "a"},
        {"instance_id": "a", "model_patch": "", "model_name_or_path": "m"},
        [{"role": "user", "content": "x", "source": "x", "id": 1}],
        [{"action": "ls", "observation": ""}],
        {"id": "x", "agent": {"llm": {}}},
        [["a", "b"]],
    ],
)
def test_it_leaves_other_formats_alone(tmp_path, value):
    assert not openhands.detect(source_of(tmp_path, value))


def test_observations_are_joined_by_their_cause_not_by_their_place(tmp_path):
    steps = steps_of(
        tmp_path,
        act(1, "run", command="a"),
        act(2, "run", command="b"),
        obs(3, 2, "run", "B"),
        obs(4, 1, "run", "A"),
    )
    assert [(s["command"], s["output"]) for s in steps] == [("a", "A"), ("b", "B")]


def test_an_action_without_an_observation_has_no_output(tmp_path):
    step = steps_of(tmp_path, act(1, "run", command="a"), obs(2, 1, "null", ""))[0]
    assert (step["output"], step["exit_code"]) == (None, None)


def test_a_command_that_still_runs_has_no_exit_code(tmp_path):
    step = steps_of(
        tmp_path,
        act(1, "run", command="a"),
        obs(2, 1, "run", "x", metadata={"exit_code": -1, "suffix": "\n[no new output]"}),
    )[0]
    assert (step["exit_code"], step["note"]) == (None, "[no new output]")


def test_replaced_strings_in_the_place_of_whole_texts_are_not_taken_for_the_file(tmp_path):
    text = "Here's the result of running `cat -n` on /a.py:\n    40\tfirst\n    41\told\n    42\tlast\n"
    step = steps_of(
        tmp_path,
        act(1, "read", path="/a.py", impl_source="oh_aci"),
        obs(2, 1, "read", text),
        act(3, "edit", path="/a.py", command="str_replace", old_str="old", new_str="new"),
        obs(4, 3, "edit", "The file /a.py has been edited.", prev_exist=False, old_content="old", new_content="new"),
    )[1]
    assert (step["type"], step["diff"].split("\n")[2]) == ("file_edit", "@@ -40,3 +40,3 @@")


def test_whole_texts_before_and_after_make_the_diff(tmp_path):
    before, after = "a\nb\nc", "a\nB\nc\n"
    step = steps_of(
        tmp_path,
        act(1, "edit", path="/a.py", content="# draft", start=1, end=-1),
        obs(2, 1, "edit", "edited", prev_exist=True, old_content=before, new_content=after),
    )[0]
    assert patched(before, step["diff"]) == after


def test_a_recorded_diff_gets_the_counts_that_it_leaves_out():
    diff = with_counts("/a.py", "--- /a.py\n+++ /a.py\n@@ -2 +2,2 @@ def f\n-b\n+B\n+C")
    assert diff == "--- a/a.py\n+++ b/a.py\n@@ -2,1 +2,2 @@\n-b\n+B\n+C\n"
    assert patched("a\nb\n", diff) == "a\nB\nC\n"


def test_an_event_that_is_no_object_is_counted(tmp_path):
    source = source_of(tmp_path, [act(0, "message", content="x"), 7, None])
    doc = next(iter(openhands.convert(source))).value
    assert doc["source"]["warnings"] == ["2 × events that are no objects"]


@pytest.mark.parametrize("value", [None, 7, "x", [], [1], {}, {"a": 1}, True])
@pytest.mark.parametrize(
    "key", ["id", "source", "action", "args", "tool_call_metadata", "llm_metrics", "timestamp", "cause", "message"]
)
def test_a_wrong_type_in_an_action_does_no_harm(tmp_path, key, value):
    damaged = act(1, "edit", path="/a", content="x") | {key: value}
    steps = steps_of(
        tmp_path, damaged, act(2, "message", content="Done."), act(3, "run", command="ls"), obs(4, 3, "run", "a")
    )
    assert [(step["type"], step.get("content"), step.get("output")) for step in steps[-2:]] == [
        ("assistant_message", "Done.", None),
        ("bash_command", None, "a"),
    ]


@pytest.mark.parametrize("value", [None, 7, "x", [], [1], {}, {"a": 1}, True])
@pytest.mark.parametrize("key", ["observation", "content", "extras", "cause", "id"])
def test_a_wrong_type_in_an_observation_does_no_harm(tmp_path, key, value):
    events = (obs(2, 1, "run", "x") | {key: value}, act(3, "run", command="ls"), obs(4, 3, "run", "a"))
    first, *_, last = steps_of(tmp_path, act(1, "run", command="x"), *events)
    assert (first["command"], last["command"], last["output"]) == ("x", "ls", "a")


@pytest.mark.parametrize("value", [None, 7, "x", [], [1], {}, {"a": 1}, True])
@pytest.mark.parametrize(
    "key", ["kind", "thought", "action", "tool_call", "tool_name", "tool_call_id", "reasoning_content", "llm_message"]
)
def test_a_wrong_type_in_an_event_of_the_sdk_does_no_harm(tmp_path, key, value):
    action = {"id": "a", "source": "agent", "kind": "ActionEvent", "thought": [], "tool_name": "terminal"}
    seen = {"id": "o", "source": "environment", "kind": "ObservationEvent", "action_id": "a", "observation": {}}
    state = {"id": "s", "source": "environment", "kind": "ConversationStateUpdateEvent", "key": "stats", "value": {}}
    text = [{"type": "text", "text": "Done."}]
    said = {"id": "m", "source": "agent", "kind": "MessageEvent", "llm_message": {"role": "assistant", "content": text}}
    events = (action | {key: value}, seen, seen | {"observation": value}, state | {"value": value}, said)
    last = steps_of(tmp_path, *events)[-1]
    assert (last["type"], last["content"]) == ("assistant_message", "Done.")
    steps_of(tmp_path, action, state | {"value": {"usage_to_metrics": value}}, seen | {key: value})


@pytest.mark.parametrize("value", [None, 7, "x", [], [1], {}, {"a": 1}, True])
@pytest.mark.parametrize(
    "key", ["instance", "issue", "metadata", "metrics", "test_result", "git_patch", "error", "report"]
)
def test_a_wrong_type_in_a_line_does_no_harm(tmp_path, key, value):
    line = {"instance_id": "a", "history": [act(0, "message", content="x")], "test_result": {}} | {key: value}
    found = list(openhands.convert(source_of(tmp_path, [line], "a.jsonl", lines=True)))
    assert [type(item) for item in found] == [Record]


@pytest.mark.corpus
def test_the_created_files_of_real_runs_are_what_was_recorded():
    compared = 0
    for path in sorted((corpus_folder() / "openhands").glob("traj_*.json")):
        doc = next(iter(openhands.convert(Source(path, path.name)))).value
        made = {step["path"]: step for step in doc["structured_turns"] if step["type"] == "file_create"}
        for event in json.loads(path.read_text()):
            if event.get("observation") == "edit":
                extras = event["extras"]
                assert patched("", made[extras["path"]]["diff"]) == extras["new_content"]
                compared += 1
    assert compared == 3


def test_what_came_back_of_a_thought_and_of_a_recall_is_kept(tmp_path):
    logged = "Your thought has been logged."
    recall = [act(2, "recall", recall_type="knowledge", query="x"), obs(3, 2, "recall", "Added knowledge")]
    nothing = [act(4, "recall", recall_type="knowledge", query="x"), obs(5, 4, "recall", "Nothing found")]
    recall[1]["extras"] = {"microagent_knowledge": [{"content": "Use git."}]}
    steps = steps_of(tmp_path, act(0, "think", thought="Hm."), obs(1, 0, "think", logged), *recall, *nothing)
    assert [(step["type"], step["content"], step.get("output")) for step in steps] == [
        ("thinking", "Hm.", logged),
        ("system", "Use git.", "Added knowledge"),
        ("system", "Nothing found", None),
    ]


def test_what_the_sdk_s_model_says_of_its_call_and_what_was_put_behind_a_prompt_are_kept(tmp_path):
    text = [{"type": "text", "text": "Fix it"}]
    asked = {"kind": "MessageEvent", "id": "a", "source": "user", "llm_message": {"role": "user", "content": text}}
    asked["extended_content"] = [{"type": "text", "text": "<EXTRA_INFO>a skill</EXTRA_INFO>"}]
    action = {"kind": "TerminalAction", "command": "ls"}
    acted = {"kind": "ActionEvent", "id": "b", "source": "agent", "thought": [], "action": action, "summary": "Look"}
    acted |= {"tool_name": "terminal", "tool_call_id": "c"}
    steps = steps_of(tmp_path, asked, acted)
    said = [(step["type"], step.get("content") or step.get("summary")) for step in steps]
    assert said == [
        ("user_message", "Fix it"),
        ("system", "<EXTRA_INFO>a skill</EXTRA_INFO>"),
        ("bash_command", "Look"),
    ]


def said(id, parent, **more):
    message = {"role": "user", "content": [{"type": "text", "text": id}]}
    return {"id": id, "kind": "MessageEvent", "source": "user", "parent_id": parent, "llm_message": message} | more


@pytest.mark.parametrize(
    ("parents", "gone"),
    [
        ({"a": None, "b": "a", "c": "b"}, ""),
        ({"a": "__root__", "b": "a", "c": "b", "d": "a", "e": "d"}, "bc"),
        ({"a": None, "b": "a", "c": "a", "d": "c", "e": "a"}, "bcd"),
        ({"a": None, "b": "lost", "c": "b"}, ""),
        ({"a": "b", "b": "a", "c": "b"}, ""),
        ({"a": None, "b": 3, "c": ["b"]}, ""),
    ],
)
def test_what_somebody_went_back_behind_in_a_conversation_of_the_sdk_is_marked(tmp_path, parents, gone):
    steps = steps_of(tmp_path, *(said(name, parent) for name, parent in parents.items()))
    assert "".join(step["content"] for step in steps if step.get("abandoned")) == gone


def test_where_a_conversation_of_the_sdk_stands_is_what_its_state_says(tmp_path):
    (tmp_path / "base_state.json").write_text(json.dumps({"leaf_event_id": "b"}))
    events = [said("a", None), said("b", "a"), said("c", "a")]
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    source = next(one for one in find_sources(tmp_path) if one.name == "events.jsonl")
    steps = next(iter(openhands.convert(source))).value["structured_turns"]
    assert [step["content"] for step in steps if step.get("abandoned")] == ["c"]
