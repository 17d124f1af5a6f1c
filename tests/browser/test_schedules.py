"""The page of a project's schedules in a browser."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page


def test_what_can_be_done_with_a_schedule_stands_in_buttons_of_one_height(manage: Callable[..., Page]):
    page = manage("exports/schedules/")
    page.locator("[name=every_n]").fill("5")
    page.get_by_role("button", name="Set the schedule").click()
    acts = page.locator(".export-row-acts").first
    acts.wait_for()
    heights = acts.locator("a, button").evaluate_all("all => all.map(one => one.getBoundingClientRect().height)")
    assert len(heights) == 4
    assert len(set(heights)) == 1
