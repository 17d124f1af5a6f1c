"""Saving: painted at once, shown as saved only when the server has it, kept and retried until then."""

import json
import time

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ready
from tests.browser.pages import SAVED, button, first_error, labels, press, saved, step
from tests.factory import ERROR_DESCRIPTION, FIRST_ERROR, OUTCOME, PER_STEP

TEXT = {"annotation_type": "text_input", "name": "notes", "label": "Notes", "required": False}


def state(page):
    return page.get_by_role("status")


def test_a_label_is_painted_at_once_and_saved_only_when_the_server_has_it(label):
    page = label(schemes=[FIRST_ERROR])
    held = []
    page.route("**/ops", lambda route: held.append(route))
    first_error(page, 1).click()
    assert labels(page)[1] == "incorrect"
    expect(state(page)).to_have_text("Saving…")
    expect(step(page, 1)).to_have_attribute("data-save", "pending")
    held[0].continue_()
    expect(state(page)).to_have_text(SAVED)
    expect(step(page, 1)).to_have_attribute("data-save", "saved")


def test_htmx_sends_the_operations_from_one_form(label):
    page = label(schemes=[PER_STEP])
    with page.expect_request("**/ops") as sent:
        press(page, "1")
    request = sent.value
    assert request.headers["hx-request"] == "true"
    assert request.headers["hx-trigger"] == "ops"
    assert request.headers["x-csrftoken"]
    fields = request.post_data_json
    (op,) = json.loads(fields["ops"])
    assert (op["scheme"], op["set"]) == ("per_step", {"0": {"label": "correct", "origin": "human"}})
    saved(page)


def test_everything_is_there_after_a_reload(label):
    page = label(schemes=[FIRST_ERROR, OUTCOME, ERROR_DESCRIPTION])
    first_error(page, 3).click()
    page.get_by_label("Not Resolved").check()
    page.get_by_label("If incorrect, briefly describe the error").fill("wrong file")
    saved(page)
    page.reload()
    ready(page)
    assert labels(page)[2:4] == ["correct", "incorrect"]
    expect(page.get_by_label("Not Resolved")).to_be_checked()
    expect(page.get_by_label("If incorrect, briefly describe the error")).to_have_value("wrong file")


def test_changes_made_offline_are_kept_and_sent_when_the_network_is_back(label):
    page = label(schemes=[PER_STEP])
    page.context.set_offline(True)
    press(page, "1", "2", "3")
    expect(state(page)).to_have_text("Offline – kept on this device (3 changes)")
    assert labels(page)[:3] == ["correct", "partially_correct", "incorrect"]
    page.context.set_offline(False)
    saved(page)
    page.reload()
    ready(page)
    assert labels(page)[:3] == ["correct", "partially_correct", "incorrect"]


def test_a_server_that_fails_is_tried_again(label):
    page = label(schemes=[PER_STEP])
    failures = iter([500, 502])

    def answer(route):
        status = next(failures, None)
        route.fulfill(status=status, body="<h1>Bad gateway</h1>") if status else route.continue_()

    page.route("**/ops", answer)
    press(page, "1")
    expect(state(page)).to_have_text("1 change not saved yet – retrying")
    saved(page)


def test_a_server_that_asks_for_patience_gets_it_and_every_label(label):
    page = label(schemes=[PER_STEP])
    times = []

    def answer(route):
        times.append(time.monotonic())
        if len(times) == 1:
            route.fulfill(status=429, headers={"Retry-After": "3"}, content_type="application/json", body="{}")
        else:
            route.continue_()

    page.route("**/ops", answer)
    press(page, "1", "3")
    expect(state(page)).to_have_text("2 changes not saved yet – retrying")
    # What else would send at once.
    page.evaluate("dispatchEvent(new Event('focus'))")
    saved(page)
    assert times[1] - times[0] >= 2.9
    page.reload()
    ready(page)
    assert labels(page)[:2] == ["correct", "incorrect"]


def test_an_answer_that_got_lost_has_one_effect(label):
    page = label(schemes=[PER_STEP])
    bodies = []

    def lose_the_first(route):
        bodies.append(route.request.post_data_json["ops"])
        if len(bodies) > 1:
            route.continue_()
            return
        route.fetch()
        route.abort()

    page.route("**/ops", lose_the_first)
    press(page, "1")
    saved(page)
    assert bodies[0] == bodies[1]
    assert page.evaluate("fetch(location.href).then(r => r.text())").count('"version": 1,') == 1


