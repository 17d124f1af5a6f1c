"""Which steps a reader finds a text in."""

import pytest

from tests.factory import make_trace
from traces import search
from traces.document import normalize

EDIT = "--- a/src/app.py\n+++ b/src/app.py\n@@ -8,2 +8,2 @@ def total():\n keep = 8\n-old_name = 1\n+new_name = 2\n"


def trace(*turns):
    return normalize({"id": "t", "structured_turns": list(turns)})


def found(doc, words):
    return search.search(doc, words).steps


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        ({"type": "thinking", "content": "I should READ it"}, "should read"),
        ({"type": "user_message", "content": "Do **not** touch `main.py` now"}, "not touch main.py"),
        ({"type": "user_message", "content": "Do **not** touch it"}, "**not**"),
        ({"type": "bash_command", "command": "pytest -q", "output": "ok"}, "pytest"),
        ({"type": "bash_command", "command": "x", "cwd": "/srv/app", "output": None}, "/srv"),
        ({"type": "bash_command", "command": "x", "output": "\x1b[31mERR\x1b[0mOR: boom"}, "error: boom"),
        ({"type": "bash_command", "command": "x", "output": "", "input": {"description": "List it"}}, "list it"),
        ({"type": "bash_command", "command": "x", "output": "line\n" * 5000 + "the needle\n"}, "needle"),
        ({"type": "file_read", "path": "src/app.py", "content": "x = 1"}, "src/app"),
        ({"type": "file_read", "path": "a", "content": "Straße = 1"}, "straße"),
        ({"type": "file_edit", "path": "src/app.py", "diff": EDIT}, "old_name"),
        ({"type": "file_edit", "path": "src/app.py", "diff": EDIT}, "def total"),
        ({"type": "file_edit", "path": "src/app.py", "content": "all of it"}, "all of it"),
        ({"type": "tool_call", "name": "grep", "input": {"pattern": "a.b"}, "output": "no"}, "a.b"),
        ({"type": "tool_call", "name": "grep", "input": {"deep": {"k": [1, "v"]}}, "output": "no"}, '"v"'),
        ({"type": "search", "name": "grep", "input": "plain words", "output": "no"}, "plain"),
        ({"type": "thinking", "content": "x", "confidence": "rather high"}, "rather"),
    ],
)  # fmt: skip
def test_what_is_shown_of_a_step_is_found(turn, words):
    assert found(trace({"type": "thinking", "content": "Nothing here."}, turn), words) == [1]


@pytest.mark.parametrize("words", ["--- a/", "+new_name", "file_edit", "secret-call", "written anew", "needle", "  "])
def test_what_nobody_is_shown_is_not(words):
    turn = {
        "type": "file_edit",
        "path": "src/app.py",
        "diff": EDIT,
        "content": "written anew",
        "call_id": "secret-call",
    }
    assert found(trace(turn), words) == []


def test_words_are_words_and_no_pattern():
    doc = trace({"type": "thinking", "content": "f(x) costs 3.5$"}, {"type": "thinking", "content": "fx 395"})
    assert found(doc, "F(X) costs 3.5$") == [0]
    assert found(doc, ".*") == []


def test_a_text_over_two_lines_of_a_diff_is_none():
    assert found(trace({"type": "file_edit", "path": "a", "diff": EDIT}), "8old") == []


def test_steps_are_told_in_their_order():
    assert found(normalize(make_trace(steps=12)), "PASSED") == [3, 8]


def test_a_trace_without_steps_has_none():
    assert search.search({"id": "r", "question": "why"}, "why") == search.Found([], 0)


def test_of_a_huge_trace_the_beginning_is_searched_and_it_says_so(monkeypatch):
    monkeypatch.setattr(search, "MAX_CHARS", 40)
    doc = trace(*({"type": "thinking", "content": "a needle in the hay"} for _ in range(5)))
    assert search.search(doc, "needle") == search.Found([0, 1], 2)


def test_a_first_step_larger_than_that_is_searched_all_the_same(monkeypatch):
    monkeypatch.setattr(search, "MAX_CHARS", 5)
    doc = trace({"type": "thinking", "content": "a needle in the hay"}, {"type": "thinking", "content": "needle"})
    assert search.search(doc, "needle") == search.Found([0], 1)
