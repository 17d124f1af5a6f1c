"""The screening in a browser: what it takes, the items, what came of it, work. Without a pointer."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import ready
from tests.browser.pages import button, press
from tests.factory import FIRST_ERROR, make_traces

# The agents went wrong at their second step.
KNOWN = """
from annotation.models import Item
from annotation.quality.gold import set_gold
for item in Item.objects.filter(project__name={name!r}).order_by("position")[:{count}]:
    set_gold(item.project, item, "step_reward", {{"first_error": {{"step": 1}}}}, user=None)
"""


def screening_project(site, **rules: object) -> str:
    name = site.project(
        people=("ann", "bob"), schemes=[FIRST_ERROR], traces=make_traces(8), overlap=0,
        quality_control={"screening": {"enabled": True, "items": 3, "pass_percentage": 66, **rules}},
    )  # fmt: skip
    site.run(KNOWN.format(name=name, count=6))
    return name


def activate(page: Page, name: str) -> None:
    button(page, name).focus()
    press(page, "Enter")


def screened(page: Page, *keys: str) -> None:
    """The whole try, an item for each of the keys: ``x`` says that the second step is wrong, ``a`` that none is."""
    for number, key in enumerate(keys, 1):
        ready(page)
        expect(page.get_by_text(f"Screening {number} of {len(keys)}")).to_be_visible()
        press(page, *(["j", "x"] if key == "x" else ["a"]), "Enter")
        if number < len(keys):
            expect(page.get_by_text(f"Screening {number + 1} of {len(keys)}")).to_be_visible()


def test_who_passes_goes_on_to_work(site, sign_in):
    name = screening_project(site)
    page = sign_in("ann")
    page.get_by_role("link", name=name, exact=True).focus()
    press(page, "Enter")
    expect(page.get_by_role("heading", name="A screening comes first")).to_be_visible()
    expect(page.get_by_text("You pass with 2 of 3 points.")).to_be_visible()
    activate(page, "Begin the screening")
    screened(page, "x", "a", "x")
    expect(page.get_by_role("heading", name="You passed the screening")).to_be_visible()
    expect(page.get_by_text("2 of 3 points; 2 were needed")).to_be_visible()
    expect(button(page, "Undo")).to_have_count(0)
    activate(page, "Start")
    ready(page)
    expect(page.get_by_text("Item 1 of 8")).to_be_visible()


def test_who_fails_reads_when_they_may_try_again(site, sign_in):
    name = screening_project(site)
    page = sign_in("bob")
    page.get_by_role("link", name=name, exact=True).focus()
    press(page, "Enter")
    activate(page, "Begin the screening")
    screened(page, "a", "x", "a")
    expect(page.get_by_role("heading", name="You did not pass the screening")).to_be_visible()
    expect(page.get_by_text("1 of 3 points; 2 were needed")).to_be_visible()
    expect(page.get_by_text("You may try once more, with other items, from")).to_be_visible()
    expect(button(page, "Try again")).to_have_count(0)
