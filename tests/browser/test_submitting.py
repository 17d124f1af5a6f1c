"""Submitting, by mouse and by keyboard alone: what is missing, how long it still is, what comes next."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ready
from tests.browser.pages import button, current, first_error, labels, painted, press, saved, step
from tests.factory import ERROR_DESCRIPTION, FIRST_ERROR, OUTCOME, PER_STEP, make_traces

ALL = [{**FIRST_ERROR, "confirmation_dialog": True}, OUTCOME, ERROR_DESCRIPTION]
KEYED = {**OUTCOME, "keyboard_shortcuts": {"resolved": "7", "not_resolved": "9"}}


def test_the_next_item_opens_at_once_and_the_submission_can_be_undone(label):
    page = label(schemes=[FIRST_ERROR])
    first = page.url
    button(page, "All Correct").click()
    button(page, "Submit").click()
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()
    expect(page.get_by_text("Submitted.")).to_be_visible()
    button(page, "Undo").click()
    expect(page).to_have_url(first)
    ready(page)
    assert labels(page) == ["correct"] * 5
    first_error(page, 0).click()
    button(page, "Submit").click()
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()


def test_a_reopened_item_is_left_as_it_was_by_the_keys_that_skip_another_one(label):
    page = label(schemes=[FIRST_ERROR])
    first = page.url
    button(page, "All Correct").click()
    button(page, "Submit").click()
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()
    button(page, "Undo").click()
    expect(page).to_have_url(first)
    ready(page)
    first_error(page, 0).click()
    saved(page)
    press(page, "g", "s")
    expect(page.get_by_role("dialog", name="Leave it as it was")).to_be_visible()
    press(page, "Enter")
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()
    expect(page.get_by_text("Left as it was.")).to_be_visible()
    expect(page.get_by_role("button", name="Skip…")).to_be_visible()


def lose_the_reply(route):
    """The server has it, and the page does not know."""
    route.fetch()
    route.abort()


@pytest.mark.parametrize("arrives", ["saved", "saved and not known to be", "late"])
def test_what_is_left_as_it_was_is_what_was_submitted_whatever_was_on_its_way(label, arrives):
    page = label(schemes=[PER_STEP])
    first = page.url
    press(page, "1", "1", "1", "1", "1", "Enter")
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()
    button(page, "Undo").click()
    expect(page).to_have_url(first)
    ready(page)
    on_the_way = {"late": lambda route: route.abort(), "saved and not known to be": lose_the_reply}
    if arrives in on_the_way:
        page.route("**/ops", on_the_way[arrives])
    step(page, 0).focus()
    press(page, "3")
    if arrives == "saved":
        saved(page)
    else:
        expect(page.get_by_role("status")).to_contain_text("retrying")
    press(page, "g", "s", "Enter")
    expect(page.get_by_text("Left as it was.")).to_be_visible()
    page.unroute("**/ops")
    page.goto(first)
    button(page, "Reopen").click()
    ready(page)
    saved(page)
    assert labels(page) == ["correct"] * 5
    expect(page.get_by_text("they have changes that were not submitted")).to_have_count(0)
    notices = page.locator("[data-notice]")
    if arrives == "late":
        expect(notices).to_contain_text(
            "the item was left as it was before your “Incorrect” arrived. “Correct” was submitted, and is shown."
        )
        button(page, "Keep that").click()
    expect(notices).to_have_count(0)
    page.reload()
    ready(page)
    assert labels(page) == ["correct"] * 5


DIALOGS = {"Skip this item": ("g", "s"), "Keyboard shortcuts": ("?",)}


@pytest.mark.parametrize(("name", "keys"), DIALOGS.items())
def test_a_dialog_that_is_open_when_the_item_is_closed_gives_way_to_the_notice(label, name, keys):
    page = label(schemes=[FIRST_ERROR])
    button(page, "All Correct").click()
    saved(page)
    other = page.context.new_page()
    other.goto(page.url)
    ready(other)
    press(other, *keys)
    expect(other.get_by_role("dialog", name=name)).to_be_visible()
    button(page, "Submit").click()
    expect(other.locator("[data-notice]")).to_contain_text("This item was submitted in another tab")
    expect(other.get_by_role("dialog")).to_have_count(0)
    expect(button(other, "Reopen it")).to_be_focused()


def test_what_was_typed_last_is_part_of_the_submission(label):
    notes = {"annotation_type": "text_input", "name": "notes", "label": "Notes"}
    page = label(schemes=[FIRST_ERROR, notes])
    button(page, "All Correct").click()
    page.get_by_label("Notes").fill("typed last")
    button(page, "Submit").click()
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()
    left = """new Promise(done => {
        const opening = indexedDB.open("potato-outbox", 1)
        opening.onsuccess = () => {
            const count = opening.result.transaction("ops").objectStore("ops").count()
            count.onsuccess = () => done(count.result)
        }
    })"""
    assert page.evaluate(left) == 0
    button(page, "Undo").click()
    ready(page)
    expect(page.get_by_label("Notes")).to_have_value("typed last")


def test_a_long_time_offline_is_submitted_whole(label):
    page = label(schemes=[PER_STEP], traces=make_traces(2, steps=25))
    page.context.set_offline(True)
    for _ in range(9):
        press(page, *"1234" * 6, "1", *"z" * 25, *"Z" * 25)
    page.context.set_offline(False)
    button(page, "Submit").click()
    expect(page.get_by_text("Item 2 of 2")).to_be_visible()


def test_what_is_missing_of_the_whole_item_stands_before_a_long_list_of_steps(label):
    page = label(schemes=[PER_STEP, OUTCOME], traces=make_traces(1, steps=60))
    button(page, "Submit").click()
    missing = page.locator("#missing")
    expect(missing).to_contain_text("Before you submit (61):")
    expect(missing.get_by_role("listitem").first).to_have_text("“Did the agent resolve the issue?” has no answer yet")
    expect(missing.get_by_role("link")).to_have_count(50)
    expect(missing.get_by_role("link").first).to_be_focused()
    expect(missing.get_by_role("listitem").last).to_have_text("and 11 more")


def test_a_tab_that_was_told_of_the_submission_changes_nothing_until_it_is_reopened(label):
    page = label(schemes=[PER_STEP])
    press(page, "1", "1", "1", "1", "1")
    saved(page)
    other = page.context.new_page()
    other.goto(page.url)
    ready(other)
    button(page, "Submit").click()
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()
    expect(other.locator("[data-notice]")).to_contain_text("This item was submitted in another tab")
    press(other, "j", "3", "z")
    expect(other.locator("#announcer")).to_have_text("Nothing was changed: this item takes no more answers.")
    assert labels(other) == ["correct"] * 5
    saved(other)
    button(page, "Undo").click()
    ready(page)
    assert labels(page) == ["correct"] * 5
    # It is open again, but this page shows it as it was.
    sent = []
    other.on("request", lambda request: sent.append(request.url) if request.url.endswith("/submit") else None)
    press(other, "g", "s")
    expect(other.get_by_role("dialog")).to_have_count(0)
    press(other, "?", "Escape", "Enter")
    expect(other.locator("#announcer")).to_have_text("Nothing was changed: this item takes no more answers.")
    painted(other)
    assert sent == []
    button(other, "Reopen it").click()
    expect(other.locator("[data-notice]")).to_have_count(0)
    ready(other)
    press(other, "3")
    saved(other)
    expect(step(page, 0)).to_have_attribute("data-label", "incorrect")


def test_what_a_tab_changed_before_it_was_told_is_kept(label):
    notes = {"annotation_type": "text_input", "name": "notes", "label": "Notes", "required": False}
    page = label(schemes=[PER_STEP, notes])
    press(page, "1", "1", "1", "1", "1")
    saved(page)
    other = page.context.new_page()
    other.goto(page.url)
    ready(other)
    other.route("**/ops", lambda route: route.abort())
    press(other, "j", "3")
    other.get_by_label("Notes").press_sequentially("the wrong file")
    expect(other.get_by_role("status")).to_contain_text("not saved yet")
    button(page, "Submit").click()
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()
    other.unroute("**/ops")
    expect(other.get_by_role("status")).to_contain_text("2 changes not saved.")
    button(other, "Reopen it").click()
    other.wait_for_load_state()
    ready(other)
    saved(other)
    assert labels(other)[1] == "incorrect"
    expect(other.get_by_label("Notes")).to_have_value("the wrong file")


def test_words_that_met_another_change_are_kept_though_the_item_was_submitted_meanwhile(label, sign_in):
    notes = {"annotation_type": "text_input", "name": "notes", "label": "Notes", "required": False}
    page = label(schemes=[OUTCOME, notes])
    page.get_by_label("Not Resolved").check()
    saved(page)
    elsewhere = sign_in("ann")
    elsewhere.goto(page.url)
    ready(elsewhere)
    with elsewhere.expect_response("**/ops"):
        elsewhere.get_by_label("Notes").fill("theirs")
    page.get_by_label("Notes").fill("mine")
    clash = page.locator("[data-notice]", has_text="Theirs is shown.")
    expect(clash).to_be_visible()
    other = page.context.new_page()
    other.goto(page.url)
    ready(other)
    button(other, "Submit").click()
    expect(other.get_by_text("Item 2 of 3")).to_be_visible()
    button(clash, "Use mine").click()
    expect(page.get_by_label("Notes")).to_have_value("mine")
    expect(page.get_by_role("status")).to_contain_text("1 change not saved.")
    button(page, "Reopen it").click()
    page.wait_for_load_state()
    ready(page)
    saved(page)
    expect(page.get_by_label("Notes")).to_have_value("mine")


def test_words_that_went_along_with_the_submission_are_saved_in_the_other_tab_too(label):
    notes = {"annotation_type": "text_input", "name": "notes", "label": "Notes", "required": False}
    page = label(schemes=[OUTCOME, notes])
    page.get_by_label("Not Resolved").check()
    saved(page)
    other = page.context.new_page()
    other.goto(page.url)
    ready(other)
    page.get_by_label("Notes").press_sequentially("typed last")
    with page.expect_request("**/submit") as sent:
        button(page, "Submit").click()
    assert "typed last" in sent.value.post_data_json["payload"]
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()
    expect(other.locator("[data-notice]")).to_contain_text("This item was submitted in another tab")
    expect(other.get_by_label("Notes")).to_have_value("typed last")
    saved(other)


def test_an_empty_queue_says_why(label):
    page = label(schemes=[FIRST_ERROR], traces=make_traces(1))
    button(page, "All Correct").click()
    button(page, "Submit").click()
    expect(page.get_by_text("You have labeled every item of this project. Thank you!")).to_be_visible()
    button(page, "Look for new items").click()
    expect(page.get_by_text("You have labeled every item of this project. Thank you!")).to_be_visible()
    button(page, "Reopen").click()
    expect(page.get_by_text("Item 1 of 1")).to_be_visible()


def test_a_returning_annotator_continues_where_they_were(label, sign_in):
    page = label(schemes=[FIRST_ERROR], name="Coming back")
    first_error(page, 2).click()
    saved(page)
    again = sign_in("ann")
    again.get_by_role("link", name="Coming back").click()
    button(again, "Continue").click()
    ready(again)
    assert (again.url, labels(again)[2]) == (page.url, "incorrect")


def test_missing_answers_are_listed(label):
    page = label(schemes=ALL)
    button(page, "Submit").click()
    missing = page.locator("#missing")
    expect(missing).to_contain_text("“Step reward”: mark the first wrong step, or “All Correct”")
    expect(missing).to_contain_text("“Did the agent resolve the issue?” has no answer yet")
    button(page, "All Correct").click()
    expect(missing).to_be_hidden()


@pytest.mark.parametrize("width", [1440, 390])
def test_what_is_missing_of_the_whole_item_leads_to_its_question(label, width):
    texts = [
        {"annotation_type": "text_input", "name": f"text{n}", "label": f"Text {n}", "rows": 9, "required": True}
        for n in range(8)
    ]
    page = label(schemes=[OUTCOME, *texts])
    page.set_viewport_size({"width": width, "height": 800})
    button(page, "Submit").click()
    links = page.locator("#missing").get_by_role("link")
    expect(links).to_have_count(9)
    press(page, "Enter")
    expect(page.get_by_label("Fully Resolved")).to_be_focused()
    expect(page.get_by_label("Fully Resolved")).not_to_be_checked()
    links.nth(8).focus()
    press(page, "Enter")
    expect(page.get_by_label("Text 7")).to_be_focused()
    expect(page.get_by_label("Text 7")).to_be_in_viewport(ratio=0.9)
    page.keyboard.type("Done")
    expect(links).to_have_count(0)


def test_a_phone_does_not_zoom_into_a_field(label, sign_in):
    types = [{**OUTCOME, "annotation_type": "select"}, {**OUTCOME, "annotation_type": "text_input", "name": "text"},
             {"annotation_type": "number", "name": "number", "scope": "step"}]  # fmt: skip
    url = label(schemes=types).url
    page = sign_in("ann", has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    page.goto(url)
    ready(page)
    sizes = page.eval_on_selector_all(
        "select, textarea, input:is([type=text], [type=search])",
        "all => all.map(one => getComputedStyle(one).fontSize)",
    )
    assert len(sizes) > 5
    assert set(sizes) == {"16px"}


def test_an_optional_question_is_not_left_half_answered(label):
    problems = {
        "annotation_type": "multiselect", "name": "problems", "label": "Problems", "required": False,
        "min_selections": 2, "options": ["slow", "risky", "needless"],
    }  # fmt: skip
    page = label(schemes=[problems])
    page.get_by_label("slow").check()
    button(page, "Submit").click()
    expect(page.locator("#missing")).to_contain_text("“Problems”: choose at least 2")
    page.get_by_label("risky").check()
    button(page, "Submit").click()
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()


def test_a_question_appears_only_while_there_is_an_error(label):
    page = label(schemes=ALL)
    field = page.get_by_label("If incorrect, briefly describe the error")
    expect(field).to_be_hidden()
    first_error(page, 1).click()
    expect(field).to_be_visible()
    button(page, "All Correct").click()
    expect(field).to_be_hidden()


def test_a_question_can_depend_on_a_choice(label):
    partly = {
        "annotation_type": "text_input", "name": "rest", "label": "What is left to do?", "required": True,
        "show_if": {"field": "outcome", "condition": "equals", "value": "partial"},
    }  # fmt: skip
    page = label(schemes=[OUTCOME, partly])
    field = page.get_by_label("What is left to do?")
    expect(field).to_be_hidden()
    page.get_by_label("Partially Resolved").check()
    expect(field).to_be_visible()
    button(page, "Submit").click()
    expect(page.locator("#missing")).to_contain_text("“What is left to do?” has no answer yet")
    page.get_by_label("Fully Resolved").check()
    expect(field).to_be_hidden()
    button(page, "Submit").click()
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()


def test_the_minimum_time_is_counted_down_and_enforced(label):
    page = label(schemes=[FIRST_ERROR], minimum_time=6)
    button(page, "All Correct").click()
    expect(page.get_by_text("Minimum time: 0:0")).to_be_visible()
    button(page, "Submit").click()
    expect(page.locator("#wait")).to_contain_text("ou can submit in")
    expect(page.get_by_text("Minimum time reached")).to_be_visible(timeout=10_000)
    button(page, "Submit").click()
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()


def without_minimum(page, seconds):
    """Load the page anew as one that believes it may submit at once."""

    def changed(route):
        response = route.fetch()
        body = response.text().replace(f'"required_ms": {seconds}000', '"required_ms": 0')
        route.fulfill(response=response, body=body)

    page.route(page.url, changed)
    page.reload()
    ready(page)
    expect(page.locator("#clock")).to_be_hidden()


def test_the_server_has_the_last_word_on_time(label):
    page = label(schemes=[FIRST_ERROR], minimum_time=60)
    without_minimum(page, 60)
    button(page, "All Correct").click()
    button(page, "Submit").click()
    expect(page.locator("#wait")).to_contain_text("Please take your time: you can submit in")
    expect(page.get_by_text("Item 1 of 3")).to_be_visible()


def test_of_the_last_seconds_nobody_has_to_wait_for_the_button(label):
    page = label(schemes=[{**FIRST_ERROR, "confirmation_dialog": True}], minimum_time=3)
    button(page, "All Correct").click()
    button(page, "Submit").click()
    button(page, "Confirm").click()
    expect(page.locator("#wait")).to_contain_text("Submitting in")
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()


def test_where_the_server_has_counted_less_it_is_submitted_when_the_rest_is_over(label):
    page = label(schemes=[FIRST_ERROR], minimum_time=3)
    without_minimum(page, 3)
    button(page, "All Correct").click()
    button(page, "Submit").click()
    expect(page.locator("#wait")).to_contain_text("Submitting in")
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()


def test_what_is_changed_while_it_waits_is_not_submitted(label):
    page = label(schemes=[FIRST_ERROR], minimum_time=3)
    sent = []
    page.on("request", lambda request: sent.append(request.url) if request.url.endswith("/submit") else None)
    button(page, "All Correct").click()
    button(page, "Submit").click()
    expect(page.locator("#wait")).to_contain_text("Submitting in")
    first_error(page, 1).click()
    expect(page.locator("#wait")).not_to_contain_text("Submitting in")
    expect(page.get_by_text("Minimum time reached")).to_be_visible()
    page.wait_for_timeout(500)
    assert sent == []
    button(page, "Submit").click()
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()


def test_what_was_read_counts_though_the_submission_had_to_be_tried_again(label):
    page = label(schemes=[FIRST_ERROR], minimum_time=4)
    page.route("**/seen", lambda route: route.abort())
    button(page, "All Correct").click()
    expect(page.get_by_text("Minimum time reached")).to_be_visible()
    page.route("**/submit", lambda route: route.abort(), times=1)
    with page.expect_request_finished(lambda request: request.url.endswith("/submit")) as tried_again:
        button(page, "Submit").click()
    assert tried_again.value.response().status == 200
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()


def test_without_a_minimum_there_is_no_clock(label):
    page = label(schemes=[FIRST_ERROR], minimum_time=0)
    expect(page.locator("#clock")).to_be_hidden()


def test_an_item_is_labeled_and_submitted_by_keyboard_alone(label):
    page = label(schemes=[{**FIRST_ERROR, "confirmation_dialog": True}, KEYED])
    press(page, "j", "j", "x", "7", "Enter")
    expect(button(page, "Confirm")).to_be_focused()
    press(page, "Enter")
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()


def test_shortcuts_can_be_turned_off(label):
    page = label(schemes=[FIRST_ERROR])
    press(page, "?")
    sheet = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(sheet).to_contain_text("First error is here")
    page.get_by_label("Use single-key shortcuts").uncheck()
    button(sheet, "Close").click()
    press(page, "j", "x")
    assert labels(page) == [None] * 5
    page.reload()
    ready(page)
    press(page, "x")
    assert labels(page) == [None] * 5


def test_keys_with_modifiers_are_the_browsers(label):
    page = label(schemes=[FIRST_ERROR])
    press(page, "Control+a", "Alt+x", "Meta+x")
    assert labels(page) == [None] * 5


# Why the latest item was skipped.
LAST_REASON = """
from annotation.models import Assignment
print(Assignment.objects.filter(state="skipped").latest("pk").reason)
"""


def test_an_item_can_be_skipped_with_a_reason(site, label):
    page = label(schemes=[FIRST_ERROR])
    address = page.url
    press(page, "g", "s", "2")
    expect(page.get_by_label("I cannot judge it")).to_be_checked()
    assert labels(page) == [None] * 5
    page.get_by_label("In your own words").fill("Fortran 77")
    button(page, "Skip item").click()
    page.wait_for_url(lambda url: url != address)
    expect(page.locator(".place")).to_contain_text("of 3")
    expect(step(page, 0)).to_be_visible()
    assert site.run(LAST_REASON).strip() == "I cannot judge it: Fortran 77"


def test_an_item_is_skipped_with_three_keys_and_enter(site, label):
    page = label(schemes=[FIRST_ERROR])
    address = page.url
    press(page, "g", "s", "1", "Enter")
    page.wait_for_url(lambda url: url != address)
    assert site.run(LAST_REASON).strip() == "The trace is broken or incomplete"


def test_while_the_server_is_asked_the_dialog_says_so_and_asks_once(site, label):
    page = label(schemes=[FIRST_ERROR])
    address, asked = page.url, []
    page.route("**/healthz", lambda route: asked.append(route))
    dialog = page.get_by_role("dialog")
    press(page, "g", "s", "1")
    button(page, "Skip item").click()
    expect(dialog.get_by_role("status")).to_have_text("Skipping…")
    expect(button(page, "Skip item")).to_be_disabled()
    button(page, "Skip item").click(force=True)
    press(page, "Enter")
    assert len(asked) == 1
    asked[0].continue_()
    page.wait_for_url(lambda url: url != address)


def test_who_closes_the_dialog_before_the_server_answers_skips_nothing(site, label):
    page = label(schemes=[FIRST_ERROR])
    address, asked = page.url, []
    page.route("**/healthz", lambda route: asked.append(route))
    press(page, "g", "s", "1", "Enter")
    expect(page.get_by_role("dialog").get_by_role("status")).to_have_text("Skipping…")
    press(page, "Escape")
    page.unroute("**/healthz")
    press(page, "g", "s")
    expect(button(page, "Skip item")).to_be_enabled()
    expect(page.get_by_role("dialog").get_by_role("status")).to_be_empty()
    assert page.url == address
    press(page, "Enter")
    page.wait_for_url(lambda url: url != address)


def test_where_the_server_is_not_reached_nothing_is_skipped_and_the_page_stays(site, label):
    page = label(schemes=[FIRST_ERROR])
    address = page.url
    page.context.set_offline(True)
    press(page, "x", "g", "s", "3", "Enter")
    expect(page.locator("[data-notice=skip]")).to_contain_text("nothing was skipped")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert labels(page)[0] == "incorrect"
    page.context.set_offline(False)
    saved(page)
    press(page, "g", "s", "Enter")
    page.wait_for_url(lambda url: url != address)
    assert site.run(LAST_REASON).strip() == "It is too long"


def test_a_narrow_window_has_one_column_and_the_answers_in_a_sheet(label):
    page = label(schemes=ALL, context={"viewport": {"width": 390, "height": 844}})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    expect(button(page, "Submit")).to_be_in_viewport()
    expect(page.get_by_label("Fully Resolved")).to_be_hidden()
    page.get_by_role("button", name="Answers").click()
    page.get_by_label("Fully Resolved").check()
    saved(page)


def test_the_review_follows_a_change_and_ends_when_an_answer_is_taken_away(label):
    page = label(schemes=ALL)
    first_error(page, 2).click()
    page.get_by_label("Fully Resolved").check()
    button(page, "Submit").click()
    review = page.get_by_role("region", name="Review before you submit")
    expect(review).to_contain_text("Fully Resolved")
    page.get_by_label("Not Resolved").check()
    expect(review).to_contain_text("Not Resolved")
    expect(review).not_to_contain_text("Fully Resolved")
    first_error(page, 2).click()
    expect(review).to_be_hidden()
    expect(button(page, "Submit")).to_be_visible()


def test_a_narrow_window_shows_the_whole_save_state(label):
    page = label(schemes=[FIRST_ERROR], context={"viewport": {"width": 390, "height": 844}})
    page.context.set_offline(True)
    first_error(page, 1).click()
    state = page.get_by_role("status")
    expect(state).to_have_text("Offline – kept on this device (1 change)")
    assert state.evaluate("one => one.scrollWidth <= one.clientWidth && one.clientWidth > 250 && one.clientHeight < 50")
    page.context.set_offline(False)
    saved(page)
    assert page.locator(".label-header .project-link").bounding_box()["width"] > 80
    bottoms = "one => [...one.children].map(part => part.getBoundingClientRect().bottom)"
    header = page.locator(".label-header")
    assert max(header.evaluate(bottoms)) <= header.bounding_box()["height"]


ROWS = """header => {
  const rows = new Map();
  for (const part of [...header.children].filter((one) => one.offsetWidth && one.textContent)) {
    const { top, bottom } = part.getBoundingClientRect();
    const row = Math.round((top + bottom) / 60);
    rows.set(row, [...(rows.get(row) ?? []), part.className.split(" ").at(-1)]);
  }
  return [...rows.values()];
}"""


@pytest.mark.parametrize("width", [360, 390, 820])
def test_a_narrow_header_has_two_rows_the_tools_in_the_first(label, width):
    name = f"Rewards of the steps of long runs, {width}"
    page = label(schemes=[FIRST_ERROR], name=name, context={"viewport": {"width": width, "height": 844}})
    first, second = page.locator(".label-header").evaluate(ROWS)
    assert first == ["brand", "project-link", "place", "guide-button", "icon-button"]
    assert second == ["position", "save-state"]


def test_what_is_missing_stays_listed_when_a_save_arrives(label):
    page = label(schemes=[PER_STEP])
    held = []
    page.route("**/ops", lambda route: held.append(route))
    press(page, "1")
    button(page, "Submit").click()
    gap = page.get_by_role("link", name="step 1 has no label")
    expect(gap).to_be_focused()
    for route in held:
        route.continue_()
    saved(page)
    expect(gap).to_be_focused()
    press(page, "2")
    expect(gap).to_be_hidden()


def test_a_long_name_of_what_is_missing_is_read_to_its_end(label):
    path = "src/" + "a_long_way_down/" * 8 + "file.py"
    question = {"annotation_type": "text_input", "name": "why", "label": path, "scope": "step", "required": True}
    page = label(schemes=[question])
    button(page, "Submit").click()
    missing = page.locator("#missing")
    expect(missing.get_by_role("link").first).to_contain_text(path)
    assert missing.evaluate("one => one.scrollWidth <= one.clientWidth")


def hold(page, key, times=12):
    """The key is pressed, and not let go."""
    for _ in range(times):
        page.keyboard.down(key)


def test_enter_that_is_held_submits_one_item(label):
    notes = {"annotation_type": "text_input", "name": "notes", "label": "Notes", "required": False}
    page = label(schemes=[notes])
    page.keyboard.down("Enter")
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()
    ready(page)
    hold(page, "Enter")
    expect(page.locator("body")).not_to_have_class(re.compile("is-submitting"))
    page.keyboard.up("Enter")
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()
    press(page, "Enter")
    expect(page.get_by_text("Item 3 of 3")).to_be_visible()


def test_enter_that_is_held_confirms_no_review(label):
    page = label(schemes=[{**FIRST_ERROR, "confirmation_dialog": True}])
    press(page, "a")
    hold(page, "Enter")
    expect(button(page, "Confirm")).to_be_focused()
    page.keyboard.up("Enter")
    press(page, "Enter")
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()


def test_a_key_that_is_held_goes_on_moving_and_labels_once(label):
    page = label(schemes=[PER_STEP])
    hold(page, "1")
    page.keyboard.up("1")
    assert labels(page) == ["correct", None, None, None, None]
    hold(page, "j", times=3)
    assert current(page) == 4


def test_an_item_that_another_device_submitted_takes_no_more_and_is_reopened(label, sign_in):
    page = label(schemes=[PER_STEP])
    press(page, "1", "1", "1", "1", "1")
    saved(page)
    elsewhere = sign_in("ann")
    elsewhere.goto(page.url)
    ready(elsewhere)
    button(page, "Submit").click()
    expect(page.get_by_text("Item 2 of 3")).to_be_visible()
    press(elsewhere, "j", "3")
    notice = elsewhere.locator("[data-notice]")
    expect(notice).to_contain_text("This item was submitted. Reopen it to change your answers.")
    press(elsewhere, "j", "3")
    expect(elsewhere.locator("#announcer")).to_have_text("Nothing was changed: this item takes no more answers.")
    expect(elsewhere.get_by_role("status")).to_contain_text("1 change not saved.")
    expect(elsewhere.locator("#finish")).to_have_css("opacity", "0.5")
    button(notice, "Reopen it").click()
    expect(notice).to_have_count(0)
    ready(elsewhere)
    saved(elsewhere)
    assert labels(elsewhere) == ["correct", "incorrect", "correct", "correct", "correct"]


TAKE_BACK = """
from annotation.assignments.states import take_back
from annotation.models import Assignment
take_back(Assignment.objects.get(public_id={public_id!r}))
"""


def test_an_item_that_a_manager_took_back_takes_no_more_and_leads_on(label, site):
    page = label(schemes=[FIRST_ERROR])
    site.run(TAKE_BACK.format(public_id=page.url.rstrip("/").split("/")[-1]))
    press(page, "x")
    notice = page.locator("[data-notice]")
    expect(notice).to_contain_text("The project's manager has taken this item back.")
    button(notice, "Go on").click()
    expect(button(page, "Next item")).to_be_visible()
