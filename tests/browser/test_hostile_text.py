"""Hostile text in every field, in a real browser: it is read, and nothing of it ever runs."""

from __future__ import annotations

from playwright.sync_api import Dialog, Page, Request, expect

from tests.browser.conftest import ready
from tests.browser.pages import button, saved, step
from tests.canaries import Canaries

# Whatever a payload would have made of the page: its own element or attribute, an image, a handler.
INJECTED = """() => [...document.querySelectorAll("*")]
    .filter(one => one.localName.startsWith("x-q") || one.localName === "img"
        || one.getAttributeNames().some(name => name.startsWith("on") || name === "x-q"))
    .map(one => one.outerHTML.slice(0, 200))"""
WAIT_FOR_CHUNKS = "() => !document.querySelector('.chunk-waiting')"


class Watch:
    """What the browser did that only a payload can have asked for."""

    def __init__(self, page: Page, origin: str) -> None:
        self.found: list[str] = []
        self.origin = origin
        page.on("dialog", self._dialog)
        page.on("console", lambda said: self._note("console", said.text) if "Refused" in said.text else None)
        page.on("request", self._request)
        page.on("popup", lambda popup: self._note("window", popup.url))

    def _note(self, what: str, text: str) -> None:
        self.found.append(f"{what}: {text}")

    def _dialog(self, dialog: Dialog) -> None:
        self._note("dialog", dialog.message)
        dialog.dismiss()

    def _request(self, request: Request) -> None:
        # Every payload asks htmx to sign the person out.
        if not request.url.startswith(f"{self.origin}/") or "/logout/" in request.url:
            self._note("request", request.url)


def open_first_item(sign_in, site, canaries: Canaries, name: str) -> tuple[Page, Watch]:
    site.project(
        name=canaries.text("project name"),
        traces=canaries.documents(),
        schemes=canaries.schemes(),
        people=[name],
    )
    page = sign_in(name)
    watch = Watch(page, site.url)
    page.locator("main a").first.click()
    page.get_by_role("button", name="Start").click()
    ready(page)
    return page, watch


def scroll_through(page: Page) -> None:
    """Fold everything out and bring every step into view, chunk after chunk."""
    for number in range(page.locator("[data-chunk]").count()):
        page.locator(f"[data-chunk='{number}']").scroll_into_view_if_needed()
    page.wait_for_function(WAIT_FOR_CHUNKS)
    # A record without steps has no such button.
    if page.locator("article[data-step]").count():
        button(page, "Expand All").click()
    for article in page.locator("article").all():
        article.scroll_into_view_if_needed()


def test_nothing_of_it_runs_while_every_item_is_scrolled_through(sign_in, site):
    canaries = Canaries("our")
    page, watch = open_first_item(sign_in, site, canaries, "mallory")
    read = ""
    for _ in range(3):
        scroll_through(page)
        read += page.evaluate("document.body.textContent")
        assert page.evaluate(INJECTED) == []
        button(page, "Skip…").click()
        with page.expect_navigation():
            button(page, "Skip item").click()
    assert watch.found == []
    texts = canaries.marks("issue_description", "thinking.content", "bash_command.command", "web.input", "record.text")
    assert {mark for mark in texts if f"{mark}<x-{mark} x-q></textarea>" not in read} == set()


def test_answers_and_labels_are_painted_as_text(sign_in, site):
    canaries = Canaries("their")
    page, watch = open_first_item(sign_in, site, canaries, "trudy")
    payload = canaries.text("answer")
    labels = step(page, 0).locator("[data-scheme=steps] .label-button")
    for number in range(labels.count()):
        labels.nth(number).click()
    button(step(page, 0), "Add reason").click()
    step(page, 0).locator("textarea").first.fill(payload)
    page.locator("#questions input[type=radio]").first.check()
    page.locator("#questions textarea").first.fill(payload)
    page.keyboard.press("Tab")
    saved(page)
    page.locator("#help-button").click()
    button(page, "Close").click()
    button(page, "Submit").click()
    expect(page.locator("#review-answers")).to_contain_text(payload[:40])
    assert page.evaluate(INJECTED) == []
    page.reload()
    ready(page)
    expect(page.locator("#questions textarea").first).to_have_value(payload)
    assert page.evaluate(INJECTED) == []
    assert watch.found == []
