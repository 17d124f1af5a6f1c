"""Files of traces on their way to the server, as a person sends them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.factory import make_trace


def files(folder: Path, n: int) -> list[Path]:
    made = [folder / f"run{number}.jsonl" for number in range(n)]
    for number, path in enumerate(made):
        path.write_text(json.dumps(make_trace(f"sent_{number}", steps=1)))
    return made


def send(page: Page, paths: list[Path]) -> None:
    page.get_by_label("Files of traces").set_input_files(paths)
    page.get_by_role("button", name="Upload").click()


def test_more_files_than_one_form_takes_are_sent_in_several(manage: Callable[..., Page], tmp_path: Path):
    page = manage("traces/")
    page.locator("#upload").evaluate("form => form.dataset.mostFiles = 2")
    send(page, files(tmp_path, 5))
    for title in ("run0.jsonl, run1.jsonl", "run2.jsonl, run3.jsonl", "run4.jsonl"):
        expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
    expect(page.locator("#upload-errors li")).to_have_count(0)


def test_a_folder_is_dropped_with_all_that_lies_in_it(manage: Callable[..., Page], tmp_path: Path):
    inner = tmp_path / "sessions" / "of a day"
    inner.mkdir(parents=True)
    (tmp_path / "sessions" / ".DS_Store").write_bytes(bytes(10))
    files(tmp_path / "sessions", 1)
    files(inner, 2)[0].unlink()
    page = manage("traces/")
    client = page.context.new_cdp_session(page)
    box = page.locator(".drop").bounding_box() or {}
    for kind in ("dragEnter", "dragOver", "drop"):
        data = {"items": [], "files": [str(tmp_path / "sessions")], "dragOperationsMask": 1}
        client.send("Input.dispatchDragEvent", {"type": kind, "x": box["x"] + 9, "y": box["y"] + 9, "data": data})
    for name in ("sessions/run0.jsonl", "sessions/of a day/run1.jsonl"):
        expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.locator("#upload-errors li")).to_have_count(0)


def test_stop_ends_all_that_was_sent_together(manage: Callable[..., Page], tmp_path: Path):
    page = manage("traces/")
    page.locator("#upload").evaluate("form => form.dataset.mostFiles = 2")
    page.route("**/traces/", lambda route: None if route.request.method == "POST" else route.continue_())
    send(page, files(tmp_path, 5))
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#upload-errors li")).to_have_text(
        ["2 files: stopped; nothing of it was kept.", "3 files: not sent."]
    )
    expect(page.get_by_role("button", name="Upload")).to_be_enabled()


def test_what_was_said_of_files_stays_while_others_take_their_turn(manage: Callable[..., Page]):
    page = manage("traces/")
    page.evaluate(
        """names => names.forEach((name) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10, 0, 0])], name));
          document.dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, cancelable: true}));
        })""",
        ["a.png", "b.png"],
    )
    expect(page.locator("#upload-errors")).to_contain_text("a.png: this is a picture")
    expect(page.locator("#upload-errors")).to_contain_text("b.png: this is a picture")
    expect(page.get_by_role("button", name="Upload")).to_be_enabled()
