"""Which steps a reader finds a text in."""

from contextlib import contextmanager
from unittest import mock

import pytest

from potato_site.canonical import canonical
from tests.factory import make_trace
from traces import ansi, search
from traces.document import normalize

EDIT = "--- a/src/app.py\n+++ b/src/app.py\n@@ -8,2 +8,2 @@ def total():\n keep = 8\n-old_name = 1\n+new_name = 2\n"


def trace(*turns):
    return normalize({"id": "t", "structured_turns": list(turns)})


def searched(doc, words):
    return search.search(canonical(doc), words)


def think(content):
    return {"type": "thinking", "content": content}


def found(doc, words):
    return searched(doc, words).steps


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
        ({"type": "bash_command", "command": "x", "output": "", "diff": EDIT}, "old_name"),
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


PLAN = [{"content": "alpha", "status": "in_progress", "priority": "high", "activeForm": "Doing alpha"}]


@pytest.mark.parametrize(
    ("given", "output", "words"),
    [
        ({"todos": PLAN}, "ok", "in progress"),
        ({"todos": PLAN}, "ok", "high priority"),
        ({"todos": PLAN, "explanation": "first things first"}, "ok", "first things"),
        (PLAN, "ok", "alpha"),
        ({}, "#1 [in_progress] beta\n#2 [pending] gamma", "#1 beta"),
        ({"subject": "Read it", "description": "all of it"}, "ok", "all of it"),
        ({"todos": PLAN}, "saved: it", "saved: it"),
        ({"plan": "Do **not** touch it"}, "ok", "do not touch"),
        ({"goals": [{"deep": "value"}]}, "ok", '"value"'),
    ],
)
def test_a_plan_is_found_by_the_words_that_are_shown_of_it(given, output, words):
    assert found(trace({"type": "plan", "name": "TodoWrite", "input": given, "output": output}), words) == [0]


@pytest.mark.parametrize("words", ["in_progress", "doing alpha", "activeform", "todos", "[pending]"])
def test_what_a_plan_hides_is_not_found(words):
    turn = {"type": "plan", "name": "x", "input": {"todos": PLAN}, "output": "#1 [pending] gamma"}
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
    assert searched({"id": "r", "question": "why"}, "why") == search.Found([], 0)


def test_of_a_huge_trace_the_beginning_is_searched_and_it_says_so(monkeypatch):
    monkeypatch.setattr(search, "MAX_CHARS", 1000)
    said = searched(trace(*(think("a needle in the hay") for _ in range(20))), "needle")
    assert 0 < said.searched < 6
    assert said.steps == list(range(said.searched + 1))


def test_of_a_huge_step_the_beginning_is_searched_too(monkeypatch):
    monkeypatch.setattr(search, "MAX_CHARS", 1000)
    doc = trace(think("a needle in the hay" + 2000 * "." + "a pin"), think("a pin"))
    assert searched(doc, "needle") == search.Found([0], 0)
    assert searched(doc, "pin") == search.Found([], 0)


MANY = 2000
HOSTILE = {
    "overstruck": {"type": "bash_command", "command": "x", "output": "a\b" * MANY},
    "never ending": {"type": "bash_command", "command": "x", "output": "\x1b]" * MANY},
    "names": {"type": "tool_call", "name": "x", "input": {f"k{n}": n for n in range(MANY)}},
    "names of the step": {"type": "thinking", "content": "x", **{f"k{n}": n for n in range(MANY)}},
    "lists": {"type": "tool_call", "name": "x", "input": {"k": [[] for _ in range(MANY)]}},
    "lines": {"type": "file_edit", "path": "a", "diff": "+x\n" * MANY},
    "made lines": {"type": "file_create", "path": "a", "content": "x\n" * MANY},
    "long": {"type": "thinking", "content": "hay " * MANY},
    "entries": {"type": "plan", "name": "x", "input": [{"content": "a", "status": "b"} for _ in range(MANY)]},
    "an entry": {"type": "plan", "name": "x", "input": [{"content": [[] for _ in range(MANY)], "status": "b"}]},
    "listed": {"type": "plan", "name": "x", "input": {}, "output": "#1 [a] b\n" * MANY},
    "styles": {"type": "user_message", "content": "a*" * MANY},
}


@pytest.mark.parametrize("turn", HOSTILE.values(), ids=HOSTILE)
def test_no_step_takes_more_work_than_there_is_room_for(turn, monkeypatch):
    room = 1500
    monkeypatch.setattr(search, "MAX_CHARS", room)
    stripped, lines, parsed = count(ansi, "bare"), count(search, "diff_of"), count(search, "loads")
    with stripped as texts, lines as edits, parsed as values:
        assert searched(trace(turn, think("pin")), "pin") == search.Found([], 0)
    assert sum(map(len, texts)) <= room / search.CONTROLLED
    assert sum(edit["diff"].count("\n") + edit["content"].count("\n") for edit in edits) <= room / search.LINE
    assert len(values) <= room / search.TEXT


@contextmanager
def count(module, name):
    """What a function is given while the block runs."""
    given, real = [], getattr(module, name)
    with mock.patch.object(module, name, side_effect=lambda one: given.append(one) or real(one)):
        yield given


def test_many_steps_cost_by_their_number(monkeypatch):
    monkeypatch.setattr(search, "MAX_CHARS", 5000)
    assert 0 < searched(trace(*(think("") for _ in range(MANY))), "pin").searched <= 50


def test_nested_values_are_written_only_as_far_as_there_is_room(monkeypatch):
    value = {"k": [{"pin": "first"}, *range(1000)], "z": "last"}
    doc = trace({"type": "tool_call", "name": "x", "input": value})
    monkeypatch.setattr(search, "MAX_CHARS", 20_000)
    assert searched(doc, '"first"') == search.Found([0], 0)
    assert searched(doc, "999") == search.Found([], 0)
    assert searched(doc, "last") == search.Found([], 0)
    monkeypatch.setattr(search, "MAX_CHARS", 100_000)
    assert searched(doc, "999") == search.Found([0], 1)
    assert searched(doc, "last") == search.Found([0], 1)
