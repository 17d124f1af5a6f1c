"""mini-swe-agent's trajectories: what the samples in tests/golden do not show."""

import json
import time

import pytest

from traces.converters import converters
from traces.source import Source

mini = converters.get("mini_swe_agent")
TASK = {"role": "user", "content": "Fix it. Finish with COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT."}


def source_of(tmp_path, value, name="a.traj.json"):
    path = tmp_path / name
    path.write_text(json.dumps(value))
    return Source(path, name)


def converted(tmp_path, value):
    return [record.value for record in mini.convert(source_of(tmp_path, value))]


def steps_of(tmp_path, *messages):
    run = {"info": {}, "messages": list(messages), "trajectory_format": "mini-swe-agent-1.1"}
    return converted(tmp_path, run)[0]["structured_turns"]


def block(command):
    return {"role": "assistant", "content": f"THOUGHT: So.\n\n```bash\n{command}\n```"}


@pytest.mark.parametrize(
    "value",
    [
        {"messages": [], "trajectory_format": "mini-swe-agent-1"},
        {"info": {"mini_version": "1.0", "exit_status": "Submitted"}, "messages": []},
        [TASK, block("ls")],
        [{"role": "user", "content": "x"}, block("ls"), {"role": "user", "content": "<returncode>0</returncode>\n"}],
    ],
)
def test_it_recognises_its_versions(tmp_path, value):
    assert mini.detect(source_of(tmp_path, value))


@pytest.mark.parametrize(
    "value",
    [
        [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "```bash\nls\n```"}],
        [TASK, {"role": "assistant", "content": "Yes."}],
        [TASK, {"role": "assistant", "content": [{"type": "text", "text": "x"}]}, block("ls")],
        {"messages": [TASK, block("ls")]},
        {"info": {"exit_status": "submitted"}, "trajectory": [], "history": []},
    ],
)
def test_it_leaves_other_formats_alone(tmp_path, value):
    assert not mini.detect(source_of(tmp_path, value))


def test_the_command_keeps_every_line_and_the_output_every_byte(tmp_path):
    answer = {"role": "user", "content": "<returncode>7</returncode>\n<output>\n\n </output> x\n\n</output>"}
    step = steps_of(tmp_path, TASK, block("cat <<'E'\n```\nE"), answer)
    assert [s["type"] for s in step] == ["user_message", "thinking", "bash_command"]
    step = steps_of(tmp_path, TASK, block("cat <<'E'\n\nE\n"), answer)[-1]
    assert (step["command"], step["output"], step["exit_code"]) == ("cat <<'E'\n\nE\n", "\n </output> x\n\n", 7)


def test_a_call_id_that_comes_twice_has_two_results(tmp_path):
    def call(command):
        function = {"name": "bash", "arguments": json.dumps({"command": command})}
        return {"role": "assistant", "content": None, "tool_calls": [{"id": "a", "function": function}]}

    def result(text):
        return {"role": "tool", "tool_call_id": "a", "content": "", "extra": {"raw_output": text, "returncode": 0}}

    steps = steps_of(tmp_path, TASK, call("x"), result("1"), call("y"), result("2"))[1:]
    assert [(s["call_id"], s["output"]) for s in steps] == [("a", "1"), ("a#2", "2")]


def test_a_command_that_the_frame_read_out_of_a_reply_counts_whatever_its_fence(tmp_path):
    reply = {"role": "assistant", "content": "So: <do>ls</do>", "extra": {"actions": [{"command": "ls"}]}}
    printed = {"role": "user", "content": "x", "extra": {"raw_output": "a.py\n", "returncode": 0}}
    steps = steps_of(tmp_path, TASK, reply, printed)
    assert [s["type"] for s in steps] == ["user_message", "thinking", "bash_command"]
    assert (steps[-1]["command"], steps[-1]["output"], steps[-1]["exit_code"]) == ("ls", "a.py\n", 0)


def test_a_command_without_a_result_has_no_output(tmp_path):
    step = steps_of(tmp_path, TASK, block("ls"))[-1]
    assert (step["output"], step["exit_code"]) == (None, None)


@pytest.mark.parametrize(
    "value",
    [None, 7, "x", [], [1], {}, {"a": 1}, True, [{}], [{"function": 1}], [{"id": [], "function": {"name": []}}]],
)
@pytest.mark.parametrize("key", ["role", "content", "tool_calls", "extra", "output", "type", "tool_call_id", "call_id"])
def test_a_wrong_type_in_a_message_does_no_harm(tmp_path, key, value):
    assert steps_of(tmp_path, TASK, block("ls") | {key: value})


@pytest.mark.parametrize("value", [None, 7, "x", [], [1], {}, {"a": 1}])
@pytest.mark.parametrize("key", ["info", "messages", "instance_id"])
def test_a_wrong_type_in_a_run_does_no_harm(tmp_path, key, value):
    run = {"trajectory_format": "mini-swe-agent-1", "info": {}, "messages": [TASK]} | {key: value}
    assert len(converted(tmp_path, run)) == 1


def test_fences_that_never_close_take_no_more_time_than_others(tmp_path):
    started = time.process_time()
    steps_of(tmp_path, TASK, {"role": "assistant", "content": "```bash\n" * 200_000})
    assert time.process_time() - started < 5
