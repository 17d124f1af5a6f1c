"""The first-error mode, and every option of it with two values and a visible difference."""

import pytest
from playwright.sync_api import expect

from tests.browser.pages import button, first_error, labels, press, saved, step
from tests.factory import FIRST_ERROR, OUTCOME, make_trace


def scheme(**options):
    return {**FIRST_ERROR, **options}


def test_it_turns_earlier_steps_green_and_later_ones_red(label):
    page = label(schemes=[scheme()])
    first_error(page, 2).click()
    assert labels(page) == ["correct", "correct", "incorrect", "incorrect", "incorrect"]
    colors = [step(page, n).evaluate("one => getComputedStyle(one).borderLeftColor") for n in (1, 2)]
    assert colors == ["rgb(34, 197, 94)", "rgb(239, 68, 68)"]
    expect(step(page, 1)).to_contain_text("✓ Correct Step")
    expect(step(page, 2)).to_contain_text("✗ Incorrect Step")
    expect(first_error(page, 2)).to_have_attribute("aria-pressed", "true")
    saved(page)


def test_it_moves_the_mark_and_never_wipes_it(label):
    page = label(schemes=[scheme()])
    first_error(page, 3).click()
    first_error(page, 1).click()
    assert labels(page) == ["correct", "incorrect", "incorrect", "incorrect", "incorrect"]
    expect(first_error(page, 3)).to_have_attribute("aria-pressed", "false")


def test_it_clears_the_mark_where_it_is_and_undoes_that(label):
    page = label(schemes=[scheme()])
    first_error(page, 1).click()
    first_error(page, 1).click()
    assert labels(page) == [None] * 5
    press(page, "z")
    assert labels(page)[1] == "incorrect"
    press(page, "z", "Z")
    assert labels(page)[1] == "incorrect"
    saved(page)


@pytest.mark.parametrize(
    ("option", "name", "expected"),
    [
        ("allow_all_correct", "All Correct", ["correct"] * 5),
        ("allow_all_incorrect", "All Incorrect", ["incorrect"] * 5),
    ],
)
def test_it_offers_all_at_once_only_as_configured(label, option, name, expected):
    page = label(schemes=[scheme(**{option: True})])
    button(page, name).click()
    assert labels(page) == expected
    saved(page)
    page = label(schemes=[scheme(**{option: False})])
    expect(button(page, name)).to_have_count(0)


def test_it_outlines_the_clicked_step_only_as_configured(label):
    for wanted, style in ((True, "solid"), (False, "none")):
        page = label(schemes=[scheme(highlight_clicked_step=wanted)])
        first_error(page, 1).click()
        assert step(page, 1).evaluate("one => getComputedStyle(one).outlineStyle") == style


def test_it_scrolls_to_the_clicked_step_only_as_configured(label):
    at_top = []
    for wanted in (True, False):
        page = label(schemes=[scheme(auto_scroll_on_click=wanted)], traces=[make_trace(steps=20)])
        first_error(page, 8).scroll_into_view_if_needed()
        first_error(page, 8).click()
        saved(page)
        at_top.append(step(page, 8).bounding_box()["y"] < 100)
    assert at_top == [True, False]


def test_it_numbers_steps_only_as_configured(label):
    for wanted in (True, False):
        page = label(schemes=[scheme(show_step_numbers=wanted)])
        expect(step(page, 3).get_by_text("#3", exact=True)).to_be_visible(visible=wanted)


def test_it_shows_its_title_and_description(label):
    page = label(schemes=[scheme(label="Where does it go wrong?", description="Mark <b>the first</b> wrong step.")])
    expect(page.get_by_role("heading", name="Where does it go wrong?")).to_be_visible()
    panel = page.get_by_role("complementary", name="Answers")
    expect(panel.get_by_text("Mark <b>the first</b> wrong step.")).to_be_visible()


def test_it_asks_for_confirmation_only_as_configured(label):
    page = label(schemes=[scheme(confirmation_dialog=True), OUTCOME])
    first_error(page, 2).click()
    page.get_by_label("Partially Resolved").check()
    button(page, "Submit").click()
    review = page.get_by_role("region", name="Review before you submit")
    expect(review).to_contain_text("First error: step #2 · 5 steps")
    expect(review).to_contain_text("Partially Resolved")
    expect(button(page, "Confirm")).to_be_focused()
    button(page, "Back").click()
    expect(review).to_be_hidden()
    button(page, "Submit").click()
    button(page, "Confirm").click()
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()

    page = label(schemes=[scheme(confirmation_dialog=False)])
    button(page, "All Correct").click()
    button(page, "Submit").click()
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()


def test_it_takes_its_keys_only_as_configured(label):
    page = label(schemes=[scheme(step_navigation={"next_step": "s", "previous_step": "w"})])
    press(page, "s", "s", "x", "w")
    assert labels(page)[1:3] == ["correct", "incorrect"]
    expect(step(page, 1)).to_have_attribute("aria-current", "step")
    press(page, "a")
    assert labels(page) == ["correct"] * 5

    page = label(schemes=[scheme(enable_keyboard_navigation=False)])
    press(page, "j", "x", "a")
    assert labels(page) == [None] * 5
    expect(step(page, 0)).to_have_attribute("aria-current", "step")


def test_it_keeps_a_reason_for_the_mark(label):
    page = label(schemes=[scheme()])
    first_error(page, 1).click()
    button(step(page, 1), "Add reason").click()
    step(page, 1).get_by_label("Reason").fill("reads the wrong file")
    first_error(page, 2).click()
    expect(step(page, 2).get_by_label("Reason")).to_have_value("reads the wrong file")
    saved(page)
    page.reload()
    expect(step(page, 2).get_by_label("Reason")).to_have_value("reads the wrong file")
