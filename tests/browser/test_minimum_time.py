"""The minimum time of an item: counted down, enforced, and waited for."""

from playwright.sync_api import expect

from tests.browser.conftest import ready
from tests.browser.pages import button, first_error
from tests.factory import FIRST_ERROR


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
