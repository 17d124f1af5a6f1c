"""Diffs: what is read from them, however broken, and the rows they become."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traces import unified_diff
from traces.changes_view import render_changes
from traces.options import RenderOptions
from traces.rendering import render_steps

DIFF = """--- a/src/app.py
+++ b/src/app.py
@@ -10,4 +10,5 @@ def main():
 first
-second
+zweite
+dritte
 third
 fourth
"""


def render(diff: str, *, highlight: bool = False, path: str = "src/app.py", **options) -> str:
    step = {"step_idx": 0, "type": "file_edit", "path": path, "diff": diff}
    return render_steps([step], RenderOptions(**options), highlight=highlight)


def lines_of(diff: str) -> list[unified_diff.Line]:
    return [line for file in unified_diff.parse(diff).files for hunk in file.hunks for line in hunk.lines]


def rows(html: str) -> list[tuple[str, str]]:
    """(numbers and sign, code) of each row."""
    found = re.findall(r'<div class="l[^"]*"[^>]*><span class="g">([^<]*)</span>(.*?)</div>', html)
    return [(" ".join(gutter.split()), re.sub("<[^>]*>", "", code)) for gutter, code in found]


def test_a_large_change_of_the_whole_run_is_folded_as_a_steps():
    diff = "@@ -0,0 +1,200 @@\n" + "+x\n" * 200
    doc = {"structured_turns": [{"step_idx": 0, "type": "file_create", "path": "a.py", "diff": diff}]}
    assert "Show the diff: 200 lines" in render_changes(doc, RenderOptions())
    assert "Show the diff" not in render_changes(doc, RenderOptions(collapse_large_diffs=False))


@pytest.mark.parametrize("style", ["unified", "split"])
def test_the_numbers_of_a_file_are_equally_wide_in_all_its_hunks(style):
    html = render("--- a/a.py\n+++ b/a.py\n@@ -8,1 +8,1 @@\n-a\n+b\n@@ -1200,1 +1200,1 @@\n-c\n+d\n", diff_style=style)
    assert re.findall(r'class="code \w+ (w\d)"', html) == ["w4", "w4"]
    assert "   8" in html


def test_rows_carry_both_numbers_and_a_sign():
    html = render(DIFF)
    assert rows(html) == [
        ("10 10", "first"),
        ("11 −", "second"),
        ("11 +", "zweite"),
        ("12 +", "dritte"),
        ("12 13", "third"),
        ("13 14", "fourth"),
    ]
    assert '<div class="l del" data-old="11">' in html
    assert '<div class="l add" data-new="12">' in html
    assert "+2" in html
    assert "−1" in html


def test_split_puts_a_change_beside_what_it_replaced():
    html = render(DIFF, diff_style="split")
    pairs = [rows(pair) for pair in html.split('<div class="pair">')[1:]]
    assert pairs[1] == [("11 −", "second"), ("11 +", "zweite")]
    assert pairs[2] == [("12 +", "dritte")]
    assert pairs[3] == [("12", "third"), ("13", "third")]


def test_context_beyond_the_limit_is_folded_and_not_lost():
    diff = "@@ -1,21 +1,21 @@\n" + "".join(f" before{n}\n" for n in range(20)) + "-old\n+new\n"
    html = render(diff, context_lines=2)
    assert "18 unchanged lines" in html
    assert html.index("18 unchanged lines") < html.index("before0") < html.index("before18")
    assert "unchanged lines" not in render(diff, context_lines=20)
    assert len(rows(html)) == 22


@pytest.mark.parametrize(("options", "is_folded"), [({}, True), ({"collapse_large_diffs": False}, False),
                                                   ({"large_diff_threshold": 150}, False)])  # fmt: skip
def test_a_large_diff_is_folded_as_configured(options, is_folded):
    diff = "@@ -0,0 +1,120 @@\n" + "+x\n" * 120
    assert ("Show the diff: 120 lines, 120 added, 0 removed" in render(diff, **options)) is is_folded


def test_a_large_diff_is_open_where_its_type_is_expanded():
    html = render("@@ -0,0 +1,120 @@\n" + "+x\n" * 120, default_expanded_types=("file_edit",))
    assert '<details class="more large-diff" open>' in html


def test_wrong_counts_allocate_nothing_and_lose_nothing():
    started = time.process_time()
    found = lines_of("@@ -1,999999999 +1,999999999 @@\n a\n-b\n+c\n@@ -50 +50 @@\n-d\n")
    assert [line.text for line in found] == ["a", "b", "c", "d"]
    assert found[-1].old == 50
    assert time.process_time() - started < 1


def test_several_files_are_kept_apart_even_when_the_first_promises_too_much():
    diff = "--- a/one\n+++ b/one\n@@ -1,9 +1,9 @@\n-x\n+y\n--- a/two\n+++ b/two\n@@ -1 +1 @@\n-p\n+q\n"
    assert [(file.path, len(file.hunks[0].lines)) for file in unified_diff.parse(diff).files] == [
        ("one", 2),
        ("two", 2),
    ]


def test_a_removed_line_of_dashes_is_no_file_head():
    diff = "--- a/q.sql\n+++ b/q.sql\n@@ -1,2 +1,2 @@\n--- old note\n+++ new note\n x\n@@ -9 +9 @@\n-a\n+b\n"
    (file,) = unified_diff.parse(diff).files
    assert [line.kind + line.text for line in file.hunks[0].lines] == ["--- old note", "+++ new note", " x"]


def test_git_headers_are_notes_of_their_file():
    diff = (
        "diff --git a/old.py b/new.py\nsimilarity index 90%\nrename from old.py\nrename to new.py\nindex 1..2 100644\n"
        "--- a/old.py\n+++ b/new.py\n@@ -1 +1 @@\n-a\n+b\n"
        "diff --git a/x.png b/x.png\nBinary files a/x.png and b/x.png differ\n"
    )
    moved, picture = unified_diff.parse(diff).files
    assert (moved.old_path, moved.new_path) == ("old.py", "new.py")
    assert "Binary files a/x.png and b/x.png differ" in picture.notes
    html = render(diff)
    assert "old.py → new.py" in html
    assert "Binary files" in html


def test_a_missing_newline_at_the_end_is_said():
    html = render("@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n")
    assert "No newline at end of file" in html
    assert rows(html)[2] == ("1 +", "a")


def test_line_ends_show_only_where_they_differ():
    crlf = DIFF.replace("\n", "\r\n")
    assert "U+000D" not in render(crlf)
    assert "U+000D" in render("@@ -1 +1 @@\n-a\r\n+a\n")


def test_hunks_without_numbers_have_rows_without_numbers():
    assert rows(render("@@ ... @@\n-a\n+b\n")) == [("−", "a"), ("+", "b")]


def test_a_text_that_is_no_diff_is_shown_as_it_is():
    assert [code for _, code in rows(render("just\nsome words"))] == ["just", "some words"]


def test_content_stands_in_for_a_missing_diff():
    created = {"step_idx": 0, "type": "file_create", "path": "a.txt", "content": "one\ntwo\n"}
    edited = {**created, "type": "file_edit"}
    assert rows(render_steps([created], RenderOptions(), highlight=False)) == [("1 +", "one"), ("2 +", "two")]
    html = render_steps([edited], RenderOptions(), highlight=False)
    assert "No diff was recorded" in html
    assert rows(html) == [("1", "one"), ("2", "two")]


def test_a_hostile_name_is_text():
    html = render(
        '--- a/"><img src=x onerror=alert(1)>\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n--- a/b\n+++ b/b\n@@ -1 +1 @@\n+x\n'
    )
    assert "<img" not in html
    assert "&lt;img" in html


@pytest.mark.parametrize(
    "diff",
    [
        "@@ -1 +1 @@\n" + "+x = 1  # a line\n" * 60_000,
        "".join(f"--- a/{n}\n+++ b/{n}\n@@ -1 +1 @@\n-a\n+b\n" for n in range(20_000)),
        "@@ -1 +1 @@\n+" + "x" * 1_000_000,
        "@@ -1 +1 @@\n" * 80_000,
    ],
)
def test_a_megabyte_is_shown_whole_with_few_elements(diff):
    html = render(diff)
    assert len(re.findall("<[a-z]", html)) < 5_000
    assert len(html) > 800_000


@given(st.text(alphabet=st.sampled_from("@-+ \\\n\rab0123,<&/"), max_size=300), st.sampled_from(["unified", "split"]))
def test_no_text_breaks_the_reader_and_every_changed_line_is_kept(text, style):
    html = render(text, diff_style=style, context_lines=1)
    assert html.count("<div") == html.count("</div>")
    shown = sum(line.kind in "+-" for line in lines_of(text))
    assert html.count('class="l add"') + html.count('class="l del"') == shown


def test_a_change_without_lines_says_what_is_known_under_the_name_that_ratings_go_to():
    steps = [
        {"type": "file_delete", "path": "gone.py"},
        {"type": "file_edit", "path": "<b>.py", "diff": "--- a/a.py\n+++ b/<b>.py\n"},
        {"type": "file_edit", "path": "c.py", "content": "all of it"},
    ]
    doc = {"id": "t", "structured_turns": [{"step_idx": n, **step} for n, step in enumerate(steps)]}
    shown = [render_steps([step], RenderOptions()) for step in doc["structured_turns"]]
    whole = render_changes(doc, RenderOptions())
    for path, html in zip(("gone.py", "&lt;b&gt;.py", "c.py"), shown, strict=True):
        assert f'<div class="file" data-path="{path}">' in html
        assert f'data-path="{path}"' in whole
    for html in (shown[0] + shown[1], whole):
        assert "Deleted, its text was not recorded." in html
        assert "Renamed from a.py to &lt;b&gt;.py." in html
        assert '<span class="badge">renamed</span>' in html
        assert "+0" not in html
    assert "</span> of it<" in shown[2]


def test_of_edits_that_were_taken_back_nothing_is_left():
    edits = ["--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-1\n+2\n", "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-2\n+1\n"]
    turns = [{"step_idx": n, "type": "file_edit", "path": "a.py", "diff": diff} for n, diff in enumerate(edits)]
    html = render_changes({"id": "t", "structured_turns": turns}, RenderOptions())
    assert "Nothing is left of the edits of this file." in html
    assert "+0" in html


def test_what_steps_edited_and_the_final_patch_leaves_out_is_named():
    names = [f"{number}<.py" for number in range(22)]
    turns = [{"type": "file_edit", "path": name, "diff": "@@ -1 +1 @@\n-1\n+2\n"} for name in names]
    patch = "diff --git a/z.png b/z.png\nindex 1..2\nBinary files a/z.png and b/z.png differ\n"
    html = render_changes({"id": "t", "structured_turns": turns, "final_patch": patch}, RenderOptions())
    assert html.count("<article") == 1
    assert "Steps edited what the final patch says nothing of: 0&lt;.py (at #0), 1&lt;.py (at #1)" in html
    assert "19&lt;.py (at #19), and 2 more files." in html
