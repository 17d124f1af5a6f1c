"""The answers of several people on a trace, read in a browser: beside the steps, under the lines, where they differ."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ready
from tests.browser.pages import button, current, press, step
from tests.browser.test_code_review import REVIEW, trace
from tests.factory import FIRST_ERROR, make_trace

ANSWERS = """
import uuid, django
django.setup()
from annotation.models import Membership, Project
from potato_site.accounts.models import User
from tests.factory import submit_item
project = Project.objects.get(name="{name}")
def comment(step, line, text, **keys):
    anchor = {{"step": step, "file": "src/app.py", "side": "new", "start_line": line, "end_line": line}}
    return {{"comment:" + str(uuid.uuid4()): {{"anchor": anchor, "text": text, **keys}}}}
for name, first, verdict, comments in (
    ("ann", 1, "request_changes", {{**comment(1, 12, "<b>Why?</b>", category="Bug"), **comment(None, 12, "Of all")}}),
    ("bob", 3, "approve", comment(1, 12, "Fine", resolved=True)),
):
    values = {{"step_reward": {{"first_error": {{"step": first, "reason": "wrong value"}}}}}}
    submit_item(project, name, {{**values, "review": {{"verdict": verdict, "file:src/app.py": 4, **comments}}}})
from tests.factory import PASSWORD
user, made = User.objects.get_or_create(username="mara")
if made:
    user.set_password(PASSWORD.format(name="mara"))
    user.save()
Membership.objects.get_or_create(project=project, user=user, role="viewer", source="admin", state="active")
"""


@pytest.fixture
def reading(site, sign_in):
    def open_item(**options):
        traces = [options.pop("document", None) or trace()]
        name = site.project(schemes=[FIRST_ERROR, {**REVIEW, "require_comment_on_reject": False}], traces=traces)
        site.run(ANSWERS.format(name=name))
        page = sign_in("mara", **options)
        page.goto(f"/admin/p/{name.lower().replace(' ', '-')}/")
        page.get_by_role("navigation", name="Project").get_by_role("link", name="Items").click()
        page.get_by_role("link", name="2 of 2").click()
        ready(page)
        return page

    return open_item


def test_all_steps_are_closed_and_those_that_come_later_too(reading):
    document = trace()
    document["structured_turns"] += make_trace(steps=145)["structured_turns"]
    for index, turn in enumerate(document["structured_turns"]):
        turn["step_idx"] = index
    page = reading(document=document)
    button(page, "Collapse All").click()
    page.locator('.chunk[data-chunk="5"]').scroll_into_view_if_needed()
    expect(step(page, 126).locator("details").first).to_be_attached()
    expect(step(page, 126).locator("details[open]")).to_have_count(0)


def test_who_said_what_stands_where_it_was_said(reading):
    page = reading()
    control = step(page, 1).get_by_role("group", name="Step reward: they differ")
    expect(control).to_contain_text("ann Incorrect Step")
    expect(control).to_contain_text("bob Correct Step")
    expect(control).to_contain_text("wrong value")
    expect(step(page, 0)).not_to_contain_text("differs")
    comments = step(page, 1).locator(".review-comment")
    expect(comments).to_have_count(2)
    expect(comments.first).to_contain_text("<b>Why?</b>")
    expect(comments.nth(1)).to_contain_text("Resolved")
    assert comments.first.evaluate("one => one.previousElementSibling.dataset.new") == "12"
    panel = page.get_by_role("complementary", name="Answers")
    expect(panel).to_contain_text("2 answers about the whole")
    expect(panel).to_contain_text("Request Changes")


def test_keys_lead_from_difference_to_difference_and_links_to_comments(reading):
    page = reading()
    press(page, "n")
    assert current(page) == 1
    press(page, "n")
    assert current(page) == 2
    press(page, "N", "k")
    assert current(page) == 0
    button(page, "src/app.py:12").click()
    expect(page.locator("#changes .review-comment")).to_be_focused()
    expect(page.locator("#changes .review-comment")).to_contain_text("Of all")


def test_one_persons_answers_are_chosen(reading):
    page = reading()
    page.get_by_role("checkbox", name="bob").uncheck()
    button(page, "Show").click()
    ready(page)
    expect(step(page, 1).locator(".review-comment")).to_have_count(1)
    expect(page.get_by_text("Differences")).to_have_count(0)


def test_it_fits_a_phone_and_a_long_trace(reading):
    long = make_trace("t1", steps=60)
    turns = [*trace()["structured_turns"], *long["structured_turns"][5:]]
    page = reading(document={**long, "structured_turns": turns}, viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("#sheet-toggle").click()
    page.get_by_role("link", name="#2", exact=True).click()
    assert current(page) == 2
    expect(step(page, 59)).to_contain_text("bob Incorrect Step")


def test_the_trace_is_searched(reading):
    page = reading()
    press(page, "/")
    page.keyboard.type("VALUE_11A")
    press(page, "Enter", "Enter")
    expect(page.locator("#search-count")).to_have_text("2 of 3 places, step 3")
    press(page, "Control+Enter")
    expect(step(page, 3)).to_be_focused()
