"""Submitting, by mouse and by keyboard alone: what goes along, what is reviewed, what comes next."""

from playwright.sync_api import expect

from tests.browser.conftest import ready
from tests.browser.pages import button, first_error, labels, press, saved
from tests.factory import ERROR_DESCRIPTION, FIRST_ERROR, OUTCOME, PER_STEP, make_traces

ALL = [{**FIRST_ERROR, "confirmation_dialog": True}, OUTCOME, ERROR_DESCRIPTION]
KEYED = {**OUTCOME, "keyboard_shortcuts": {"resolved": "7", "not_resolved": "9"}}


def test_the_next_item_opens_at_once_and_the_submission_can_be_undone(label):
    page = label(schemes=[FIRST_ERROR])
    first = page.url
    button(page, "All Correct").click()
    button(page, "Submit").click()
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()
    expect(page.get_by_text("Submitted.")).to_be_visible()
    button(page, "Undo").click()
    expect(page).to_have_url(first)
    ready(page)
    assert labels(page) == ["correct"] * 5
    first_error(page, 0).click()
    button(page, "Submit").click()
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()


def test_what_was_typed_last_is_part_of_the_submission(label):
    notes = {"annotation_type": "text_input", "name": "notes", "label": "Notes"}
    page = label(schemes=[FIRST_ERROR, notes])
    button(page, "All Correct").click()
    page.get_by_label("Notes").fill("typed last")
    button(page, "Submit").click()
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()
    left = """new Promise(done => {
        const opening = indexedDB.open("potato-outbox", 1)
        opening.onsuccess = () => {
            const count = opening.result.transaction("ops").objectStore("ops").count()
            count.onsuccess = () => done(count.result)
        }
    })"""
    assert page.evaluate(left) == 0
    button(page, "Undo").click()
    ready(page)
    expect(page.get_by_label("Notes")).to_have_value("typed last")


def test_a_long_time_offline_is_submitted_whole(label):
    page = label(schemes=[PER_STEP], traces=make_traces(2, steps=25))
    page.context.set_offline(True)
    for _ in range(9):
        press(page, *"1234" * 6, "1", *"z" * 25, *"Z" * 25)
    page.context.set_offline(False)
    button(page, "Submit").click()
    expect(page.get_by_text("Item 2 of 2")).to_be_visible()


def test_an_empty_queue_says_why(label):
    page = label(schemes=[FIRST_ERROR], traces=make_traces(1))
    button(page, "All Correct").click()
    button(page, "Submit").click()
    expect(page.get_by_text("You have labeled every item of this project. Thank you!")).to_be_visible()
    button(page, "Look for new items").click()
    expect(page.get_by_text("You have labeled every item of this project. Thank you!")).to_be_visible()
    button(page, "Reopen").click()
    expect(page.get_by_text("Item 1 of 1")).to_be_visible()


def test_a_returning_annotator_continues_where_they_were(label, sign_in):
    page = label(schemes=[FIRST_ERROR], name="Coming back")
    first_error(page, 2).click()
    saved(page)
    again = sign_in("ann")
    again.get_by_role("link", name="Coming back").click()
    button(again, "Continue").click()
    ready(again)
    assert (again.url, labels(again)[2]) == (page.url, "incorrect")


def test_an_item_is_labeled_and_submitted_by_keyboard_alone(label):
    page = label(schemes=[{**FIRST_ERROR, "confirmation_dialog": True}, KEYED])
    press(page, "j", "j", "x", "7", "Enter")
    expect(button(page, "Confirm")).to_be_focused()
    press(page, "Enter")
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()


def test_the_review_follows_a_change_and_ends_when_an_answer_is_taken_away(label):
    page = label(schemes=ALL)
    first_error(page, 2).click()
    page.get_by_label("Fully Resolved").check()
    button(page, "Submit").click()
    review = page.get_by_role("region", name="Review before you submit")
    expect(review).to_contain_text("Fully Resolved")
    page.get_by_label("Not Resolved").check()
    expect(review).to_contain_text("Not Resolved")
    expect(review).not_to_contain_text("Fully Resolved")
    first_error(page, 2).click()
    expect(review).to_be_hidden()
    expect(button(page, "Submit")).to_be_visible()
