"""Gemini CLI's files: which answer is which call's, what became of edits, and sessions written as changes."""

from __future__ import annotations

import pytest

from tests.traces.converters.written import written
from tests.traces.patching import patched
from traces.converters.gemini_cli import GeminiCli


@pytest.fixture
def source(tmp_path):
    return lambda value, name="session.json": written(tmp_path, value, name)


@pytest.fixture
def steps(source):
    def of(value: object, name: str = "session.json") -> list[dict]:
        (found,) = GeminiCli().convert(source(value, name))
        return found.value["structured_turns"]

    return of


def user(*parts: dict | str) -> dict:
    return {"role": "user", "parts": [part if isinstance(part, dict) else {"text": part} for part in parts]}


def model(*parts: dict | str) -> dict:
    return user(*parts) | {"role": "model"}


def call(name: str, id: str | None = None, **args: object) -> dict:
    return {"functionCall": {"name": name, "args": args} | ({"id": id} if id else {})}


def answer(name: str, id: str | None = None, **response: object) -> dict:
    return {"functionResponse": {"name": name, "response": response} | ({"id": id} if id else {})}


def test_answers_without_an_id_go_to_the_calls_of_their_name_in_order(steps):
    found = steps(
        [
            user("go"),
            model(call("glob", pattern="a"), call("glob", pattern="b")),
            user(answer("glob", output="A"), answer("glob", output="B")),
        ]
    )
    assert [(step["input"]["pattern"], step["output"]) for step in found[1:]] == [("a", "A"), ("b", "B")]
    assert [step["call_id"] for step in found[1:]] == ["call-1", "call-2"]


def test_an_answer_whose_call_is_missing_is_a_step(steps):
    (step,) = steps([user(answer("glob", "x", output="A"))])
    assert (step["name"], step["call_id"], step["output"]) == ("glob", "x", "A")


def shell(output: str) -> list[dict]:
    return [
        user("go"),
        model(call("run_shell_command", "1", command="x")),
        user(answer("run_shell_command", "1", output=output)),
    ]


@pytest.mark.parametrize(
    ("output", "shown", "code"),
    [
        ("Output: a\nb", "a\nb", 0),
        ("Output: a\nExit Code: 2", "a", 2),
        ("Output: (empty)\nExit Code: 0\nProcess Group PGID: 7", "", 0),
        (
            "Command: x\nDirectory: (root)\nStdout: a\nStderr: (empty)\nError: (none)\nExit Code: 0\nSignal: (none)",
            "a",
            0,
        ),
        ("Output: Exit Code: 9\nrest", "Exit Code: 9\nrest", 0),
        ("no label", "no label", None),
    ],
)
def test_a_command_s_output_loses_the_labels_around_it(steps, output, shown, code):
    step = steps(shell(output))[-1]
    assert (step["output"], step["exit_code"]) == (shown, code)


def test_with_what_the_labels_said_the_output_is_the_source_s_text(steps):
    output = "Output: \n> build\n\nDone.\nExit Code: 1\nProcess Group PGID: 90089"
    step = steps(shell(output))[-1]
    assert step["output"] == "\n> build\n\nDone."
    labels = f"Exit Code: {step['exit_code']}\nProcess Group PGID: {step['process_group']}"
    assert f"Output: {step['output']}\n{labels}" == output


def test_what_an_edit_is_for_is_kept(steps):
    given = {"file_path": "a.py", "instruction": "Count from two.", "old_string": "x = 1", "new_string": "x = 2"}
    step = steps([user("go"), model(call("replace", "1", **given)), user(answer("replace", "1", output="ok"))])[-1]
    assert (step["type"], step["input"]) == ("file_edit", {"instruction": "Count from two."})


def test_labels_that_say_more_stay(steps):
    output = "Command: x\nDirectory: sub\nStdout: a\nStderr: bad\nError: (none)\nExit Code: 3\nSignal: (none)"
    step = steps(shell(output))[-1]
    assert (step["output"], step["exit_code"], step["cwd"]) == (output, 3, "sub")


def test_an_edit_has_true_numbers_from_the_part_that_was_read(steps):
    head = "\nIMPORTANT: The file content has been truncated.\nStatus: Showing lines 7-8 of 9 total lines.\n\n"
    part = f"{head}--- FILE CONTENT (truncated) ---\na\nb\n"
    found = steps(
        [
            user("go"),
            model(call("read_file", "1", file_path="f", start_line=7)),
            user(answer("read_file", "1", output=part)),
            model(call("replace", "2", file_path="f", old_string="b", new_string="c")),
            user(answer("replace", "2", output="Successfully modified file: f")),
        ]
    )
    assert (found[1]["content"], found[1]["start_line"], found[1]["output"]) == ("a\nb\n", 7, part)
    assert "@@ -7,2 +7,2 @@\n a\n-b\n+c\n" in found[2]["diff"]


def recorded(**more: object) -> dict:
    given = {"file_path": "/w/f.py", "old_string": "b", "new_string": "B"}
    tool = {"id": "1", "name": "replace", "args": given, "status": "success"} | more
    message = {"id": "m", "type": "gemini", "content": "", "toolCalls": [tool]}
    return {"sessionId": "s", "projectHash": "h", "messages": [message]}


def test_a_recorded_edit_turns_the_file_before_into_the_one_after(steps):
    before, after = "a\nb\nc", "a\nB\nc"
    (step,) = steps(recorded(resultDisplay={"fileName": "f.py", "originalContent": before, "newContent": after}))
    assert patched(before, step["diff"]) == after
    assert (step["type"], step["status"]) == ("file_edit", "ok")


