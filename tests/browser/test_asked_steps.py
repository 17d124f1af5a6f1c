"""Which steps are asked about: some types only, those up to the first error, those that meet a condition."""

from playwright.sync_api import expect

from tests.browser.pages import button, current, labels, press, saved, step
from tests.factory import FIRST_ERROR, PER_STEP

STOP = {**PER_STEP, "mode": "stop_at_first_error"}
WHY = {
    "annotation_type": "radio",
    "name": "why",
    "label": "Why?",
    "scope": "step",
    "options": ["slip", "plan"],
    "show_if": {"field": "per_step", "condition": "equals", "value": "incorrect"},
}


def asked(page, control="per_step"):
    """The steps with a control of this question."""
    shown = f"article:has(step-controls > [data-scheme={control}]:not([hidden]))"
    return page.eval_on_selector_all(shown, "all => all.map(one => Number(one.dataset.step))")


def test_steps_of_other_types_have_no_control_and_take_no_key(label):
    page = label(schemes=[{**PER_STEP, "step_types": ["any_tool"]}])
    assert asked(page) == [1, 2, 3]
    step(page, 0).focus()
    press(page, "1")
    assert labels(page) == [None] * 5
    press(page, "n", "1", "1", "3")
    assert labels(page) == [None, "correct", "correct", "incorrect", None]
    expect(page.get_by_text("3 of 3 steps labeled")).to_be_visible()
    saved(page)
    press(page, "Enter")
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()


def test_a_first_error_is_marked_on_such_a_step_only(label):
    page = label(schemes=[{**FIRST_ERROR, "step_types": ["file_edit", "bash_command"]}])
    step(page, 1).focus()
    press(page, "x")
    assert labels(page) == [None] * 5
    press(page, "A")
    assert labels(page) == [None, None, "incorrect", "incorrect", None]


def test_labels_stop_at_the_first_error(label):
    page = label(schemes=[STOP])
    step(page, 0).focus()
    press(page, "1", "4", "3")
    assert asked(page) == [0, 1, 2]
    assert labels(page) == ["correct", "neutral", "incorrect", None, None]
    expect(page.get_by_text("First error: step #2. Steps behind it are not labeled.")).to_be_visible()
    step(page, 2).focus()
    press(page, "2")
    assert asked(page) == [0, 1, 2, 3, 4]
    press(page, "z", "Enter")
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()


def test_labels_behind_an_error_found_later_are_shown_no_more(label):
    page = label(schemes=[STOP])
    step(page, 0).focus()
    press(page, "1", "1", "1")
    step(page, 1).focus()
    press(page, "3")
    assert labels(page) == ["correct", "incorrect", None, None, None]
    press(page, "z")
    assert labels(page) == ["correct", "correct", "correct", None, None]


def test_a_condition_between_questions_about_steps_holds_step_by_step(label):
    page = label(schemes=[PER_STEP, WHY])
    assert asked(page, "why") == []
    step(page, 0).focus()
    press(page, "3")
    assert current(page) == 0, "the step has another question now"
    assert asked(page, "why") == [0]
    button(step(page, 0), "slip").click()
    press(page, "j", "1", "1", "3")
    assert asked(page, "why") == [0, 3]
    step(page, 4).focus()
    press(page, "1", "Enter")
    expect(page.get_by_role("link", name="“Why?” has no answer at step 3")).to_be_visible()
    button(step(page, 3), "plan").click()
    saved(page)
    step(page, 3).focus()
    press(page, "Enter")
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()


def test_a_question_waits_for_counts_and_for_other_answers(label):
    notes = {"annotation_type": "text_input", "required": False}
    page = label(
        schemes=[
            PER_STEP,
            {**notes, "name": "many", "label": "Many", "show_if": {
                "field": "per_step", "condition": "count", "value": "incorrect", "at_least": 2}},
            {**notes, "name": "some", "label": "Some", "show_if": {
                "field": "per_step", "condition": "in", "values": ["neutral", "partially_correct"]}},
            {**notes, "name": "other", "label": "Other", "show_if": {
                "field": "per_step", "condition": "not", "value": "incorrect"}},
        ]
    )  # fmt: skip
    step(page, 0).focus()

    def seen():
        return [name for name in ("Many", "Some", "Other") if page.get_by_label(name, exact=True).is_visible()]

    assert seen() == []
    press(page, "4")
    assert seen() == ["Some", "Other"]
    press(page, "3")
    assert seen() == ["Some"]
    press(page, "3")
    assert seen() == ["Many", "Some"]


def test_a_reason_can_be_added_where_the_project_takes_them(label):
    for allowed in (True, False):
        page = label(schemes=[{**PER_STEP, "allow_reason": allowed}])
        step(page, 0).focus()
        press(page, "3", "k")
        expect(button(step(page, 0), "Add reason")).to_be_visible(visible=allowed)
