"""Questions that depend on another answer."""

from playwright.sync_api import expect

from tests.browser.pages import button, first_error
from tests.factory import ERROR_DESCRIPTION, FIRST_ERROR, OUTCOME

ALL = [{**FIRST_ERROR, "confirmation_dialog": True}, OUTCOME, ERROR_DESCRIPTION]


def test_a_question_appears_only_while_there_is_an_error(label):
    page = label(schemes=ALL)
    field = page.get_by_label("If incorrect, briefly describe the error")
    expect(field).to_be_hidden()
    first_error(page, 1).click()
    expect(field).to_be_visible()
    button(page, "All Correct").click()
    expect(field).to_be_hidden()


def test_a_question_can_depend_on_a_choice(label):
    partly = {
        "annotation_type": "text_input", "name": "rest", "label": "What is left to do?", "required": True,
        "show_if": {"field": "outcome", "condition": "equals", "value": "partial"},
    }  # fmt: skip
    page = label(schemes=[OUTCOME, partly])
    field = page.get_by_label("What is left to do?")
    expect(field).to_be_hidden()
    page.get_by_label("Partially Resolved").check()
    expect(field).to_be_visible()
    button(page, "Submit").click()
    expect(page.locator("#missing")).to_contain_text("“What is left to do?” has no answer yet")
    page.get_by_label("Fully Resolved").check()
    expect(field).to_be_hidden()
    button(page, "Submit").click()
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()
