"""Aider's chat history: what is a prompt, what a message, what a reply, and what became of its edits."""

from __future__ import annotations

import time

import pytest

from tests.traces.patching import patched
from traces.converters.aider import Aider
from traces.finding import find_sources
from traces.jsonl import Problem
from traces.source import Source

HEAD = "\n# aider chat started at 2025-01-02 03:04:05\n\n> Aider v0.85.0  \n> Main model: m with diff edit format  \n\n"


@pytest.fixture
def source(tmp_path):
    def write(text: str, name: str = "chat.md") -> Source:
        (tmp_path / name).write_text(text, encoding="utf-8", newline="")
        return Source(tmp_path / name, name)

    return write


@pytest.fixture
def steps(source):
    """The steps of the one run of a history."""

    def of(text: str, head: str = HEAD) -> list[dict]:
        (record,) = Aider().convert(source(head + text))
        return record.value["structured_turns"]

    return of


def block(path: str, old: str, new: str) -> str:
    return f"{path}\n```python\n<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n```\n"


def of_type(steps: list[dict], *types: str) -> list[dict]:
    return [step for step in steps if step["type"] in types]


EDITS = ("file_edit", "file_create")


def test_headings_and_quotes_of_a_reply_are_the_reply(steps):
    made = steps("#### go  \n\nSure.\n\n#### A heading\n\n> a quote\n\nDone.\n")
    assert [step["type"] for step in made] == ["system", "user_message", "assistant_message"]
    assert "> a quote" in made[-1]["content"]


def test_a_history_without_spaces_at_the_ends_of_its_lines_is_read_by_its_signs(source):
    text = HEAD + (
        "#### go  \n####   \n#### on  \n\nSure.\n\n> a quote\n\n"
        + block("a.py", "x = 1\n", "x = 2\n")
        + "\n```bash\npytest\n```\n\n> Tokens: 12 sent, 3 received.  \n> Applied edit to a.py  \n"
        "> Commit abc1234 fix  \n\n"
        "#### /run make  \n\n#### thanks  \n\nBye.\n"
    )
    (whole,) = Aider().convert(source(text))
    stripped = "\n".join(line.rstrip() for line in text.split("\n"))
    (record,) = Aider().convert(source(stripped, "stripped.md"))
    assert record.value["structured_turns"] == whole.value["structured_turns"]
    assert [step["type"] for step in record.value["structured_turns"]][1:4] == [
        "user_message", "assistant_message", "file_edit",
    ]  # fmt: skip
    assert not whole.value["source"]["warnings"]
    (warning,) = record.value["source"]["warnings"]
    assert "spaces gone from the ends of all lines" in warning


STRIPPED = "#### fix it\n####\n#### now\n\nI will.\n\n> a quote\n\n> Tokens: 1k sent, 2 received.\n\n"
WHOLE = "#### and this  \n\nSure.\n\n#### A heading\n\n> a quote\n\n> Tokens: 1k sent, 2 received.  \n"
STRIPPED_HEAD = "\n".join(line.rstrip() for line in HEAD.split("\n"))


@pytest.mark.parametrize("head", ["", STRIPPED_HEAD])
def test_a_history_that_went_on_after_it_lost_its_spaces_is_read_by_place(source, head):
    (record,) = Aider().convert(source(head + STRIPPED + WHOLE))
    made = [(step["type"], step["content"]) for step in record.value["structured_turns"] if step["type"] != "system"]
    assert made == [
        ("user_message", "fix it\n\nnow"),
        ("assistant_message", "I will.\n\n> a quote"),
        ("user_message", "and this"),
        ("assistant_message", "Sure.\n\n#### A heading\n\n> a quote"),
    ]
    (warning,) = record.value["source"]["warnings"]
    assert "spaces gone from the ends of the first lines" in warning


