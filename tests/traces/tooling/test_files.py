"""What is known of an agent's files: true numbers where the record allows them, marked where not."""

from __future__ import annotations

import pytest

from tests.traces.patching import patched
from traces.tooling.files import Edit, Files


@pytest.fixture
def files() -> Files:
    return Files()


def test_an_edit_in_lines_that_were_read_has_their_numbers(files):
    files.saw("a.py", "def f():\n    return 1\n", start=40)
    change = files.replace("a.py", "return 1", "return 2")
    assert (change.type, change.approximate) == ("file_edit", False)
    assert "@@ -40,2 +40,2 @@\n def f():\n-    return 1\n+    return 2\n" in change.diff


def test_lines_below_an_edit_move_with_it(files):
    files.saw("a.py", "one\n", start=10)
    files.saw("a.py", "two\n", start=50)
    files.replace("a.py", "one", "1\n2\n3")
    assert "@@ -52,1 +52,1 @@" in files.replace("a.py", "two", "2").diff


def test_an_edit_of_what_was_never_seen_is_numbered_from_1_and_says_so(files):
    change = files.replace("a.py", "x", "y")
    assert change.approximate
    assert change.diff.endswith("@@ -1,1 +1,1 @@\n-x\n+y\n")


def test_a_listing_printed_after_the_edit_places_it(files):
    change = files.replace("a.py", "x = 1", "x = 2", shown="30\ta\n31\tx = 2\n32\tb\n")
    assert not change.approximate
    assert "@@ -30,3 +30,3 @@\n a\n-x = 1\n+x = 2\n b\n" in change.diff


def test_a_failed_edit_changes_nothing(files):
    files.saw("a.py", "x\n", whole=True)
    assert "+y" in files.replace("a.py", "x", "y", apply=False).diff
    assert files.text("a.py") == "x\n"


def test_replacing_everywhere_is_exact_only_in_a_file_that_is_known_whole(files):
    files.saw("part.py", "x\nx\n", start=5)
    assert files.replace("part.py", "x", "y", everywhere=True).approximate
    files.saw("all.py", "x\na\nx\n", whole=True)
    change = files.replace("all.py", "x", "y", everywhere=True)
    assert not change.approximate
    assert patched("x\na\nx\n", change.diff) == files.text("all.py") == "y\na\ny\n"


def test_a_written_file_is_new_or_an_edit_of_what_is_known(files):
    assert files.write("a.py", "x\n").type == "file_create"
    change = files.write("a.py", "y\n")
    assert (change.type, change.approximate) == ("file_edit", False)
    assert patched("x\n", change.diff) == "y\n"
    assert files.write("seen.py", "z\n", created=False).approximate


def test_several_replacements_are_one_change_and_one_step_back(files):
    files.saw("a.py", "a\n", start=5)
    files.saw("a.py", "b\n", start=9)
    change = files.replace_each("a.py", [Edit("a", "1\n2"), Edit("b", "3"), Edit("3", "4")])
    assert "@@ -5,1 +5,2 @@\n-a\n+1\n+2\n@@ -9,1 +10,1 @@\n-b\n+4\n" in change.diff
    assert not change.approximate
    files.undo("a.py")
    assert "@@ -9,1 +9,1 @@" in files.replace("a.py", "b", "c").diff


def test_one_replacement_that_finds_nothing_makes_them_all_approximate(files):
    files.saw("a.py", "a\n", start=5)
    assert files.replace_each("a.py", [Edit("a", "b"), Edit("nowhere", "x")], apply=False).approximate
    assert "@@ -5,1" in files.replace("a.py", "a", "b").diff


def test_lines_are_replaced_by_number(files):
    files.saw("a.py", "a\nb\nc\nd\n", start=7)
    change = files.replace_lines("a.py", 8, 9, "B")
    assert "@@ -7,4 +7,3 @@\n a\n-b\n-c\n+B\n d\n" in change.diff
    assert files.replace_lines("b.py", 3, 4, "x").approximate


def test_inserted_lines_have_their_number_even_in_an_unknown_file(files):
    change = files.insert("a.py", 4, "x")
    assert (change.diff.split("\n")[2], change.approximate) == ("@@ -4,0 +5,1 @@", False)
    files.saw("b.py", "a\nb", whole=True)
    assert (
        patched("a\nb\n", files.insert("b.py", 2, "c").diff.replace("\\ No newline at end of file\n", ""))
        == "a\nb\nc\n"
    )


def test_undo_takes_back_the_last_change_and_a_created_file(files):
    files.write("a.py", "x\n")
    files.replace("a.py", "x", "y")
    assert patched("y\n", files.undo("a.py").diff) == "x\n"
    assert files.undo("a.py").type == "file_delete"
    assert files.undo("a.py").approximate


def test_a_deleted_file_shows_its_lines_where_they_are_known(files):
    files.write("a.py", "x\n")
    assert "-x" in files.delete("a.py").diff
    assert files.text("a.py") is None


@pytest.mark.parametrize(
    "command",
    [
        *("sed -i s/a/b/ src/a.py", "perl -pi -e s/a/b/ src/a.py", "cat > src/a.py <<EOF\nx\nEOF", "x|tee src/a.py"),
        *("git checkout .", "git -q stash", "black .", "eslint --fix .", "ruff format", "cargo  fmt", "patch -p1"),
        *("python -c \"open('src/a.py', 'w')\"", "python -c 'Path(x).write_text(y)'", "cp b.py src/a.py;ls"),
    ],
)
def test_a_command_that_may_have_written_a_file_makes_it_unknown(files, command):
    files.saw("src/a.py", "a\n", whole=True)
    files.ran(command)
    assert files.text("src/a.py") is None


@pytest.mark.parametrize("command", ["cat src/a.py", "pytest -x 2>&1 | tail", "grep -n x src/a.py", "git diff"])
def test_a_command_that_only_reads_leaves_it_known(files, command):
    files.saw("src/a.py", "a\n", whole=True)
    files.ran(command)
    assert files.text("src/a.py") == "a\n"


def test_lines_that_contradict_a_known_file_replace_what_was_known(files):
    files.saw("a.py", "a\nb\n", whole=True)
    files.saw("a.py", "changed\n", start=2)
    assert files.text("a.py") is None
    assert "@@ -2,1" in files.replace("a.py", "changed", "again").diff


def test_all_of_a_text_that_did_not_fit_can_be_read():
    lines = [f"line {number}\n" for number in range(1, 9)]
    old = "".join(lines)
    change = Files().replace("a.py", old, old.replace("line 6", "LINE 6"), apply=False)
    assert change.approximate
    assert change.diff.startswith("--- a/a.py\n+++ b/a.py\n@@ -1,8 +1,8 @@\n line 1\n line 2\n")
    assert patched(old, change.diff) == old.replace("line 6", "LINE 6")
