"""A quoted terminal: what was typed, and what it printed."""

import time

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
        (
            "$ cat >a.cfg <<'EOF'\nx = 1\n\n$ y\n# z\nEOF\n$ cat a.cfg\nx = 1\n",
            [("cat >a.cfg <<'EOF'\nx = 1\n\n$ y\n# z\nEOF\ncat a.cfg", "x = 1")],
        ),
        ("$ python - <<-END\n> print(1)\n> END\n1\n", [("python - <<-END\nprint(1)\nEND", "1")]),
        ("$ diff <<A <<B\na\nA\nb\nB\nout\n", [("diff <<A <<B\na\nA\nb\nB", "out")]),
        ("$ cat <<EOF\nnever ended\n", [("cat <<EOF", "never ended")]),
        ("$ cat <<<EOF\nEOF\n", [("cat <<<EOF", "EOF")]),
        ("$ for i in 1 2; do\n>   echo $i\n> done\n1\n2\n", [("for i in 1 2; do\n  echo $i\ndone", "1\n2")]),
        ("$ if test -e file\n> then echo y; fi\ny\n", [("if test -e file\nthen echo y; fi", "y")]),
        ("$ git commit -m 'One\n>\n> Two'\n[main 1]\n", [("git commit -m 'One\n\nTwo'", "[main 1]")]),
        ("$ npm test\n> app@1.0.0 test\n> jest\n", [("npm test", "> app@1.0.0 test\n> jest")]),
        ("$ for i in 1; do cat; done\n> quoted\n", [("for i in 1; do cat; done", "> quoted")]),
        ("$ make\nok\n\n# Now\n\n# run it\n$ ./app\nhi\n", [("make", "ok"), ("# Now\n\n# run it\n./app", "hi")]),
        ("$ cat a.md\ntext\n# Title\n\n$ ls\n", [("cat a.md", "text\n# Title"), ("ls", None)]),
        ("$ a \\\n  --b > out\nc\n", [("a \\\n  --b > out", "c")]),
        ("PS C:\\Users\\me> dir\nx\nPS C:\\> cls\n", [("dir", "x"), ("cls", None)]),
        ("echo '$ 5'\n$ 5\n", [("echo '$ 5'\n$ 5", None)]),
        ("$HOME/run\n", [("$HOME/run", None)]),
        ("# only a remark\n", [("# only a remark", None)]),
        ("", [("", None)]),
    ],
)
def test_prompts_tell_commands_from_what_they_print(text, found):
    assert [(typed.command, typed.output) for typed in read_terminal(text)] == found


@pytest.mark.parametrize("piece", ["$ cat <<EOF\n", "# x\n\n", "$ for x\n> y\n", "$ a <<A <<A\nA\n", " "])
def test_very_much_text_is_read(piece):
    text = "$ ls\nout\n" + piece * 100_000
    start = time.process_time()
    assert read_terminal(text)
    assert time.process_time() - start < 5


def test_a_command_of_very_many_lines_is_read():
    (typed,) = read_terminal("$ a \\\n" * 1 + "b \\\n" * 100_000)
    assert typed.command.count("\n") == 100_000