def test_a_history_that_was_cut_off_begins_within_a_reply(source):
    (record,) = Aider().convert(source("#### A heading\n\nSure.\n\n" + WHOLE))
    made = [(step["type"], step["content"]) for step in record.value["structured_turns"]]
    assert made[:2] == [("assistant_message", "#### A heading\n\nSure."), ("user_message", "and this")]
    assert not record.value["source"]["warnings"]


def test_a_history_that_lost_its_spaces_takes_time_in_proportion_to_it(source):
    began = time.process_time()
    (record,) = Aider().convert(source(STRIPPED_HEAD + STRIPPED * 4000 + WHOLE))
    assert len(of_type(record.value["structured_turns"], "user_message")) == 4001
    assert time.process_time() - began < 5


def test_a_prompt_of_several_lines_is_one_and_keeps_its_own_signs(steps):
    (prompt,) = of_type(steps("#### # title  \n####   \n#### > quoted  \n\nok\n"), "user_message")
    assert prompt["content"] == "# title\n\n> quoted"


def test_an_answer_to_a_question_of_aider_s_is_no_prompt(steps):
    asked = "> Add file to the chat? (Y)es/(N)o [Yes]: s  \n\n#### Add file to the chat? (Y)es/(N)o [Yes]: skip  \n"
    made = steps(f"#### go  \n\nok\n\n> a.py  \n{asked}\n#### y  \n\nyes indeed\n")
    assert [step["content"] for step in of_type(made, "user_message")] == ["go"]


def test_commands_of_aider_are_told_from_text_that_begins_with_a_slash(steps):
    made = steps("#### /drop a.py  \n> Dropped  \n\n#### /** a comment */  \n\nok\n\n#### /ask why?  \n\nso\n")
    assert [step["content"] for step in of_type(made, "user_message")] == ["/** a comment */", "/ask why?"]
    assert "/drop a.py" in [step["content"] for step in of_type(made, "system")]


def test_code_in_a_fence_is_never_a_prompt_or_a_message(steps):
    made = steps(
        "#### go  \n\n```markdown\n#### not a prompt  \n> not a message  \n```\n\n> Tokens: 1k sent, 2 received.  \n"
    )
    assert len(of_type(made, "user_message")) == 1
    assert "not a message" in of_type(made, "assistant_message")[0]["content"]


def test_a_fence_that_a_cut_reply_left_open_ends_with_the_reply(steps):
    made = steps("#### go  \n\n```python\nx = 1\n\n> Tokens: 1k sent, 2 received.  \n\n#### again  \n\nok\n")
    assert [step["content"] for step in of_type(made, "user_message")] == ["go", "again"]


def test_edits_say_what_became_of_them(steps):
    reply = block("a.py", "x\n", "y\n") + block("b.py", "x\n", "y\n") + block("c.py", "x\n", "y\n")
    refused = "> b.py  \n> Allow edits to file? (Y)es/(N)o [Yes]: n  \n> Skipping edits to b.py  \n"
    made = steps(f"#### go  \n\n{reply}\n> Applied edit to a.py  \n{refused}")
    assert [step["status"] for step in of_type(made, *EDITS)] == ["ok", "rejected", "suggested"]


@pytest.mark.parametrize("prefix", ["", "> "])
def test_the_copy_of_a_failed_block_is_no_edit(steps, prefix):
    tail = "  " if prefix else ""
    copy = [
        "## SearchReplaceNoExactMatch: This SEARCH block failed to exactly match lines in a.py",
        "<<<<<<< SEARCH", "x", "=======", "y", ">>>>>>> REPLACE", "",
        "# The other 1 SEARCH/REPLACE block were applied successfully.", "Just reply with fixed versions.",
    ]  # fmt: skip
    echoed = "\n".join(f"{prefix}{line}{tail}" for line in copy) + ("" if prefix else "  ")
    said = f"> The LLM did not conform to the edit format.  \n> # 1 block failed to match!{tail}\n{echoed}\n"
    made = steps("#### go  \n\n" + block("a.py", "x\n", "y\n") + block("a.py", "z\n", "w\n") + "\n" + said)
    assert [step["status"] for step in of_type(made, *EDITS)] == ["failed", "ok"]
    assert len(of_type(made, "error")) == 1


