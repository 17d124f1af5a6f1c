"""SWE-agent's commands: read from their text, and the steps they become."""

import shlex
import time

import pytest

from tests.traces.patching import patched
from traces.tooling.calls import Call
from traces.tooling.swe_tools import SweTools, read_action

LINES = ["one", "two", "three", "four", "five", "six"]


def window(path, lines, *, first=1, total=None, end="\n"):
    total = total or len(lines)
    head = [f"[File: {path} ({total} lines total)]"] + ([f"({first - 1} more lines above)"] if first > 1 else [])
    last = first + len(lines) - 1
    tail = [f"({total - last} more lines below)"] if last < total else []
    return end.join(head + [f"{number}:{line}" for number, line in enumerate(lines, first)] + tail) + end


def done(tools, action, output=None):
    name, given = read_action(action)
    return tools.steps(Call(name, given, output))[0]


@pytest.mark.parametrize(
    ("action", "name", "given"),
    [
        ("ls -a\n", "bash", {"command": "ls -a"}),
        ("editor x", "bash", {"command": "editor x"}),
        ("", "bash", {"command": ""}),
        ('open "a b.py" 12', "open", {"path": "a b.py", "line_number": 12}),
        ("goto end", "goto", {"line_number": "end"}),
        ("scroll_down", "scroll_down", {}),
        ("search_dir 'x y' src", "search_dir", {"search_term": "x y", "dir": "src"}),
        ("submit", "submit", {}),
        ("edit 2:3\na\n\nend_of_edit\n", "edit", {"start_line": 2, "end_line": 3, "replacement_text": "a\n"}),
        ("edit 2:3\nend_of_edit", "edit", {"start_line": 2, "end_line": 3, "replacement_text": ""}),
        ("edit 'a b' \"c\" True", "edit", {"search": "a b", "replace": "c", "replace-all": True}),
        ("edit nothing", "bash", {"command": "edit nothing"}),
        ("insert 'a' 3", "insert", {"text": "a", "line": 3}),
        ("decompile x --function_name f", "decompile", {"arguments": "x --function_name f"}),
        (
            "str_replace_editor view /a.py --view_range 3 9",
            "str_replace_editor",
            {"command": "view", "path": "/a.py", "view_range": [3, 9]},
        ),
        (
            "str_replace_editor insert /a.py --insert_line 3 --new_str 'x = \"it'\"'\"'s\"'",
            "str_replace_editor",
            {"command": "insert", "path": "/a.py", "insert_line": 3, "new_str": 'x = "it\'s"'},
        ),
        ("open 'a", "open", {"path": "'a"}),
    ],
)
def test_a_typed_command_is_read_as_a_call(action, name, given):
    assert read_action(action) == (name, given)


def test_lines_are_replaced_at_the_numbers_they_were_seen_at():
    tools = SweTools()
    done(tools, "open /a.py", window("/a.py", LINES, first=101, total=300))
    step = done(tools, "edit 103:104\nTHREE\nend_of_edit", window("/a.py", ["one"], first=101, total=299))
    assert "@@ -101,6 +101,5 @@" in step["diff"]
    assert "approximate" not in step
    before = "".join(f"{line}\n" for line in ["x"] * 100 + LINES)
    assert patched(before, step["diff"]).split("\n")[100:105] == ["one", "two", "THREE", "five", "six"]


def test_lines_that_were_never_seen_are_approximate():
    tools = SweTools()
    tools.open_file = "/a.py"
    step = done(tools, "edit 3:4\nTHREE\nend_of_edit", "File updated.")
    assert (step["status"], step["approximate"]) == ("ok", True)


def test_an_edit_beyond_the_last_line_ends_there():
    tools = SweTools()
    done(tools, "create new.py", window("new.py", [""]))
    step = done(tools, "edit 1:9\na\nb\nend_of_edit", window("new.py", ["a", "b"]))
    assert patched("\n", step["diff"]) == "a\nb\n"


