"""Parts of a page that follow the server, under the hands of a person."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.conftest import Site

# The import that loaded the project goes on: no worker is there to end it.
RUNNING = """
import django; django.setup()
from django.utils import timezone
from potato_site.jobs.models import Job
from traces.models import Import
batch = Import.objects.latest("pk")
batch.job = Job.objects.create(
    kind="traces.import", queue="bulk", state="running", params={"import": batch.pk}, due_at=timezone.now(),
    progress={"done": 1, "total": 9, "message": "1 trace"},
)
batch.save()
"""


def followed(page: Page) -> None:
    """Until the server was asked again, and what it said is there."""
    with page.expect_response("**/traces/", timeout=20_000):
        pass
    page.wait_for_timeout(300)


def test_what_is_opened_in_a_list_that_follows_an_import_stays_open(site: Site, manage: Callable[..., Page]):
    page = manage("traces/")
    site.run(RUNNING)
    page.reload()
    title = page.get_by_text("1 file", exact=True)
    title.focus()
    page.keyboard.press("Enter")
    table = page.get_by_role("columnheader", name="Format")
    expect(table).to_be_visible()
    followed(page)
    expect(table).to_be_visible()
    expect(title).to_be_focused()
    page.keyboard.press("Enter")
    followed(page)
    expect(table).to_be_hidden()


def test_a_button_is_not_replaced_between_press_and_release(site: Site, manage: Callable[..., Page]):
    page = manage("traces/")
    site.run(RUNNING)
    page.reload()
    page.get_by_role("button", name="Cancel").hover()
    page.mouse.down()
    followed(page)
    page.mouse.up()
    expect(page.locator(".import-cancelled")).to_be_visible()
