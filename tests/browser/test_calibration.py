"""The calibration set in a browser: chosen from the list, labeled first, and what is known told afterwards."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import ready
from tests.browser.pages import press
from tests.factory import FIRST_ERROR, make_traces

CALIBRATED = """
from annotation.assignments import managing
from annotation.models import Item
from annotation.quality.gold import set_gold
from potato_site.accounts.models import User
boss = User.objects.filter(username="boss").first() or User.objects.create_superuser("boss", "", "pw")
second, third = Item.objects.filter(project__name={name!r}).order_by("position")[1:]
for item in (second, third):
    managing.calibrate(item.pk, boss)
set_gold(item.project, second, "step_reward", {{"first_error": {{"step": 2}}}}, rationale={why!r}, user=boss)
"""
WHY = "The test is edited, <b>not</b> the code."


def test_the_set_is_labeled_first_by_keyboard_and_the_known_answers_come_after(site, sign_in):
    name = site.project(people=("ann",), schemes=[FIRST_ERROR], traces=make_traces(3))
    site.run(CALIBRATED.format(name=name, why=WHY))
    page = sign_in("ann")
    page.get_by_role("link", name=name, exact=True).click()
    page.get_by_role("button", name="Start").click()
    ready(page)
    expect(page.get_by_text("Calibration 1 of 2")).to_be_visible()
    expect(page.get_by_text("and is no label.")).to_be_visible()
    press(page, "j", "x", "Enter")
    known = page.get_by_role("region", name="Your answers and the known ones")
    expect(known).to_contain_text("First error: step 1")
    expect(known).to_contain_text("First error: step 2")
    expect(known).to_contain_text("differs")
    expect(known).to_contain_text(WHY)
    page.get_by_role("button", name="Next item").focus()
    page.keyboard.press("Enter")
    ready(page)
    expect(page.get_by_text("Calibration 2 of 2")).to_be_visible()
    press(page, "a", "Enter")
    # Nothing is known of this one, and then comes what is labeled for good.
    expect(page.get_by_text("Item 1 of 1")).to_be_visible()
    expect(page.get_by_text("and is no label.")).to_have_count(0)
