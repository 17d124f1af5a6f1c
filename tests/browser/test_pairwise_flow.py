"""Process rewards and a comparison in one pass, from signing in to the exported pair, by keyboard alone."""

from __future__ import annotations

import json

import pytest
import yaml
from playwright.sync_api import Page, expect

from tests.browser.conftest import wait_for
from tests.browser.pages import press, saved, start_by_keyboard
from tests.browser.test_main_job import Installation, services
from tests.factory import FIRST_ERROR, make_trace

__all__ = ["services"]
pytestmark = [pytest.mark.faults]

PAIRWISE = {"annotation_type": "pairwise", "name": "preference", "strength": ["Slightly", "Clearly"]}


def write(work: Installation) -> None:
    """Two attempts at one issue, which one person labels and then compares."""
    traces = [make_trace(f"try-{number}", 3, issue_id="x", issue_description="Fix the rounding") for number in (1, 2)]
    config = {
        "project_name": "Attempts",
        "data": {"input_path": "./data/traces.jsonl"},
        "annotation_schemes": [FIRST_ERROR, PAIRWISE],
        "output": {"path": "./output/"},
        "annotators": [{"username": "ann", "password": "pw_ann"}],
    }
    (work.folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    (work.folder / "data" / "traces.jsonl").write_text("".join(json.dumps(trace) + "\n" for trace in traces))


def submit(page: Page) -> None:
    saved(page)
    address = page.url
    press(page, "Enter")
    page.wait_for_url(lambda url: url != address)


def label_and_compare(page: Page) -> None:
    """The first attempt is all correct, the second wrong from step 1 on; the first one is clearly better."""
    for keys in (["a"], ["j", "x"]):
        press(page, *keys)
        submit(page)
        page.locator("body[data-ready]").wait_for()
    state = json.loads(page.locator("#page-state").text_content() or "")
    press(page, "2" if state["schemes"][0]["swapped"] else "1", "w")
    submit(page)


def test_from_signing_in_to_the_exported_pair(tmp_path, services, chromium):
    work = Installation(tmp_path, services)
    write(work)
    try:
        work.start_detached()
        context = chromium.new_context()
        page = context.new_page()
        start_by_keyboard(page, work.url, name="ann", password="pw_ann", project="Attempts")
        label_and_compare(page)
        expect(page.locator("body")).to_contain_text("Thank you!")
        context.close()
        own = tmp_path / "output" / "ann" / "comparisons.jsonl"
        wait_for(lambda: own.exists() and own.read_text().count("\n") == 1, "the annotator's file is not complete", 240)
        assert [line["trace_id"] for line in work.lines("output/ann/annotations.jsonl")] == ["try-1", "try-2"]
        work.shell("potato export --format preference_pairs --project ./output/ --output ./pairs.jsonl")
        [pair] = work.lines("pairs.jsonl")
        assert (pair["source"], pair["chosen_trace_id"], pair["rejected_trace_id"]) == ("pairwise", "try-1", "try-2")
        # Of two grades the stronger one.
        assert pair["margin"] == 1.0
    finally:
        work.stop()