def test_changes_left_by_an_earlier_page_are_sent_by_the_next(label):
    page = label(schemes=[PER_STEP])
    page.route("**/ops", lambda route: route.abort())
    press(page, "1", "3")
    expect(state(page)).to_contain_text("retrying")
    page.unroute("**/ops")
    page.goto(page.url)
    ready(page)
    assert labels(page)[:2] == ["correct", "incorrect"]
    saved(page)
    page.reload()
    ready(page)
    assert labels(page)[:2] == ["correct", "incorrect"]


def test_words_typed_just_before_the_tab_closes_are_not_lost(label):
    page = label(schemes=[TEXT])
    page.route("**/ops", lambda route: route.abort())
    page.get_by_label("Notes").press_sequentially("half a sent")
    url, context = page.url, page.context
    page.close(run_before_unload=False)
    page = context.new_page()
    page.goto(url)
    ready(page)
    expect(page.get_by_label("Notes")).to_have_value("half a sent")
    saved(page)


def test_text_is_saved_after_a_pause_without_leaving_the_field(label):
    page = label(schemes=[TEXT])
    field = page.get_by_label("Notes")
    with page.expect_response("**/ops"):
        field.press_sequentially("jkx?")
    expect(field).to_be_focused()
    expect(field).to_have_value("jkx?")
    saved(page)


def test_a_refused_change_stays_visible_until_it_is_settled(label):
    page = label(schemes=[PER_STEP])

    def refuse(route):
        ops = json.loads(route.request.post_data_json["ops"])
        refused = [{"op": op["id"], "message": "there is no such label"} for op in ops]
        body = {"version": 0, "acked": [], "conflicts": [], "refused": refused, "theirs": []}
        route.fulfill(status=200, content_type="application/json", body=json.dumps(body))

    page.route("**/ops", refuse)
    press(page, "3")
    notice = page.locator("[data-notice]")
    expect(notice).to_contain_text("Step 0, Per step: “Incorrect” was not saved: there is no such label.")
    expect(state(page)).to_have_text("1 change refused – see the notice")
    expect(step(page, 0)).to_have_attribute("data-save", "refused")
    page.unroute("**/ops")
    button(page, "Try again").click()
    saved(page)
    expect(notice).to_have_count(0)


def test_a_refused_answer_is_named_in_the_words_of_its_choice(label):
    page = label(schemes=[OUTCOME])
    page.route("**/ops", lambda route: route.fulfill(status=400, content_type="application/json", body="{}"))
    page.get_by_label("Not Resolved").check()
    expect(page.locator("[data-notice]")).to_contain_text("“Not Resolved” was not saved")


def test_a_refused_change_can_be_discarded(label):
    page = label(schemes=[PER_STEP])
    page.route("**/ops", lambda route: route.fulfill(status=400, content_type="application/json", body="{}"))
    press(page, "3")
    button(page, "Discard").click()
    assert labels(page)[0] is None
    saved(page)


def test_signed_out_keeps_the_changes_and_says_how_to_go_on(label, site):
    page = label(schemes=[PER_STEP], context={"fresh": True})
    cookies = page.context.cookies()
    page.context.clear_cookies()
    press(page, "1")
    link = state(page).get_by_role("link", name="sign in again to save")
    expect(link).to_have_attribute("target", "_blank")
    expect(state(page)).to_contain_text("Signed out")
    page.context.add_cookies(cookies)
    saved(page)


def test_a_second_tab_shows_what_the_first_one_does(label):
    page = label(schemes=[FIRST_ERROR])
    other = page.context.new_page()
    other.goto(page.url)
    ready(other)
    first_error(page, 1).click()
    expect(step(other, 1)).to_have_attribute("data-label", "incorrect")
    # Until the first one's change is acknowledged, the two would meet at the server: a conflict, rightly.
    saved(other)
    first_error(other, 3).click()
    expect(step(page, 1)).to_have_attribute("data-label", "correct")
    saved(page)
    saved(other)
    expect(other.locator("[data-notice]")).to_have_count(0)