@pytest.mark.parametrize("output", ["Your changes have NOT been applied.\n", "No file open.", "Text not found."])
def test_an_edit_that_was_refused_changes_nothing(output):
    tools = SweTools()
    done(tools, "open /a.py", window("/a.py", LINES))
    failed = done(tools, "edit 1:1\nONE\nend_of_edit", output)
    again = done(tools, "edit 1:1\nUNO\nend_of_edit", "File updated.")
    assert failed["status"] == "failed"
    assert "-one\n+UNO\n" in again["diff"]


def test_the_lines_of_a_terminal_are_those_of_the_file_and_the_output_stays_as_it_was():
    tools = SweTools()
    output = window("/a.py", LINES, end="\r\n")
    step = done(tools, "open /a.py", output)
    assert step["content"] == "".join(f"{line}\n" for line in LINES)
    assert step["output"] == output


@pytest.mark.parametrize("output", ["<NOTE>Too large.</NOTE>\r\n     1 a\r\n", "     1\ta\r\n     2\tb\r\n", "a\r\n"])
def test_a_view_keeps_the_carriage_returns_that_a_terminal_printed(output):
    step = done(SweTools(), "str_replace_editor view /a.py", output)
    assert output in (step["content"], step.get("output"))


def test_a_path_is_where_the_agent_stood():
    tools = SweTools()
    tools.cwd = "/repo"
    assert done(tools, "open src/../a.py", window("src/../a.py", LINES))["path"] == "/repo/a.py"
    assert tools.open_file == "/repo/a.py"


def test_text_is_inserted_at_the_end_where_no_line_is_named():
    tools = SweTools()
    done(tools, "open /a.py", window("/a.py", LINES))
    step = done(tools, "insert 'seven'", window("/a.py", [*LINES, "seven"]))
    assert patched("".join(f"{line}\n" for line in LINES), step["diff"]).endswith("six\nseven\n")


def test_a_file_that_exists_is_not_created():
    step = done(SweTools(), "create a.py", "Error: File 'a.py' already exists.")
    assert (step["type"], step["status"]) == ("file_create", "failed")


@pytest.mark.parametrize(
    ("output", "status"),
    [
        ("The file /a.py has been edited.", "ok"),
        ("Multiple occurrences of old_str `x` in lines [1, 2]. Please ensure it is unique", "failed"),
        ("Invalid `path` parameter", "failed"),
    ],
)
def test_the_editor_says_whether_it_edited(output, status):
    action = "str_replace_editor str_replace /a.py --old_str x --new_str y"
    assert done(SweTools(), action, output)["status"] == status


def test_an_editor_that_said_nothing_is_neither_ok_nor_failed():
    assert "status" not in done(SweTools(), "str_replace_editor str_replace /a.py --old_str x --new_str y", "")


@pytest.mark.parametrize(
    "text",
    [
        "a b  c",
        "a 'b c' \"d\" e",
        'a "it\'s" \'say "hi"\'',
        "a 'it'\"'\"'s'",
        'a "x\\"y\\\\z\\n" \\\'q',
        "a '' \"\"",
        "a  b\n'c\nd'\te ",
        "a x'y'\"z\"",
    ],
)
def test_words_are_split_as_a_shell_does(text):
    name, given = read_action(f"decompile_not {text}")
    assert (name, given) == ("bash", {"command": f"decompile_not {text}"})
    words = shlex.split(text)
    _, given = read_action(f"search_dir {text}")
    assert [given["search_term"], given["dir"], *([given["arguments"]] if len(words) > 2 else [])] == [
        *words[:2],
        *([" ".join(words[2:])] if len(words) > 2 else []),
    ]


def test_a_long_word_takes_no_more_time_than_many_short_ones():
    started = time.process_time()
    read_action("str_replace_editor create /a --file_text '" + "1:\n" * 1_000_000)
    read_action("str_replace_editor create /a --file_text '" + "1:\n" * 1_000_000 + "'")
    assert time.process_time() - started < 5
