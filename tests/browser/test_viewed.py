"""Files of the whole change that were looked at: a box that folds the file, kept on the server, and no answer."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ready
from tests.browser.pages import button, press, saved
from tests.browser.test_code_review import REVIEW, editor, gutter, line, trace

APP, NOTES = "src/app.py", "docs/notes.md"


def files(page):
    return page.locator("#changes article")


def box(page, path):
    return page.get_by_label(f"Viewed {path}")


def is_folded(page, number):
    return not files(page).nth(number).locator(".step-fold").evaluate("fold => fold.open")


def counts(page, words):
    expect(page.locator("#changes-viewed")).to_have_text(words)
    expect(page.locator("[data-part=viewed]")).to_have_text(words)


@pytest.fixture
def review(label):
    def open_item(**options):
        page = label(schemes=[{**REVIEW, **options.pop("scheme", {})}], traces=[trace()], **options)
        press(page, "d")
        expect(files(page)).to_have_count(2)
        return page

    return open_item


def test_a_viewed_file_is_folded_and_counted_and_opens_again(review):
    page = review()
    counts(page, "0 of 2 files viewed")
    box(page, APP).check()
    counts(page, "1 of 2 files viewed")
    expect(page.locator("#announcer")).to_have_text(f"{APP}: viewed. 1 of 2 files viewed")
    assert (is_folded(page, 0), is_folded(page, 1)) == (True, False)
    expect(box(page, APP)).to_be_focused()
    box(page, APP).uncheck()
    counts(page, "0 of 2 files viewed")
    assert not is_folded(page, 0)
    saved(page)


def test_by_keyboard_m_marks_the_file_and_j_goes_on(review):
    page = review()
    expect(files(page).nth(0)).to_be_focused()
    press(page, "m")
    assert is_folded(page, 0)
    expect(files(page).nth(0)).to_be_focused()
    press(page, "j", "m")
    counts(page, "2 of 2 files viewed")
    expect(files(page).nth(1)).to_be_focused()
    press(page, "m")
    counts(page, "1 of 2 files viewed")
    # A step of the trace is no file of the whole change.
    press(page, "Escape", "m")
    expect(page.locator("#announcer")).to_have_text("Go to a file under All changes first.")
    counts(page, "1 of 2 files viewed")
    saved(page)


def test_it_is_kept_for_a_reload_and_for_another_browser(review, sign_in):
    page = review()
    box(page, APP).check()
    saved(page)
    page.reload()
    ready(page)
    other = sign_in("ann")
    other.goto(page.url)
    ready(other)
    for one in (page, other):
        press(one, "d")
        expect(box(one, APP)).to_be_checked()
        assert (is_folded(one, 0), is_folded(one, 1)) == (True, False)
        counts(one, "1 of 2 files viewed")


def test_a_viewed_file_can_be_opened_and_stays_viewed(review):
    page = review()
    box(page, APP).check()
    files(page).nth(0).locator("summary").first.click()
    gutter(files(page).nth(0), 12).click()
    page.keyboard.type("One more look")
    press(page, "Control+Enter")
    saved(page)
    expect(box(page, APP)).to_be_checked()
    assert not is_folded(page, 0)


def test_a_comment_in_a_viewed_file_is_reached(review):
    page = review()
    gutter(files(page).nth(0), 12).click()
    editor(page).fill("Why?")
    press(page, "Control+Enter")
    box(page, APP).check()
    page.locator("[data-part=tally]").click()
    page.locator("[data-part=entries]").get_by_role("button").click()
    expect(line(files(page).nth(0), 12)).to_be_in_viewport()
    saved(page)


def test_undo_takes_back_answers_not_marks(review):
    page = review()
    press(page, "p", "1")
    box(page, APP).check()
    files(page).nth(0).focus()
    press(page, "z")
    expect(page.get_by_label("Approve", exact=False).first).not_to_be_checked()
    expect(box(page, APP)).to_be_checked()
    saved(page)


def test_nothing_waits_for_it_and_it_is_not_submitted(review, site):
    page = review()
    box(page, APP).check()
    press(page, "Escape", "p", "1")
    saved(page)
    address = page.url
    button(page, "Submit").click()
    page.wait_for_url(lambda url: url != address)
    said = site.run(
        "from annotation.models import Submission\nprint(Submission.objects.order_by('-pk').first().values)"
    )
    assert said.strip() == "{'review': {'verdict': 'approve'}}"


def test_without_an_answer_a_viewed_file_does_not_count_as_one(review):
    page = review(scheme={"verdict": {"enabled": False}, "require_comment_on_reject": False})
    box(page, APP).check()
    button(page, "Submit").click()
    expect(page.locator("#missing")).to_contain_text("has no answer yet")
    saved(page)


def test_another_tab_folds_it_too(review):
    page = review()
    other = page.context.new_page()
    other.goto(page.url)
    ready(other)
    press(other, "d")
    expect(files(other)).to_have_count(2)
    box(page, NOTES).check()
    expect(box(other, NOTES)).to_be_checked()
    assert is_folded(other, 1)
    counts(other, "1 of 2 files viewed")
    saved(page)


def test_the_list_of_shortcuts_names_it(review):
    page = review()
    press(page, "?")
    expect(page.locator("#help-keys tr").filter(has_text="Mark the file as viewed").locator("kbd")).to_have_text("m")


def test_a_file_of_too_long_a_name_has_no_box_and_no_rating(label):
    doc = trace()
    edit = {"type": "file_create", "path": "deep/" * 58 + "a.py", "content": "x = 1\n"}
    doc["structured_turns"].append({"step_idx": len(doc["structured_turns"]), **edit})
    page = label(schemes=[REVIEW], traces=[doc])
    press(page, "d")
    expect(files(page)).to_have_count(3)
    expect(page.locator("#changes .review-viewed")).to_have_count(2)
    expect(page.locator("#changes .review-rating")).to_have_count(2)
    press(page, "j", "j", "m")
    expect(page.locator("#announcer")).to_have_text("The name of this file is too long to mark it.")
    press(page, "r", "1")
    expect(page.locator("#announcer")).to_have_text("The name of this file is too long to rate it.")
    box(page, APP).check()
    counts(page, "1 of 2 files viewed")
    saved(page)


def test_a_key_of_the_project_comes_first(label):
    radio = {"annotation_type": "radio", "name": "merge", "options": ["Yes", "No"], "keyboard_shortcuts": {"Yes": "m"}}
    page = label(schemes=[REVIEW, radio], traces=[trace()])
    press(page, "d")
    expect(files(page).nth(0)).to_be_focused()
    press(page, "m")
    expect(page.locator("section[data-scheme=merge]").get_by_label("Yes")).to_be_checked()
    expect(box(page, APP)).not_to_be_checked()
    saved(page)


def test_without_ratings_the_box_is_there_on_a_phone(review):
    page = review(
        scheme={"file_ratings": {"enabled": False}},
        context={"viewport": {"width": 390, "height": 844}},
    )
    box(page, APP).check()
    assert is_folded(page, 0)
    size = files(page).nth(0).locator(".review-viewed").bounding_box()
    assert min(size["width"], size["height"]) >= 24
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    saved(page)