def test_a_conflict_names_the_step_and_both_values(label, sign_in):
    page = label(schemes=[PER_STEP])
    # Another browser of the same person: no channel joins the two pages.
    elsewhere = sign_in("ann")
    elsewhere.goto(page.url)
    ready(elsewhere)
    press(elsewhere, "1")
    saved(elsewhere)
    button(step(page, 0), "Incorrect").click()
    notice = page.locator("[data-notice]")
    expect(notice).to_contain_text("Step 0, Per step: another tab set “Correct” before your “Incorrect” arrived")
    assert labels(page)[0] == "correct"
    button(page, "Use mine").click()
    saved(page)
    elsewhere.reload()
    ready(elsewhere)
    assert labels(elsewhere)[0] == "incorrect"


def test_other_steps_of_a_stale_page_merge(label, sign_in):
    page = label(schemes=[PER_STEP])
    elsewhere = sign_in("ann")
    elsewhere.goto(page.url)
    ready(elsewhere)
    press(elsewhere, "1")
    saved(elsewhere)
    button(step(page, 2), "Neutral").click()
    expect(step(page, 0)).to_have_attribute("data-label", "correct")
    assert labels(page)[2] == "neutral"
    expect(page.locator("[data-notice]")).to_have_count(0)


@pytest.mark.parametrize("broken", ["undefined", "{ open() { throw new Error('forbidden') } }"])
def test_without_a_database_it_says_so_and_saves_all_the_same(label, sign_in, broken):
    url = label(schemes=[PER_STEP]).url
    page = sign_in("ann")
    page.add_init_script(f"Object.defineProperty(window, 'indexedDB', {{ value: {broken} }})")
    page.goto(url)
    ready(page)
    expect(page.locator("[data-notice]")).to_contain_text("This browser keeps nothing on this device")
    press(page, "1")
    saved(page)


# A browser that ends at once: words are kept, but become an operation after the first so many pauses only.
KILLED = """let pauses = {pauses}
const later = setTimeout
window.setTimeout = (run, ms, ...rest) => (ms === 500 && !pauses--) ? pauses++ : later(run, ms, ...rest)
for (const type of ["pagehide", "visibilitychange"]) {{
    addEventListener(type, (event) => event.stopImmediatePropagation(), true)
}}"""


def test_words_left_half_typed_do_not_overwrite_what_was_written_elsewhere_since(label, sign_in):
    page = label(schemes=[TEXT])
    context, url = page.context, page.url
    with page.expect_response("**/ops"):
        page.get_by_label("Notes").fill("base")
    page.close()
    page = context.new_page()
    page.add_init_script(KILLED.format(pauses=0))
    page.goto(url)
    ready(page)
    page.get_by_label("Notes").press_sequentially(" half")
    page.close(run_before_unload=False)
    elsewhere = sign_in("ann")
    elsewhere.goto(url)
    ready(elsewhere)
    expect(elsewhere.get_by_label("Notes")).to_have_value("base")
    with elsewhere.expect_response("**/ops"):
        elsewhere.get_by_label("Notes").fill("newer")
    page = context.new_page()
    page.goto(url)
    ready(page)
    notice = page.locator("[data-notice]")
    expect(notice).to_contain_text("Notes: another tab set “newer” before your “base half” arrived. Theirs is shown.")
    expect(page.get_by_label("Notes")).to_have_value("newer")
    button(notice, "Use mine").click()
    saved(page)
    expect(page.get_by_label("Notes")).to_have_value("base half")
    elsewhere.reload()
    ready(elsewhere)
    expect(elsewhere.get_by_label("Notes")).to_have_value("base half")


def test_words_left_half_typed_follow_what_was_saved_of_them_before(label):
    page = label(schemes=[TEXT])
    context, url = page.context, page.url
    page.close()
    page = context.new_page()
    page.add_init_script(KILLED.format(pauses=3))
    page.goto(url)
    ready(page)
    # The first words are saved while the last ones are typed: all of them are of one page, and no conflict.
    held = []
    page.route("**/ops", lambda route: held.append(route))
    field = page.get_by_label("Notes")
    with page.expect_request("**/ops"):
        field.press_sequentially("one")
    field.press_sequentially(" two")
    with page.expect_response("**/ops"):
        held[0].continue_()
    page.close(run_before_unload=False)
    page = context.new_page()
    page.goto(url)
    ready(page)
    expect(page.get_by_label("Notes")).to_have_value("one two")
    saved(page)
    expect(page.locator("[data-notice]")).to_have_count(0)
