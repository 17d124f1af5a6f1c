"""The patch format without line numbers."""

from __future__ import annotations

from tests.traces.patching import patched
from traces.tooling.apply_patch import apply_patch, read_patch
from traces.tooling.files import Files

PATCH = """*** Begin Patch
*** Add File: new.py
+a
+
*** Update File: old.py
*** Move to: moved.py
@@ def g():
-    return 1
+    return 2
*** Delete File: gone.py
*** End Patch
"""


def test_every_file_of_a_patch_is_a_change():
    changes = apply_patch(PATCH, Files())
    assert [(path, change.type) for path, change in changes] == [
        ("new.py", "file_create"),
        ("moved.py", "file_edit"),
        ("gone.py", "file_delete"),
    ]
    assert changes[0].change.diff.endswith("@@ -0,0 +1,2 @@\n+a\n+\n")
    assert changes[1].change.diff.startswith("--- a/old.py\n+++ b/moved.py\n")
    assert changes[1].change.approximate


def test_in_a_known_file_hunks_stand_below_their_section():
    files = Files()
    before = "def f():\n    return 1\n\ndef g():\n    return 1\n"
    files.saw("old.py", before, whole=True)
    change = apply_patch(PATCH, files)[1].change
    assert patched(before, change.diff) == files.text("moved.py") == before[:-2] + "2\n"
    assert not change.approximate


def test_a_failed_patch_changes_nothing():
    files = Files()
    files.saw("gone.py", "x\n", whole=True)
    assert apply_patch(PATCH, files, apply=False)[2].change.diff.endswith("-x\n")
    assert files.text("gone.py") == "x\n"


def test_several_hunks_and_trimmed_context_lines_are_read():
    (patch,) = read_patch("*** Begin Patch\n*** Update File: a\n@@\n a\n\n-b\n+c\n@@ x\n-d\n*** End Patch")
    assert [(hunk.section, hunk.old, hunk.new) for hunk in patch.hunks] == [
        ("", "a\n\nb\n", "a\n\nc\n"),
        ("x", "d\n", ""),
    ]


def test_text_that_is_no_patch_holds_no_file():
    assert read_patch("nothing of the kind") == ()
