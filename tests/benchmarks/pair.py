"""Opening a pair of two 1,000-step traces in a browser against opening one of them.

From the address to a page that takes keys, everything rendered before.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from playwright.sync_api import Page, sync_playwright

from tests.benchmarks.measure import Row
from tests.browser.conftest import CHROMIUM, FLAGS, Site, ready
from tests.factory import OUTCOME, PASSWORD, make_trace

STEPS, ROUNDS = 1_000, 9
RENDER = """
import django
django.setup()
from annotation.models import Item
from annotation.pages.shown import sides_of
from annotation.projects.revisions import config_of
from traces.chunks import render_version
for item in Item.objects.select_related("project"):
    for version, options in sides_of(item, config_of(item.project.revision_id)):
        render_version(version, options)
"""


def run(folder: Path) -> Iterator[Row]:
    folder.mkdir()
    with Site(folder) as site:
        one, two = _milliseconds(site)
    note = f"{two:.0f} ms, {one:.0f} ms"
    yield Row(f"opening a pair of {STEPS:,}-step traces, not one", two / one, "x", 1.5, note)


def _milliseconds(site: Site) -> tuple[float, float]:
    """Medians of one trace and of a pair, opened in turn."""
    traces = [make_trace(f"try-{n}", STEPS, issue_id="x", issue_description="Fix x") for n in (1, 2)]
    compare = {"annotation_type": "pairwise", "name": "preference"}
    names = [
        site.project(traces=traces, schemes=schemes, people=["ann"], overlap=0) for schemes in ([OUTCOME], [compare])
    ]
    site.run(RENDER)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_context(base_url=site.url, viewport={"width": 1440, "height": 900}).new_page()
        _sign_in(page)
        addresses = [_started(page, name) for name in names]
        times: list[list[float]] = [[], []]
        for _ in range(ROUNDS):
            for address, found in zip(addresses, times, strict=True):
                found.append(_opened(page, address))
        browser.close()
    one, two = (median(found[1:]) for found in times)
    return one, two


def _sign_in(page: Page) -> None:
    page.goto("/")
    page.get_by_label("User name").fill("ann")
    page.get_by_label("Password").fill(PASSWORD.format(name="ann"))
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Your projects").wait_for()


def _started(page: Page, name: str) -> str:
    page.goto("/")
    page.get_by_role("link", name=name, exact=True).click()
    page.get_by_role("button", name="Start").click()
    ready(page)
    return page.url


def _opened(page: Page, address: str) -> float:
    start = time.perf_counter()
    page.goto(address, wait_until="commit")
    ready(page)
    return (time.perf_counter() - start) * 1000
