"""The set-up page in a browser: the form and the YAML follow each other, and nothing that was typed is lost."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import LINK, Site
from tests.factory import PER_STEP


@pytest.fixture
def setup(manage: Callable[..., Page]) -> Callable[..., Page]:
    """``setup(schemes=…)``: the set-up page of a new project, open to its manager."""
    return partial(manage, "setup/")


def yaml(page: Page):
    return page.get_by_role("textbox", name="The same as YAML")


def test_typing_in_the_form_shows_in_the_yaml_and_mistakes_at_the_field(setup):
    page = setup()
    depth = page.get_by_label("Overlap depth")
    depth.fill("30")
    expect(yaml(page)).to_have_value(re.compile("overlap_depth: 30"))
    expect(page.locator("#f-quality_control-overlap_depth-error")).to_have_text(re.compile("less than or equal to 20"))
    expect(depth).to_be_focused()
    depth.fill("4")
    expect(yaml(page)).to_have_value(re.compile("overlap_depth: 4"))
    expect(page.locator("#f-quality_control-overlap_depth-error")).to_have_text("")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved as revision 2: quality_control.overlap_depth.")).to_be_visible()
    expect(page.get_by_label("Overlap depth")).to_have_value("4")


def test_typing_in_the_yaml_reaches_the_form_by_the_button(setup):
    page = setup()
    yaml(page).fill(yaml(page).input_value().replace("overlap_depth: 2", "overlap_depth: 7"))
    page.get_by_role("button", name="Apply to form").click()
    expect(page.get_by_label("Overlap depth")).to_have_value("7")
    expect(page.get_by_text("Not saved yet")).to_be_visible()


def test_what_is_typed_in_the_yaml_while_the_form_is_on_its_way_stays(setup):
    page = setup()
    # Typed right after the request left.
    page.evaluate(
        """() => document.addEventListener("htmx:beforeRequest",
        () => document.getElementById("yaml").value += "instances_per_annotator: 9\\n", {once: true})"""
    )
    with page.expect_response("**/setup/"):
        page.get_by_label("Overlap depth").fill("5")
    expect(yaml(page)).to_have_value(re.compile("instances_per_annotator: 9"))
    page.get_by_role("button", name="Save", exact=True).click()
    expect(
        page.get_by_text("Saved as revision 2: instances_per_annotator, quality_control.overlap_depth")
    ).to_be_visible()


def test_labels_are_moved_by_keyboard_and_the_page_stays_where_it_was(setup):
    page = setup(schemes=[PER_STEP])
    button = page.get_by_role("button", name="Move labels “neutral” up")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Move labels “neutral” down")).to_be_enabled()
    expect(page.get_by_label("Value").nth(2)).to_have_value("neutral")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved as revision 2")).to_be_visible()


def test_leaving_unsaved_changes_asks_first(setup):
    page = setup()
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.get_by_label("Project name").fill("Another name")
    expect(page.get_by_text("Not saved yet")).to_be_visible()
    page.get_by_role("link", name="Discard changes").click()
    expect(page.get_by_label("Project name")).not_to_have_value("Another name")
    assert asked == ["beforeunload"]
    expect(page.get_by_text("before your changes were saved")).to_be_hidden()


def sign_in_again(site: Site, page: Page) -> None:
    page.goto(urlsplit(next(word for word in site.run(LINK).split() if "/login-link/" in word)).path)
    page.get_by_role("button").first.click()
    page.wait_for_url("**/")


def test_what_was_typed_before_the_session_was_lost_is_offered_again(setup, site):
    page = setup()
    opened = page.url
    page.get_by_label("Project name").fill("Another name")
    expect(yaml(page)).to_have_value(re.compile("Another name"))
    page.context.clear_cookies(name=re.compile("session"))
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("what you just sent was not saved")).to_be_visible()
    assert page.locator("[name=next]").input_value() == urlsplit(opened).path
    sign_in_again(site, page)
    page.goto(opened)
    expect(page.get_by_label("Project name")).not_to_have_value("Another name")
    page.get_by_role("button", name="Bring them back").click()
    expect(page.get_by_label("Project name")).to_have_value("Another name")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved as revision 2")).to_be_visible()
    expect(page.get_by_text("before your changes were saved")).to_be_hidden()
    page.reload()
    page.locator("body[data-ready]").wait_for()
    expect(page.get_by_text("before your changes were saved")).to_be_hidden()


def test_without_a_script_the_buttons_do_it(setup):
    page = setup(context={"java_script_enabled": False})
    page.get_by_label("Overlap depth").fill("3")
    page.get_by_label("Another question").select_option("text_input")
    page.get_by_role("button", name="Add", exact=True).last.click()
    expect(yaml(page)).to_have_value(re.compile("overlap_depth: 3"))
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved as revision 2")).to_be_visible()


def test_on_a_phone_the_yaml_stands_below(setup):
    page = setup(context={"viewport": {"width": 390, "height": 844}})
    form, text = page.locator("#setup-fields").bounding_box(), page.locator("#setup-yaml").bounding_box()
    assert text["y"] >= form["y"] + form["height"]
    assert form["x"] + form["width"] <= 390
    assert text["x"] + text["width"] <= 390


def test_with_revisions_to_go_back_to_the_page_is_no_wider_than_a_phone(setup):
    page = setup(context={"viewport": {"width": 390, "height": 844}})
    page.get_by_label("Overlap depth").fill("3")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("button", name="Make revision 1 current again")).to_be_attached()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
