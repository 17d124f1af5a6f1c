"""The issue at the head of the labeling page, and the steps that only say it again."""

from playwright.sync_api import expect

from tests.browser.pages import current, press, saved, step
from tests.factory import OUTCOME, PER_STEP, make_trace

ISSUE = "Closing twice panics.\n\nIt should return ErrClosed."


def document(*said: str) -> dict:
    turns = [{"step_idx": n, "type": "user_message", "content": text} for n, text in enumerate(said)]
    return make_trace("run-1", 0, issue_description=ISSUE, structured_turns=turns)


def test_a_step_that_repeats_the_issue_is_folded_and_can_be_opened(label):
    page = label(schemes=[PER_STEP], traces=[document(f"{ISSUE}\n", f"{ISSUE} And hurry.")])
    first, second = step(page, 0), step(page, 1)
    expect(first).to_contain_text("The issue, as above")
    body = first.get_by_text("It should return ErrClosed.").last
    expect(body).to_be_hidden()
    expect(second.get_by_text("And hurry.").last).to_be_visible()
    assert current(page) == 0
    press(page, "o")
    expect(body).to_be_visible()


def test_without_an_issue_nothing_repeats_it(label):
    empty = {**document("", "Go on."), "issue_description": ""}
    page = label(schemes=[PER_STEP], traces=[empty])
    expect(step(page, 0)).not_to_contain_text("as above")
    expect(step(page, 0).get_by_text("The message is empty.")).to_be_visible()


def test_a_record_whose_layout_shows_the_task_has_no_issue_above_it(label):
    record = {"id": "r1", "issue_description": "Merge two lists.", "code": "pass"}
    page = label(schemes=[OUTCOME], traces=[record], html_layout="<h3>Problem</h3><p>{{issue_description}}</p>")
    expect(page.get_by_text("Merge two lists.")).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_have_text("Record")
    page.get_by_label("Fully Resolved").check()
    saved(page)
