"""The lines a run changed: quoted by step, and joined over the whole run."""

import random
from difflib import unified_diff
from time import process_time

import pytest

from traces import unified_diff as reader
from traces.changes import Changes, NoSuchLines, slim
from traces.without_lines import happened, marks


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


def test_what_a_command_changed_is_a_change_of_the_run():
    once = [*SOURCE[:9], "by hand", *SOURCE[10:]]
    twice = [*SOURCE[:4], "by sed", *once[5:]]
    command = edit("a.py", once, twice, type="bash_command", command="sed -i …")
    command["path"] = None
    changes = Changes(slim(document(edit("a.py", SOURCE, once), command, {"type": "bash_command", "command": "ls"})))
    (file,) = changes.files
    assert (file.path, file.steps, patched(SOURCE, file.diff)) == ("a.py", (0, 1), twice)
    assert changes.quote(1, "a.py", "new", 5, 5) == ["by sed"]
    assert changes.paths == {"a.py"}


@pytest.mark.parametrize("diff", [" \n", "no diff", "@@ -1 +1 @@\n-a\n+b\n"])
def test_a_command_whose_diff_names_no_file_changed_none_that_is_known(diff):
    changes = Changes(document({"type": "bash_command", "command": "sed", "diff": diff}))
    assert (changes.files, changes.paths) == ([], frozenset())


@pytest.mark.parametrize("status", ["failed", "rejected"])
def test_what_a_command_was_to_change_and_did_not_is_no_change_of_the_run(status):
    command = edit("a.py", ["a"], ["b"], type="bash_command", command="patch", status=status)
    assert Changes(document(command)).files == []


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


@pytest.mark.parametrize(
    ("patch", "beside"),
    [
        ("diff --git a/z.png b/z.png\nindex 1..2\nBinary files a/z.png and b/z.png differ\n", [("a.py", (0,))]),
        ("--- a/z.py\n+++ b/z.py\n@@ -1 +1 @@\n-1\n+2\n", [("a.py", (0,))]),
        ("diff --git a/a.py b/b.py\nrename from a.py\nrename to b.py\n", []),
        ("--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-1\n+2\n", []),
        ("", []),
    ],
)
def test_files_that_steps_edited_and_the_final_patch_leaves_out_are_known(patch, beside):
    failed = edit("b.py", ["1"], ["2"], status="failed")
    assert Changes(document(edit("a.py", ["1"], ["2"]), failed, final_patch=patch)).beside_patch == beside


@pytest.mark.parametrize(
    "paths",
    [
        ("/testbed/a.py", "/testbed/sub/a.py"),
        ("/testbed/sub/a.py", "a.py"),
        ("C:\\repo\\a.py",),
        ("y/x/a.py", "x/a.py"),
    ],
)
def test_what_may_be_a_file_of_the_final_patch_is_not_said_to_be_left_out(paths):
    patch = "--- a/{0}\n+++ b/{0}\n@@ -1 +1 @@\n-1\n+2\n"
    edits = [edit(path, ["1"], ["2"]) for path in paths]
    for names in (["a.py"], ["a.py", "sub/a.py"], ["src/y/x/a.py", "a.py"]):
        whole = "".join(map(patch.format, names))
        assert Changes(document(*edits, final_patch=whole)).beside_patch == []


def test_from_another_folder_is_what_the_final_patch_names_longer():
    patch = "--- a/src/a.py\n+++ b/src/a.py\n@@ -1 +1 @@\n-1\n+2\n"
    changes = Changes(document(edit("a.py", ["1"], ["2"]), edit("lib/a.py", ["1"], ["2"]), final_patch=patch))
    assert changes.beside_patch == [("lib/a.py", (1,))]


def test_many_files_are_found_in_a_long_patch():
    """Names of a stranger's: that each was compared with each took a minute."""
    patch = "".join(f"diff --git a/f{n} b/g{n}\nrename from f{n}\nrename to g{n}\n" for n in range(10_000))
    turns = [{"type": "file_edit", "path": f"{n}/x.py", "diff": "@@ -1 +1 @@\n-1\n+2\n"} for n in range(10_000)]
    begin = process_time()
    changes = Changes({"id": "t", "structured_turns": turns, "final_patch": patch})
    assert len(changes.files) == len(changes.beside_patch) == 10_000
    assert process_time() - begin < 10


def test_what_was_not_read_of_a_final_patch_is_not_said_to_be_left_out(monkeypatch):
    patch = "".join(f"--- a/{name}\n+++ b/{name}\n@@ -1 +1 @@\n-1\n+2\n" for name in ("z.py", "a.py"))
    monkeypatch.setattr("traces.changes.MAX_PATCH_LINES", 5)
    assert Changes(document(edit("a.py", ["1"], ["2"]), final_patch=patch)).beside_patch == []


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