def test_edits_of_a_file_that_the_run_made_have_its_numbers(steps):
    text = "#### go  \n\n" + block("a.py", "", "a\nb\nc\n") + "\n> Applied edit to a.py  \n\n"
    made = steps(text + "Now:\n\n" + block("a.py", "c\n", "C\n") + "\n> Applied edit to a.py  \n")
    first, second = of_type(made, *EDITS)
    assert (first["type"], "approximate" in first, "approximate" in second) == ("file_create", False, False)
    assert patched("a\nb\nc\n", second["diff"]) == "a\nb\nC\n"


def test_several_blocks_in_one_fence_and_a_file_named_inside_it(steps):
    inside = "a.py\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n\n<<<<<<< SEARCH\nz\n=======\nw\n>>>>>>> REPLACE"
    made = steps(f"#### go  \n\n```python\n{inside}\n```\n\n> Applied edit to a.py  \n")
    assert [(step["path"], step["status"]) for step in of_type(made, *EDITS)] == [("a.py", "ok")] * 2


def test_what_stands_between_edits_says_on_which_line(source):
    edit = block("a.py", "x\n", "y\n")
    text = (
        HEAD + f"#### go  \n\n<think>\nHm.\n</think>\n\nFirst.\n\n{edit}\nSecond.\n\n{edit}Third.\n\n```sh\nls\n```\n"
    )
    (record,) = Aider().convert(source(text))
    lines = text.split("\n")
    for step in of_type(record.value["structured_turns"], "assistant_message"):
        assert lines[step["source_line"] - 1] == step["content"]


def test_a_block_without_an_end_is_text(steps):
    said = "\n<<<<<<< SEARCH\nx\n=======\ny"
    for reply in (
        f"I will.\n\na.py{said}",
        f"a.py\n```python{said}",
        f"```\na.py{said}",
        f"a.py\n\n```{said}\n```\nDone.",
        f"```\na.py{said}\nb.py{said}\n```",
    ):
        made = steps(f"#### go  \n\n{reply}\n")
        assert not of_type(made, *EDITS)
        assert [step["content"] for step in of_type(made, "assistant_message")] == [reply]


def test_what_a_fence_of_blocks_says_besides_is_text(steps):
    """Also what may be the name of a file, but has no block below it."""
    said = "```\nFirst.\na.py\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n\nDone.\nb.py\n"
    for end in ("```\n", ""):
        made = steps(f"#### go  \n\n{said}{end}")
        assert [step["path"] for step in of_type(made, *EDITS)] == ["a.py"]
        assert [step["content"] for step in of_type(made, "assistant_message")] == ["First.", "Done.\nb.py"]


def test_a_command_ran_or_was_only_offered_and_its_output_was_never_written(steps):
    asked = "> make  \n> Run shell command? (Y)es/(N)o [Yes]: y  \n> Running make  \n"
    made = steps(f"#### go  \n\n```bash\nmake\n```\n\n```sh\nrm x\n```\n\n{asked}")
    assert [(step["command"], step.get("status"), step["output"]) for step in of_type(made, "bash_command")] == [
        ("rm x", "suggested", None),
        ("make", None, None),
    ]


def test_the_plan_that_architect_mode_hands_on_is_no_prompt(steps):
    plan = "First add a module that reads the file, then call it from main and test both."
    made = steps(f"#### go  \n\n{plan}\n\n> Tokens: 1k sent, 2 received.  \n\n#### {plan}  \n\nok\n")
    assert len(of_type(made, "user_message")) == 1


@pytest.mark.parametrize(
    "reply",
    [
        "► **THINKING**\n\nhm\n\n► **ANSWER**\n\nso",
        "<think>\nhm\n</think>\nso",
        "<thinking-content-0a1b2c3d>\nhm\n</thinking-content-0a1b2c3d>\nso",
    ],
)
def test_thinking_is_a_step_of_its_own(steps, reply):
    made = steps(f"#### go  \n\n{reply}\n")
    assert [step["content"] for step in of_type(made, "thinking", "assistant_message")] == ["hm", "so"]


