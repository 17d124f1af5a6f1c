"""Choices, scales and numbers on the page: their keys, their limits, and what they show before there is an answer."""

import json

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ready
from tests.browser.pages import button, current, press, saved, step
from tests.factory import FIRST_ERROR, OUTCOME, PER_STEP, make_traces

QUALITY = {
    "annotation_type": "likert",
    "name": "quality",
    "label": "Quality",
    "size": 5,
    "sequential_key_binding": True,
}
PROBLEMS = {
    "annotation_type": "multiselect",
    "name": "problems",
    "label": "Problems",
    "scope": "step",
    "max_selections": 2,
    "options": ["slow", "risky", "needless"],
    "keyboard_shortcuts": {"slow": "6", "risky": "7", "needless": "8"},
}
SURE = {"annotation_type": "slider", "name": "sure", "label": "Sure", "max_value": 10, "starting_value": 4}
MINUTES = {"annotation_type": "number", "name": "minutes", "label": "Minutes", "integer": True, "max_value": 60}


def answers(page):
    # What is typed is an answer once the field is left.
    page.evaluate("document.activeElement.blur()")
    saved(page)
    page.reload()
    ready(page)
    return json.loads(page.locator("#page-state").text_content())["answers"]


def test_keys_rate_the_item_and_take_back(label):
    page = label(schemes=[QUALITY])
    step(page, 0).focus()
    press(page, "2", "4")
    expect(page.locator("[data-scheme=quality] input[value='4']")).to_be_checked()
    assert answers(page) == {"quality": {"": 4}}
    step(page, 0).focus()
    press(page, "4")
    assert answers(page) == {"quality": {}}


def test_keys_tick_several_choices_of_a_step_and_no_more_than_allowed(label):
    page = label(schemes=[PROBLEMS])
    step(page, 1).focus()
    press(page, "8", "6", "7")
    assert current(page) == 1
    expect(button(step(page, 1), "risky")).to_have_attribute("aria-pressed", "false")
    assert answers(page) == {"problems": {"1": ["slow", "needless"]}}
    step(page, 1).focus()
    press(page, "8", "6")
    assert answers(page) == {"problems": {}}


def test_a_slider_has_no_answer_until_it_is_moved_or_a_number_typed(label):
    page = label(schemes=[SURE])
    slider, number = page.get_by_role("slider"), page.get_by_label("Sure, as a number")
    expect(slider).to_have_value("4")
    expect(slider).to_have_attribute("aria-valuetext", "no answer yet")
    expect(page.locator("#progress-text")).to_have_text("0 of 1 question answered")
    number.fill("9")
    expect(slider).to_have_value("9")
    assert answers(page) == {"sure": {"": 9}}
    slider.focus()
    press(page, "ArrowLeft")
    expect(number).to_have_value("8")
    assert answers(page) == {"sure": {"": 8}}


def test_a_number_out_of_its_limits_is_no_answer_and_says_so(label):
    page = label(schemes=[MINUTES])
    field = page.get_by_label("Minutes")
    field.fill("61")
    expect(page.locator("[data-scheme=minutes] input:invalid")).to_have_count(1)
    press(page, "Escape", "Enter")
    expect(page.locator("#missing")).to_contain_text("Before you submit:“Minutes”: This takes a whole number up to 60.")
    expect(page.get_by_text("A whole number up to 60", exact=True)).to_be_visible()
    field.fill("60")
    assert answers(page) == {"minutes": {"": 60}}


def test_a_number_that_is_not_taken_leaves_the_last_answer_and_is_not_passed_over(label):
    page = label(schemes=[{**SURE, "required": False}])
    number = page.get_by_label("Sure, as a number")
    number.fill("5")
    assert answers(page) == {"sure": {"": 5}}
    number.fill("50")
    takes = "This takes a number from 0 to 10 in steps of 1."
    told = page.get_by_role("alert").filter(has_text=f"{takes} The answer is still 5.")
    expect(told).to_be_visible()
    expect(page.locator("[data-scheme=sure] input[type=range]")).to_have_value("5")
    button(page, "Submit").click()
    missing = page.locator("#missing")
    expect(missing).to_contain_text(f"“Sure”: {takes}")
    expect(number).to_have_value("50")
    number.fill("5")
    expect(told).to_be_hidden()
    expect(missing).to_be_hidden()
    number.fill("11")
    assert answers(page) == {"sure": {"": 5}}
    # Moving the slider, or emptying the field, is an answer to it.
    number.fill("11")
    page.get_by_role("slider").focus()
    press(page, "ArrowRight")
    expect(page.locator(".invalid:not(:empty)")).to_have_count(0)
    number.fill("")
    assert answers(page) == {"sure": {}}


