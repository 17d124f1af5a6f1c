"""A quoted terminal: what was typed, and what it printed."""

import pytest

from traces.tooling.terminal import read_terminal


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ls\nmake\n", [("ls\nmake", None)]),
        ("$ ls\ntotal 0\n", [("ls", "total 0")]),
        ("$ ls\n$ make\n", [("ls\nmake", None)]),
        ("(venv) me@host:~/a b$ ls\na\n", [("ls", "a")]),
        ("$ make\n# not a prompt\ndone\n", [("make", "# not a prompt\ndone")]),
        ("# first\n$ ls\n\n# then\n$ make\n", [("# first\nls\n\n# then\nmake", None)]),
        ("# first\n$ ls\na\n", [("# first\nls", "a")]),
        ("$ curl x\n  % Total\n", [("curl x", "  % Total")]),
        ("% ls\n$ a\n", [("ls", "$ a")]),
        ("$ a \\\n  b\nout \\\nput\n", [("a \\\n  b", "out \\\nput")]),
        ("PS C:\\Users\\me> dir\nx\nPS C:\\> cls\n", [("dir", "x"), ("cls", None)]),
        ("echo '$ 5'\n$ 5\n", [("echo '$ 5'\n$ 5", None)]),
        ("$HOME/run\n", [("$HOME/run", None)]),
        ("# only a remark\n", [("# only a remark", None)]),
        ("", [("", None)]),
    ],
)
def test_prompts_tell_commands_from_what_they_print(text, found):
    assert [(typed.command, typed.output) for typed in read_terminal(text)] == found


def test_a_command_of_very_many_lines_is_read():
    (typed,) = read_terminal("$ a \\\n" * 1 + "b \\\n" * 100_000)
    assert typed.command.count("\n") == 100_000