def test_tokens_and_cost_are_numbers(source):
    text = "#### go  \n\nok\n\n> Tokens: 12k sent, 1.5k received. Cost: $0.04 message, $0.15 session.  \n"
    (record,) = Aider().convert(source(HEAD + text))
    assert record.value["metrics"] == {"cost": 0.04, "tokens": {"input": 12000, "output": 1500}}
    assert (record.value["model"], record.value["agent_version"]) == ("m", "0.85.0")


def test_a_run_in_which_nothing_was_asked_is_named_and_left_out(source):
    found = list(Aider().convert(source(HEAD + HEAD + "#### go  \n\nok\n" + HEAD + "#### /add x  \n")))
    assert [type(item) for item in found][1:] == [Problem]
    assert str(found[1]) == "chat.md: 2 runs left out, in which nothing was asked"


def test_runs_keep_their_ids_whatever_is_appended(source):
    once = list(Aider().convert(source(HEAD + "#### go  \n\nok\n")))
    twice = list(Aider().convert(source(HEAD + "#### go  \n\nok\n" + HEAD + "#### on  \n\nok\n")))
    assert [record.value["id"] for record in twice] == [once[0].value["id"], once[0].value["id"] + "-2"]


def test_a_history_names_its_runs_alike_wherever_it_lies(tmp_path):
    run = "# aider chat started at 2026-01-02 03:04:05\n\n#### fix it  \n\nDone.\n"
    ids = {}
    for place in ("work.aider.chat.history.md", "logs/work.aider.chat.history.md", "a/tool/.aider.chat.history.md"):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(run)
        [record] = Aider().convert(Source(path, place))
        ids[place] = record.value["id"]
    assert list(ids.values()) == ["work-20260102030405", "work-20260102030405", "tool-20260102030405"]


@pytest.mark.parametrize(
    ("text", "is_aider"),
    [
        (HEAD, True),
        (HEAD + '#### log a line  \n\n```json\n{"role": "user"}\n{"role": "assistant"}\n```\n', True),
        ("#### go  \n\nok\n\n> Applied edit to a.py  \n", True),
        ("#### A heading\n\n> a quote\n", False),
        ('{"id": "# aider chat started at"}\n', False),
        ("", False),
    ],
)
def test_it_recognises_its_own(source, text, is_aider):
    assert Aider().detect(source(text)) is is_aider


def test_line_ends_of_windows_and_bytes_that_are_no_text_are_read(source, tmp_path):
    (tmp_path / "w.md").write_bytes((HEAD + "#### gö  \n\n").replace("\n", "\r\n").encode() + b"ok \xff\r\n")
    (record,) = Aider().convert(Source(tmp_path / "w.md", "w.md"))
    assert [step["content"] for step in record.value["structured_turns"][1:]] == ["gö", "ok \N{REPLACEMENT CHARACTER}"]


def test_a_history_is_found_in_a_folder_though_it_is_hidden(tmp_path):
    for name in (".aider.chat.history.md", ".other.md"):
        (tmp_path / name).write_text(HEAD)
    assert [source.name for source in find_sources(tmp_path)] == [".aider.chat.history.md"]


TAGS = ["source", "code", "pre", "codename", "sourcecode", "codeblock"]


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("language", ["", "markdown", " c++"])
def test_a_fence_of_tags_holds_the_edits_of_its_own_file(steps, tag, language):
    """Aider asks for tags where a file holds backticks itself, and shows them with a language."""
    first = block("a.py", "x = 1\n", "x = 2\n")
    inside = "<<<<<<< SEARCH\n# A\n```\n>>> quoted\n```\n=======\n# B\n\n#### typed?\n>>>>>>> REPLACE\n"
    said = f"{first}\nREADME.md\n<{tag}>{language}\n{inside}</{tag}>\n\nDone.\n\n> Applied edit to README.md  \n"
    made = steps(f"#### go  \n\n{said}")
    assert [(step["path"], step["status"]) for step in of_type(made, *EDITS)] == [
        ("a.py", "suggested"), ("README.md", "ok"),
    ]  # fmt: skip
    assert [step["content"] for step in of_type(made, "assistant_message")] == ["Done."]


