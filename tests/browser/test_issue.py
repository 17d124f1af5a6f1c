"""The issue at the head of the labeling page, and the steps that only say it again."""

from playwright.sync_api import expect

from tests.browser.pages import current, press, step
from tests.factory import PER_STEP, make_trace

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
