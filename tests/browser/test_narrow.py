"""The labeling page in a narrow window."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ready
from tests.browser.pages import button, first_error, saved
from tests.factory import ERROR_DESCRIPTION, FIRST_ERROR, OUTCOME

ALL = [{**FIRST_ERROR, "confirmation_dialog": True}, OUTCOME, ERROR_DESCRIPTION]


def test_a_phone_does_not_zoom_into_a_field(label, sign_in):
    types = [{**OUTCOME, "annotation_type": "select"}, {**OUTCOME, "annotation_type": "text_input", "name": "text"},
             {"annotation_type": "number", "name": "number", "scope": "step"}]  # fmt: skip
    url = label(schemes=types).url
    page = sign_in("ann", has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    page.goto(url)
    ready(page)
    sizes = page.eval_on_selector_all(
        "select, textarea, input:is([type=text], [type=search])",
        "all => all.map(one => getComputedStyle(one).fontSize)",
    )
    assert len(sizes) > 5
    assert set(sizes) == {"16px"}


def test_a_narrow_window_has_one_column_and_the_answers_in_a_sheet(label):
    page = label(schemes=ALL, context={"viewport": {"width": 390, "height": 844}})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    expect(button(page, "Submit")).to_be_in_viewport()
    expect(page.get_by_label("Fully Resolved")).to_be_hidden()
    page.get_by_role("button", name="Answers").click()
    page.get_by_label("Fully Resolved").check()
    saved(page)


def test_a_narrow_window_shows_the_whole_save_state(label):
    page = label(schemes=[FIRST_ERROR], context={"viewport": {"width": 390, "height": 844}})
    page.context.set_offline(True)
    first_error(page, 1).click()
    state = page.get_by_role("status")
    expect(state).to_have_text("Offline – kept on this device (1 change)")
    assert state.evaluate("one => one.scrollWidth <= one.clientWidth && one.clientWidth > 250 && one.clientHeight < 50")
    page.context.set_offline(False)
    saved(page)
    assert page.locator(".label-header .project-link").bounding_box()["width"] > 80
    bottoms = "one => [...one.children].map(part => part.getBoundingClientRect().bottom)"
    header = page.locator(".label-header")
    assert max(header.evaluate(bottoms)) <= header.bounding_box()["height"]


ROWS = """header => {
  const rows = new Map();
  for (const part of [...header.children].filter((one) => one.offsetWidth && one.textContent)) {
    const { top, bottom } = part.getBoundingClientRect();
    const row = Math.round((top + bottom) / 60);
    rows.set(row, [...(rows.get(row) ?? []), part.className.split(" ").at(-1)]);
  }
  return [...rows.values()];
}"""


@pytest.mark.parametrize("width", [360, 390, 820])
def test_a_narrow_header_has_two_rows_the_tools_in_the_first(label, width):
    name = f"Rewards of the steps of long runs, {width}"
    page = label(schemes=[FIRST_ERROR], name=name, context={"viewport": {"width": width, "height": 844}})
    first, second = page.locator(".label-header").evaluate(ROWS)
    assert first == ["brand", "project-link", "place", "guide-button", "icon-button"]
    assert second == ["position", "save-state"]
