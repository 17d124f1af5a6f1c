"""The search in the trace: over all its steps, whatever of them is on the page, by keyboard and by buttons."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ready
from tests.browser.pages import button, current, labels, press, saved, step
from tests.factory import FIRST_ERROR, PER_STEP, make_trace

PAIRWISE = {"annotation_type": "pairwise", "name": "preference", "label": "Which is better?"}
REVIEW = {"annotation_type": "code_review", "name": "review", "verdict": {"enabled": True}}
LOG = "".join(f"line {number}\n" for number in range(300)) + "a Needle at the end\n" + "more\n" * 200
# Of the first text node of the highlight: its words, and whether it is in sight.
MARKED = """() => [...(CSS.highlights.get("search") ?? [])].map((range) => {
  const { top, bottom } = range.getBoundingClientRect();
  const bar = document.getElementById("search").getBoundingClientRect().bottom;
  return [range.toString(), top > bar && bottom < innerHeight];
})"""


def long_trace(name="t1", steps=120, **keys):
    """The needle is at the steps 7 (in a fold), 60 and 110 (in parts that a page fetches later)."""
    doc = make_trace(name, steps, **keys)
    turns = doc["structured_turns"]
    turns[7] = {"step_idx": 7, "type": "bash_command", "command": "make", "output": LOG, "exit_code": 0}
    turns[60] = {
        "step_idx": 60,
        "type": "assistant_message",
        "content": "The **nee**dle, and `<b>it</b>` again: needle.",
    }
    if steps > 110:
        turns[110] = {"step_idx": 110, "type": "thinking", "content": "No needle left."}
    return doc


def search(page, words):
    press(page, "/")
    expect(field(page)).to_be_focused()
    page.keyboard.type(words)


def field(page):
    return page.get_by_label("Find in the trace")


def count(page):
    return page.locator("#search-count")


def says(page, words):
    expect(count(page)).to_have_text(words, use_inner_text=True)


def at(page, words, number):
    """The bar says so, and is at this step."""
    expect(count(page)).to_have_text(f"{words}, step {number}")
    expect(step(page, number)).to_have_attribute("aria-current", "step")
    page.wait_for_function(f"({MARKED})()[0]?.[1]")


@pytest.fixture
def item(label):
    return lambda **options: label(**{"schemes": [FIRST_ERROR], "traces": [long_trace()], **options})


def test_enter_goes_through_all_steps_that_have_it(item):
    page = item()
    search(page, "needle")
    says(page, "3 steps")
    press(page, "Enter")
    at(page, "1 of 3 steps", 7)
    assert page.evaluate(MARKED) == [["Needle", True]]
    press(page, "Enter")
    at(page, "2 of 3 steps", 60)
    assert [words for words, _ in page.evaluate(MARKED)] == ["needle", "needle"]
    press(page, "Enter")
    at(page, "3 of 3 steps", 110)
    press(page, "Enter")
    at(page, "1 of 3 steps", 7)
    press(page, "Shift+Enter")
    at(page, "3 of 3 steps", 110)
    expect(field(page)).to_be_focused()


def test_it_begins_at_the_step_one_is_at(item):
    page = item()
    step(page, 9).focus()
    search(page, "needle")
    press(page, "Enter")
    at(page, "2 of 3 steps", 60)


def test_backwards_it_begins_before_the_step_one_is_at(item):
    page = item()
    step(page, 9).focus()
    search(page, "needle")
    press(page, "Shift+Enter")
    at(page, "1 of 3 steps", 7)


def test_escape_returns_to_where_one_was(item):
    page = item()
    place = button(step(page, 3), "First error")
    place.focus()
    before = place.bounding_box()
    search(page, "needle")
    press(page, "Enter", "Enter")
    at(page, "2 of 3 steps", 60)
    press(page, "Escape")
    expect(page.locator("#search")).to_be_hidden()
    expect(place).to_be_focused()
    assert current(page) == 3
    assert abs(place.bounding_box()["y"] - before["y"]) < 2
    assert page.evaluate("CSS.highlights.has('search')") is False


def test_one_stays_at_what_was_found_and_labels_it(item):
    page = item()
    search(page, "needle")
    press(page, "Enter", "Enter")
    at(page, "2 of 3 steps", 60)
    press(page, "Control+Enter")
    expect(step(page, 60)).to_be_focused()
    press(page, "x")
    expect(button(step(page, 60), "First error")).to_have_attribute("aria-pressed", "true")
    saved(page)


def test_everything_has_a_button(item):
    page = item()
    button(page, "Search /").or_(button(page, "Search")).click()
    field(page).fill("needle")
    button(page, "Next place with it").click()
    at(page, "1 of 3 steps", 7)
    button(page, "Next place with it").click()
    at(page, "2 of 3 steps", 60)
    button(page, "Previous place with it").click()
    at(page, "1 of 3 steps", 7)
    button(page, "Stay here").click()
    expect(step(page, 7)).to_be_focused()
    expect(page.locator("#search")).to_be_hidden()
    button(page, "Search").click()
    button(page, "Close").click()
    expect(page.locator("#search")).to_be_hidden()


def test_nothing_found_and_no_script_in_what_is_typed(item):
    page = item()
    search(page, "<img src=x onerror=alert(1)>")
    says(page, "Nothing found")
    press(page, "Enter")
    says(page, "Nothing found")
    assert page.locator("img").count() == 0
    field(page).fill("<b>it</b>")
    press(page, "Enter")
    at(page, "1 of 1 step", 60)
    assert page.evaluate(MARKED) == [["<b>it</b>", True]]


def test_the_issue_is_found_before_the_steps(item):
    issue = "The first line\n\n" + "more\n" * 60 + "\nthe Needle of the issue"
    page = item(traces=[long_trace(issue_description=issue)])
    expect(button(page, "Show the whole issue")).to_be_visible()
    search(page, "needle")
    says(page, "4 places")
    press(page, "Enter")
    expect(count(page)).to_have_text("1 of 4 places, the issue")
    page.wait_for_function(f"({MARKED})()[0]?.[1]")
    assert page.evaluate(
        "[...CSS.highlights.get('search')][0].startContainer.parentElement.closest('#issue-text') != null"
    )
    press(page, "Enter")
    at(page, "2 of 4 places", 7)
    press(page, "Shift+Enter", "Control+Enter")
    expect(page.locator("#search")).to_be_hidden()
    expect(page.locator("#issue-title")).to_be_focused()
    press(page, "j")
    assert current(page) == 8


def test_from_further_down_the_issue_comes_last(item):
    page = item(traces=[long_trace(issue_description="A needle")])
    step(page, 9).focus()
    search(page, "needle")
    press(page, "Enter")
    at(page, "3 of 4 places", 60)


def test_of_a_comparison_the_issue_is_found_once(label):
    docs = [make_trace(name, 5, issue_id="x", issue_description="Fix the needle") for name in ("try-1", "try-2")]
    page = label(schemes=[PAIRWISE], traces=docs, overlap=0)
    search(page, "needle")
    says(page, "1 place")
    press(page, "Enter")
    page.wait_for_function(f"({MARKED})()[0]?.[1]")


EDIT = "--- a/src/app.py\n+++ b/src/app.py\n@@ -1,2 +1,3 @@\n one\n+a needle\n two\n"
# Of the first text node of the highlight: the file of all changes it is in.
MARKED_IN = "[...CSS.highlights.get('search')][0].startContainer.parentElement.closest('.step-change')?.dataset.path"


def edited(name="t1", **keys):
    turns = [{"type": "thinking", "content": "Look."}, {"type": "file_edit", "path": "src/app.py", "diff": EDIT}]
    return make_trace(name, structured_turns=[{"step_idx": n, **turn} for n, turn in enumerate(turns)], **keys)


@pytest.fixture
def review(label):
    return lambda **options: label(schemes=[REVIEW], traces=[edited()], **options)


def test_all_changes_are_searched_behind_the_steps(review):
    page = review()
    search(page, "needle")
    says(page, "2 places")
    press(page, "Enter")
    at(page, "1 of 2 places", 1)
    press(page, "Enter")
    expect(count(page)).to_have_text("2 of 2 places, all changes, src/app.py")
    page.wait_for_function(f"({MARKED})()[0]?.[1]")
    assert page.evaluate(MARKED_IN) == "src/app.py"
    press(page, "Control+Enter")
    expect(page.locator("#changes article")).to_be_focused()
    # From there it goes on: around to the step.
    search(page, "needle")
    press(page, "Enter")
    expect(count(page)).to_have_text("2 of 2 places, all changes, src/app.py")
    press(page, "Enter")
    at(page, "1 of 2 places", 1)


def test_what_the_page_says_beside_a_file_is_not_found(review):
    page = review()
    search(page, "viewed")
    says(page, "Nothing found")


def test_all_changes_that_do_not_come_are_told_and_the_steps_are_found(review):
    page = review(context={"viewport": {"width": 390, "height": 844}})
    page.route("**/changes/*", lambda route: route.abort())
    page.reload()
    ready(page)
    search(page, "needle")
    says(page, "1 step, without all changes, which did not load")


@pytest.fixture
def slow_changes():
    """All changes of this page do not come before ``release`` is called."""

    def hold(page):
        held = []
        page.route("**/changes/*", lambda route: held.append(route))
        page.reload()
        ready(page)

        def release():
            for route in held:
                route.continue_()

        return release

    return hold


def test_the_steps_are_found_while_all_changes_are_on_their_way(review, slow_changes):
    page = review(context={"viewport": {"width": 390, "height": 844}})
    release = slow_changes(page)
    search(page, "needle")
    says(page, "1 step, all changes still to come")
    press(page, "Enter")
    at(page, "1 of 1 step, all changes still to come", 1)
    release()
    at(page, "1 of 2 places", 1)
    assert [words for words, _ in page.evaluate(MARKED)] == ["needle"]
    press(page, "Enter")
    expect(count(page)).to_have_text("2 of 2 places, all changes, src/app.py")


def test_what_no_step_has_is_not_called_found_nowhere_before_all_changes_are_there(review, slow_changes):
    page = review()
    release = slow_changes(page)
    search(page, "nowhere")
    says(page, "Nothing found yet, all changes still to come")
    press(page, "Enter")
    says(page, "Nothing found yet, all changes still to come")
    release()
    says(page, "Nothing found")


def test_of_a_comparison_one_stays_at_the_step_when_the_changes_before_it_come(label, slow_changes):
    docs = [edited(name, issue_id="x", issue_description="Fix it") for name in ("try-1", "try-2")]
    page = label(schemes=[PAIRWISE], traces=docs, overlap=0)
    release = slow_changes(page)
    search(page, "needle")
    says(page, "2 steps, all changes still to come")
    press(page, "Enter", "Enter")
    expect(count(page)).to_have_text("2 of 2 steps, all changes still to come, right, step 1")
    release()
    expect(count(page)).to_have_text("3 of 4 places, right, step 1")
    press(page, "Enter")
    expect(count(page)).to_have_text("4 of 4 places, right, all changes, src/app.py")


def test_of_a_comparison_the_changes_of_each_attempt_are_searched_and_left_again(label):
    docs = [edited(name, issue_id="x", issue_description="Fix it") for name in ("try-1", "try-2")]
    page = label(schemes=[PAIRWISE], traces=docs, overlap=0)
    search(page, "needle")
    says(page, "4 places")
    press(page, "Enter", "Enter")
    expect(count(page)).to_have_text("2 of 4 places, left, all changes, src/app.py")
    page.wait_for_function(f"({MARKED})()[0]?.[1]")
    assert page.evaluate(MARKED_IN) == "src/app.py"
    press(page, "Escape")
    left = page.locator(".pane").first
    expect(left.get_by_role("button", name="Steps", exact=True)).to_have_attribute("aria-pressed", "true")


def test_the_arrows_are_offered_where_they_lead_somewhere(item):
    page = item()
    arrows = [button(page, f"{name} place with it") for name in ("Next", "Previous")]
    search(page, "")
    for arrow in arrows:
        expect(arrow).to_be_disabled()
    page.keyboard.type("needle")
    says(page, "3 steps")
    for arrow in arrows:
        expect(arrow).to_be_enabled()
    page.keyboard.type("less")
    says(page, "Nothing found")
    for arrow in arrows:
        expect(arrow).to_be_disabled()


def test_signs_of_markdown_are_found_in_the_raw_text(item):
    page = item()
    search(page, "**nee**")
    press(page, "Enter")
    at(page, "1 of 1 step", 60)
    expect(step(page, 60).get_by_label("Raw text")).to_be_checked()


def test_what_is_typed_labels_nothing(item):
    page = item(schemes=[PER_STEP], traces=[make_trace("t1", 5)])
    search(page, "x1234zj")
    says(page, "Nothing found")
    assert labels(page) == [None] * 5
    assert current(page) == 0
    press(page, "Escape", "1")
    assert labels(page)[0] == "correct"
    saved(page)


def test_elsewhere_on_the_page_escape_closes_it_and_keys_work(item):
    page = item(schemes=[PER_STEP], traces=[make_trace("t1", 12)])
    search(page, "passed")
    press(page, "Enter")
    at(page, "1 of 2 steps", 3)
    step(page, 3).focus()
    press(page, "2")
    assert labels(page)[3] == "partially_correct"
    press(page, "/")
    expect(field(page)).to_be_focused()
    press(page, "Enter")
    at(page, "2 of 2 steps", 8)
    step(page, 8).focus()
    press(page, "Escape")
    expect(page.locator("#search")).to_be_hidden()
    assert current(page) == 8
    saved(page)


def test_both_attempts_are_searched(label):
    docs = [long_trace(name, 70, issue_id="x", issue_description="Fix it") for name in ("try-1", "try-2")]
    page = label(schemes=[PAIRWISE], traces=docs, overlap=0)
    search(page, "needle")
    says(page, "4 steps")
    seen = []
    for number in range(4):
        press(page, "Enter")
        expect(count(page)).to_contain_text(f"{number + 1} of 4 steps, ")
        page.wait_for_function(f"({MARKED})()[0]?.[1]")
        seen.append(count(page).text_content().split(" steps, ")[1])
        place = "[...CSS.highlights.get('search')][0].startContainer.parentElement.closest('.pane').dataset.place"
        assert page.evaluate(place) == seen[-1].split(",")[0]
    assert seen == ["left, step 7", "left, step 60", "right, step 7", "right, step 60"]
    press(page, "Escape")
    assert page.evaluate("document.querySelector('.pane[data-active]').dataset.place") == "left"


def test_one_attempt_at_a_time_shows_the_one_that_has_it(label):
    docs = [
        make_trace("try-1", 5, issue_id="x", issue_description="Fix it"),
        long_trace("try-2", 70, issue_id="x", issue_description="Fix it"),
    ]
    page = label(schemes=[PAIRWISE], traces=docs, overlap=0, context={"viewport": {"width": 390, "height": 844}})
    button(page, "Search").click()
    field(page).fill("needle")
    press(page, "Enter")
    expect(count(page)).to_contain_text("1 of 2 steps")
    page.wait_for_function(f"({MARKED})()[0]?.[1]")


def test_a_search_that_does_not_come_says_so_and_is_asked_again(item):
    page = item()
    page.route("**/search/*", lambda route: route.abort())
    search(page, "needle")
    says(page, "The server was not reached.")
    page.unroute("**/search/*")
    press(page, "Enter")
    at(page, "1 of 3 steps", 7)


def asked_for(page):
    """The texts that the server is asked for, as the page asks."""
    texts = []
    page.on("request", lambda one: texts.append(one.url.split("q=")[1]) if "/search/" in one.url else None)
    return texts


def test_one_request_at_a_time_and_then_what_is_in_the_field(item):
    page = item()
    waiting, asked = [], asked_for(page)
    page.route("**/search/*q=need", lambda route: waiting.append(route))
    search(page, "need")
    says(page, "Searching…")
    for more in ("l", "ess", "x"):
        page.keyboard.type(more)
        page.wait_for_timeout(300)  # longer than the pause after which it asks
    field(page).fill("needle")
    press(page, "Enter")
    says(page, "Searching…")
    assert asked == ["need"]
    waiting[0].continue_()
    at(page, "1 of 3 steps", 7)
    assert asked == ["need", "needle"]


def test_what_is_known_is_not_asked_again(item):
    page = item()
    asked = asked_for(page)
    search(page, "needle")
    says(page, "3 steps")
    page.keyboard.type("s")
    says(page, "Nothing found")
    press(page, "Backspace")
    says(page, "3 steps")
    assert asked == ["needle", "needles"]


def test_while_another_tab_searches_it_waits_for_its_turn(item):
    page = item()
    answers = iter([429, 429])
    page.route(
        "**/search/*", lambda route: route.fulfill(status=code) if (code := next(answers, 0)) else route.continue_()
    )
    search(page, "needle")
    says(page, "3 steps")


def test_it_says_how_far_a_huge_trace_was_searched(item):
    page = item()
    page.route("**/search/*", lambda route: route.fulfill(json={"steps": [7], "searched": 90}))
    search(page, "needle")
    says(page, "1 step, searched up to step 90")
    page.set_viewport_size({"width": 390, "height": 844})
    press(page, "Enter")
    at(page, "1 of 1 step, searched up to step 90", 7)
    head, bar = (page.locator(name).bounding_box() for name in (".label-header", "#search"))
    for part in (field(page), count(page), button(page, "Stay here")):
        box = part.bounding_box()
        assert box["y"] >= head["y"] + head["height"]
        assert box["y"] + box["height"] <= bar["y"] + bar["height"]


def test_in_a_narrow_window_it_fits_and_hides_nothing(item):
    page = item(context={"viewport": {"width": 390, "height": 844}})
    button(page, "Search").click()
    field(page).fill("needle")
    press(page, "Enter")
    at(page, "1 of 3 steps", 7)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for name in ("Previous place with it", "Next place with it", "Stay here", "Close"):
        box = button(page, name).bounding_box()
        assert min(box["width"], box["height"]) >= 24
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390


def test_the_list_of_shortcuts_names_it_and_the_switch_turns_it_off(item):
    page = item()
    press(page, "?")
    row = page.locator("#help-keys tr").filter(has_text="Search in the trace")
    expect(row.locator("kbd")).to_have_text("/")
    page.get_by_label("Use single-key shortcuts").uncheck()
    press(page, "Escape", "/")
    expect(page.locator("#search")).to_be_hidden()


def test_the_preview_searches_too(manage):
    page = manage("preview/", schemes=[FIRST_ERROR], traces=[long_trace()])
    ready(page)
    search(page, "needle")
    press(page, "Enter", "Enter")
    at(page, "2 of 3 steps", 60)
