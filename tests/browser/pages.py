"""What the tests look at on a labeling page."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

SAVED = "All changes saved"


def step(page: Page, number: int) -> Locator:
    return page.locator(f"article#step-{number}")


def button(place: Page | Locator, name: str) -> Locator:
    return place.get_by_role("button", name=name, exact=True)


def first_error(page: Page, number: int) -> Locator:
    return button(step(page, number), "First error")


def saved(page: Page) -> None:
    expect(page.get_by_role("status")).to_have_text(SAVED)


def painted(page: Page) -> None:
    """What was asked of the page before is drawn: two frames went by."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def labels(page: Page) -> list[str | None]:
    """The label that each step is painted with."""
    return page.eval_on_selector_all("article[data-step]", "all => all.map(one => one.dataset.label ?? null)")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def current(page: Page) -> int:
    return int(page.locator("article[aria-current=step]").get_attribute("data-step") or -1)


def start_by_keyboard(page: Page, url: str, *, name: str, password: str, project: str) -> None:
    """Sign in, open the project, start: without a pointer."""
    page.goto(url)
    page.get_by_label("User name").focus()
    page.keyboard.type(name)
    press(page, "Tab")
    page.keyboard.type(password)
    press(page, "Enter")
    page.get_by_role("link", name=project).focus()
    press(page, "Enter")
    button(page, "Start").focus()
    press(page, "Enter")
    page.locator("body[data-ready]").wait_for()