@pytest.mark.parametrize(
    ("status", "error", "shown"),
    [("error", "not found", "failed"), ("cancelled", "[Operation Cancelled] Reason: no", "rejected")],
)
def test_an_edit_that_did_not_happen_says_so(steps, status, error, shown):
    (step,) = steps(recorded(status=status, result=[answer("replace", "1", error=error)]))
    assert (step["status"], step["output"]) == (shown, error)


@pytest.mark.parametrize("shown", [7, "text", {"fileDiff": 7}, {"newContent": []}, {"fileDiff": "no hunks"}, None])
def test_a_display_of_another_shape_is_as_good_as_none(steps, shown):
    (step,) = steps(recorded(resultDisplay=shown))
    assert step["approximate"] is True


def test_a_message_written_again_replaces_what_it_was_and_rewinding_keeps_what_was_left(steps):
    lines = [
        {"sessionId": "s", "projectHash": "h"},
        {"id": "1", "type": "user", "content": "go"},
        {"id": "2", "type": "gemini", "content": "lef"},
        {"id": "2", "type": "gemini", "content": "left"},
        {"$rewindTo": "2"},
        {"id": "2", "type": "gemini", "content": "right"},
        {"$set": {"summary": "which way"}},
    ]
    found = steps(lines, "session.jsonl")
    assert [(step["content"], step.get("abandoned", False)) for step in found] == [
        ("go", False),
        ("left", True),
        ("right", False),
    ]


@pytest.mark.parametrize(
    "value",
    [
        [user("a"), {"role": "model", "parts": [7, None, {}, {"functionCall": 7}, {"functionCall": {"name": 1}}]}],
        [user("a"), {"role": "user", "parts": [{"functionResponse": {"response": [1]}}, {"inlineData": 7}]}],
        [user("a"), {"role": "user", "parts": "text"}, model(call("read_file", file_path=7))],
        {"sessionId": "s", "projectHash": 1, "messages": [7, {"type": "user", "content": {"text": "a"}, "id": []}]},
        recorded(result=7, args=[], name=None, timestamp=4),
        {"sessionId": "s", "projectHash": 1, "messages": [{"type": "gemini", "content": None, "thoughts": [3, {}]},
         {"type": "user", "content": "x", "tokens": "many"}]},
    ],
)  # fmt: skip
def test_wrong_types_never_cost_the_rest(steps, value):
    assert steps(value)


CONTENTS = [{"role": "user", "parts": [{"text": "a"}]}]


@pytest.mark.parametrize(
    "value",
    [
        {"sessionId": "s", "projectHash": "p"},
        {"$set": {"summary": "a"}},
        {"type": "gemini", "id": "1", "content": "a"},
        {"contents": CONTENTS},
        {"clientHistory": CONTENTS},
        {"history": CONTENTS},
        {"request": {"contents": CONTENTS}},
    ],
)
def test_each_of_its_records_is_enough(source, value):
    assert GeminiCli().detect(source(value))


@pytest.mark.parametrize(
    "value",
    [
        [{"role": "user", "content": "a"}],
        {"messages": [{"role": "user", "content": "a"}]},
        {"history": [{"role": "user", "content": "a"}]},
        {"type": "user", "uuid": "1", "sessionId": "s", "message": {"content": "a"}},
        {"contents": "text"},
    ],
)
def test_other_formats_are_not_claimed(source, value):
    assert not GeminiCli().detect(source(value))


INIT = {"type": "init", "session_id": "s-1", "model": "gemini-3-pro"}


def piece(text: object) -> dict:
    return {"type": "message", "role": "assistant", "content": text, "delta": True}


def used(id: str, name: str = "run_shell_command", **parameters: object) -> dict:
    return {"type": "tool_use", "tool_name": name, "tool_id": id, "parameters": parameters}


def came(id: str, **more: object) -> dict:
    return {"type": "tool_result", "tool_id": id, "status": "success"} | more


def test_the_pieces_of_a_printed_message_are_one(steps):
    found = steps(
        [INIT, piece("a"), piece("b"), used("1", command="ls"), came("1"), piece("c"), piece("d")], "run.jsonl"
    )
    assert [step.get("content") or step["command"] for step in found] == ["ab", "ls", "cd"]


def test_printed_results_go_to_their_calls(steps):
    found = steps(
        [INIT, used("1", command="one"), used("2", command="two"), came("2", output="2"), came("9", output="9")],
        "run.jsonl",
    )
    assert [(step.get("command"), step.get("output")) for step in found] == [("one", None), ("two", "2"), (None, "9")]


def test_calls_that_repeat_an_id_have_each_its_own_printed_result(steps):
    twice = [used("1", command="one"), came("1", output="1"), used("1", command="two"), came("1", output="2")]
    found = steps([INIT, *twice, came("1", output="3")], "run.jsonl")
    assert [(step.get("command"), step["output"]) for step in found] == [("one", "1"), ("two", "2"), (None, "3")]


def test_a_printed_message_of_many_pieces_takes_time_by_their_number(steps):
    (step,) = steps([INIT, *[piece("x" * 50)] * 40_000], "run.jsonl")
    assert len(step["content"]) == 2_000_000


@pytest.mark.parametrize("value", [None, 7, [], {}, [None], {"a": None}])
def test_wrong_types_in_a_printed_run_never_cost_the_rest(steps, value):
    odd = [
        piece(value), {"type": "message", "role": "user", "content": value}, used("1", command=value),
        {"type": "tool_use", "tool_name": value, "tool_id": value, "parameters": value},
        came("1", output=value, error=value), {"type": "result", "status": value, "stats": value, "error": value},
        {"type": "error", "message": value},
    ]  # fmt: skip
    assert steps([INIT, *odd, piece("Done.")], "run.jsonl")[-1]["content"] == "Done."
