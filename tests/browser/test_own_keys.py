"""A person's own keys work on the labeling page, are shown there, and are gone after a reset.

Each test has a person of its own: keys left behind would be those of every later test.
"""

from urllib.parse import urljoin

from playwright.sync_api import expect

from tests.browser.pages import button, labels, press, saved, step
from tests.factory import PER_STEP


def choose(page, **keys: str):
    """Set keys on the profile page, then return to the item."""
    item = page.url
    page.goto(urljoin(item, "/profile/"))
    if page.locator("#keys details[open]").count() == 0:
        page.locator("#keys summary").click()
    for label, key in keys.items():
        page.get_by_label(label.replace("_", " "), exact=False).first.press(key)
    button(page, "Save keys").click()
    expect(page.get_by_text("Your keys are saved.")).to_be_visible()
    page.goto(item)
    page.wait_for_selector("body[data-ready]")


def test_own_keys_label_and_the_displaced_one_takes_the_free_place(label):
    page = label(person="kim", schemes=[{**PER_STEP, "step_navigation": {"next_step": "e"}}])
    choose(page, Label_1="e")
    press(page, "e", "3")
    assert labels(page)[:3] == ["correct", "incorrect", None]
    expect(button(step(page, 2), "Correct")).to_have_attribute("aria-keyshortcuts", "e")
    press(page, "1")
    expect(page.locator("article#step-3")).to_have_attribute("aria-current", "step")
    saved(page)


def test_a_reset_brings_the_keys_back(label):
    page = label(person="lou", schemes=[PER_STEP])
    item = page.url
    choose(page, Label_1="q")
    page.goto(urljoin(item, "/profile/"))
    button(page, "Back to the keys that are set").click()
    expect(page.get_by_text("The keys are as they were.")).to_be_visible()
    page.goto(item)
    page.wait_for_selector("body[data-ready]")
    press(page, "1")
    assert labels(page)[0] == "correct"
    saved(page)


def test_the_list_of_shortcuts_shows_own_keys(label):
    page = label(person="max", schemes=[PER_STEP])
    choose(page, Undo="u")
    press(page, "?")
    row = page.locator("#help-keys tr").filter(has_text="Undo")
    expect(row.locator("kbd")).to_have_text("u")


def test_the_list_of_shortcuts_names_the_keys_of_single_places(label):
    page = label(person="eve", schemes=[PER_STEP])
    press(page, "?")
    groups = page.get_by_role("dialog").locator("tbody")
    search = groups.filter(has_text="In the search")
    row = search.get_by_role("row").filter(has_text="Stay at what was found")
    expect(row.locator("kbd")).to_have_text(["Ctrl", "Enter"])
    expect(groups.filter(has_text="At the labels of a step").locator("kbd")).to_have_text(["←", "→"])
    expect(groups.filter(has_text="When you skip").locator("kbd")).to_have_text(["1", "3"])
    expect(groups.filter(has_text="In a comment")).to_have_count(0)


def test_the_list_of_shortcuts_opens_at_its_head(label):
    page = label(person="pat", schemes=[PER_STEP])
    page.set_viewport_size({"width": 1440, "height": 400})
    press(page, "?")
    expect(page.get_by_role("heading", name="Keyboard shortcuts")).to_be_in_viewport(ratio=1)
    press(page, "Tab")
    expect(page.get_by_label("Use single-key shortcuts")).to_be_focused()
