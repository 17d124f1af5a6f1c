"""Diffs made from texts: they apply, byte for byte, and cost what the text costs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.traces.patching import patched
from traces.tooling.diffs import apply_hunks, from_hunks, from_texts, is_hunk, of_pieces
from traces.unified_diff import parse

texts = st.lists(st.sampled_from(["a", "b", "", "c\r", "\x0c", "--- x", "+++ y", "@@ -1,1 +1,1 @@"]), max_size=40).map(
    "\n".join
)


@given(texts, texts)
def test_applied_to_the_text_before_it_gives_the_text_after(before, after):
    diff = from_texts("f.py", before, after)
    assert patched(before, diff) == after if diff else before == after


@given(texts, texts, texts, texts)
def test_what_is_known_to_be_alike_saves_the_look_and_changes_nothing(top, old, new, tail):
    before, after = top + old + tail, top + new + tail
    assert from_texts("a.py", before, after, alike=(len(top), len(tail))) == from_texts("a.py", before, after)


def test_numbers_count_from_the_given_start():
    assert "@@ -40,2 +40,3 @@" in from_texts("f.py", "a\nb\n", "a\nx\nb\n", start=40)


def test_far_changes_are_hunks_of_their_own_and_near_ones_share_one():
    before = "".join(f"{number}\n" for number in range(30))
    far = before.replace("2\n", "two\n", 1).replace("25\n", "x\n")
    near = before.replace("\n4\n", "\nfour\n").replace("\n9\n", "\nnine\n")
    assert from_texts("f", before, far).count("@@ -") == 2
    assert from_texts("f", before, near).count("@@ -") == 1


def test_a_new_and_a_deleted_file_name_the_other_side_dev_null():
    assert from_texts("src/a.py", None, "x\n") == "--- /dev/null\n+++ b/src/a.py\n@@ -0,0 +1,1 @@\n+x\n"
    assert from_texts("src/a.py", "x\n", None) == "--- a/src/a.py\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-x\n"


def test_a_missing_last_newline_is_noted_on_its_side():
    assert from_texts("f", "a", "a\n").endswith("-a\n\\ No newline at end of file\n+a\n")


def test_pieces_are_one_hunk_with_the_lines_that_both_have():
    def lines(before: str, after: str) -> str:
        return of_pieces("f", before, after).removeprefix("--- a/f\n+++ b/f\n")

    assert lines("a\nb\nc\n", "a\nx\nc\n") == "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n"
    assert lines("a\nc\n", "a\nx\nc\n") == "@@ -1,2 +1,3 @@\n a\n+x\n c\n"
    assert lines("b\nk\nc\n", "x\nk\ny\n") == "@@ -1,3 +1,3 @@\n-b\n+x\n k\n-c\n+y\n"


def test_nothing_changed_is_no_diff():
    assert from_texts("f", "a\n", "a\n") == ""


def test_a_path_that_no_line_can_hold_is_quoted_and_read_back():
    diff = from_texts('we"ird\nnäme.py', "a\n", "b\n")
    assert diff.startswith('--- "a/we\\"ird\\012näme.py"\n')
    assert parse(diff).files[0].path.endswith('we"ird\nnäme.py')


def test_ready_hunks_keep_their_numbers_and_lines():
    hunk = {
        "oldStart": 7,
        "oldLines": 1,
        "newStart": 7,
        "newLines": 1,
        "lines": ["-a", "+b", "\\ No newline at end of file"],
    }
    diff = from_hunks("/src/f.py", [hunk])
    assert diff == "--- a/src/f.py\n+++ b/src/f.py\n@@ -7,1 +7,1 @@\n-a\n+b\n\\ No newline at end of file\n"
    assert from_hunks("f", []) == ""


def test_texts_that_a_matcher_would_never_finish_are_one_change():
    before, after = "a\nb\n" * 3_000, "b\nb\na\n" * 2_000
    assert patched(before, from_texts("f", before, after)) == after


def recorded(start: int, *lines: str) -> dict:
    old, new = (sum(line[0] in signs for line in lines) for signs in (" -", " +"))
    return {"oldStart": start, "oldLines": old, "newStart": start, "newLines": new, "lines": list(lines)}


def test_hunks_are_applied_where_they_say_and_nowhere_else():
    hunks = [recorded(2, " b", "-c", "+C"), recorded(5, "+e")]
    assert apply_hunks("a\nb\nc\nd\n", hunks) == "a\nb\nC\nd\ne\n"
    assert apply_hunks("b\nc\nd\n", hunks) is None
    assert apply_hunks("a\nb\n", [recorded(9, "+x")]) is None


def test_a_last_line_without_an_end_is_applied_and_printed_as_such():
    hunk = recorded(1, "-a", "+b", "\\ No newline at end of file")
    assert apply_hunks("a\n", [hunk]) == "b"
    assert apply_hunks("a", [hunk]) is None


def test_an_empty_side_is_numbered_as_unified_diffs_do():
    hunk = recorded(1, "+a")
    assert "@@ -0,0 +1,1 @@" in from_hunks("f", [hunk])
    assert patched("", from_hunks("f", [hunk])) == apply_hunks("", [hunk]) == "a\n"


@pytest.mark.parametrize(
    "hunk",
    [
        None,
        {},
        recorded(1, "-a") | {"oldLines": 2},
        recorded(1, "-a") | {"oldStart": "1"},
        recorded(1, "-a") | {"lines": [1]},
        recorded(1, "-a") | {"lines": ["-a\nb"]},
        recorded(1, "-a") | {"lines": ["no sign"]},
    ],
)
def test_what_is_no_hunk_is_not_taken_for_one(hunk):
    assert is_hunk(recorded(1, "-a", "+b"))
    assert not is_hunk(hunk)