GIT = (
    "diff --git a/old name.py b/new name.py\nsimilarity index 100%\nrename from old name.py\nrename to new name.py\n"
    "diff --git a/empty.txt b/empty.txt\nnew file mode 100644\nindex 0000000..e69de29\n"
    "diff --git a/gone.py b/gone.py\ndeleted file mode 100644\nindex e69de29..0000000\n"
    "diff --git a/two words.png b/two words.png\nindex 1..2 100644\n"
    "Binary files a/two words.png and b/two words.png differ\n"
    "diff --git a/made.bin b/made.bin\nnew file mode 100644\nindex 0..2\n"
    "GIT binary patch\nliteral 3\nKcmZQzU|;|M00aO5\n\n"
    'diff --git "a/\\303\\251.sh" "b/\\303\\251.sh"\nold mode 100644\nnew mode 100755\n'
    "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-1\n+2\n"
    "diff --git a/a.py b/copy.py\nsimilarity index 100%\ncopy from a.py\ncopy to copy.py\n"
)
HAPPENED = [
    ("new name.py", "renamed from old name.py to new name.py"),
    ("empty.txt", "created, empty"),
    ("gone.py", "deleted"),
    ("two words.png", "binary"),
    ("made.bin", "binary, created"),
    ("é.sh", "mode changed from 100644 to 100755"),
    ("a.py", ""),
    ("copy.py", "copied from a.py to copy.py"),
]


def test_files_of_a_patch_without_lines_stand_with_what_is_known():
    changes = Changes(document(final_patch=GIT))
    assert [(file.path, happened(file.diff)) for file in changes.files] == HAPPENED
    assert changes.paths == {path for path, _ in HAPPENED}
    with pytest.raises(NoSuchLines, match="has no line 1 on the new side"):
        changes.quote(None, "gone.py", "new", 1, 1)


def test_what_a_recursive_diff_says_of_binary_files():
    lines = [
        "Binary files a/x.gif and b/x.gif differ",
        "Binary files /dev/null and b/this and that.gif differ",
        "Binary files a/y.gif and /dev/null differ",
        "Binary files a/one.gif and b/other.gif differ",
    ]
    files = reader.parse("\n".join(lines)).files
    told = [("x.gif", "binary"), ("this and that.gif", "binary, created"), ("y.gif", "binary, deleted"), ("", "binary")]
    assert [(file.path, happened(file)) for file in files] == told


def test_a_head_alone_says_nothing_of_its_file():
    [file] = Changes(document(edit("a.py", ["1"], ["2"]), final_patch="diff --git a/a.py b/a.py\n")).files
    assert file.diff.hunks


def test_of_a_patch_that_is_cut_the_last_file_is_not_said_to_be_empty():
    lines = GIT.splitlines()[4:7]
    cut = reader.parse("\n".join([*lines, "+one more"]), max_lines=3)
    assert [file.path for file in cut.files] == [""]
    assert [file.path for file in reader.parse("\n".join(lines)).files] == ["empty.txt"]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"type": "file_delete", "path": "a.py"}, "deleted, its text was not recorded"),
        ({"type": "file_delete", "path": "a.py", "diff": "--- a/a.py\n+++ /dev/null\n"}, "deleted"),
        ({"type": "file_create", "path": "a.py", "content": ""}, "created, empty"),
        ({"type": "file_create", "path": "a.py"}, "created, its text was not recorded"),
        ({"type": "file_edit", "path": "a.py"}, "the change itself was not recorded"),
        ({"type": "file_edit", "path": "a.py", "content": "all of it"}, "the change itself was not recorded"),
        ({"type": "file_edit", "path": "a.py", "diff": "--- a/b.py\n+++ b/a.py\n"}, "renamed from b.py to a.py"),
        ({"type": "file_edit", "path": "a.py", "diff": "--- a/a.py\n+++ b/a.py\n"}, "no lines of its change are known"),
    ],
)
def test_a_step_without_lines_changes_its_file_and_the_run_as_well(step, said):
    changes = Changes(slim(document(step)))
    assert [(path, happened(diff)) for path, diff in changes.of_step(0)] == [("a.py", said)]
    assert [file.path for file in changes.files] == ["a.py"]
    assert (changes.has(0, "a.py"), changes.has(None, "a.py"), changes.has(0, "b.py")) == (True, True, False)
    [file] = changes.files
    assert file.is_untouched or happened(file.diff) == said


def test_a_step_that_names_no_file_changes_none():
    assert Changes(document({"type": "file_delete"})).files == []


