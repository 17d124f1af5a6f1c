"""Deciding where annotators differ, in a browser: from the queue to the final answer."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ready
from tests.browser.pages import button, press, saved
from tests.factory import FIRST_ERROR, OUTCOME, PER_STEP, make_trace, make_traces

TEXT = {"annotation_type": "text_input", "name": "why", "label": "Why?", "required": False}
HOSTILE = "<img src=x onerror=alert(1)>"
PAIRWISE = {"annotation_type": "pairwise", "name": "preference", "label": "Which is better?", "reason": "optional"}
REVIEW = {"annotation_type": "code_review", "name": "review", "label": "Review", "required": False}

# What two people answered, and who decides.
ANSWERED = """
from annotation.models import Membership, Project
from annotation.quality import statistics
from tests.factory import submit_item
project = Project.objects.get(name={name!r})
for person, values in {answers!r}:
    submit_item(project, person, values)
Membership.objects.filter(project=project, user__username="judge").update(role="adjudicator")
statistics.compute(project)
"""


@pytest.fixture
def queue(site, sign_in):
    """``queue(answers, schemes=…)``: what there is to decide in a project that was answered so."""

    def open_queue(answers, *, context=None, **options) -> Page:
        name = site.project(people=("ann", "bob", "judge"), overlap=100, **options)
        site.run(ANSWERED.format(name=name, answers=answers))
        page = sign_in("judge", **(context or {}))
        page.get_by_role("link", name=name, exact=True).click()
        page.get_by_role("link", name="Adjudicate: 1 to decide").click()
        page.wait_for_url("**/adjudicate/")
        return page

    return open_queue


def first_errors(ann, bob, **more):
    return [
        ("ann", {"step_reward": {"first_error": {"step": ann, "reason": HOSTILE}}, "why": {"": HOSTILE}, **more}),
        ("bob", {"step_reward": {"first_error": {"step": bob}}, **more}),
    ]


def decide(page: Page) -> None:
    page.get_by_role("button", name="Decide").click()
    ready(page)


def kept(page: Page) -> dict:
    saved(page)
    page.reload()
    ready(page)
    return json.loads(page.locator("#page-state").text_content() or "")["answers"]


def test_an_item_is_decided_from_the_keyboard(queue):
    page = queue(first_errors(1, 4), schemes=[FIRST_ERROR, TEXT], traces=make_traces(1), minimum_time=20)
    expect(page.get_by_text("First error: step 1 / step 4")).to_be_visible()
    page.get_by_role("button", name="Decide").focus()
    page.keyboard.press("Enter")
    ready(page)
    # A look of one's own comes first, and no time has to be read.
    expect(page.locator(".voices-step")).to_have_count(0)
    expect(page.locator("#clock")).to_be_hidden()
    press(page, "b")
    expect(page.locator("#voices-body")).to_be_focused()
    expect(page.locator("#voices-body")).to_contain_text("First error: step 1")
    expect(page.locator('[data-step="2"] .voices-step')).to_contain_text("Incorrect Step")
    expect(page.locator("body")).to_contain_text(HOSTILE)
    expect(page.locator("img[src=x]")).to_have_count(0)
    assert "ann" not in page.locator("#voices").inner_text().lower().replace("answers", "").replace("answered", "")
    press(page, "j", "j", "x", "Enter")
    page.get_by_text("Submitted.").wait_for()
    expect(page.get_by_text("There is nothing to decide.")).to_be_visible()
    page.get_by_role("link", name="Decided 1").click()
    expect(page.get_by_text("decided by judge")).to_be_visible()
    page.get_by_role("button", name="Change").click()
    ready(page)
    state = json.loads(page.locator("#page-state").text_content() or "")
    assert state["answers"]["step_reward"]["first_error"]["step"] == 2
    # Whoever has answered has had their look.
    expect(page.locator("#voices-body")).to_be_visible()


def test_one_persons_answers_are_taken_and_given_back_in_one_go(queue):
    page = queue(
        first_errors(1, 4, outcome={"": "partial"}), schemes=[FIRST_ERROR, OUTCOME, TEXT], traces=make_traces(1)
    )
    decide(page)
    press(page, "x")
    button(page, "Show answers").click()
    letter = page.locator("#voices-body dl div", has_text="First error: step 1").locator("dt").inner_text()
    button(page, f"Take {letter}’s answers").click()
    taken = kept(page)
    assert taken["step_reward"]["first_error"]["step"] == 1
    assert (taken["outcome"], taken["why"]) == ({"": "partial"}, {"": HOSTILE})
    other = "A" if letter == "B" else "B"
    button(page, f"Take {other}’s answers").click()
    expect(page.get_by_text(f"{other}’s answers are yours now")).to_be_visible()
    page.locator("#trace article").first.focus()
    press(page, "z")
    expect(page.get_by_text("answers are yours now")).to_have_count(0)
    assert kept(page) == taken


def test_taken_answers_are_not_offered_to_be_given_back_where_the_item_was_submitted(queue):
    page = queue(first_errors(1, 4), schemes=[FIRST_ERROR, TEXT], traces=make_traces(1))
    decide(page)
    button(page, "Show answers").click()
    button(page, "Take A’s answers").click()
    saved(page)
    other = page.context.new_page()
    other.goto(page.url)
    ready(other)
    button(other, "Submit").click()
    expect(page.get_by_text("This item was submitted in another tab.")).to_be_visible()
    expect(page.get_by_text("answers are yours now")).to_have_count(0)


def test_labels_of_steps_stand_beside_them(queue):
    labels = lambda *given: {"per_step": {str(n): {"label": label} for n, label in enumerate(given)}}  # noqa: E731
    answers = [
        ("ann", labels("correct", "correct", "incorrect")),
        ("bob", labels("correct", "neutral", "incorrect")),
    ]
    page = queue(answers, schemes=[PER_STEP], traces=make_traces(1, 3))
    expect(page.get_by_text("Per Step: step 1")).to_be_visible()
    decide(page)
    press(page, "b")
    expect(page.locator('[data-step="0"] .voices-step')).to_contain_text("A, B")
    expect(page.locator('[data-step="1"] .voices-step .reading-differs')).to_have_count(1)
    button(page, "Take A’s answers").click()
    assert len(kept(page)["per_step"]) == 3


def test_a_comparison_is_decided(queue):
    two = [make_trace(f"try-{n}", 3, issue_id="x") for n in (1, 2)]
    answers = [
        ("ann", {"preference": {"choice": {"side": "a"}, "reason": HOSTILE}}),
        ("bob", {"preference": {"choice": {"side": "b"}}}),
    ]
    page = queue(answers, schemes=[PAIRWISE], traces=two)
    expect(page.get_by_text("Which is better? Left is better / Right is better")).to_be_visible()
    decide(page)
    press(page, "b")
    expect(page.locator("#voices-body")).to_contain_text(HOSTILE)
    letter = page.locator("#voices-body dl div", has_text="Left is better").locator("dt").first.inner_text()
    button(page, f"Take {letter}’s answers").click()
    assert kept(page)["preference"]["choice"]["side"] == "a"


def test_a_review_is_decided(queue):
    anchor = {"step": 2, "file": "src/a.py", "side": "new", "start_line": 1, "end_line": 1}
    key = "comment:3f0c7f3e-0f0a-4c39-9d61-5a3d4c1b2a10"
    answers = [
        ("ann", {"review": {"verdict": "approve"}}),
        ("bob", {"review": {"verdict": "request_changes", key: {"anchor": anchor, "text": HOSTILE}}}),
    ]
    page = queue(answers, schemes=[REVIEW], traces=make_traces(1))
    expect(page.get_by_text("Review: Approve / Request Changes")).to_be_visible()
    decide(page)
    press(page, "b")
    expect(page.locator("#voices-body")).to_contain_text(HOSTILE)
    letter = page.locator("#voices-body dl div", has_text="Request Changes").locator("dt").inner_text()
    button(page, f"Take {letter}’s answers").click()
    taken = kept(page)["review"]
    assert (taken["verdict"], taken[key]["text"]) == ("request_changes", HOSTILE)


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_is_wider_than_the_window(queue, width):
    context = {"viewport": {"width": width, "height": 900}}
    page = queue(first_errors(1, 4), schemes=[FIRST_ERROR, TEXT], traces=make_traces(1), context=context)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    decide(page)
    press(page, "b")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
