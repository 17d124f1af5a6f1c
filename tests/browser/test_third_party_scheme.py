"""A scheme of another package, on the page: its control on every step, its answers saved and there again."""

import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Site, ready
from tests.browser.pages import button, saved, step
from tests.factory import FIRST_ERROR, PASSWORD

PLUGIN = Path(__file__).parents[1] / "plugins" / "step_comments"

pytestmark = pytest.mark.apart


@pytest.fixture
def site_with_plugin(tmp_path):
    target = tmp_path / "plugins"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--target", str(target), str(PLUGIN)], check=True)
    site = Site(tmp_path)
    site.environment["PYTHONPATH"] = str(target)
    with site:
        yield site


def test_comments_on_steps_are_saved_removed_and_undone(site_with_plugin, chromium):
    remarks = {"annotation_type": "step_comments", "name": "remarks"}
    name = site_with_plugin.project(schemes=[FIRST_ERROR, remarks])
    page = chromium.new_context(base_url=site_with_plugin.url).new_page()
    page.goto("/")
    page.get_by_label("User name").fill("ann")
    page.get_by_label("Password").fill(PASSWORD.format(name="ann"))
    button(page, "Sign in").click()
    page.get_by_role("link", name=name, exact=True).click()
    button(page, "Start").click()
    ready(page)
    for text in ("Why this file?", "<b>bold</b>"):
        step(page, 2).get_by_label("Comment on this step").fill(text)
        button(step(page, 2), "Add comment").click()
    saved(page)
    page.reload()
    ready(page)
    comments = step(page, 2).get_by_role("listitem")
    expect(comments).to_have_count(2)
    expect(comments.filter(has_text="<b>bold</b>")).to_have_count(1)
    expect(step(page, 1).get_by_role("listitem")).to_have_count(0)
    button(comments.first, "Remove").click()
    expect(comments).to_have_count(1)
    step(page, 2).focus()
    page.keyboard.press("z")
    expect(comments).to_have_count(2)
    saved(page)
    page.context.close()
