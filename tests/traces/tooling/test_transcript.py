"""Collecting the steps of one run."""

from traces.tooling.transcript import Transcript


def test_an_id_that_comes_again_gets_a_number_that_nobody_has():
    out = Transcript()
    assert [out.call_id(wanted) for wanted in ("a", "a", "a#2", "a", "b")] == ["a", "a#2", "a#2#2", "a#3", "b"]


def test_what_is_not_recorded_is_left_out_but_a_command_says_that_it_has_no_output():
    out = Transcript()
    out.add("bash_command", command="ls", cwd=None)
    out.add("tool_call", name="x", output=None)
    assert out.steps == [
        {"step_idx": 0, "type": "bash_command", "command": "ls", "output": None, "exit_code": None},
        {"step_idx": 1, "type": "tool_call", "name": "x"},
    ]


def test_the_task_is_the_first_prompt_where_nothing_else_says_it():
    out = Transcript()
    out.text("user_message", "  ")
    out.text("user_message", "Fix it")
    out.warn("images", 2)
    doc = out.document("a", model=None)
    assert (doc["issue_description"], doc["source"]["warnings"], "model" in doc) == ("Fix it", ["2 × images"], False)