def test_a_number_that_is_not_taken_is_there_after_a_reload_with_why(label):
    page = label(schemes=[{**SURE, "required": False}, COST])
    number = page.get_by_label("Sure, as a number")
    told = page.get_by_role("alert").filter(has_text="in steps of 1. The answer is still 5.")
    with page.expect_response("**/ops"):
        number.fill("5")
    number.fill("50")
    expect(told).to_be_visible()
    page.get_by_label("Cost").fill("1,500")
    page.reload()
    ready(page)
    expect(number).to_have_value("50")
    expect(told).to_be_visible()
    expect(page.get_by_label("Cost")).to_have_value("1,500")
    button(page, "Submit").click()
    expect(page.locator("#missing")).to_contain_text("“Sure”: This takes a number from 0 to 10")
    # What is mended is gone from the device.
    number.fill("6")
    with page.expect_response("**/ops"):
        page.get_by_label("Cost").fill("1500")
    page.reload()
    ready(page)
    expect(number).to_have_value("6")
    expect(page.locator(".invalid:not(:empty)")).to_have_count(0)
    assert page.evaluate("Object.keys(localStorage).filter(name => name.startsWith('potato-untaken'))") == []


@pytest.mark.parametrize("scope", ["item", "step"])
def test_a_number_that_is_not_taken_is_there_though_the_answers_before_it_are_on_their_way(label, scope):
    page = label(schemes=[{**SURE, "scope": scope}])
    number = (step(page, 0) if scope == "step" else page).get_by_label("Sure, as a number")
    page.route("**/ops", lambda route: route.abort())
    for typed in ("5", "6"):
        number.fill(typed)
        # Typed text is an operation after a pause, and waits on the device then.
        while page.evaluate("Object.keys(localStorage).some((name) => name.startsWith('potato-draft/'))"):
            page.wait_for_timeout(50)
    number.fill("50")
    told = page.get_by_role("alert").filter(has_text="The answer is still 6.")
    expect(told).to_be_visible()
    page.reload()
    ready(page)
    expect(number).to_have_value("50")
    expect(told).to_be_visible()


def test_a_number_that_is_not_taken_goes_where_the_answer_became_another_one(label, sign_in):
    page = label(schemes=[SURE])
    number = page.get_by_label("Sure, as a number")
    number.fill("50")
    expect(page.get_by_role("alert").filter(has_text="There is no answer yet.")).to_be_visible()
    elsewhere = sign_in("ann")
    elsewhere.goto(page.url)
    ready(elsewhere)
    with elsewhere.expect_response("**/ops"):
        elsewhere.get_by_label("Sure, as a number").fill("7")
    page.reload()
    ready(page)
    expect(number).to_have_value("7")
    expect(page.locator(".invalid:not(:empty)")).to_have_count(0)


def test_a_number_that_is_not_taken_far_down_is_named_after_a_reload(label):
    far = {**SURE, "scope": "step", "required": False}
    first = label(schemes=[far], traces=make_traces(1, steps=160))
    url = first.url
    first.evaluate("document.querySelector('[data-chunk=\"5\"]').scrollIntoView()")
    step(first, 140).get_by_label("Sure, as a number").fill("50")
    first.close()
    page = first.context.new_page()
    page.goto(url)
    ready(page)
    expect(step(page, 140)).to_have_count(0)
    button(page, "Submit").click()
    page.get_by_role("link", name="“Sure” at step 140: This takes a number").click()
    expect(step(page, 140).get_by_label("Sure, as a number")).to_have_value("50")
    expect(step(page, 140).get_by_role("alert")).to_contain_text("There is no answer yet.")


def test_a_number_stays_as_it_was_typed_when_it_is_saved(label):
    page = label(schemes=[{**SURE, "annotation_type": "number"}])
    field = page.get_by_label("Sure")
    for first, last, answer in (("0.0", "5", 0.05), ("1.", "5", 1.5), ("2.5", "0", 2.5)):
        with page.expect_response("**/ops"):
            field.press_sequentially(first)
        saved(page)
        field.press_sequentially(last)
        expect(field).to_have_value(first + last)
        assert answers(page) == {"sure": {"": answer}}
        with page.expect_response("**/ops"):
            field.fill("")


