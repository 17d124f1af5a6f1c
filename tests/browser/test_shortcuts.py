"""Keys that are shortcuts, and those that are not: turned off, with modifiers, held."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import ready
from tests.browser.pages import button, current, labels, press
from tests.factory import FIRST_ERROR, PER_STEP


def test_shortcuts_can_be_turned_off(label):
    page = label(schemes=[FIRST_ERROR])
    press(page, "?")
    sheet = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(sheet).to_contain_text("First error is here")
    page.get_by_label("Use single-key shortcuts").uncheck()
    button(sheet, "Close").click()
    press(page, "j", "x")
    assert labels(page) == [None] * 5
    page.reload()
    ready(page)
    press(page, "x")
    assert labels(page) == [None] * 5


def test_keys_with_modifiers_are_the_browsers(label):
    page = label(schemes=[FIRST_ERROR])
    press(page, "Control+a", "Alt+x", "Meta+x")
    assert labels(page) == [None] * 5


def hold(page, key, times=12):
    """The key is pressed, and not let go."""
    for _ in range(times):
        page.keyboard.down(key)


def test_enter_that_is_held_submits_one_item(label):
    notes = {"annotation_type": "text_input", "name": "notes", "label": "Notes", "required": False}
    page = label(schemes=[notes])
    page.keyboard.down("Enter")
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()
    ready(page)
    hold(page, "Enter")
    expect(page.locator("body")).not_to_have_class(re.compile("is-submitting"))
    page.keyboard.up("Enter")
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()
    press(page, "Enter")
    expect(page.get_by_text("Item 3 of 3")).to_be_visible()


def test_enter_that_is_held_confirms_no_review(label):
    page = label(schemes=[{**FIRST_ERROR, "confirmation_dialog": True}])
    press(page, "a")
    hold(page, "Enter")
    expect(button(page, "Confirm")).to_be_focused()
    page.keyboard.up("Enter")
    press(page, "Enter")
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()


def test_a_key_that_is_held_goes_on_moving_and_labels_once(label):
    page = label(schemes=[PER_STEP])
    hold(page, "1")
    page.keyboard.up("1")
    assert labels(page) == ["correct", None, None, None, None]
    hold(page, "j", times=3)
    assert current(page) == 4
