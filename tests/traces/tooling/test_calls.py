"""Tool calls become steps, whichever agent names the tool."""

from __future__ import annotations

import pytest

from traces.tooling.calls import Call, command_text, steps_of
from traces.tooling.files import Files


def step(
    name: str, input: dict, output: str | None = "done", failed: bool | None = None, files: Files | None = None
) -> dict:
    (only,) = steps_of(Call(name, input, output, failed, common={"call_id": "c1"}), files or Files())
    return only


@pytest.mark.parametrize(
    ("name", "input", "type"),
    [
        ("Bash", {"command": "ls"}, "bash_command"),
        ("execute_bash", {"command": "ls"}, "bash_command"),
        ("exec_command", {"cmd": "ls"}, "bash_command"),
        ("mcp__sandbox__run", {"command": "ls"}, "bash_command"),
        ("BashOutput", {"bash_id": "1"}, "bash_command"),
        ("Read", {"file_path": "a"}, "file_read"),
        ("View", {"file_path": "a"}, "file_read"),
        ("Edit", {"file_path": "a", "old_string": "x", "new_string": "y"}, "file_edit"),
        ("replace", {"file_path": "a", "old_string": "x", "new_string": "y"}, "file_edit"),
        ("MultiEdit", {"file_path": "a", "edits": [{"old_string": "x", "new_string": "y"}]}, "file_edit"),
        ("Write", {"file_path": "a", "content": "x"}, "file_create"),
        ("NotebookEdit", {"notebook_path": "a", "new_source": "x"}, "file_edit"),
        ("str_replace_editor", {"command": "create", "path": "a", "file_text": "x"}, "file_create"),
        ("str_replace_based_edit_tool", {"command": "view", "path": "a"}, "file_read"),
        ("Grep", {"pattern": "x"}, "search"),
        ("list_directory", {"path": "."}, "search"),
        ("WebFetch", {"url": "u"}, "web"),
        ("TodoWrite", {"todos": []}, "plan"),
        ("Task", {"prompt": "x"}, "subagent"),
        ("mcp__github__create_issue", {"title": "x"}, "tool_call"),
        ("Edit", {"nothing": "we know"}, "tool_call"),
        ("Bash", {"command": 7}, "tool_call"),
    ],
)
def test_a_tool_s_call_is_a_step_of_its_kind(name, input, type):
    made = step(name, input)
    assert (made["type"], made["call_id"]) == (type, "c1")


def test_a_call_we_do_not_know_keeps_its_name_and_input():
    assert step("Skill", {"skill": "pdf"}) == {
        "type": "tool_call", "name": "Skill", "input": {"skill": "pdf"}, "output": "done", "call_id": "c1",
    }  # fmt: skip


def test_a_result_that_was_never_recorded_is_null():
    assert step("Bash", {"command": "ls"}, output=None)["output"] is None
    assert step("Bash", {"command": "ls"}, output="")["output"] == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("ls -l", "ls -l"),
        (["bash", "-lc", "a && b"], "a && b"),
        (["grep", "a b"], "grep 'a b'"),
        (7, None),
        ([1], None),
    ],
)
def test_a_command_is_shown_as_it_would_be_typed(value, text):
    assert command_text(value) == text


def test_what_was_read_numbers_what_is_edited():
    files = Files()
    read = step("Read", {"file_path": "a.py"}, "    12→x = 1\n    13→y", files=files)
    assert (read["content"], read["start_line"], read["end_line"]) == ("x = 1\ny\n", 12, 13)
    assert "output" not in read
    edit = step("Edit", {"file_path": "a.py", "old_string": "x = 1", "new_string": "x = 2"}, files=files)
    assert "@@ -12,2 +12,2 @@" in edit["diff"]
    assert "approximate" not in edit


def test_a_read_that_says_more_than_the_file_keeps_its_output():
    output = "    1→x\n<system-reminder>careful</system-reminder>"
    assert step("Read", {"file_path": "a.py"}, output)["output"] == output


def test_a_failed_edit_says_so_and_is_not_applied():
    files = Files()
    files.saw("a.py", "x\n", whole=True)
    failed = step("Edit", {"file_path": "a.py", "old_string": "x", "new_string": "y"}, "no match", True, files)
    assert (failed["status"], failed["output"]) == ("failed", "no match")
    assert files.text("a.py") == "x\n"


def test_several_edits_of_one_file_are_one_diff_of_it():
    files = Files()
    files.saw("a.py", "a\nb\nc\n", whole=True)
    edits = [{"old_string": "a", "new_string": "1"}, {"old_string": "c", "new_string": "3"}]
    made = step("MultiEdit", {"file_path": "a.py", "edits": edits}, files=files)
    assert made["diff"].endswith("@@ -1,3 +1,3 @@\n-a\n+1\n b\n-c\n+3\n")


def test_the_first_of_several_edits_may_make_the_file():
    edits = [{"old_string": "", "new_string": "a\n"}, {"old_string": "a", "new_string": "b"}]
    made = step("MultiEdit", {"file_path": "a.py", "edits": edits})
    assert (made["type"], made["diff"][-3:]) == ("file_create", "+b\n")


def test_a_patch_given_to_the_shell_is_an_edit_for_each_file():
    script = "apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: a\n+x\n*** Add File: b\n+y\n*** End Patch\nEOF"
    steps = steps_of(Call("shell", {"command": ["bash", "-lc", script]}, "Done"), Files())
    assert [(made["type"], made["path"], made.get("output")) for made in steps] == [
        ("file_create", "a", "Done"),
        ("file_create", "b", None),
    ]


def test_the_text_editor_inserts_and_takes_back():
    files = Files()
    files.saw("a", "one\ntwo\n", whole=True)
    step("str_replace_editor", {"command": "insert", "path": "a", "insert_line": 1, "new_str": "between"}, files=files)
    assert files.text("a") == "one\nbetween\ntwo\n"
    step("str_replace_editor", {"command": "undo_edit", "path": "a"}, files=files)
    assert files.text("a") == "one\ntwo\n"


def test_names_are_one_vocabulary_however_they_are_written():
    assert step("Str-Replace-Editor", {"command": "create", "path": "a", "file_text": ""})["type"] == "file_create"


def test_what_else_a_command_s_call_says_is_kept():
    given = {"command": "make", "description": "Build it", "timeout": 5, "cwd": "/a", "restart": None, "reason": ""}
    made = step("Bash", given)
    assert (made["command"], made["cwd"], made["input"]) == ("make", "/a", {"description": "Build it", "timeout": 5})
    assert step("run_python", {"command": "x", "code": "y"})["input"] == {"code": "y"}
    assert "input" not in step("exec_command", {"cmd": "ls", "workdir": "/a"})
