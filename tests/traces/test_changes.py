"""The lines a run changed: quoted by step, and joined over the whole run."""

import random
from difflib import unified_diff

import pytest

from traces import unified_diff as reader
from traces.changes import Changes, NoSuchLines, slim


def edit(path, before, after, **keys):
    diff = "\n".join(unified_diff(before, after, f"a/{path}", f"b/{path}", lineterm="", n=keys.pop("context", 3)))
    return {"type": keys.pop("type", "file_edit"), "path": path, "diff": diff, **keys}


def document(*steps, **keys):
    return {"id": "t", "structured_turns": [{"step_idx": n, **step} for n, step in enumerate(steps)], **keys}


def patched(before, diff):
    """``before`` with the hunks of a file's change applied, each where it says."""
    after, at = [], 0
    for hunk in diff.hunks:
        olds = [line.old for line in hunk.lines if line.old is not None]
        start = olds[0] - 1 if olds else int(hunk.head.split("-")[1].split(",")[0])
        after += before[at:start]
        assert [line.text for line in hunk.lines if line.kind in " -"] == before[start : start + len(olds)]
        after += [line.text for line in hunk.lines if line.kind in " +"]
        at = start + len(olds)
    return after + before[at:]


SOURCE = [f"line {n}" for n in range(1, 41)]


def test_lines_of_a_steps_diff_are_quoted_by_side_and_number():
    changed = [*SOURCE[:9], "new 10", "new 11", *SOURCE[10:]]
    changes = Changes(document({"type": "thinking", "content": "x"}, edit("a.py", SOURCE, changed)))
    assert changes.quote(1, "a.py", "new", 10, 12) == ["new 10\nnew 11\nline 11"]
    assert changes.quote(1, "a.py", "old", 10, 10) == ["line 10"]
    assert changes.quote(None, "a.py", "new", 10, 11) == ["new 10\nnew 11"]


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ((0, "a.py", "new", 1, 1), "'a.py' is not in the change of step 0"),
        ((9, "a.py", "new", 1, 1), "'a.py' is not in the change of step 9"),
        ((1, "b.py", "new", 1, 1), "'b.py' is not in the change of step 1"),
        ((None, "b.py", "new", 1, 1), "'b.py' is not in the run's changes"),
        ((1, "a.py", "old", 12, 12), "the change of step 1 has no line 12 on the old side of 'a.py'"),
        ((1, "a.py", "new", 2, 31), "the change of step 1 has no lines 2 to 31 in one piece on the new side of 'a.py'"),
        ((1, "a.py", "new", 1, 10**12), "no lines 1 to 1000000000000 in one piece"),
    ],
)
def test_lines_that_do_not_exist_are_named(place, reason):
    changed = [*SOURCE[:1], "x", *SOURCE[2:30], "y", *SOURCE[31:]]
    changes = Changes(document({"type": "thinking", "content": "x"}, edit("a.py", SOURCE, changed)))
    with pytest.raises(NoSuchLines, match=reason):
        changes.quote(*place)


def test_a_final_patch_is_the_change_of_the_run():
    patch = "diff --git a/z.py b/z.py\n--- a/z.py\n+++ b/z.py\n@@ -1 +1 @@\n-old\n+new\n"
    changes = Changes(document(edit("a.py", ["1"], ["2"]), final_patch=patch))
    assert [file.path for file in changes.files] == ["z.py"]
    assert changes.quote(None, "z.py", "old", 1, 1) == ["old"]
    assert changes.paths == {"a.py", "z.py"}


def test_a_final_patch_that_is_none_leaves_the_edits():
    assert [file.path for file in Changes(document(edit("a.py", ["1"], ["2"]), final_patch="oops")).files] == ["a.py"]


def test_changes_that_did_not_happen_are_not_joined_but_can_be_quoted():
    failed = edit("b.py", ["1"], ["2"], status="failed")
    changes = Changes(document(edit("a.py", ["1"], ["2"]), failed))
    assert [(file.path, file.steps) for file in changes.files] == [("a.py", (0,))]
    assert changes.quote(1, "b.py", "new", 1, 1) == ["2"]
    assert "b.py" in changes.paths


def joined(*steps, path="a.py"):
    [file] = [file for file in Changes(document(*steps)).files if file.path == path]
    return file.diff


def test_a_change_that_is_taken_back_leaves_nothing():
    changed = [*SOURCE[:9], "other", *SOURCE[10:]]
    assert joined(edit("a.py", SOURCE, changed), edit("a.py", changed, SOURCE)).hunks == []


