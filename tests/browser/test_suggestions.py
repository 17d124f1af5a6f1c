"""Labels that came with a trace, on the page: shown as such, accepted one by one or all at once, or changed."""

import json

from playwright.sync_api import expect

from tests.browser.conftest import ready
from tests.browser.pages import button, current, labels, press, saved, step
from tests.factory import FIRST_ERROR, PER_STEP, make_trace

STEPS = {
    "by": "model-x",
    "steps": ["correct", {"label": "incorrect", "reason": "wrong file"}, "neutral", None, "correct"],
}


def answers(page, scheme):
    page.reload()
    ready(page)
    return json.loads(page.locator("#page-state").text_content())["answers"].get(scheme, {})


def origins(page):
    given = answers(page, "per_step")
    return {key: (value["label"], value["origin"]) for key, value in given.items()}


def test_they_are_shown_and_count_for_nothing_until_accepted(label):
    page = label(schemes=[PER_STEP], traces=[make_trace("t", suggestions={"per_step": STEPS})])
    expect(step(page, 1)).to_contain_text("Suggested: Incorrect")
    expect(step(page, 1)).to_contain_text("wrong file")
    expect(step(page, 3)).not_to_contain_text("Suggested")
    expect(page.locator("#panel")).to_contain_text("Suggested by model-x: 0 of 4 settled")
    assert labels(page) == [None] * 5
    press(page, "Enter")
    expect(page.locator("#missing")).to_contain_text("step 0 has no label")


def test_keys_accept_one_and_move_on_change_another_and_accept_the_rest(label):
    page = label(schemes=[PER_STEP], traces=[make_trace("t", suggestions={"per_step": STEPS})])
    step(page, 0).focus()
    press(page, "y")
    assert current(page) == 1
    press(page, "1", "Y")
    expect(step(page, 0)).to_contain_text("Suggested: Correct · confirmed")
    expect(step(page, 1)).to_contain_text("Suggested: Incorrect · changed")
    expect(page.locator("#panel")).to_contain_text("4 of 4 settled")
    saved(page)
    assert origins(page) == {
        "0": ("correct", "ai"),
        "1": ("correct", "ai_changed"),
        "2": ("neutral", "ai"),
        "4": ("correct", "ai"),
    }


def test_accepting_all_is_undone_at_once(label):
    page = label(schemes=[PER_STEP], traces=[make_trace("t", suggestions={"per_step": STEPS})])
    button(page.locator("#panel"), "Accept all").click()
    assert labels(page) == ["correct", "incorrect", "neutral", None, "correct"]
    step(page, 0).focus()
    press(page, "z")
    assert labels(page) == [None] * 5
    press(page, "Z")
    assert labels(page)[1] == "incorrect"


def test_a_suggested_first_error_is_accepted_or_changed(label):
    trace = make_trace("t", suggestions={"step_reward": {"first_error_step": 3}})
    page = label(schemes=[FIRST_ERROR], traces=[trace])
    expect(step(page, 3)).to_contain_text("Suggested: first error here")
    expect(page.locator("#panel")).to_contain_text("Suggested: First error: step #3 · 5 steps")
    step(page, 0).focus()
    press(page, "y")
    assert labels(page) == ["correct"] * 3 + ["incorrect"] * 2
    step(page, 1).focus()
    press(page, "x")
    expect(step(page, 3)).to_contain_text("changed")
    saved(page)
    assert answers(page, "step_reward") == {"first_error": {"step": 1, "origin": "ai_changed"}}


def test_without_any_nothing_is_offered_and_no_key_is_taken(label):
    page = label(schemes=[PER_STEP])
    expect(page.get_by_text("Suggested")).to_have_count(0)
    press(page, "?")
    expect(page.locator("#help-keys")).not_to_contain_text("Accept")
