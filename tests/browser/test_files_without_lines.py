"""Files whose change has no lines, in a review: they are rated, commented on and marked as files."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ready
from tests.browser.pages import button, press, saved, step
from tests.browser.test_code_review import EDIT, REVIEW, comments, editor
from tests.factory import make_trace

STEPS = [
    {"type": "file_edit", "path": "src/app.py", "diff": EDIT},
    {"type": "file_delete", "path": "src/old.py"},
    {"type": "file_create", "path": "src/empty.py", "content": ""},
    {"type": "file_edit", "path": "src/b.py", "diff": "--- a/src/a.py\n+++ b/src/b.py\n"},
    {"type": "file_edit", "path": "logo.png", "diff": "Binary files a/logo.png and b/logo.png differ\n"},
]
OLD, EMPTY, MOVED, LOGO = 1, 2, 3, 4
PATHS = ["src/app.py", "src/old.py", "src/empty.py", "src/b.py", "logo.png"]


def files(page):
    return page.locator("#changes article")


def of_file(page, number):
    return comments(files(page).nth(number))


@pytest.fixture
def review(label):
    def open_item(**options):
        turns = [{"step_idx": n, **one} for n, one in enumerate(STEPS)]
        page = label(schemes=[REVIEW], traces=[make_trace("t1", structured_turns=turns)], **options)
        press(page, "d")
        expect(files(page)).to_have_count(5)
        return page

    return open_item


def test_they_stand_under_all_changes_with_what_is_known(review):
    page = review()
    assert [one.get_attribute("data-path") for one in files(page).all()] == PATHS
    words = ["Deleted, its text was not recorded.", "Created, empty.", "Renamed from src/a.py to src/b.py.", "Binary."]
    for number, said in enumerate(words, OLD):
        expect(files(page).nth(number).locator(".note").first).to_have_text(said)
        expect(step(page, number).locator(".note").first).to_have_text(said)
        expect(files(page).nth(number).locator(".badge.added")).to_have_count(0)
    expect(page.locator("#changes-viewed")).to_have_text("0 of 5 files viewed")
    # A file with lines is commented on there.
    expect(button(files(page).nth(0), "Comment on the file")).to_have_count(0)


def test_by_keyboard_they_are_rated_commented_on_and_viewed(review):
    page = review()
    press(page, "j")
    expect(files(page).nth(OLD)).to_be_focused()
    press(page, "r", "2")
    expect(page.locator("#announcer")).to_have_text("src/old.py: 2, Below Average")
    press(page, "c")
    expect(editor(page)).to_be_focused()
    expect(editor(page)).to_have_accessible_name("Comment on the file src/old.py")
    expect(button(page, "+ line above")).to_be_hidden()
    page.keyboard.type("It is still imported.")
    press(page, "Alt+1", "Control+Enter")
    expect(of_file(page, OLD).locator(".review-head")).to_have_text("The file Bug", use_inner_text=True)
    expect(files(page).nth(OLD)).to_be_focused()
    press(page, "m")
    expect(page.locator("#changes-viewed")).to_have_text("1 of 5 files viewed")
    # It comes back to a file that was folded over it.
    page.locator("[data-part=list] summary").click()
    page.locator("[data-action=goto_comment]", has_text="old.py").click()
    expect(of_file(page, OLD)).to_be_focused()
    saved(page)
    page.reload()
    ready(page)
    press(page, "d")
    expect(of_file(page, OLD)).to_contain_text("It is still imported.")
    expect(page.locator("#changes-viewed")).to_have_text("1 of 5 files viewed")


def test_by_pointer_there_is_a_button_and_the_step_has_one(review):
    page = review()
    button(files(page).nth(MOVED), "Comment on the file").click()
    page.keyboard.type("Why another name?")
    press(page, "Escape")
    expect(of_file(page, MOVED)).to_contain_text("Draft")
    expect(page.locator("#announcer")).to_have_text("Kept as a draft.")
    button(of_file(page, MOVED), "Edit").click()
    expect(editor(page)).to_have_value("Why another name?")
    press(page, "Control+Enter")
    button(step(page, LOGO), "Comment on the file").click()
    page.keyboard.type("Too large")
    press(page, "Control+Enter")
    expect(comments(step(page, LOGO))).to_contain_text("Too large")
    # Beside the step it is rated as well.
    button(step(page, LOGO), "1, Poor").click()
    expect(button(files(page).nth(LOGO), "1, Poor")).to_have_attribute("aria-pressed", "true")
    saved(page)


SAID = """
from annotation.models import Membership, Project
from tests.factory import person, submit_item
project = Project.objects.get(name="{name}")
comment = {{"anchor": {{"step": None, "file": "src/old.py"}}, "text": "It is still imported."}}
key = "comment:123e4567-e89b-42d3-a456-426614174000"
submit_item(project, "ann", {{"review": {{"verdict": "request_changes", key: comment}}}})
Membership.objects.create(project=project, user=person("ann"), role="viewer", source="admin", state="active")
"""


def test_who_reads_the_answers_is_led_to_a_comment_on_a_file(site, sign_in):
    turns = [{"step_idx": n, **one} for n, one in enumerate(STEPS)]
    name = site.project(schemes=[REVIEW], traces=[make_trace("t1", structured_turns=turns)])
    site.run(SAID.format(name=name))
    page = sign_in("ann")
    page.goto(f"/admin/p/{name.lower().replace(' ', '-')}/")
    page.get_by_role("navigation", name="Project").get_by_role("link", name="Items").click()
    page.get_by_role("link", name="1 of 2").click()
    ready(page)
    button(page, "src/old.py").click()
    expect(of_file(page, OLD)).to_be_focused()
    expect(of_file(page, OLD)).to_contain_text("The file")
