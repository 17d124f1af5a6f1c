"""Two attempts compared in a browser: by keyboard alone, side by side and one at a time."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import button, painted, press, saved
from tests.factory import FIRST_ERROR, make_trace

PAIRWISE = {
    "annotation_type": "pairwise",
    "name": "preference",
    "label": "Which attempt is better?",
    "strength": ["Slightly", "Clearly"],
    "dimensions": ["correctness"],
    "reason": "required",
}


def attempts(*steps: int) -> list[dict]:
    return [
        make_trace(f"try-{number}", count, issue_id="x", issue_description="Fix the rounding")
        for number, count in enumerate(steps)
    ]


def pane(page: Page, place: str):
    return page.locator(f".pane[data-place={place}]")


def body(page: Page, place: str):
    return pane(page, place).locator(".pane-body:visible")


def answers(page: Page) -> dict:
    page.reload()
    page.wait_for_selector("body[data-ready]")
    return json.loads(page.locator("#page-state").text_content() or "")["answers"]


def left_is(page: Page) -> str:
    """Which trace stands on the left: a, unless the sides were swapped."""
    state = json.loads(page.locator("#page-state").text_content() or "")
    return "b" if state["schemes"][0]["swapped"] else "a"


def test_a_comparison_from_the_keyboard_alone(label):
    page = label(schemes=[PAIRWISE], traces=attempts(3, 5), overlap=0)
    left = left_is(page)
    press(page, "ArrowRight", "1", "w", "q", "z")
    expect(button(page, "Clearly")).to_have_attribute("aria-pressed", "true")
    saved(page)
    assert answers(page) == {"preference": {"choice": {"side": left, "strength": 2}}}
    page.get_by_role("group", name="Correctness").get_by_role("button", name="Left").focus()
    press(page, "Enter")
    page.get_by_role("textbox", name="Why?", exact=True).focus()
    page.keyboard.type("It handles amounts below zero.")
    press(page, "Tab")
    saved(page)
    page.locator("#trace").click(position={"x": 5, "y": 5})
    press(page, "Enter")
    expect(page.get_by_text("You have labeled every item of this project")).to_be_visible()


def test_what_is_missing_is_named_before_it_is_submitted(label):
    page = label(schemes=[PAIRWISE], traces=attempts(2, 2), overlap=0)
    press(page, "1")
    button(page, "Submit").click()
    missing = page.locator("#missing")
    expect(missing).to_contain_text("say how much better")
    expect(missing).to_contain_text("give a reason")


def test_the_two_scroll_together_or_apart(label):
    page = label(schemes=[PAIRWISE], traces=attempts(20, 20), overlap=0)
    top = "one => one.scrollTop"
    body(page, "left").evaluate("one => (one.scrollTop = 600)")
    page.wait_for_function("() => document.querySelector('.pane[data-place=right] .pane-body').scrollTop > 300")
    press(page, "s")
    before = body(page, "right").evaluate(top)
    body(page, "left").evaluate("one => (one.scrollTop = 0)")
    painted(page)
    assert body(page, "right").evaluate(top) == before


def test_one_at_a_time_shows_one_and_f_goes_to_the_other(label):
    page = label(schemes=[{**PAIRWISE, "layout": "tabs"}], traces=attempts(2, 4), overlap=0)
    expect(pane(page, "left")).to_be_visible()
    expect(pane(page, "right")).to_be_hidden()
    press(page, "f")
    expect(pane(page, "right")).to_be_visible()
    expect(pane(page, "left")).to_be_hidden()
    press(page, "v")
    expect(pane(page, "left")).to_be_visible()


def test_what_each_run_changed_can_be_compared(label):
    page = label(schemes=[PAIRWISE], traces=attempts(3, 3), overlap=0)
    for place in ("left", "right"):
        button(pane(page, place), "All changes").click()
        expect(body(page, place)).to_contain_text("src/a.py")
        expect(body(page, place)).to_contain_text("x = 3")


def test_changes_that_did_not_come_are_asked_for_again(label):
    page = label(schemes=[PAIRWISE], traces=attempts(3, 3), overlap=0)
    left = pane(page, "left")
    page.route("**/changes/**", lambda route: route.abort())
    with page.expect_event("requestfailed"):
        button(left, "All changes").click()
    page.unroute("**/changes/**")
    button(left, "Steps").click()
    button(left, "All changes").click()
    expect(body(page, "left")).to_contain_text("x = 3")


def test_two_records_have_no_changes_to_show(label):
    records = [{"id": f"r{number}", "issue_id": "x", "text": f"Answer {number}"} for number in (1, 2)]
    page = label(schemes=[PAIRWISE], traces=records, overlap=0)
    expect(pane(page, "right")).to_contain_text("Answer")
    expect(button(page, "All changes")).to_have_count(0)


@pytest.mark.parametrize("width", [1440, 390])
def test_nothing_is_wider_than_the_window(label, width):
    page = label(schemes=[PAIRWISE], traces=attempts(4, 4), overlap=0)
    page.set_viewport_size({"width": width, "height": 844})
    painted(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_rewards_and_comparison_in_one_pass(label):
    page = label(schemes=[FIRST_ERROR, PAIRWISE], traces=attempts(2, 2), overlap=0)
    for _ in range(2):
        expect(page.locator(".pane")).to_have_count(0)
        with page.expect_navigation():
            press(page, "a", "Enter")
        page.wait_for_selector("body[data-ready]")
    expect(page.locator(".pane")).to_have_count(2)


def test_escape_leaves_the_panel_so_that_enter_submits_the_choice(label):
    scheme = {"annotation_type": "pairwise", "name": "preference", "reason": "optional"}
    page = label(schemes=[scheme], traces=attempts(3, 5), overlap=0)
    press(page, "ArrowRight", "i")
    expect(page.locator(".compare-button").first).to_be_focused()
    press(page, "Escape")
    expect(body(page, "left")).to_be_focused()
    page.get_by_role("textbox", name="Why?").focus()
    press(page, "Escape", "Enter")
    expect(page.get_by_text("Thank you!")).to_be_visible()
