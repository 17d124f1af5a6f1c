"""Opening and closing all steps: what was asked for holds for steps that are not on the page yet, too."""

import pytest
from playwright.sync_api import expect

from tests.browser.pages import button, press, step
from tests.factory import FIRST_ERROR, OUTCOME, make_trace

LONG = make_trace("long", steps=150)


def fold(page, number):
    return step(page, number).locator("details.step-fold")


def stands(page, number, *, open):
    """Step ``number``, brought into view, is open or closed with all its parts."""
    page.locator(f'.chunk[data-chunk="{number // 25}"]').scroll_into_view_if_needed()
    parts = step(page, number).locator("details")
    expect(parts.first).to_be_attached()
    assert parts.evaluate_all("all => all.map(one => one.open)") == [open] * parts.count()


@pytest.mark.parametrize("way", ["button", "key"])
def test_what_was_asked_of_all_steps_holds_for_those_that_come_later(label, way):
    page = label(schemes=[FIRST_ERROR], traces=[LONG])
    expect(fold(page, 1)).to_have_attribute("open", "")
    expect(step(page, 126)).to_have_count(0)
    if way == "button":
        button(page, "Collapse All").click()
    else:
        press(page, "O")
    stands(page, 1, open=False)
    stands(page, 126, open=False)
    if way == "button":
        button(page, "Expand All").click()
    else:
        press(page, "O")
    stands(page, 126, open=True)
    stands(page, 100, open=True)  # thinking, which starts folded


def test_a_step_that_a_person_opened_stays_so(label):
    page = label(schemes=[FIRST_ERROR], traces=[LONG])
    button(page, "Collapse All").click()
    fold(page, 1).locator("summary").first.click()
    stands(page, 126, open=False)
    fold(page, 126).locator("summary").first.click()
    stands(page, 51, open=False)
    stands(page, 1, open=True)
    stands(page, 126, open=True)


def test_it_holds_for_both_attempts_of_a_comparison(label):
    scheme = {"annotation_type": "pairwise", "name": "preference", "reason": "optional"}
    tries = [make_trace(f"try-{number}", 150, issue_id="x") for number in (1, 2)]
    page = label(schemes=[scheme], traces=tries, overlap=0)
    button(page, "Collapse All").click()
    for place in ("left", "right"):
        pane = page.locator(f".pane[data-place={place}]")
        pane.locator('.chunk[data-chunk="5"]').scroll_into_view_if_needed()
        later = pane.locator("article[data-step='126'] details")
        expect(later.first).to_be_attached()
        expect(pane.locator("article[data-step='126'] details[open]")).to_have_count(0)


def test_a_record_without_steps_has_nothing_to_expand(label):
    record = {"id": "r", "issue_description": "Judge this.", "answer": "x"}
    page = label(schemes=[OUTCOME], traces=[record])
    expect(page.get_by_role("heading", name="Record", level=2)).to_be_visible()
    expect(page.get_by_role("button", name="Collapse")).to_have_count(0)
    expect(page.get_by_role("button", name="Expand")).to_have_count(0)