def test_what_follows_or_precedes_a_change_without_lines_is_joined_as_before():
    gone = {"type": "file_delete", "path": "a.py", "approximate": True, "diff": "--- a/a.py\n+++ /dev/null\n"}
    changes = Changes(document(edit("a.py", ["1"], ["2"]), gone))
    assert (changes.files[0].diff.new_path, changes.files[0].steps) == ("/dev/null", (0, 1))
    assert changes.quote(None, "a.py", "new", 1, 1) == ["2"]
    moved = {"type": "file_edit", "path": "a.py", "diff": "--- a/b.py\n+++ b/a.py\n"}
    assert (joined(moved, edit("a.py", ["1"], ["2"])).old_path, joined(gone, moved).old_path) == ("b.py", "b.py")
    made = {"type": "file_create", "path": "a.py", "content": ""}
    written = {"type": "file_edit", "path": "a.py", "diff": "@@ -0,0 +1 @@\n+1\n"}
    assert [line.text for line in joined(made, written).hunks[0].lines] == ["1"]
    assert happened(joined(made)) == "created, empty"


def test_a_file_that_one_step_has_twice_is_joined_once():
    middle = [*SOURCE[:9], "other", *SOURCE[10:]]
    after = [*middle[:30], "another", *middle[31:]]
    twice = edit("a.py", SOURCE, middle)
    twice["diff"] += "\n" + edit("a.py", middle, after)["diff"]
    [file] = Changes(document(twice)).files
    assert file.steps == (0,)
    assert patched(SOURCE, file.diff) == after


def renamed(before, after, path="b.py"):
    """A step that renames a.py to b.py, and edits it."""
    diff = "\n".join(unified_diff(before, after, "a/a.py", "b/b.py", lineterm=""))
    return {"type": "file_edit", "path": path, "diff": f"rename from a.py\nrename to b.py\n{diff}"}


def test_a_rename_with_edits_is_joined_with_what_follows():
    middle = [*SOURCE[:9], "other", *SOURCE[10:]]
    after = [*middle[:30], "another", *middle[31:]]
    diff = joined(renamed(SOURCE, middle), edit("b.py", middle, after), path="b.py")
    assert (diff.old_path, diff.new_path) == ("a.py", "b.py")
    assert patched(SOURCE, diff) == after
    back = joined(renamed(SOURCE, middle), edit("b.py", middle, SOURCE), path="b.py")
    assert happened(back) == "renamed from a.py to b.py"


def test_of_several_renames_the_first_old_name_and_the_last_new_one_count():
    def moved(old, new):
        return {"type": "file_edit", "path": "a.py", "diff": f"rename from {old}\nrename to {new}\n"}

    assert happened(joined(moved("a.py", "b.py"), moved("b.py", "c.py"))) == "renamed from a.py to c.py"
    [file] = Changes(document(moved("a.py", "b.py"), moved("b.py", "a.py"))).files
    assert file.is_untouched
    binary = {"type": "file_edit", "path": "a.py", "diff": "Binary files a/b.py and b/b.py differ\n"}
    assert happened(joined(moved("a.py", "b.py"), binary)) == "binary"


def test_a_copy_with_edits_is_no_rename():
    diff = renamed(SOURCE, [*SOURCE, "more"])["diff"].replace("rename ", "copy ")
    assert marks(joined({"type": "file_edit", "path": "b.py", "diff": diff}, path="b.py")) == ["copied"]


def test_a_rename_that_is_said_twice_is_one():
    middle = [*SOURCE[:9], "other", *SOURCE[10:]]
    alone = {"type": "file_edit", "path": "b.py", "diff": "rename from a.py\nrename to b.py\n"}
    assert happened(joined(alone, alone, path="b.py")) == "renamed from a.py to b.py"
    for steps in ([alone, renamed(SOURCE, middle)], [renamed(SOURCE, middle), alone]):
        diff = joined(*steps, path="b.py")
        assert (diff.old_path, diff.new_path) == ("a.py", "b.py")
        assert patched(SOURCE, diff) == middle


def test_a_rename_under_the_old_name_is_joined_with_what_was_before():
    middle = [*SOURCE[:9], "other", *SOURCE[10:]]
    after = [*middle[:30], "another", *middle[31:]]
    diff = joined(edit("a.py", SOURCE, middle), renamed(middle, after, path="a.py"))
    assert (diff.old_path, diff.new_path) == ("a.py", "b.py")
    assert patched(SOURCE, diff) == after


def test_a_file_that_was_made_and_deleted_again_is_as_it_was():
    made = {"type": "file_create", "path": "a.py", "content": "1\n"}
    [file] = Changes(document(made, {"type": "file_delete", "path": "a.py"})).files
    assert file.is_untouched
    [file] = Changes(document(edit("a.py", ["1"], ["2"]), edit("a.py", ["2"], ["1"]))).files
    assert file.is_untouched
