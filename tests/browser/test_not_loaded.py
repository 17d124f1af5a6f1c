"""A page of which a part did not arrive: it says so, takes no answer, and what waited on the device is sent later."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ready
from tests.browser.pages import button, first_error, labels, saved, step
from tests.factory import ERROR_DESCRIPTION, FIRST_ERROR, PER_STEP

SAYS = "A part of this page did not load"


# Of these no script says that they did not come: the notice appears by itself after a while.
NOBODY_TELLS = ("registry", "main")


def wait_of(notice):
    """After how many milliseconds it would appear; it does so now."""
    return notice.evaluate_all(
        """([one]) => one.getAnimations().map(animation => {
            animation.finish();
            return animation.effect.getTiming().delay;
        })"""
    )


def again(page, *, without):
    """The same labeling page in another tab, where what matches ``without`` never arrives."""
    tab = page.context.new_page()
    tab.route(without, lambda route: route.abort())
    tab.goto(page.url)
    return tab


# A question's own script, one that it imports, htmx, and the page's script.
@pytest.mark.parametrize("script", ["process_reward", "registry", "htmx", "main"])
def test_it_says_that_a_script_did_not_load_and_takes_no_answer(label, script):
    page = again(label(schemes=[PER_STEP]), without=f"**/{script}*.js")
    notice = page.locator(".not-loaded")
    if script in NOBODY_TELLS:
        assert wait_of(notice) == [10_000]
    expect(notice).to_be_visible()
    expect(notice).to_contain_text(SAYS)
    assert notice.bounding_box()["height"] > 30
    expect(page.locator("#panel")).to_have_attribute("inert", "")
    expect(button(step(page, 0), "Correct")).to_have_count(0)
    page.unroute_all()
    page.get_by_role("link", name="Reload").click()
    ready(page)
    expect(notice).to_be_hidden()
    button(step(page, 0), "Correct").click()
    saved(page)


def test_a_script_that_fails_is_told_as_well(label):
    page = label(schemes=[PER_STEP])
    tab = page.context.new_page()
    broken = {"content_type": "text/javascript", "body": "throw new Error('broken')"}
    tab.route("**/process_reward*.js", lambda route: route.fulfill(**broken))
    tab.goto(page.url)
    expect(tab.get_by_text(SAYS)).to_be_visible()


def test_what_waited_on_the_device_is_sent_when_the_page_is_whole(label):
    page = label(schemes=[FIRST_ERROR, ERROR_DESCRIPTION])
    page.route("**/ops", lambda route: route.abort())
    first_error(page, 2).click()
    page.get_by_label("If incorrect, briefly describe the error").fill("wrong file")
    expect(page.get_by_role("status")).to_contain_text("not saved yet")
    tab = again(page, without="**/process_reward*.js")
    page.close()
    expect(tab.get_by_text(SAYS)).to_be_visible()
    tab.unroute_all()
    tab.get_by_role("link", name="Reload").click()
    ready(tab)
    saved(tab)
    assert labels(tab)[2] == "incorrect"
    expect(tab.get_by_label("If incorrect, briefly describe the error")).to_have_value("wrong file")


def test_a_whole_page_says_nothing(label):
    page = label(schemes=[PER_STEP])
    expect(page.get_by_text(SAYS)).to_be_hidden()
    assert page.locator(".not-loaded").bounding_box() is None
