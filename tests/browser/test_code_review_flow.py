"""Code review as the announcement configures it: from its file to the annotator's line, by keyboard alone."""

from __future__ import annotations

import json

import pytest
import yaml
from playwright.sync_api import Page, expect

from tests.browser.conftest import wait_for
from tests.browser.pages import press, saved, start_by_keyboard
from tests.browser.test_code_review import trace
from tests.browser.test_main_job import DOCUMENTS, Installation, services

__all__ = ["services"]
pytestmark = [pytest.mark.faults]


def write(work: Installation) -> None:
    """The document's configuration; only its half minute of reading is left out."""
    config = yaml.safe_load((DOCUMENTS / "announcement.yaml").read_text())
    del config["quality_control"]["minimum_time_per_instance"]
    config["annotation_schemes"][1]["require_comment_on_reject"] = True
    (work.folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    (work.folder / "data" / "traces.jsonl").write_text(json.dumps(trace()) + "\n")


def review(page: Page) -> None:
    """First error at step 1; a comment on a line with a category, one on a range, a rating, a verdict."""
    press(page, "j", "x", "c")
    page.keyboard.type("The value is wrong")
    press(page, "Alt+2", "Control+Enter")
    press(page, "v", "ArrowUp", "ArrowUp", "k", "c")
    page.keyboard.type("Why was this not tested?")
    press(page, "Control+Enter", "Escape", "r", "2", "p", "2")
    saved(page)
    address = page.url
    press(page, "Enter")
    page.wait_for_url(lambda url: url != address)


def check(line: dict) -> None:
    assert line["first_error_step"] == 1
    value = line["code_quality"]
    assert value["verdict"] == "request_changes"
    assert value["file_ratings"] == [{"file": "src/app.py", "rating": 2, "label": None}]
    earlier, later = value["comments"]
    assert {key: later[key] for key in later if key not in ("id", "quote_sha")} == {
        "step": 1,
        "file": "src/app.py",
        "side": "new",
        "start_line": 11,
        "end_line": 11,
        "code": "value_11 = 110",
        "category": "Logic Error",
        "text": "The value is wrong",
        "resolved": False,
    }
    assert (earlier["start_line"], earlier["end_line"]) == (9, 10)
    assert earlier["code"] == "value_9 = 9\nvalue_10 = 10"


def test_from_signing_in_to_the_exported_line(tmp_path, services, chromium):
    work = Installation(tmp_path, services)
    write(work)
    try:
        work.start_detached()
        context = chromium.new_context()
        page = context.new_page()
        start_by_keyboard(
            page, work.url, name="annotator1", password="secure_password_1", project="Coding Agent Evaluation"
        )
        review(page)
        expect(page.locator("body")).to_contain_text("Thank you!")
        context.close()
        own = tmp_path / "output" / "annotator1" / "annotations.jsonl"
        wait_for(own.exists, "the annotator's file does not appear", 30)
        [line] = work.lines("output/annotator1/annotations.jsonl")
        check(line)
        work.shell("potato export --format code_review --project ./output/ --output ./reviews.jsonl")
        [exported] = work.lines("reviews.jsonl")
        assert exported["comments"] == line["code_quality"]["comments"]
        assert (exported["annotator"], exported["verdict"]) == ("annotator1", "request_changes")
    finally:
        work.stop()
