"""The guide: what labels mean and the project's guidelines, at hand without leaving the step."""

from playwright.sync_api import expect

from tests.browser.conftest import ready
from tests.browser.pages import current, labels, press, step
from tests.factory import FIRST_ERROR, PER_STEP

TEXT = "# Before you start\n\nRead **all** of it. <script>alert(1)</script>\n\n[More](https://example.org/more)"
MEANING = {
    **PER_STEP["labels"],
    "neutral": {"text": "Neutral", "description": "Neither helps nor hurts", "keyboard_shortcut": "4"},
}


def test_it_opens_beside_the_step_and_keys_go_on_working(label):
    page = label(schemes=[{**PER_STEP, "labels": MEANING}], guidelines=TEXT)
    guide = page.get_by_role("complementary", name="Guide")
    expect(guide).to_be_hidden()
    step(page, 2).focus()
    press(page, "h")
    expect(guide).to_contain_text("Neither helps nor hurts")
    expect(guide.get_by_role("heading", name="Before you start")).to_be_visible()
    expect(guide).to_contain_text("<script>alert(1)</script>")
    expect(guide.get_by_role("link", name="More")).to_have_attribute("rel", "noopener noreferrer")
    assert current(page) == 2
    press(page, "4")
    assert labels(page)[2] == "neutral"
    press(page, "Escape")
    expect(guide).to_be_hidden()
    press(page, "h", "h")
    expect(guide).to_be_hidden()


def test_guidelines_are_new_until_they_were_opened_as_they_are(label, site):
    page = label(guidelines=TEXT)
    mark = page.locator("#guide-new")
    expect(mark).to_be_visible()
    page.reload()
    ready(page)
    expect(mark).to_be_visible()
    press(page, "h")
    expect(mark).to_be_hidden()
    page.reload()
    ready(page)
    expect(mark).to_be_hidden()
    another = site.project(guidelines="Read **less** of it.")
    page.goto("/")
    page.get_by_role("link", name=another, exact=True).click()
    page.get_by_role("button", name="Start").click()
    ready(page)
    expect(mark).to_be_visible()


def test_without_guidelines_nothing_is_new(label):
    page = label()
    expect(page.get_by_role("button", name="Guide")).to_be_visible()
    expect(page.locator("#guide-new")).to_be_hidden()


def test_it_shows_the_keys_of_labels_where_labels_have_keys(label):
    page = label(schemes=[FIRST_ERROR, PER_STEP])
    press(page, "h")
    sections = page.locator("#guide section")
    expect(sections.filter(has_text="Incorrect Step").locator("kbd")).to_have_count(0)
    expect(sections.filter(has_text="Partially Correct").locator("kbd")).to_have_text(["1", "2", "3", "4"])


def test_without_guidelines_it_says_what_the_questions_mean(label):
    page = label(schemes=[{**PER_STEP, "description": "Judge every step."}])
    page.get_by_role("button", name="Guide").click()
    guide = page.get_by_role("complementary", name="Guide")
    expect(guide).to_contain_text("Judge every step.")
    expect(guide.get_by_role("heading", name="Guidelines")).to_have_count(0)
    guide.get_by_role("button", name="Close the guide").click()
    expect(page.get_by_role("button", name="Guide")).to_be_focused()
