"""The per-step mode and the radio on steps, every option with two values and a visible difference."""

from playwright.sync_api import expect

from tests.browser.pages import button, current, labels, press, saved, step
from tests.factory import PER_STEP, make_trace

NEEDED = {
    "annotation_type": "radio",
    "name": "needed",
    "scope": "step",
    "label": "Was it needed?",
    "labels": ["yes", "no"],
}


def scheme(**options):
    return {**PER_STEP, **options}


def test_every_label_has_its_text_description_color_and_key(label):
    described = {**PER_STEP["labels"], "neutral": {"text": "Neutral", "description": "Neither", "color": "#123456"}}
    page = label(schemes=[scheme(labels=described)])
    neutral = button(step(page, 0), "Neutral")
    expect(neutral).to_have_attribute("title", "Neither")
    expect(neutral).to_have_attribute("aria-keyshortcuts", "4")
    neutral.click()
    assert step(page, 0).evaluate("one => getComputedStyle(one).borderLeftColor") == "rgb(18, 52, 86)"
    expect(page.get_by_role("complementary", name="Answers")).to_contain_text("Neither")


def test_a_key_labels_and_moves_on_to_the_next_unlabeled_step(label):
    page = label(schemes=[scheme()])
    button(step(page, 1), "Correct").click()
    step(page, 0).focus()
    press(page, "3", "2")
    assert labels(page) == ["incorrect", "correct", "partially_correct", None, None]
    assert current(page) == 3
    saved(page)


def test_who_comes_back_goes_on_at_the_first_step_without_a_label(label):
    page = label(schemes=[scheme()])
    assert current(page) == 0
    press(page, "3", "2")
    saved(page)
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert current(page) == 2
    press(page, "4")
    assert labels(page) == ["incorrect", "partially_correct", "neutral", None, None]
    press(page, "1", "1")
    saved(page)
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert current(page) == 0


def test_a_key_pressed_once_too_often_at_the_last_step_takes_nothing_away(label):
    page = label(schemes=[scheme()])
    press(page, *"111111")
    assert labels(page) == ["correct"] * 5
    # Chosen anew, the key takes its label away, as the button does; another label is given as ever.
    press(page, "k", "j", "1")
    assert labels(page) == [*["correct"] * 4, None]
    press(page, "1", "3")
    assert labels(page) == [*["correct"] * 4, "incorrect"]
    press(page, "z", "1")
    assert labels(page) == [*["correct"] * 4, None]
    saved(page)


def test_keys_that_are_faster_than_the_steps_wait_for_them(label):
    page = label(schemes=[scheme()], traces=[make_trace("long", steps=150)])
    page.route("**/chunks/**", lambda route: (page.wait_for_timeout(700), route.continue_()))
    page.reload()
    page.locator("#panel:not([inert])").wait_for()
    for number in range(110):
        press(page, "12"[number % 2])
    expect(step(page, 110)).to_have_attribute("aria-current", "step")
    assert labels(page)[:110] == ["correct", "partially_correct"] * 55
    saved(page)


def test_who_does_something_before_that_step_is_here_is_not_taken_away(label):
    page = label(schemes=[scheme()], traces=[make_trace("long", steps=150)])
    for _ in range(110):
        press(page, "1")
    expect(step(page, 110)).to_have_attribute("aria-current", "step")
    saved(page)
    # The steps come when the person has chosen one already.
    page.route("**/chunks/**", lambda route: (page.wait_for_timeout(1000), route.continue_()))
    page.reload()
    page.locator("#panel:not([inert])").wait_for()
    press(page, "j")
    page.wait_for_selector("body[data-ready]")
    assert current(page) == 1
    page.unroute_all()
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert current(page) == 110


def test_undo_goes_back_to_any_depth(label):
    page = label(schemes=[scheme()])
    press(page, "1", "2", "3", "4", "1")
    saved(page)
    press(page, "z", "z", "z", "z")
    assert labels(page) == ["correct", None, None, None, None]
    press(page, "Z", "Z")
    assert labels(page) == ["correct", "partially_correct", "incorrect", None, None]
    saved(page)
    page.reload()
    expect(button(step(page, 2), "Incorrect")).to_have_attribute("aria-pressed", "true")


def test_the_configured_keys_move(label):
    page = label(schemes=[scheme(step_navigation={"next_step": "e", "previous_step": "w", "next_unlabeled": "u"})])
    press(page, "e", "e", "w")
    assert current(page) == 1
    button(step(page, 2), "Correct").click()
    step(page, 1).focus()
    press(page, "1", "u")
    assert current(page) == 4
    expect(step(page, 4)).to_be_focused()


def test_keys_do_nothing_where_they_are_turned_off(label):
    page = label(schemes=[scheme(enable_keyboard_navigation=False)])
    press(page, "j", "1")
    assert (labels(page), current(page)) == ([None] * 5, 0)
    expect(button(step(page, 0), "Correct")).not_to_have_attribute("aria-keyshortcuts", "1")


def test_all_steps_are_required_only_as_configured(label):
    page = label(schemes=[scheme(require_all_steps=True)])
    press(page, "1", "2")
    button(page, "Submit").click()
    gap = page.get_by_role("link", name="step 2 has no label")
    expect(gap).to_be_focused()
    gap.click()
    expect(step(page, 2)).to_be_focused()

    page = label(schemes=[scheme(require_all_steps=False)])
    press(page, "1", "2")
    button(page, "Submit").click()
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()


def test_the_progress_bar_is_shown_only_as_configured(label):
    page = label(schemes=[scheme(show_progress_bar=True)])
    press(page, "1", "2")
    expect(page.get_by_text("2 of 5 steps labeled")).to_be_visible()
    page = label(schemes=[scheme(show_progress_bar=False)])
    press(page, "1", "2")
    expect(page.get_by_text("2 of 5 steps labeled")).to_have_count(0)


def test_a_radio_on_steps_stands_beside_the_labels(label):
    page = label(schemes=[scheme(), NEEDED])
    button(step(page, 1), "no").click()
    expect(button(step(page, 1), "no")).to_have_attribute("aria-pressed", "true")
    expect(button(step(page, 0), "no")).to_have_attribute("aria-pressed", "false")
    button(page, "Submit").click()
    expect(page.get_by_role("link", name="“Was it needed?” has no answer at step 0")).to_be_visible()


def test_steps_of_a_long_trace_arrive_when_they_are_needed(label):
    page = label(schemes=[scheme()], traces=[make_trace(steps=160)])
    expect(step(page, 159)).to_have_count(0)
    page.evaluate("document.querySelector('[data-chunk=\"6\"]').scrollIntoView()")
    expect(step(page, 159)).to_have_count(1)
    button(step(page, 159), "Neutral").click()
    saved(page)
    assert labels(page)[-1] == "neutral"


def test_keys_reach_steps_that_are_not_on_the_page_yet(label):
    page = label(schemes=[scheme()], traces=[make_trace(steps=160)])
    for number in range(60):
        press(page, "1")
        expect(step(page, number + 1)).to_have_attribute("aria-current", "step")
    assert labels(page)[:60] == ["correct"] * 60
