"""What is missing before an item can be submitted: it is listed, and leads to where it is answered."""

import pytest
from playwright.sync_api import expect

from tests.browser.pages import button, press, saved
from tests.factory import ERROR_DESCRIPTION, FIRST_ERROR, OUTCOME, PER_STEP, make_traces

ALL = [{**FIRST_ERROR, "confirmation_dialog": True}, OUTCOME, ERROR_DESCRIPTION]


def test_what_is_missing_of_the_whole_item_stands_before_a_long_list_of_steps(label):
    page = label(schemes=[PER_STEP, OUTCOME], traces=make_traces(1, steps=60))
    button(page, "Submit").click()
    missing = page.locator("#missing")
    expect(missing).to_contain_text("Before you submit (61):")
    expect(missing.get_by_role("listitem").first).to_have_text("“Did the agent resolve the issue?” has no answer yet")
    expect(missing.get_by_role("link")).to_have_count(50)
    expect(missing.get_by_role("link").first).to_be_focused()
    expect(missing.get_by_role("listitem").last).to_have_text("and 11 more")


def test_missing_answers_are_listed(label):
    page = label(schemes=ALL)
    button(page, "Submit").click()
    missing = page.locator("#missing")
    expect(missing).to_contain_text("“Step reward”: mark the first wrong step, or “All Correct”")
    expect(missing).to_contain_text("“Did the agent resolve the issue?” has no answer yet")
    button(page, "All Correct").click()
    expect(missing).to_be_hidden()


@pytest.mark.parametrize("width", [1440, 390])
def test_what_is_missing_of_the_whole_item_leads_to_its_question(label, width):
    texts = [
        {"annotation_type": "text_input", "name": f"text{n}", "label": f"Text {n}", "rows": 9, "required": True}
        for n in range(8)
    ]
    page = label(schemes=[OUTCOME, *texts])
    page.set_viewport_size({"width": width, "height": 800})
    button(page, "Submit").click()
    links = page.locator("#missing").get_by_role("link")
    expect(links).to_have_count(9)
    press(page, "Enter")
    expect(page.get_by_label("Fully Resolved")).to_be_focused()
    expect(page.get_by_label("Fully Resolved")).not_to_be_checked()
    links.nth(8).focus()
    press(page, "Enter")
    expect(page.get_by_label("Text 7")).to_be_focused()
    expect(page.get_by_label("Text 7")).to_be_in_viewport(ratio=0.9)
    page.keyboard.type("Done")
    expect(links).to_have_count(0)


def test_an_optional_question_is_not_left_half_answered(label):
    problems = {
        "annotation_type": "multiselect", "name": "problems", "label": "Problems", "required": False,
        "min_selections": 2, "options": ["slow", "risky", "needless"],
    }  # fmt: skip
    page = label(schemes=[problems])
    page.get_by_label("slow").check()
    button(page, "Submit").click()
    expect(page.locator("#missing")).to_contain_text("“Problems”: choose at least 2")
    page.get_by_label("risky").check()
    button(page, "Submit").click()
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()


def test_what_is_missing_stays_listed_when_a_save_arrives(label):
    page = label(schemes=[PER_STEP])
    held = []
    page.route("**/ops", lambda route: held.append(route))
    press(page, "1")
    button(page, "Submit").click()
    gap = page.get_by_role("link", name="step 1 has no label")
    expect(gap).to_be_focused()
    for route in held:
        route.continue_()
    saved(page)
    expect(gap).to_be_focused()
    press(page, "2")
    expect(gap).to_be_hidden()


def test_a_long_name_of_what_is_missing_is_read_to_its_end(label):
    path = "src/" + "a_long_way_down/" * 8 + "file.py"
    question = {"annotation_type": "text_input", "name": "why", "label": path, "scope": "step", "required": True}
    page = label(schemes=[question])
    button(page, "Submit").click()
    missing = page.locator("#missing")
    expect(missing.get_by_role("link").first).to_contain_text(path)
    assert missing.evaluate("one => one.scrollWidth <= one.clientWidth")
