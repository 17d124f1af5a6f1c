"""How the admin's pages stand: nothing is cut in a narrow window, and words that belong together stand in one line."""

import pytest
from playwright.sync_api import expect

from tests.factory import FIRST_ERROR, OUTCOME

SUBMITTED = """
from annotation.models import Project
from tests.factory import submit_item
value = {{"first_error": {{"step": 1, "reason": {reason!r}}}}}
print(submit_item(Project.objects.latest("pk"), "ann", {{"step_reward": value}}).pk)
"""
LONG = "a reason that is far too long for one line of a telephone, " * 3


def test_json_is_whole_in_a_narrow_window(manage, site):
    phone = {"viewport": {"width": 390, "height": 844}}
    page = manage("", schemes=[FIRST_ERROR], context=phone)
    number = site.run(SUBMITTED.format(reason=LONG))
    page.goto(f"/admin/annotation/submission/{number.strip()}/change/")
    json = page.locator(".field-values pre")
    expect(json).to_contain_text(LONG)
    assert json.evaluate("pre => pre.scrollWidth <= pre.clientWidth")
    assert json.evaluate("pre => pre.getBoundingClientRect().right") <= 390


def test_a_row_of_a_list_is_a_block_in_a_narrow_window(manage, site):
    page = manage("", schemes=[FIRST_ERROR], context={"viewport": {"width": 390, "height": 844}})
    site.run(SUBMITTED.format(reason="short"))
    for name in ("annotation/assignment", "annotation/membership", "accounts/auditentry", "accounts/user"):
        page.goto(f"/admin/{name}/")
        page.locator("#result_list td[data-title]:not([data-empty])").first.wait_for()
        assert page.locator(".results").evaluate("one => one.scrollWidth <= one.clientWidth"), name
    page.goto("/admin/annotation/membership/")
    ann = page.locator("#result_list tbody tr").filter(has=page.get_by_role("link", name="ann", exact=True)).first
    says = "one => getComputedStyle(one, '::before').content + one.textContent"
    assert ann.locator("td.field-role").evaluate(says) == '"Role: "Annotator'
    # It has no group, and nothing is said of it.
    expect(ann.locator("td.field-group")).to_be_hidden()
    expect(page.locator("#result_list thead").get_by_role("link", name="Role")).to_be_visible()
    page.set_viewport_size({"width": 1440, "height": 900})
    expect(ann.locator("td.field-group")).to_be_visible()


def test_a_narrow_list_leads_to_its_filters_below_the_rows(manage):
    page = manage("", context={"viewport": {"width": 390, "height": 500}})
    page.goto("/admin/annotation/item/")
    filters = page.get_by_role("navigation", name="Filter")
    expect(filters).not_to_be_in_viewport()
    page.get_by_role("link", name="To the filters").press("Enter")
    expect(filters).to_be_in_viewport()
    page.keyboard.press("Tab")
    assert filters.evaluate("one => one.contains(document.activeElement)")
    page.set_viewport_size({"width": 1440, "height": 900})
    expect(page.get_by_role("link", name="To the filters")).to_be_hidden()


@pytest.mark.parametrize("path", ["exports/schedules/", "../../new/"])
def test_the_name_of_a_group_stands_above_its_fields(manage, path):
    page = manage(path)
    group = page.locator("main fieldset, #content fieldset").first
    left = """one => { const range = document.createRange(); range.selectNodeContents(one);
                       return Math.round(range.getBoundingClientRect().left); }"""
    assert abs(group.locator("legend").evaluate(left) - group.locator("label").first.evaluate(left)) <= 1


def test_the_buttons_of_a_closed_question_lie_within_it_and_no_colour_is_not_black(manage):
    page = manage("setup/", schemes=[FIRST_ERROR, OUTCOME])
    closed = page.locator(".setup-scheme").nth(1)
    box, buttons = closed.bounding_box(), closed.locator("> .setup-moves").bounding_box()
    assert box["y"] < buttons["y"]
    assert buttons["y"] + buttons["height"] < box["y"] + box["height"]
    color = page.get_by_label("Color").first
    picker = page.get_by_label("Choose the colour").first
    expect(picker).to_have_attribute("data-empty", "")
    color.fill("#22c55e")
    expect(picker).not_to_have_attribute("data-empty", "")
    expect(picker).to_have_value("#22c55e")


def test_hints_stand_below_their_field_and_above_the_next_group(manage):
    page = manage("exports/")
    page.get_by_text("More options").click()
    where = "one => { const { top, bottom } = one.getBoundingClientRect(); return [top, bottom]; }"
    _, end = page.locator(".export-more > .export-hint").evaluate(where)
    begin, _ = page.locator(".export-groups legend").first.evaluate(where)
    assert end < begin
    option = page.locator(".export-option", has=page.get_by_label("Ties"))
    (_, field), hint = (option.locator(part).evaluate(where) for part in ("select", ".export-hint"))
    next_label, _ = option.locator("+ .export-option label").evaluate(where)
    assert hint[0] - field < next_label - hint[1]


def test_on_a_phone_nothing_of_a_person_is_looked_for_sideways(manage):
    page = manage("people/")
    page.set_viewport_size({"width": 390, "height": 844})
    for table in page.locator(".people-scroll").all():
        assert table.evaluate("one => one.scrollWidth <= one.clientWidth")
    change = page.locator(".people-actions summary").first.bounding_box()
    assert change["x"] + change["width"] < 390


def test_what_people_are_asked_for_stands_in_lines(manage):
    page = manage("people/")
    top = "one => Math.round(one.getBoundingClientRect().top)"
    labels = [page.get_by_text(text).evaluate(top) for text in ("Or a CSV file", "Role where none is given")]
    assert labels[0] == labels[1]
    buttons = [
        page.get_by_role("button", name=name).evaluate(top) for name in ("Make a link", "Download waiting links")
    ]
    assert buttons[0] == buttons[1] == page.locator("#link-role").evaluate(top)