COST = {"annotation_type": "number", "name": "cost", "label": "Cost"}


def test_a_comma_is_a_mark_of_decimals_as_a_point_is_and_digits_are_of_any_script(label):
    page = label(schemes=[COST])
    field = page.get_by_label("Cost")
    expected = {
        "1,5": 1.5, "1.5": 1.5, " -0,25 ": -0.25, "−3": -3, "0,125": 0.125, "1.125": 1.125, "1234,125": 1234.125,
        ".5": 0.5, "7,": 7, "2e3": 2000, "－１，５": -1.5, "٣٫٥٠٠": 3.5, "१२": 12, "𝟘𝟗": 9,
    }  # fmt: skip
    given = {}
    for typed in expected:
        field.fill("")
        field.press_sequentially(typed)
        press(page, "Tab")
        saved(page)
        expect(field).to_have_value(typed)
        expect(page.locator(".invalid:not(:empty)")).to_have_count(0)
        given[typed] = answers(page)["cost"][""]
    assert given == expected


def test_what_can_be_read_in_two_ways_or_is_no_number_stays_as_typed_and_says_so(label):
    whole = {**COST, "name": "whole", "label": "Whole", "integer": True}
    part = {**COST, "name": "part", "label": "Part", "min_value": 0.5, "max_value": 60}
    page = label(schemes=[COST, whole, part])
    for name, typed, told in (
        ("Cost", "1,500", "“1,500” can mean 1500 or 1.5: type the one you mean like that."),
        ("Cost", "1,234.5", "“1,234.5” is not a number."),
        ("Cost", "5 min", "“5 min” is not a number."),
        ("Cost", "-", "“-” is not a number."),
        ("Cost", "5²", "“5²” is not a number."),
        ("Cost", "１，５００", "“1,500” can mean 1500 or 1.5: type the one you mean like that."),
        ("Cost", "9007199254740993", "“9007199254740993” is too large a number."),
        ("Whole", "1.500", "“1.500” can mean 1500 or 1.5: type the one you mean like that."),
        ("Whole", "1,5", "This takes a whole number."),
        ("Part", "61,5", "This takes a number from 0.5 to 60."),
    ):
        field = page.get_by_label(name)
        field.fill("2")
        press(page, "Tab")
        saved(page)
        field.focus()
        press(page, "ControlOrMeta+a")
        page.keyboard.type(typed)
        expect(page.get_by_role("alert").filter(has_text=told)).to_be_visible()
        press(page, "Escape", "Enter")
        expect(page.locator("#missing")).to_contain_text(f"“{name}”: {told}")
        expect(field).to_have_value(typed)
        field.fill("")


def test_arrow_keys_go_to_the_next_number_that_is_taken(label):
    quarter = {**SURE, "name": "part", "label": "Part", "min_value": -1, "max_value": 1, "step": 0.25}
    page = label(schemes=[{**quarter, "starting_value": None}, {**COST, "min_value": 0.5, "max_value": 3}])
    part, cost = page.get_by_label("Part, as a number"), page.get_by_label("Cost")
    part.focus()
    seen = []
    for typed, key in (("", "Up"), ("0.3", "Up"), ("0.3", "Down"), ("1", "Up"), ("1,5", "Down"), ("x", "Up")):
        part.fill(typed)
        press(page, f"Arrow{key}")
        seen.append(part.input_value())
    assert seen == ["0.25", "0.5", "0.25", "1", "1", "x"]
    part.fill("-0,75")
    expect(page.get_by_role("slider")).to_have_value("-0.75")
    cost.focus()
    press(page, "ArrowUp", "ArrowUp", "ArrowUp")
    expect(cost).to_have_value("2.5")
    press(page, "ArrowUp", "ArrowDown")
    expect(cost).to_have_value("2")
    assert answers(page) == {"part": {"": -0.75}, "cost": {"": 2}}


