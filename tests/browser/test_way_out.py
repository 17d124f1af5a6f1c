"""The way out of an item without submitting it: it is skipped, or a reopened one is left as it was."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ready
from tests.browser.pages import button, first_error, labels, press, saved, step
from tests.factory import FIRST_ERROR, PER_STEP


def test_a_reopened_item_is_left_as_it_was_by_the_keys_that_skip_another_one(label):
    page = label(schemes=[FIRST_ERROR])
    first = page.url
    button(page, "All Correct").click()
    button(page, "Submit").click()
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()
    button(page, "Undo").click()
    expect(page).to_have_url(first)
    ready(page)
    first_error(page, 0).click()
    saved(page)
    press(page, "g", "s")
    expect(page.get_by_role("dialog", name="Leave it as it was")).to_be_visible()
    press(page, "Enter")
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()
    expect(page.get_by_text("Left as it was.")).to_be_visible()
    expect(page.get_by_role("button", name="Skip…")).to_be_visible()


def lose_the_reply(route):
    """The server has it, and the page does not know."""
    route.fetch()
    route.abort()


@pytest.mark.parametrize("arrives", ["saved", "saved and not known to be", "late"])
def test_what_is_left_as_it_was_is_what_was_submitted_whatever_was_on_its_way(label, arrives):
    page = label(schemes=[PER_STEP])
    first = page.url
    press(page, "1", "1", "1", "1", "1", "Enter")
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()
    button(page, "Undo").click()
    expect(page).to_have_url(first)
    ready(page)
    on_the_way = {"late": lambda route: route.abort(), "saved and not known to be": lose_the_reply}
    if arrives in on_the_way:
        page.route("**/ops", on_the_way[arrives])
    step(page, 0).focus()
    press(page, "3")
    if arrives == "saved":
        saved(page)
    else:
        expect(page.get_by_role("status")).to_contain_text("retrying")
    press(page, "g", "s", "Enter")
    expect(page.get_by_text("Left as it was.")).to_be_visible()
    page.unroute("**/ops")
    page.goto(first)
    button(page, "Reopen").click()
    ready(page)
    saved(page)
    assert labels(page) == ["correct"] * 5
    expect(page.get_by_text("they have changes that were not submitted")).to_have_count(0)
    notices = page.locator("[data-notice]")
    if arrives == "late":
        expect(notices).to_contain_text(
            "the item was left as it was before your “Incorrect” arrived. “Correct” was submitted, and is shown."
        )
        button(page, "Keep that").click()
    expect(notices).to_have_count(0)
    page.reload()
    ready(page)
    assert labels(page) == ["correct"] * 5


# Why the latest item was skipped.
LAST_REASON = """
from annotation.models import Assignment
print(Assignment.objects.filter(state="skipped").latest("pk").reason)
"""


def test_an_item_can_be_skipped_with_a_reason(site, label):
    page = label(schemes=[FIRST_ERROR])
    address = page.url
    press(page, "g", "s", "2")
    expect(page.get_by_label("I cannot judge it")).to_be_checked()
    assert labels(page) == [None] * 5
    page.get_by_label("In your own words").fill("Fortran 77")
    button(page, "Skip item").click()
    page.wait_for_url(lambda url: url != address)
    expect(page.locator(".place")).to_contain_text("of 3")
    expect(step(page, 0)).to_be_visible()
    assert site.run(LAST_REASON).strip() == "I cannot judge it: Fortran 77"


def test_an_item_is_skipped_with_three_keys_and_enter(site, label):
    page = label(schemes=[FIRST_ERROR])
    address = page.url
    press(page, "g", "s", "1", "Enter")
    page.wait_for_url(lambda url: url != address)
    assert site.run(LAST_REASON).strip() == "The trace is broken or incomplete"


def test_while_the_server_is_asked_the_dialog_says_so_and_asks_once(site, label):
    page = label(schemes=[FIRST_ERROR])
    address, asked = page.url, []
    page.route("**/healthz", lambda route: asked.append(route))
    dialog = page.get_by_role("dialog")
    press(page, "g", "s", "1")
    button(page, "Skip item").click()
    expect(dialog.get_by_role("status")).to_have_text("Skipping…")
    expect(button(page, "Skip item")).to_be_disabled()
    button(page, "Skip item").click(force=True)
    press(page, "Enter")
    assert len(asked) == 1
    asked[0].continue_()
    page.wait_for_url(lambda url: url != address)


def test_who_closes_the_dialog_before_the_server_answers_skips_nothing(site, label):
    page = label(schemes=[FIRST_ERROR])
    address, asked = page.url, []
    page.route("**/healthz", lambda route: asked.append(route))
    press(page, "g", "s", "1", "Enter")
    expect(page.get_by_role("dialog").get_by_role("status")).to_have_text("Skipping…")
    press(page, "Escape")
    page.unroute("**/healthz")
    press(page, "g", "s")
    expect(button(page, "Skip item")).to_be_enabled()
    expect(page.get_by_role("dialog").get_by_role("status")).to_be_empty()
    assert page.url == address
    press(page, "Enter")
    page.wait_for_url(lambda url: url != address)


def test_where_the_server_is_not_reached_nothing_is_skipped_and_the_page_stays(site, label):
    page = label(schemes=[FIRST_ERROR])
    address = page.url
    page.context.set_offline(True)
    press(page, "x", "g", "s", "3", "Enter")
    expect(page.locator("[data-notice=skip]")).to_contain_text("nothing was skipped")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert labels(page)[0] == "incorrect"
    page.context.set_offline(False)
    saved(page)
    press(page, "g", "s", "Enter")
    page.wait_for_url(lambda url: url != address)
    assert site.run(LAST_REASON).strip() == "It is too long"
