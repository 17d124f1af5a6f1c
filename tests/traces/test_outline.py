"""The files of an outline: what became of each, and the files of a step that changes several."""

import pytest

from traces.outline import outline

READ, EDIT, CREATE, DELETE = "file_read", "file_edit", "file_create", "file_delete"
SEVERAL = """\
diff --git a/src/a.py b/src/a.py
--- a/src/a.py
+++ b/src/a.py
@@ -1 +1 @@
-x
+y
diff --git a/src/new.py b/src/new.py
--- /dev/null
+++ b/src/new.py
@@ -0,0 +1 @@
+z
diff --git a/old.py b/old.py
--- a/old.py
+++ /dev/null
@@ -1 +0,0 @@
-w
"""


def files(*steps, path="a.py"):
    """What the outline says of the files that these (type, status) steps touch."""
    turns = [{"type": kind, "path": path, "diff": "@@ -1 +1 @@\n-x\n+y\n", "status": status} for kind, status in steps]
    return outline({"structured_turns": turns})["files"]


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        ([(READ, None)], "read"),
        ([(READ, None), (EDIT, "ok")], "edited"),
        ([(EDIT, "ok"), (READ, None)], "edited"),
        ([(CREATE, None), (EDIT, None)], "created"),
        ([(CREATE, None), (DELETE, None)], "deleted"),
        ([(DELETE, None), (CREATE, None)], "created"),
        ([(CREATE, None), (DELETE, "rejected")], "created"),
        ([(EDIT, "failed"), (EDIT, None)], "edited"),
    ],
)
def test_the_state_of_a_file_is_what_became_of_it(steps, state):
    (file,) = files(*steps)
    assert (file["state"], file["first_step"]) == (state, 0)


@pytest.mark.parametrize("status", ["failed", "rejected", "suggested"])
def test_what_did_not_happen_to_a_file_is_told_apart(status):
    (file,) = files((EDIT, status), (EDIT, status), (DELETE, status))
    assert (file["state"], file["tried"]) == (None, [["edited", status], ["deleted", status]])


@pytest.mark.parametrize(("own", "root"), [("src/a.py", ""), ("/repo/src/a.py", "/repo/"), ("several", "")])
def test_a_step_that_changes_several_files_lists_each(own, root):
    told = outline({"structured_turns": [{"type": EDIT, "path": own, "diff": SEVERAL}]})["files"]
    assert [(file["path"], file["state"]) for file in told] == [
        (f"{root}src/a.py", "edited"), (f"{root}src/new.py", "created"), (f"{root}old.py", "deleted"),
    ]  # fmt: skip


def test_a_diff_of_one_file_is_of_the_file_that_the_step_names():
    diff = "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x\n+y\n"
    (file,) = outline({"structured_turns": [{"type": EDIT, "path": "/repo/a.py", "diff": diff}]})["files"]
    assert file["path"] == "/repo/a.py"


def test_a_command_that_is_known_to_have_changed_files_lists_each():
    told = outline({"structured_turns": [{"type": "bash_command", "command": "make", "diff": SEVERAL}]})
    assert [(file["path"], file["state"]) for file in told["files"]] == [
        ("src/a.py", "edited"), ("src/new.py", "created"), ("old.py", "deleted"),
    ]  # fmt: skip
    assert told["steps"][0]["added"] == 2
    assert not outline({"structured_turns": [{"type": "bash_command", "command": "ls"}]})["files"]
