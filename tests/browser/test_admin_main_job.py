"""A lab manager's main job without a shell: make a project, upload traces, look at it, open it; somebody labels it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import button, first_error
from tests.browser.test_main_job import Installation, services
from tests.factory import make_trace

pytestmark = [pytest.mark.faults]
__all__ = ["services"]

WIDTHS = (1440, 390)


def runs(folder: Path) -> Path:
    """Four traces between two lines that are wrong."""
    no_type = {"id": "bad", "issue_description": "b", "structured_turns": [{"step_idx": 0, "type": 7}]}
    lines = [json.dumps(make_trace(f"run_{number}", 30)) for number in range(4)]
    path = folder / "runs.jsonl"
    path.write_text("\n".join([*lines[:2], "{not json", *lines[2:], json.dumps(no_type)]) + "\n")
    return path


def manager(work: Installation, chromium: Browser) -> Page:
    link = re.search(r"/login-link/\S+", (work.folder / "potato.log").read_text())
    assert link is not None
    page = chromium.new_context(base_url=work.url).new_page()
    page.goto(link[0])
    button(page, "Sign in").click()
    page.wait_for_url("**/password/")
    return page


def make(page: Page) -> None:
    page.goto("/admin/")
    page.get_by_role("link", name="New project").click()
    page.get_by_label("Name of the project").fill("Spring runs")
    page.get_by_label("Annotators").fill("reviewer1\nreviewer 2")
    page.get_by_label("Minimum time (seconds)").fill("0")
    button(page, "Make the project").click()
    # A mistake stands at its field; what was filled in stays.
    expect(page.get_by_text("Line 2: reviewer 2 cannot be a user name")).to_be_visible()
    page.get_by_label("Annotators").fill("reviewer1")
    button(page, "Make the project").click()
    page.wait_for_url("**/admin/p/spring-runs/")
    expect(page.get_by_role("heading", name="On the way to opening")).to_be_visible()


def upload(page: Page, file: Path) -> None:
    page.get_by_role("navigation", name="Project").get_by_role("link", name="Traces").click()
    wrong = file.with_name("table.xlsx")
    wrong.write_bytes(b"PK\x03\x04 a spreadsheet")
    page.get_by_label("Files of traces").set_input_files([wrong, file])
    button(page, "Upload").click()
    expect(page.locator("#upload-errors")).to_contain_text("table.xlsx: this ZIP archive is damaged")
    # The list follows the import by itself, without a reload.
    expect(page.locator(".import-done")).to_contain_text("4 new", timeout=60_000)
    expect(page.locator(".import-done")).to_contain_text("2 problems")
    rows = page.locator(".import-done .problems tbody tr")
    expect(rows.nth(0)).to_contain_text("3")
    expect(rows.nth(0)).to_contain_text("not JSON")
    expect(rows.nth(1)).to_contain_text("structured_turns[0].type")
    expect(page.locator("#imports")).not_to_have_attribute("hx-trigger", re.compile("every"))


def look_at_it(page: Page) -> None:
    page.get_by_role("link", name="Preview").click()
    page.locator("body[data-ready]").wait_for()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method != "GET" else None)
    expect(page.get_by_text("Preview: nothing is saved")).to_be_visible()
    first_error(page, 2).click()
    expect(page.locator("#step-2")).to_have_attribute("data-label", "incorrect")
    page.get_by_label("Not Resolved").check()
    page.get_by_label("If incorrect, briefly describe the error").fill("wrong line")
    button(page, "Submit").click()
    button(page, "Confirm").click()
    expect(page.get_by_text("Nothing was saved.")).to_be_visible()
    button(page, "Skip…").click()
    button(page, "Skip item").click()
    page.reload()
    page.locator("body[data-ready]").wait_for()
    expect(page.locator("article[data-label]")).to_have_count(0)
    assert sent == []
    page.get_by_role("link", name="Next").click()
    expect(page.locator(".place")).to_have_text("Item 2 of 4")
    page.get_by_role("link", name="Back to the project").click()


def label_one(page: Page) -> None:
    page.goto("/")
    page.get_by_label("User name").fill("reviewer1")
    page.get_by_label("Password").fill("pw_reviewer1")
    button(page, "Sign in").click()
    page.get_by_role("link", name="Spring runs").click()
    button(page, "Start").click()
    page.locator("body[data-ready]").wait_for()
    button(page, "All Correct").click()
    page.get_by_label("Fully Resolved").check()
    address = page.url
    button(page, "Submit").click()
    button(page, "Confirm").click()
    page.wait_for_url(lambda url: url != address)


def test_a_project_without_a_shell(tmp_path, services, chromium):
    work = Installation(tmp_path, services)
    try:
        work.start_detached()
        page = manager(work, chromium)
        make(page)
        upload(page, runs(tmp_path))
        look_at_it(page)
        page.wait_for_url("**/admin/p/spring-runs/")
        button(page, "Open for labeling").click()
        expect(page.get_by_text("The project is open")).to_be_visible()
        worker = chromium.new_context(base_url=work.url).new_page()
        label_one(worker)
        page.goto("/admin/p/spring-runs/")
        expect(page.get_by_role("region", name="Latest submissions")).to_contain_text("reviewer1")
        button(page, "Close").click()
        expect(page.get_by_text("The project is closed")).to_be_visible()
        fits(page)
    finally:
        work.stop()


EXPORTS = ("/admin/p/spring-runs/exports/", "/admin/p/spring-runs/exports/schedules/")


def fits(page: Page) -> None:
    """No page of the job is wider than a telephone's window."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for path in ("/admin/new/", "/admin/p/spring-runs/traces/", "/admin/p/spring-runs/preview/", *EXPORTS):
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
