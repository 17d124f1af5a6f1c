"""Code review on the page: lines, comments, ratings and verdict, by keyboard, by pointer, and on a long trace."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ready
from tests.browser.pages import button, current, press, saved, step
from tests.factory import make_trace

REVIEW = {
    "annotation_type": "code_review",
    "name": "review",
    "label": "Would you merge this change?",
    "inline_comments": {"enabled": True, "categories": ["Bug", "Logic Error", "Style"]},
    "file_ratings": {
        "enabled": True,
        "scale": [1, 2, 3, 4, 5],
        "labels": ["Poor", "Below Average", "Acceptable", "Good", "Excellent"],
    },
    "verdict": {
        "enabled": True,
        "options": [
            {"value": "approve", "text": "Approve", "description": "Changes are correct and complete"},
            {"value": "request_changes", "text": "Request Changes", "description": "Changes need fixes"},
            {"value": "comment", "text": "Comment", "description": "General feedback"},
        ],
    },
    "require_comment_on_reject": True,
}
EDIT = (
    "--- a/src/app.py\n+++ b/src/app.py\n@@ -8,7 +8,9 @@\n value_8 = 8\n value_9 = 9\n value_10 = 10\n-value_11 = 11\n"
    "+value_11 = 110\n+value_11a = 111\n+value_11b = 112\n value_12 = 12\n value_13 = 13\n value_14 = 14\n"
)
SECOND = "--- a/src/app.py\n+++ b/src/app.py\n@@ -12,1 +12,1 @@\n-value_11a = 111\n+value_11a = 1111\n"


def trace(**keys):
    turns = [
        {"type": "thinking", "content": "Look."},
        {"type": "file_edit", "path": "src/app.py", "diff": EDIT},
        {"type": "bash_command", "command": "pytest -q", "output": "1 failed", "exit_code": 1},
        {"type": "file_edit", "path": "src/app.py", "diff": SECOND},
        {"type": "file_create", "path": "docs/notes.md", "content": "# Notes\n\nDone.\n"},
    ]
    return make_trace("t1", structured_turns=[{"step_idx": n, **turn} for n, turn in enumerate(turns)], **keys)


def comments(place):
    return place.locator(".review-comment")


def line(place, number, side="new"):
    return place.locator(f".l[data-{side}='{number}']").first


def gutter(place, number, side="new"):
    return line(place, number, side).locator(".g").first


def reads(comment, tags, text):
    """A comment that is not being written, on line 11."""
    expect(comment.locator(".review-head")).to_have_text(f"Line 11 {tags}", use_inner_text=True)
    expect(comment.locator(".review-text")).to_have_text(text)


def editor(page):
    return page.locator(".review-comment textarea")


@pytest.fixture
def review(label):
    def open_item(**options):
        return label(schemes=[{**REVIEW, **options.pop("scheme", {})}], traces=[trace()], **options)

    return open_item


def test_the_list_of_shortcuts_names_the_keys_of_a_comment(review):
    page = review()
    press(page, "?")
    group = page.get_by_role("dialog").locator("tbody").filter(has_text="In a comment")
    expect(group.get_by_role("row")).to_have_text(
        ["In a comment", "Ctrl Enter Save the comment", "Alt 1 – 3 Choose the category", re.compile("^Escape Close it")]
    )


def test_what_a_command_changed_is_a_file_change_by_key_and_takes_comments(label):
    turns = [
        {"type": "bash_command", "command": "ls", "output": "src"},
        {"type": "bash_command", "command": "sed -i s/11/110/ src/app.py", "output": "", "diff": EDIT},
    ]
    document = make_trace("t1", structured_turns=[{"step_idx": n, **turn} for n, turn in enumerate(turns)])
    page = label(schemes=[REVIEW], traces=[document])
    press(page, "]")
    expect(step(page, 1)).to_be_focused()
    assert current(page) == 1
    press(page, "c")
    page.keyboard.type("By sed?")
    press(page, "Control+Enter")
    saved(page)
    page.reload()
    ready(page)
    expect(comments(step(page, 1))).to_contain_text("By sed?")
    press(page, "d")
    expect(page.locator("#changes article[data-path='src/app.py']")).to_contain_text("value_11b = 112")


def test_a_comment_on_a_line_is_three_keys_and_its_text(review):
    page = review()
    step(page, 1).focus()
    pressed = 0
    for keys in ("c", "Alt+2", "Control+Enter"):
        press(page, keys)
        pressed += 1
        if keys == "c":
            expect(editor(page)).to_be_focused()
            page.keyboard.type("Why 110?")
    assert pressed == 3
    comment = comments(step(page, 1))
    expect(comment).to_contain_text("Why 110?")
    expect(comment).to_contain_text("Logic Error")
    # The first added line, under which it stands.
    assert comment.evaluate("one => one.previousElementSibling.dataset.new") == "11"
    expect(step(page, 1)).to_be_focused()
    saved(page)
    page.reload()
    ready(page)
    expect(comments(step(page, 1))).to_contain_text("Why 110?")


def test_v_and_j_choose_a_range_and_arrows_move_it(review):
    page = review()
    step(page, 1).focus()
    press(page, "v", "ArrowDown", "j", "j")
    expect(page.locator(".l.is-chosen")).to_have_count(3)
    expect(page.locator("#announcer")).to_contain_text("Line 14, unchanged: value_12 = 12")
    press(page, "k", "c")
    page.keyboard.type("Both of them")
    press(page, "Control+Enter")
    expect(comments(step(page, 1))).to_contain_text("Lines 12–13")
    press(page, "Escape", "j")
    expect(step(page, 2)).to_be_focused()


def test_a_line_number_is_pressed_and_several_are_dragged_over(review):
    page = review()
    gutter(step(page, 1), 12).click()
    editor(page).fill("One")
    button(page, "Save").click()
    start, end = gutter(step(page, 1), 8).bounding_box(), gutter(step(page, 1), 10).bounding_box()
    page.mouse.move(start["x"] + 5, start["y"] + 5)
    page.mouse.down()
    page.mouse.move(end["x"] + 5, end["y"] + 5, steps=5)
    page.mouse.up()
    expect(editor(page)).to_be_focused()
    page.keyboard.type("Three")
    press(page, "Control+Enter")
    told = comments(step(page, 1))
    expect(told).to_have_count(2)
    expect(told.nth(0)).to_contain_text("Lines 8–10")
    expect(told.nth(1)).to_contain_text("Line 12")
    saved(page)


def test_comments_are_edited_resolved_deleted_and_all_of_it_is_undone(review):
    page = review()
    step(page, 1).focus()
    press(page, "c")
    page.keyboard.type("<b>First</b>")
    press(page, "Control+Enter")
    comment = comments(step(page, 1))
    button(comment, "Edit").click()
    editor(page).fill("Second")
    button(comment, "Discard").click()
    expect(comment).to_contain_text("<b>First</b>")
    button(comment, "Edit").click()
    editor(page).fill("Second")
    button(comment, "Save").click()
    button(comment, "Resolve").click()
    expect(comment).to_contain_text("Resolved")
    button(comment, "Delete").click()
    expect(comment).to_have_count(0)
    press(page, "z")
    expect(comment).to_contain_text("Resolved")
    press(page, "z", "z")
    expect(comment).to_contain_text("<b>First</b>")
    press(page, "z")
    expect(comment).to_have_count(0)
    press(page, "Z", "Z")
    expect(comment).to_contain_text("Second")
    saved(page)


def test_what_is_typed_is_kept_as_a_draft_and_settled_before_submitting(review):
    page = review()
    step(page, 1).focus()
    press(page, "c")
    # What is typed is sent when the person pauses.
    with page.expect_response("**/ops"):
        page.keyboard.type("Half a sen")
    saved(page)
    page.reload()
    ready(page)
    expect(editor(page)).to_have_value("Half a sen")
    page.get_by_label("Approve").check()
    button(page, "Submit").click()
    expect(page.locator("#missing")).to_contain_text("a comment on line 11 of src/app.py is not saved yet")
    editor(page).focus()
    press(page, "Escape")
    reads(comments(page), "Draft", "Half a sen")
    button(comments(page), "Discard").click()
    expect(comments(page)).to_have_count(0)
    saved(page)


def test_escape_keeps_what_is_typed_as_a_draft_that_opens_again(review):
    page = review()
    step(page, 1).focus()
    press(page, "c", "Escape")
    expect(comments(page)).to_have_count(0)
    press(page, "c")
    page.keyboard.type("A long thought")
    press(page, "Escape")
    expect(step(page, 1)).to_be_focused()
    reads(comments(page), "Draft", "A long thought")
    expect(editor(page)).to_have_count(0)
    saved(page)
    press(page, "c")
    expect(editor(page)).to_be_focused()
    expect(editor(page)).to_have_value("A long thought")
    press(page, "Escape")
    button(comments(page), "Edit").click()
    page.keyboard.type(", finished")
    press(page, "Alt+1", "Control+Enter")
    expect(comments(page)).to_contain_text("A long thought, finished")
    # Of a saved comment as well: what it was comes back only with Discard, its category too.
    button(comments(page), "Edit").click()
    page.keyboard.type(" twice")
    press(page, "Alt+2", "Escape")
    reads(comments(page), "Draft Logic Error", "A long thought, finished twice")
    button(comments(page), "Edit").click()
    press(page, "Escape")
    button(comments(page), "Discard").click()
    reads(comments(page), "Bug", "A long thought, finished")
    saved(page)
    page.reload()
    ready(page)
    reads(comments(page), "Bug", "A long thought, finished")


def test_a_draft_over_a_saved_comment_changes_nothing_of_it_after_a_reload_either(review):
    page = review()
    step(page, 1).focus()
    press(page, "c")
    page.keyboard.type("A thought")
    press(page, "Alt+1", "Control+Enter")
    button(comments(page), "Edit").click()
    page.keyboard.type(" twice")
    press(page, "Alt+2", "Escape")
    saved(page)
    page.reload()
    ready(page)
    expect(editor(page)).to_have_value("A thought twice")
    editor(page).focus()
    press(page, "Escape")
    button(comments(page), "Discard").click()
    reads(comments(page), "Bug", "A thought")
    saved(page)


def test_a_draft_closed_in_one_tab_and_saved_in_another_is_a_comment_in_both(review):
    page = review()
    other = page.context.new_page()
    other.goto(page.url)
    ready(other)
    step(page, 1).focus()
    press(page, "c")
    page.keyboard.type("Half")
    press(page, "Escape")
    saved(page)
    editor(other).fill("Whole")
    button(comments(other), "Save").click()
    expect(comments(page)).to_contain_text("Whole")
    expect(button(comments(page), "Resolve")).to_be_visible()
    saved(other)
    button(comments(other), "Delete").click()
    expect(comments(page)).to_have_count(0)


def test_the_whole_change_is_joined_commented_and_rated(review):
    page = review()
    press(page, "d")
    files = page.locator("#changes article")
    expect(files.nth(0)).to_be_focused()
    expect(files).to_have_count(2)
    expect(line(files.nth(0), 12)).to_contain_text("value_11a = 1111")
    press(page, "r", "4")
    expect(button(files.nth(0), "4, Good")).to_have_attribute("aria-pressed", "true")
    # Its number stands on the button alone: beside it is the word, and a screen reader hears both once.
    expect(files.nth(0).locator(".review-rating-text")).to_have_text("Good")
    expect(button(files.nth(0), "4, Good")).to_have_accessible_description("")
    expect(page.locator("#announcer")).to_have_text("src/app.py: 4, Good")
    # The same rating, in the header of the file at each of its steps.
    expect(button(step(page, 3), "4, Good")).to_have_attribute("aria-pressed", "true")
    press(page, "j", "c")
    page.keyboard.type("Needed?")
    press(page, "Control+Enter")
    expect(comments(files.nth(1))).to_contain_text("Needed?")
    expect(page.get_by_text("1 file rated")).to_be_visible()
    saved(page)
    page.reload()
    ready(page)
    page.get_by_text("1 comment", exact=True).click()
    button(page, "notes.md:1").click()
    expect(comments(files.nth(1))).to_be_focused()
    press(page, "Escape")
    expect(step(page, 0)).to_be_focused()


@pytest.mark.parametrize("by", ["key", "link"])
@pytest.mark.parametrize("edits", [True, False])
def test_the_changes_are_reached_behind_many_tall_steps(label, edits, by):
    tall = [{"type": "bash_command", "command": "x", "output": "line\n" * 45, "exit_code": 0} for _ in range(40)]
    turns = [*tall, {"type": "file_edit", "path": "src/app.py", "diff": EDIT}] if edits else tall
    page = label(schemes=[REVIEW], traces=[make_trace("t1", structured_turns=turns)])
    if by == "key":
        press(page, "d")
    else:
        page.get_by_role("link", name="All changes").click()
    place = page.locator("#changes article[data-path]") if edits else page.locator("#changes")
    expect(place).to_be_focused()
    expect(place).to_be_in_viewport(ratio=0.5)


@pytest.mark.parametrize("patch", [{}, {"final_patch": EDIT}])
def test_a_record_without_steps_has_no_changes_and_goes_on(label, patch):
    page = label(schemes=[REVIEW], traces=[{"id": "r1", "text": "What the agent said", **patch}])
    record = page.get_by_role("article", name="Record")
    press(page, "d")
    expect(page.locator("#announcer")).to_have_text("This run changed no files")
    expect(page.locator("#changes")).to_have_count(0)
    expect(record).to_be_in_viewport()
    press(page, "d", "j", "k", "p", "1")
    expect(page.get_by_label("Approve")).to_be_checked()
    saved(page)


def test_a_rejection_needs_a_comment(review):
    page = review()
    press(page, "p", "2", "Enter")
    expect(page.locator("#missing")).to_contain_text("“Request Changes” needs at least one comment")
    step(page, 1).focus()
    press(page, "c")
    page.keyboard.type("Wrong number")
    press(page, "Control+Enter", "Enter")
    expect(page.get_by_text("Thank you!")).to_be_visible()


def test_what_is_off_is_not_there(review):
    page = review(
        scheme={
            "inline_comments": {"enabled": False},
            "file_ratings": {"enabled": False},
            "require_comment_on_reject": False,
        }
    )
    step(page, 1).focus()
    press(page, "c", "r", "3")
    expect(page.locator(".review-comment, .review-rating")).to_have_count(0)
    page.get_by_label("Comment", exact=True).check()
    saved(page)
    page = review(scheme={"verdict": {"enabled": False}, "require_comment_on_reject": False})
    expect(page.get_by_role("radio")).to_have_count(0)
    step(page, 1).focus()
    press(page, "r", "3")
    saved(page)
    expect(page.get_by_text("1 of 1 question answered")).to_be_attached()


def test_lines_in_two_columns_are_of_their_side(label):
    display = {"display": {"diff_style": "split"}}
    page = label(schemes=[REVIEW], traces=[trace()], coding_agent=display)
    line(step(page, 1), 11, "old").locator(".g").click()
    expect(comments(step(page, 1))).to_contain_text("Line 11 (before)")
    page.keyboard.type("Old")
    press(page, "Control+Enter")
    gutter(step(page, 1), 12).click()
    expect(editor(page)).to_be_focused()
    page.keyboard.type("New")
    press(page, "Control+Enter")
    expect(comments(step(page, 1)).nth(1)).to_contain_text(re.compile(r"Line 12(?! \(before)"))
    saved(page)


@pytest.mark.parametrize("width", [1440, 390])
def test_in_two_columns_only_the_chosen_side_is_marked_and_keeps_its_colour(label, width):
    page = label(
        schemes=[REVIEW],
        traces=[trace()],
        coding_agent={"display": {"diff_style": "split"}},
        context={"viewport": {"width": width, "height": 844}},
    )
    ground = "one => getComputedStyle(one).backgroundColor"
    old, new = line(step(page, 1), 11, "old"), line(step(page, 1), 11)
    before = [old.evaluate(ground), new.evaluate(ground)]
    chosen = page.locator(".is-chosen")
    for cell, side in ((old, "old"), (new, "new")):
        cell.locator(".g").click()
        expect(chosen).to_have_count(1)
        assert chosen.get_attribute(f"data-{side}") == "11"
        expect(cell).to_have_class(re.compile("is-chosen is-cursor"))
        assert [old.evaluate(ground), new.evaluate(ground)] == before
        press(page, "Escape", "Escape")


def test_a_line_of_the_old_column_is_commented_by_key_as_it_was_before(label):
    page = label(schemes=[REVIEW], traces=[trace()], coding_agent={"display": {"diff_style": "split"}})
    line(step(page, 1), 10, "old").click()
    press(page, "c")
    expect(comments(step(page, 1))).to_contain_text("Line 10 (before)")


def test_five_hundred_comments_stay_usable(label, site):
    lines = "".join(f"+line {n}\n" for n in range(1, 501))
    edit = {"step_idx": 0, "type": "file_edit", "path": "b.py", "diff": f"@@ -0,0 +1,500 @@\n{lines}"}
    display = {"display": {"collapse_large_diffs": False}}
    page = label(schemes=[REVIEW], traces=[make_trace("t1", structured_turns=[edit])], coding_agent=display)
    assert page.evaluate(FIVE_HUNDRED) == 200
    page.reload()
    ready(page)
    expect(comments(page)).to_have_count(500)
    page.get_by_text("500 comments", exact=True).last.click()
    button(page, "#0 b.py:400").click()
    expect(comments(page).nth(399)).to_be_focused()
    button(comments(page).nth(398), "Edit").click()
    editor(page).fill("x")
    press(page, "Control+Enter")
    expect(comments(page).nth(398)).to_contain_text("x")
    saved(page)


FIVE_HUNDRED = """
async () => {
  const form = document.getElementById("ops");
  const token = document.cookie.match(/potato_csrf=([^;]+)/)[1];
  let status = 0;
  for (const first of [1, 201, 401]) {
    const ops = [];
    for (let line = first; line < first + 200 && line <= 500; line += 1) {
      const id = String(line).padStart(12, "0");
      const anchor = { step: 0, file: "b.py", side: "new", start_line: line, end_line: line };
      const set = { ["comment:00000000-0000-4000-8000-" + id]: { anchor, text: "Comment " + line, category: "Style" } };
      ops.push({ id, tab: "many", base: first - 1, scheme: "review", set });
    }
    const body = new URLSearchParams({ ops: JSON.stringify(ops), shown: form.querySelector("[name=shown]").value });
    const headers = { "X-CSRFToken": token };
    status = (await fetch(form.getAttribute("hx-post"), { method: "POST", body, headers })).status;
  }
  return status;
}
"""


def test_long_and_many_words_stay_words_on_a_phone(review):
    many = [f"<b>Category {number}</b> شرح" for number in range(200)]
    verdict = {"value": "ok", "text": "<i>Fine</i>", "description": "Unbreakable" * 180}
    page = review(
        scheme={
            "description": "Read this. " * 180,
            "inline_comments": {"categories": many},
            "verdict": {"options": [verdict]},
            "require_comment_on_reject": False,
        },
        context={"viewport": {"width": 390, "height": 844}},
    )
    step(page, 1).focus()
    press(page, "c")
    page.keyboard.type("مرحبا <b>x</b>")
    press(page, "Alt+9")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    press(page, "Control+Enter")
    expect(comments(page)).to_contain_text("مرحبا <b>x</b>")
    expect(comments(page)).to_contain_text(many[8])
    page.locator("#sheet-toggle").click()
    page.get_by_label("<i>Fine</i>").check()
    saved(page)


def test_two_tabs_show_the_same_comments(review):
    page = review()
    other = page.context.new_page()
    other.goto(page.url)
    ready(other)
    step(page, 1).focus()
    press(page, "c")
    page.keyboard.type("Seen twice")
    press(page, "Control+Enter")
    expect(comments(step(other, 1))).to_contain_text("Seen twice")
    button(comments(step(other, 1)), "Delete").click()
    expect(comments(page)).to_have_count(0)
    saved(page)


def test_a_range_grows_without_dragging_on_a_phone(review):
    page = review(context={"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True})
    gutter(step(page, 1), 12).tap()
    button(page, "+ line below").tap()
    expect(comments(step(page, 1))).to_contain_text("Lines 12–13")
    editor(page).fill("Both")
    button(page, "Save").tap()
    expect(comments(step(page, 1))).to_contain_text("Both")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    saved(page)
