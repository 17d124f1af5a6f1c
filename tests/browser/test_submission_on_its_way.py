"""While a submission is on its way nothing can be changed, which would be none of it; what is sent stays the same."""

import json

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ready
from tests.browser.pages import button, current, first_error, labels, press, saved, step
from tests.factory import FIRST_ERROR, OUTCOME

NOTES = {"annotation_type": "text_input", "name": "notes", "label": "Notes", "required": False}
RATING = {"annotation_type": "likert", "name": "rating", "label": "Rating", "required": False, "size": 5}
NEXT = "Item 2 of 3"
BUSY = "Nothing was changed: the item is being submitted."
# Operations that this browser keeps.
KEPT = """new Promise(done => {
    const opening = indexedDB.open("potato-outbox", 1)
    opening.onsuccess = () => {
        const count = opening.result.transaction("ops").objectStore("ops").count()
        count.onsuccess = () => done(count.result)
    }
})"""


@pytest.fixture
def submitting(label):
    """A page whose submission is on its way, and the requests that were made for it."""

    def submit(schemes=(FIRST_ERROR, NOTES)):
        page = label(schemes=list(schemes))
        held = []
        page.route("**/submit", lambda route: held.append(route))
        press(page, "j", "k", "a")
        saved(page)
        with page.expect_request("**/submit"):
            press(page, "Enter")
        request_of(page, held, 0)
        return page, held

    return submit


def request_of(page, held, number):
    """The request with this number, as soon as it is held: a page tells of it before it hands it over."""
    for _ in range(500):
        if len(held) > number:
            break
        page.wait_for_timeout(10)
    return held[number]


def test_a_key_changes_nothing_while_the_submission_is_on_its_way(submitting):
    page, held = submitting((FIRST_ERROR, RATING))
    press(page, "j", "x")
    expect(page.locator("#announcer")).to_have_text(BUSY)
    press(page, "z", "g", "s")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert labels(page) == ["correct"] * 5
    assert current(page) == 1
    held[0].continue_()
    expect(page.get_by_text(NEXT)).to_be_visible()
    assert page.evaluate(KEPT) == 0
    button(page, "Undo").click()
    ready(page)
    assert labels(page) == ["correct"] * 5


def test_nothing_is_pressed_or_typed_while_the_submission_is_on_its_way(submitting):
    page, held = submitting()
    expect(page.locator("#submit-button")).to_have_text("Submitting…")
    field = page.get_by_label("Notes")
    field.evaluate("one => one.focus()")
    page.keyboard.type("late")
    expect(field).to_have_value("")
    first_error(page, 1).click(force=True)
    assert labels(page) == ["correct"] * 5
    held[0].continue_()
    expect(page.get_by_text(NEXT)).to_be_visible()


def test_where_it_fails_changes_are_taken_again_and_the_focus_is_where_it_was(submitting):
    page, held = submitting()
    press(page, "j")
    held[0].fulfill(status=400, content_type="application/json", body="{}")
    expect(page.locator("[data-notice=submit]")).to_be_visible()
    expect(step(page, 1)).to_be_focused()
    expect(page.locator("#submit-button")).to_have_text("Submit")
    press(page, "x")
    assert labels(page)[1] == "incorrect"
    page.get_by_label("Notes").fill("in time")
    saved(page)
    with page.expect_request("**/submit"):
        button(page, "Submit").click()
    request_of(page, held, 1).fulfill(status=400, content_type="application/json", body="{}")
    expect(button(page, "Submit")).to_be_focused()


def test_a_change_that_is_refused_at_the_last_moment_is_not_left_out(label):
    page = label(schemes=[FIRST_ERROR, RATING])
    button(page, "All Correct").click()
    saved(page)
    held = []
    page.route("**/ops", lambda route: held.append(route))
    page.get_by_role("radio", name="4").check()
    button(page, "Submit").click()
    expect(page.locator("#submit-button")).to_have_text("Submitting…")
    held[0].fulfill(status=400, content_type="application/json", body="{}")
    expect(page.locator("#missing")).to_contain_text("A change was refused.")
    expect(button(page, "Discard")).to_be_enabled()
    expect(page.get_by_text("Item 1 of 3")).to_be_visible()


