"""Messages in Markdown on the labeling page: rendered, their raw text one key away, hostile ones only read."""

from playwright.sync_api import expect

from tests.browser.conftest import ready
from tests.browser.pages import button, current, press, saved, step
from tests.browser.test_hostile_text import INJECTED, Watch
from tests.factory import PER_STEP, make_trace

SAID = "## Done\n\n- **Two** files, see `a.py`\n- [docs](https://example.org/x)\n"
HOSTILE = """# `x` <img src=x onerror=alert(1)>
[run](javascript:alert(1)) ![p](https://evil.example/pixel.png) [out](/logout/)
**<x-q hx-get=/logout/ hx-trigger=load>**

<button id="submit-button">Submit</button>
```html" onload="alert(1)
</div></article><script>alert(1)</script>
```
"""


def document(*said, issue="Fix it"):
    turns = [{"step_idx": n, "type": "assistant_message", "content": text} for n, text in enumerate(said)]
    return make_trace("t1", 0, issue_description=issue, structured_turns=turns)


def test_markdown_is_rendered_and_its_raw_text_is_one_key_away(label):
    page = label(schemes=[PER_STEP], traces=[document(SAID, "Plain.")])
    message = step(page, 0)
    raw = message.get_by_role("checkbox", name="Raw text")
    expect(message.get_by_role("heading", name="Done")).to_be_visible()
    expect(message.get_by_role("listitem")).to_have_count(2)
    expect(message.locator(".raw")).to_be_hidden()
    expect(step(page, 1).get_by_role("checkbox")).to_have_count(0)
    # Opening everything opens no raw text.
    button(page, "Expand All").click()
    raw.focus()
    press(page, " ")
    expect(message.locator(".raw")).to_have_text(SAID, use_inner_text=True)
    expect(message.get_by_role("heading", name="Done")).to_be_hidden()
    # The keys go on working.
    press(page, "1")
    saved(page)
    assert current(page) == 1
    raw.focus()
    press(page, " ")
    expect(message.get_by_role("heading", name="Done")).to_be_visible()


def test_the_raw_text_needs_no_script(label):
    page = label(schemes=[PER_STEP], traces=[document(SAID)])
    still = page.context.browser.new_context(
        base_url=page.url, storage_state=page.context.storage_state(), java_script_enabled=False
    )
    try:
        tab = still.new_page()
        tab.goto(page.url)
        tab.get_by_role("checkbox", name="Raw text").check()
        expect(tab.locator(".raw")).to_be_visible()
        expect(tab.locator(".prose")).to_be_hidden()
    finally:
        still.close()


def test_an_issue_in_markdown_is_rendered_and_a_step_that_repeats_it_is_folded(label):
    first = make_trace("t1", 0, issue_description=SAID, structured_turns=[{"type": "user_message", "content": SAID}])
    page = label(schemes=[PER_STEP], traces=[first])
    expect(page.locator(".issue").get_by_role("heading", name="Done")).to_be_visible()
    expect(step(page, 0)).to_contain_text("The issue, as above")
    expect(step(page, 0).get_by_role("heading", name="Done")).to_be_hidden()


def test_the_whole_raw_text_of_an_issue_is_offered_where_it_is_taller(label):
    page = label(schemes=[PER_STEP], traces=[document("Yes.", issue="# Top" + "\n" * 60 + "`end`")])
    whole = button(page, "Show the whole issue")
    expect(whole).to_be_hidden()
    page.locator(".issue").get_by_role("checkbox", name="Raw text").check()
    whole.click()
    assert page.locator("#issue-text").evaluate("one => one.scrollHeight <= one.clientHeight")
    page.locator(".issue").get_by_role("checkbox", name="Raw text").uncheck()
    expect(page.locator(".issue .prose")).to_be_visible()


def test_a_hostile_message_is_only_read(label, site):
    page = label(schemes=[PER_STEP], traces=[document(HOSTILE, issue=HOSTILE)])
    watch = Watch(page, site.url)
    page.reload()
    ready(page)
    expect(step(page, 0).locator(".prose")).to_contain_text("<img src=x onerror=alert(1)>")
    expect(step(page, 0).locator(".prose")).to_contain_text("</article><script>alert(1)</script>")
    assert page.evaluate(INJECTED) == []
    assert page.locator(".prose :is(a, button, [id])").count() == 0
    expect(page.locator("#submit-button")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert watch.found == []