def test_arrow_keys_stop_where_the_numbers_do(label):
    third = {**SURE, "name": "third", "label": "Third", "step": 3, "starting_value": None}
    below = {**third, "name": "below", "label": "Below", "min_value": -10, "max_value": -3}
    whole = {**COST, "name": "whole", "label": "Whole", "integer": True, "min_value": 0.5, "max_value": 2.5}
    page = label(schemes=[third, below, whole, COST])
    seen = []
    for name, typed, key in (
        ("Third, as a number", "9", "Up"),
        ("Third, as a number", "50", "Down"),
        ("Below, as a number", "", "Down"),
        ("Whole", "", "Up"),
        ("Whole", "2", "Up"),
        ("Cost", "123456789012999", "Down"),
        ("Cost", "0.2", "Up"),
    ):
        field = page.get_by_label(name, exact=True)
        field.fill(typed)
        press(page, f"Arrow{key}")
        expect(page.locator(".invalid:not(:empty)")).to_have_count(0)
        seen.append(field.input_value())
    assert seen == ["9", "9", "-4", "1", "2", "123456789012998", "1.2"]


def test_a_screen_reader_hears_what_a_number_field_takes(label):
    minutes = {**MINUTES, "description": "As the log has it"}
    page = label(schemes=[SURE, minutes, {**SURE, "name": "part", "label": "Part", "scope": "step"}])
    takes = "A number from 0 to 10 in steps of 1"
    expect(page.get_by_label("Sure, as a number")).to_have_accessible_description(takes)
    expect(step(page, 1).get_by_label("Part, as a number")).to_have_accessible_description(takes)
    expect(page.get_by_label("Minutes")).to_have_accessible_description("As the log has it A whole number up to 60")


def test_half_a_number_is_not_passed_over(label):
    page = label(schemes=[{**MINUTES, "required": False, "scope": "step"}])
    field = step(page, 1).get_by_role("textbox")
    field.press_sequentially("1e")
    press(page, "Escape", "Enter")
    expect(page.get_by_role("link", name="“Minutes” at step 1:")).to_be_focused()
    press(page, "Enter")
    field.fill("1")
    button(page, "Submit").click()
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()


def test_what_is_not_taken_is_seen_at_the_review_too(label):
    page = label(schemes=[{**SURE, "required": False}, {**FIRST_ERROR, "confirmation_dialog": True}])
    press(page, "a", "Enter")
    expect(button(page, "Confirm")).to_be_focused()
    page.get_by_label("Sure, as a number").fill("50")
    button(page, "Confirm").click()
    expect(page.locator("#missing")).to_contain_text("“Sure”: This takes a number from 0 to 10 in steps of 1.")


def test_a_key_goes_to_the_first_open_question_and_escape_back_to_the_step(label):
    page = label(schemes=[QUALITY, MINUTES])
    step(page, 2).focus()
    press(page, "3", "i")
    expect(page.get_by_label("Minutes")).to_be_focused()
    page.keyboard.type("5")
    press(page, "Escape")
    assert page.evaluate("document.activeElement.id") == "step-2"
    assert answers(page) == {"quality": {"": 3}, "minutes": {"": 5}}


def test_the_key_finds_the_buttons_of_a_question_and_escape_leaves_them(label):
    page = label(schemes=[FIRST_ERROR, MINUTES])
    step(page, 2).focus()
    press(page, "i")
    expect(button(page, "All Correct")).to_be_focused()
    press(page, "Enter", "Escape")
    assert page.evaluate("document.activeElement.id") == "step-2"
    press(page, "i")
    expect(page.get_by_label("Minutes")).to_be_focused()


def test_the_key_passes_over_a_question_that_is_answered_beside_the_steps(label):
    page = label(schemes=[PER_STEP, MINUTES])
    step(page, 2).focus()
    press(page, "i")
    expect(page.get_by_label("Minutes")).to_be_focused()


def test_descriptions_of_two_thousand_letters_leave_the_choices_in_sight_and_stand_whole_in_the_guide(label):
    long = "when it matters, " * 117 + "the end."
    page = label(schemes=[{**QUALITY, "description": long}, {**OUTCOME, "description": long}])
    for name in ("4", "Partially Resolved"):
        expect(page.get_by_role("radio", name=name)).to_be_in_viewport()
    step(page, 0).focus()
    press(page, "h")
    end = page.get_by_role("complementary", name="Guide").get_by_text("the end.").first
    end.scroll_into_view_if_needed()
    expect(end).to_be_in_viewport()