def test_who_waits_too_long_stops_waiting_and_submits_again(submitting):
    page, held = submitting()
    notice = page.locator("[data-notice=waiting]")
    expect(notice).to_contain_text("The server has not answered yet")
    button(notice, "Stop waiting").click()
    expect(notice).to_have_count(0)
    expect(page.locator("[data-notice=submit]")).to_contain_text("You stopped waiting")
    expect(step(page, 0)).to_be_focused()
    with page.expect_request("**/submit"):
        press(page, "Enter")
    assert sent(request_of(page, held, 1)) == sent(held[0])
    expect(notice).to_be_visible()
    press(page, "Escape")
    expect(notice).to_have_count(0)
    first_error(page, 2).click()
    assert labels(page)[2] == "incorrect"
    with page.expect_request("**/submit"):
        button(page, "Submit").click()
    held[2].continue_()
    expect(page.get_by_text(NEXT)).to_be_visible()
    # Another answer is another submission.
    assert sent(held[2])["op_id"] != sent(held[0])["op_id"]


def sent(route):
    payload = json.loads(route.request.post_data_json["payload"])
    del payload["presence"]
    return payload


def test_a_submission_whose_reply_was_lost_is_sent_again_as_it_was(label):
    page = label(schemes=[FIRST_ERROR, NOTES])
    tried = []

    def lose_the_first(route):
        tried.append(sent(route))
        if len(tried) > 1:
            route.continue_()
            return
        route.fetch()
        route.abort()

    page.route("**/submit", lose_the_first)
    button(page, "All Correct").click()
    page.get_by_label("Notes").fill("typed last")
    button(page, "Submit").click()
    expect(page.get_by_text(NEXT)).to_be_visible()
    assert tried[0] == tried[1]
    assert [op["scheme"] for op in tried[0]["ops"]] == ["notes"]
    assert page.evaluate(KEPT) == 0


def test_a_change_made_after_all_tries_failed_is_not_taken_for_submitted(label):
    page = label(schemes=[FIRST_ERROR])
    replies = []

    def lose_the_reply(route):
        replies.append(route.fetch().status)
        route.abort()

    page.route("**/submit", lose_the_reply)
    button(page, "All Correct").click()
    saved(page)
    button(page, "Submit").click()
    expect(page.locator("[data-notice=submit]")).to_contain_text("Nothing is lost")
    assert set(replies) == {200}
    page.unroute("**/submit")
    page.route("**/ops", lambda route: route.abort())
    first_error(page, 2).click()
    button(page, "Submit").click()
    notice = page.locator("[data-notice=submitted]")
    expect(notice).to_contain_text("This item was submitted.")
    expect(button(notice, "Reopen it")).to_be_visible()
    assert page.evaluate(KEPT) == 1


def test_the_same_answer_given_elsewhere_is_shown_once_and_then_submitted(label, sign_in):
    page = label(schemes=[OUTCOME])
    elsewhere = sign_in("ann")
    elsewhere.goto(page.url)
    ready(elsewhere)
    for one in (page, elsewhere):
        one.get_by_label("Not Resolved").check()
        saved(one)
    button(page, "Submit").click()
    expect(page.locator("#missing")).to_contain_text("Another tab has changed answers.")
    button(page, "Submit").click()
    expect(page.get_by_text(NEXT)).to_be_visible()


# What a page says when it is left.
LEAVING = """addEventListener("pagehide", () => {
    const waiting = document.querySelectorAll("[data-notice=waiting]").length
    sessionStorage.left = `${document.getElementById("announcer").textContent} ${waiting}`
})"""


def test_where_the_next_page_is_slow_the_server_is_not_said_to_be_silent(submitting):
    page, held = submitting()
    notice = page.locator("[data-notice=waiting]")
    expect(notice).to_be_visible()
    page.evaluate(LEAVING)
    held[0].continue_()
    expect(page.get_by_text(NEXT)).to_be_visible()
    assert page.evaluate("sessionStorage.left") == "Submitted. The next item opens. 0"