def test_tags_in_prose_open_nothing(steps):
    """What follows them is read as if they were not there; where they hold blocks, they may lack their end."""
    said = (
        "Use it so:\n<pre>\nor\n<code>x\n\n" + block("a.py", "x = 1\n", "x = 2\n") + "\n```bash\nls\n```\n"
        "\nb.py\n<source>python\n<<<<<<< SEARCH\ny = 1\n=======\ny = 2\n>>>>>>> REPLACE\n\nDone.\n"
    )
    made = steps(f"#### go  \n\n{said}\n#### thanks  \n")
    assert [step["path"] for step in of_type(made, *EDITS)] == ["a.py", "b.py"]
    assert [step["command"] for step in of_type(made, "bash_command")] == ["ls"]
    assert [step["content"] for step in of_type(made, "user_message")] == ["go", "thanks"]
    assert [step["content"] for step in of_type(made, "assistant_message")] == [
        "Use it so:\n<pre>\nor\n<code>x", "Done.",
    ]  # fmt: skip


@pytest.mark.parametrize("tag", TAGS)
def test_what_is_typed_below_a_fence_of_tags_is_a_prompt(steps, tag):
    made = steps(f"#### go  \n\nSo:\n\n<{tag}>\nx\n</{tag}>\n\nDone.\n#### Second prompt  \n\nYes.\n")
    assert [step["content"] for step in of_type(made, "user_message")] == ["go", "Second prompt"]


@pytest.mark.parametrize("tag", TAGS)
def test_commands_and_whole_files_in_tags_are_what_they_are_in_backticks(steps, tag):
    said = f"<{tag}>bash\npytest\n</{tag}>\n\nc.txt\n<{tag}>\nnew\n</{tag}>\n\n> Applied edit to c.txt  \n"
    made = steps(f"#### go  \n\n{said}")
    assert [step["command"] for step in of_type(made, "bash_command")] == ["pytest"]
    assert [step["path"] for step in of_type(made, *EDITS)] == ["c.txt"]


def test_what_a_quoted_terminal_shows_below_a_command_is_its_output(steps):
    said = "```console\n$ cd src\n$ ls -la\ntotal 0\n\ndrwx .\n$ git \\\n>   status\n% clean\n```\n"
    made = of_type(steps(f"#### go  \n\n{said}"), "bash_command")
    assert [(step["command"], step["output"], step["status"]) for step in made] == [
        ("cd src\nls -la", "total 0\n\ndrwx .", "suggested"),
        ("git \\\n  status", "% clean", "suggested"),
    ]


def test_a_quoted_terminal_shows_all_of_a_command_and_the_remark_above_it(steps):
    said = (
        "```bash\n$ cat > app.cfg <<'EOF'\n# settings\nx = 1\nEOF\n$ cat app.cfg\nx = 1\n# Run it\n"
        "$ for i in 1 2; do\n>   echo $i\n> done\n1\n2\n```\n"
    )
    made = of_type(steps(f"#### go  \n\n{said}"), "bash_command")
    assert [(step["command"], step["output"]) for step in made] == [
        ("cat > app.cfg <<'EOF'\n# settings\nx = 1\nEOF\ncat app.cfg", "x = 1"),
        ("# Run it\nfor i in 1 2; do\n  echo $i\ndone", "1\n2"),
    ]


def test_a_message_about_a_command_that_ran_keeps_the_language_of_its_fence(steps):
    made = steps("#### go  \n\n```zsh\nls\n```\n\n> Running ls  \n")
    assert [step["content"] for step in of_type(made, "assistant_message")] == ["```zsh\nls\n```"]
    assert [step["command"] for step in of_type(made, "bash_command")] == ["ls"]