def test_a_file_made_in_the_run_is_added_as_it_is_in_the_end():
    made = {"type": "file_create", "path": "a.py", "content": "1\n2\n3\n"}
    diff = joined(made, edit("a.py", ["1", "2", "3"], ["1", "two", "3"]))
    assert (diff.old_path, [line.text for line in diff.hunks[0].lines]) == ("/dev/null", ["1", "two", "3"])
    assert {line.kind for line in diff.hunks[0].lines} == {"+"}


def test_an_edit_with_unknown_numbers_is_found_in_a_file_made_in_the_run():
    made = {"type": "file_create", "path": "a.py", "content": "1\n2\n3\n4\n"}
    moved = {"type": "file_edit", "path": "a.py", "approximate": True, "diff": "@@ -1,2 +1,2 @@\n 3\n-4\n+four\n"}
    assert [line.text for line in joined(made, moved).hunks[0].lines] == ["1", "2", "3", "four"]


def test_edits_with_unknown_numbers_are_not_joined_as_if_they_were_known():
    first = {"type": "file_edit", "path": "a.py", "approximate": True, "diff": "@@ -1,1 +1,1 @@\n-a\n+b\n"}
    second = {"type": "file_edit", "path": "a.py", "diff": "@@ -9,1 +9,1 @@\n-c\n+d\n"}
    [alone] = Changes(document(first)).files
    assert (alone.approximate, alone.diff.hunks[0].lines[0].text) == (True, "a")
    [several] = Changes(document(first, second)).files
    assert (several.approximate, several.diff) == (True, None)


def test_a_file_of_the_patch_has_the_name_the_steps_give_it():
    patch = "--- a/src/a.py\n+++ b/src/a.py\n@@ -1 +1 @@\n-1\n+2\n--- a/b.py\n+++ b/b.py\n@@ -1 +1 @@\n-1\n+2\n"
    changes = Changes(document(edit("/testbed/src/a.py", ["1"], ["2"]), final_patch=patch))
    assert [(file.path, file.steps) for file in changes.files] == [("/testbed/src/a.py", (0,)), ("b.py", ())]
    assert changes.quote(None, "/testbed/src/a.py", "new", 1, 1) == ["2"]


def test_a_slim_document_has_the_same_changes():
    made = {"type": "file_create", "path": "a.py", "content": "1\n2\n3\n"}
    said = {"type": "bash_command", "command": "ls", "output": "x" * 100}
    doc = document(said, made, edit("a.py", ["1", "2", "3"], ["1", "two", "3"], content="whole file"))
    assert "xxx" not in str(slim(doc))
    assert "whole file" not in str(slim(doc))
    assert Changes(slim(doc)).files == Changes(doc).files
    assert Changes(slim(doc)).quote(2, "a.py", "new", 2, 2) == ["two"]


def test_edits_that_contradict_each_other_are_not_joined():
    first = edit("a.py", SOURCE, [*SOURCE[:9], "other", *SOURCE[10:]])
    contradiction = edit("a.py", [*SOURCE[:9], "another", *SOURCE[10:]], SOURCE)
    assert joined(first, contradiction) is None
    assert joined(first, {"type": "file_edit", "path": "a.py", "diff": "@@ @@\n-x\n+y\n"}) is None


@pytest.mark.parametrize("context", [0, 1, 3])
def test_any_row_of_edits_joins_to_what_the_file_became(context):
    chance = random.Random(context)
    for _ in range(150):
        before = now = [f"line {n}" for n in range(chance.randrange(1, 30))]
        steps = []
        for number in range(chance.randrange(1, 7)):
            after = list(now)
            for _ in range(chance.randrange(1, 4)):
                at = chance.randrange(len(after) + 1)
                after[at : at + chance.randrange(4)] = [f"edit {number}.{n}" for n in range(chance.randrange(3))]
            if after != now and after:
                steps.append(edit("a.py", now, after, context=context))
                now = after
        if steps:
            assert patched(before, joined(*steps)) == now


def test_the_numbers_of_a_joined_change_are_those_of_its_lines():
    after = [*SOURCE[:4], "a", "b", *SOURCE[5:20], *SOURCE[22:]]
    middle = [*SOURCE[:4], "a", "b", *SOURCE[5:]]
    diff = joined(edit("a.py", SOURCE, middle), edit("a.py", middle, after))
    for hunk in diff.hunks:
        for line in hunk.lines:
            assert line.old is None or SOURCE[line.old - 1] == line.text
            assert line.new is None or after[line.new - 1] == line.text
    text = "\n".join(
        [hunk_text for hunk in diff.hunks for hunk_text in [hunk.head, *(k + t for k, t, *_ in hunk.lines)]]
    )
    assert [h.lines for h in reader.parse(text).files[0].hunks] == [h.lines for h in diff.hunks]
