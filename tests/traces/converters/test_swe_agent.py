"""SWE-agent's trajectories: what the samples in tests/golden do not show."""

import json
import re

import pytest

from tests.left_out import corpus_folder
from traces.converters import converters
from traces.source import Source
from traces.tooling.listings import read_listing

swe_agent = converters.get("swe_agent")


def source_of(tmp_path, run, name="acme__tally-7.traj"):
    path = tmp_path / name
    path.write_text(json.dumps(run))
    return Source(path, name)


def converted(tmp_path, run, name="acme__tally-7.traj"):
    source = source_of(tmp_path, run, name)
    return [record.value for record in swe_agent.convert(source)]


def step(action, observation="", **more):
    return {"action": action, "observation": observation, "response": "", "thought": "", "state": {}, **more}


def run(*steps, history=(), **more):
    return {"environment": "main", "trajectory": list(steps), "history": list(history), "info": {}, **more}


@pytest.mark.parametrize(
    "record",
    [
        run(step("ls")),
        run(history=[{"role": "user", "content": "Fix it", "agent": "main"}]),
        {"history": [{"role": "system", "content": "", "agent": "primary"}]},
    ],
)
def test_it_recognises_steps_and_histories(tmp_path, record):
    assert swe_agent.detect(source_of(tmp_path, record))


@pytest.mark.parametrize(
    "record",
    [
        {"trajectory": [["ls", "a.py"]], "history": []},
        {"trajectory": [{"role": "user", "text": "Fix it"}]},
        {"info": {"mini_version": "2.0"}, "trajectory": [step("ls")]},
        {"trajectory_format": "mini-swe-agent-1.1", "history": [{"role": "user", "agent": "main"}]},
        {"history": [{"action": "run", "source": "agent"}]},
    ],
)
def test_it_leaves_other_formats_alone(tmp_path, record):
    assert not swe_agent.detect(source_of(tmp_path, record))


def test_a_state_in_text_is_that_before_the_action_and_an_object_that_after_it(tmp_path):
    before = [step("cd /b", state='{"working_dir": "/a"}'), step("ls", state='{"working_dir": "/b"}')]
    after = [step("cd /b", state={"working_dir": "/b"}), step("ls", state={"working_dir": "/b"})]
    assert [s.get("cwd") for s in converted(tmp_path, run(*before))[0]["structured_turns"]] == ["/a", "/b"]
    assert [s.get("cwd") for s in converted(tmp_path, run(*after))[0]["structured_turns"]] == [None, "/b"]


def test_a_call_id_that_comes_twice_is_made_unique(tmp_path):
    def call(command):
        function = {"name": "bash", "arguments": json.dumps({"command": command})}
        return {"role": "assistant", "action": command, "tool_calls": [{"id": "call_1", "function": function}]}

    doc = converted(tmp_path, run(step("ls"), step("pwd"), history=[call("ls"), call("pwd")]))[0]
    assert [s["call_id"] for s in doc["structured_turns"]] == ["call_1", "call_1#2"]


def test_one_run_per_line_is_one_trace_per_line_however_long_the_first_is(tmp_path):
    path = tmp_path / "runs.jsonl"
    runs = [run(step("ls", "x" * 2_000_000), environment="a__b-1"), run(step("ls"), environment="a__b-2")]
    path.write_text("".join(json.dumps(one) + "\n" for one in runs))
    source = Source(path, path.name)
    assert swe_agent.detect(source)
    assert [record.value["id"] for record in swe_agent.convert(source)] == ["a__b-1", "a__b-2"]


def test_an_observation_that_was_not_recorded_is_not_an_empty_one(tmp_path):
    steps = converted(tmp_path, run(step("ls", None), step("true", "")))[0]["structured_turns"]
    assert [s["output"] for s in steps] == [None, ""]


def test_arguments_that_are_no_json_leave_the_typed_action(tmp_path):
    call = {"id": "a", "function": {"name": "bash", "arguments": '{"command": "ls'}}
    history = [{"role": "assistant", "action": "ls -a", "tool_calls": [call]}]
    steps = converted(tmp_path, run(step("ls -a"), history=history))[0]["structured_turns"]
    assert (steps[0]["command"], steps[0]["call_id"]) == ("ls -a", "a")


def test_the_task_is_named_by_the_file_where_the_run_names_none(tmp_path):
    doc = converted(tmp_path, run(step("ls"), environment="swe_main"), "astropy__astropy-1.traj")[0]
    assert (doc["id"], doc["repo"]) == ("astropy__astropy-1", "astropy/astropy")


def test_steps_that_are_no_objects_are_counted(tmp_path):
    doc = converted(tmp_path, run(step("ls"), "pwd", None))[0]
    assert doc["source"]["warnings"] == ["2 × steps that are no objects"]
    assert len(doc["structured_turns"]) == 1


@pytest.mark.parametrize("value", [None, 7, "x", [], [1], {}, {"a": 1}, True, 1e400])
@pytest.mark.parametrize(
    "key", ["action", "observation", "response", "thought", "state", "execution_time", "tool_calls"]
)
def test_a_wrong_type_in_a_step_does_no_harm(tmp_path, key, value):
    assert converted(tmp_path, run(step("ls") | {key: value}))[0]["id"] == "acme__tally-7"


@pytest.mark.parametrize("value", [None, 7, "x", [], [1], {}, {"a": 1}, [{"role": "assistant", "tool_calls": [{}]}]])
@pytest.mark.parametrize("key", ["history", "info", "replay_config", "environment", "attempts"])
def test_a_wrong_type_in_a_run_does_no_harm(tmp_path, key, value):
    assert len(converted(tmp_path, run(step("ls")) | {key: value})[0]["structured_turns"]) == 1


def sides(diff):
    """(old, new): the lines of each side of a diff by their numbers."""
    old, new = {}, {}
    for line in diff.split("\n")[2:]:
        hunk = re.match(r"@@ -(\d+),\d+ \+(\d+),\d+ @@", line)
        if hunk:
            at_old, at_new = int(hunk[1]), int(hunk[2])
            continue
        if line[:1] in (" ", "-"):
            old[at_old] = line[1:]
            at_old += 1
        if line[:1] in (" ", "+"):
            new[at_new] = line[1:]
            at_new += 1
    return old, new


def shown(step):
    """The lines by number that a step printed of the file as it then was."""
    listing = read_listing((step.get("output") or "").replace("\r\n", "\n"))
    return dict(enumerate(listing.text.split("\n")[:-1], listing.start)) if listing else {}


@pytest.mark.corpus
def test_the_edits_of_real_runs_lie_between_the_windows_before_and_after_them():
    compared = 0
    for path in sorted((corpus_folder() / "swe_agent").glob("*.traj")):
        seen = {}
        for record in swe_agent.convert(Source(path, path.name)):
            for taken in record.value["structured_turns"]:
                if taken["type"] == "file_edit" and taken["status"] == "ok" and not taken.get("approximate"):
                    old, new = sides(taken["diff"])
                    before, after = seen.get(taken["path"], {}), shown(taken)
                    assert {n: old[n] for n in old if n in before} == {n: before[n] for n in old if n in before}
                    assert {n: new[n] for n in new if n in after} == {n: after[n] for n in new if n in after}
                    compared += bool(set(new) & set(after))
                if taken["type"] in ("file_read", "file_edit") and taken.get("status") == "ok":
                    seen[taken["path"]] = shown(taken)
    assert compared > 15
