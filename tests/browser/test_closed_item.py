"""An item that takes no more answers while its page is open: submitted elsewhere, or taken back."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ready
from tests.browser.pages import button, labels, painted, press, saved, step
from tests.factory import FIRST_ERROR, OUTCOME, PER_STEP

DIALOGS = {"Skip this item": ("g", "s"), "Keyboard shortcuts": ("?",)}


@pytest.mark.parametrize(("name", "keys"), DIALOGS.items())
def test_a_dialog_that_is_open_when_the_item_is_closed_gives_way_to_the_notice(label, name, keys):
    page = label(schemes=[FIRST_ERROR])
    button(page, "All Correct").click()
    saved(page)
    other = page.context.new_page()
    other.goto(page.url)
    ready(other)
    press(other, *keys)
    expect(other.get_by_role("dialog", name=name)).to_be_visible()
    button(page, "Submit").click()
    expect(other.locator("[data-notice]")).to_contain_text("This item was submitted in another tab")
    expect(other.get_by_role("dialog")).to_have_count(0)
    expect(button(other, "Reopen it")).to_be_focused()


def test_a_tab_that_was_told_of_the_submission_changes_nothing_until_it_is_reopened(label):
    page = label(schemes=[PER_STEP])
    press(page, "1", "1", "1", "1", "1")
    saved(page)
    other = page.context.new_page()
    other.goto(page.url)
    ready(other)
    button(page, "Submit").click()
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()
    expect(other.locator("[data-notice]")).to_contain_text("This item was submitted in another tab")
    press(other, "j", "3", "z")
    expect(other.locator("#announcer")).to_have_text("Nothing was changed: this item takes no more answers.")
    assert labels(other) == ["correct"] * 5
    saved(other)
    button(page, "Undo").click()
    ready(page)
    assert labels(page) == ["correct"] * 5
    # It is open again, but this page shows it as it was.
    sent = []
    other.on("request", lambda request: sent.append(request.url) if request.url.endswith("/submit") else None)
    press(other, "g", "s")
    expect(other.get_by_role("dialog")).to_have_count(0)
    press(other, "?", "Escape", "Enter")
    expect(other.locator("#announcer")).to_have_text("Nothing was changed: this item takes no more answers.")
    painted(other)
    assert sent == []
    button(other, "Reopen it").click()
    expect(other.locator("[data-notice]")).to_have_count(0)
    ready(other)
    press(other, "3")
    saved(other)
    expect(step(page, 0)).to_have_attribute("data-label", "incorrect")


def test_what_a_tab_changed_before_it_was_told_is_kept(label):
    notes = {"annotation_type": "text_input", "name": "notes", "label": "Notes", "required": False}
    page = label(schemes=[PER_STEP, notes])
    press(page, "1", "1", "1", "1", "1")
    saved(page)
    other = page.context.new_page()
    other.goto(page.url)
    ready(other)
    other.route("**/ops", lambda route: route.abort())
    press(other, "j", "3")
    other.get_by_label("Notes").press_sequentially("the wrong file")
    expect(other.get_by_role("status")).to_contain_text("not saved yet")
    button(page, "Submit").click()
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()
    other.unroute("**/ops")
    expect(other.get_by_role("status")).to_contain_text("2 changes not saved.")
    button(other, "Reopen it").click()
    other.wait_for_load_state()
    ready(other)
    saved(other)
    assert labels(other)[1] == "incorrect"
    expect(other.get_by_label("Notes")).to_have_value("the wrong file")


def test_words_that_met_another_change_are_kept_though_the_item_was_submitted_meanwhile(label, sign_in):
    notes = {"annotation_type": "text_input", "name": "notes", "label": "Notes", "required": False}
    page = label(schemes=[OUTCOME, notes])
    page.get_by_label("Not Resolved").check()
    saved(page)
    elsewhere = sign_in("ann")
    elsewhere.goto(page.url)
    ready(elsewhere)
    with elsewhere.expect_response("**/ops"):
        elsewhere.get_by_label("Notes").fill("theirs")
    page.get_by_label("Notes").fill("mine")
    clash = page.locator("[data-notice]", has_text="Theirs is shown.")
    expect(clash).to_be_visible()
    other = page.context.new_page()
    other.goto(page.url)
    ready(other)
    button(other, "Submit").click()
    expect(other.get_by_text("Item 2 of 3")).to_be_visible()
    button(clash, "Use mine").click()
    expect(page.get_by_label("Notes")).to_have_value("mine")
    expect(page.get_by_role("status")).to_contain_text("1 change not saved.")
    button(page, "Reopen it").click()
    page.wait_for_load_state()
    ready(page)
    saved(page)
    expect(page.get_by_label("Notes")).to_have_value("mine")


def test_words_that_went_along_with_the_submission_are_saved_in_the_other_tab_too(label):
    notes = {"annotation_type": "text_input", "name": "notes", "label": "Notes", "required": False}
    page = label(schemes=[OUTCOME, notes])
    page.get_by_label("Not Resolved").check()
    saved(page)
    other = page.context.new_page()
    other.goto(page.url)
    ready(other)
    page.get_by_label("Notes").press_sequentially("typed last")
    with page.expect_request("**/submit") as sent:
        button(page, "Submit").click()
    assert "typed last" in sent.value.post_data_json["payload"]
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()
    expect(other.locator("[data-notice]")).to_contain_text("This item was submitted in another tab")
    expect(other.get_by_label("Notes")).to_have_value("typed last")
    saved(other)


def test_an_item_that_another_device_submitted_takes_no_more_and_is_reopened(label, sign_in):
    page = label(schemes=[PER_STEP])
    press(page, "1", "1", "1", "1", "1")
    saved(page)
    elsewhere = sign_in("ann")
    elsewhere.goto(page.url)
    ready(elsewhere)
    button(page, "Submit").click()
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()
    press(elsewhere, "j", "3")
    notice = elsewhere.locator("[data-notice]")
    expect(notice).to_contain_text("This item was submitted. Reopen it to change your answers.")
    press(elsewhere, "j", "3")
    expect(elsewhere.locator("#announcer")).to_have_text("Nothing was changed: this item takes no more answers.")
    expect(elsewhere.get_by_role("status")).to_contain_text("1 change not saved.")
    expect(elsewhere.locator("#finish")).to_have_css("opacity", "0.5")
    button(notice, "Reopen it").click()
    expect(notice).to_have_count(0)
    ready(elsewhere)
    saved(elsewhere)
    assert labels(elsewhere) == ["correct", "incorrect", "correct", "correct", "correct"]


TAKE_BACK = """
from annotation.assignments.states import take_back
from annotation.models import Assignment
take_back(Assignment.objects.get(public_id={public_id!r}))
"""


def test_an_item_that_a_manager_took_back_takes_no_more_and_leads_on(label, site):
    page = label(schemes=[FIRST_ERROR])
    site.run(TAKE_BACK.format(public_id=page.url.rstrip("/").split("/")[-1]))
    press(page, "x")
    notice = page.locator("[data-notice]")
    expect(notice).to_contain_text("The project's manager has taken this item back.")
    button(notice, "Go on").click()
    expect(button(page, "Next item")).to_be_visible()
