"""Somebody from a crowd platform, from the platform's link to the code: by keyboard alone."""

from collections.abc import Iterator

import pytest
from django.utils.text import slugify
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import button, press
from tests.factory import FIRST_ERROR, make_traces

SETTING = {
    "platform": "prolific",
    "completion_code": "C1ABCDEF",
    "items_per_visit": 2,
    "consent": "You read what a coding agent did. Your answers are used to train models.",
}


@pytest.fixture
def stranger(site, chromium: Browser) -> Iterator[Page]:
    """A browser in which nobody is signed in. Scripts must not fail in it."""
    context = chromium.new_context(base_url=site.url, viewport={"width": 1440, "height": 900})
    context.set_default_timeout(10_000)
    page, problems = context.new_page(), []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if "Content Security" in said.text else None)
    yield page
    context.close()
    assert problems == []


def activate(page: Page, name: str) -> None:
    button(page, name).focus()
    press(page, "Enter")


def test_from_the_platforms_link_to_the_code_without_a_pointer(site, stranger):
    name = site.project(
        recruitment=SETTING, schemes=[FIRST_ERROR], traces=make_traces(4), overlap=0, guidelines="Read **all** of it."
    )
    stranger.goto(f"/projects/{slugify(name)}/recruit/?PROLIFIC_PID=5f3c0a&STUDY_ID=66aa&SESSION_ID=77bb")
    expect(stranger.get_by_text("Your answers are used to train models.")).to_be_visible()
    activate(stranger, "I agree, begin")
    expect(stranger.get_by_text("0 of 2 done")).to_be_visible()
    activate(stranger, "Start")
    for number in (1, 2):
        stranger.locator("body[data-ready]").wait_for()
        expect(stranger.get_by_text(f"Item {number} of 2")).to_be_visible()
        activate(stranger, "All Correct")
        activate(stranger, "Submit")
        if number == 1:
            expect(stranger.get_by_text("Item 2 of 2")).to_be_visible()
    expect(stranger.get_by_role("heading", name="Done. Thank you!")).to_be_visible()
    expect(stranger.get_by_label("Completion code", exact=True)).to_have_value("C1ABCDEF")
    activate(stranger, "Copy: Completion code")
    expect(stranger.get_by_text("Copied")).to_be_visible()
    back = stranger.get_by_role("link", name="Back to Prolific")
    expect(back).to_have_attribute("href", "https://app.prolific.com/submissions/complete?cc=C1ABCDEF")
    back.focus()
    expect(back).to_be_focused()


def test_the_manager_copies_the_address(manage):
    page = manage("people/", recruitment=SETTING, context={"permissions": ["clipboard-read", "clipboard-write"]})
    activate(page, "Copy: Address for Prolific")
    expect(page.get_by_text("Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.endswith("?PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}&SESSION_ID={{%SESSION_ID%}}")
