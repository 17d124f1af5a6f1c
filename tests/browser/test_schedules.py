"""The page of a project's schedules in a browser."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect


def test_what_can_be_done_with_a_schedule_stands_in_buttons_of_one_height(manage: Callable[..., Page]):
    page = manage("exports/schedules/")
    page.locator("[name=every_n]").fill("5")
    page.get_by_role("button", name="Set the schedule").click()
    acts = page.locator(".export-row-acts").first
    acts.wait_for()
    heights = acts.locator("a, button").evaluate_all("all => all.map(one => one.getBoundingClientRect().height)")
    assert len(heights) == 4
    assert len(set(heights)) == 1


def test_a_new_schedule_begins_with_the_zone_of_the_browser(manage: Callable[..., Page]):
    page = manage("exports/schedules/", context={"timezone_id": "Asia/Tokyo"})
    expect(page.get_by_label("Time zone")).to_have_value("Asia/Tokyo")
    page.locator("[name=cron]").fill("0 6 * *")
    page.get_by_label("Time zone").fill("Europe/Berlin")
    page.get_by_role("button", name="Set the schedule").click()
    # What was typed stays where something else is wrong.
    expect(page.locator(".errorlist")).to_be_visible()
    expect(page.get_by_label("Time zone")).to_have_value("Europe/Berlin")
    page.locator("[name=cron]").fill("0 6 * * *")
    page.get_by_role("button", name="Set the schedule").click()
    expect(page.locator(".export-table")).to_contain_text("Europe/Berlin")
