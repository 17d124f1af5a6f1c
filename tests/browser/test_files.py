"""The files of a trace beside its steps: in folders, with names that can be read, however deep they lie."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ready
from tests.browser.pages import current, press
from tests.factory import make_trace

DEEP = "packages/backend/services/notifications/internal/delivery/handlers/webhook_signature_checks.py"
# Where the last and the first characters of a text are painted, and the room that its box has for them.
ENDS = """box => {
  const text = box.querySelector("bdi").firstChild, room = box.getBoundingClientRect();
  const at = (start, end) => {
    const range = document.createRange();
    range.setStart(text, start);
    range.setEnd(text, end);
    return range.getBoundingClientRect();
  };
  return { begin: at(0, 3).left - room.left, end: room.right - at(text.length - 3, text.length).right };
}"""


@pytest.mark.parametrize(
    ("group_by", "cut"), [("chronological", ".filetree-name"), ("directory", ".filetree-directory")]
)
def test_of_a_path_that_is_too_long_the_beginning_is_cut(label, group_by, cut):
    turns = [
        {"step_idx": 0, "type": "file_read", "path": DEEP, "content": "x = 1"},
        {"step_idx": 1, "type": "file_read", "path": "docs/a.md", "content": "x"},
    ]
    page = label(
        traces=[make_trace("t1", structured_turns=turns)],
        coding_agent={"display": {"file_tree": {"group_by": group_by}}},
    )
    boxes = page.locator(f"#filetree {cut}")
    long, short = (boxes.filter(has_text=name).evaluate(ENDS) for name in ("packages/", "docs/"))
    assert long["begin"] < 0 <= long["end"]
    assert abs(short["begin"]) < 1


def test_the_files_stand_in_folders_that_fold_by_keyboard(label):
    steps = [("file_read", "/repo/src/ui/a.py"), ("file_read", "/repo/src/ui/b.py"), ("file_read", "/repo/c.md")]
    turns = [{"step_idx": n, "type": kind, "path": path, "content": "x"} for n, (kind, path) in enumerate(steps)]
    page = label(traces=[make_trace("t1", structured_turns=turns)])
    files = page.get_by_role("navigation", name="Files of this trace")
    expect(files.locator("#filetree > p")).to_have_text("/repo/")
    inner = files.get_by_role("link", name="b.py")
    expect(inner).to_be_visible()
    files.locator("summary", has_text="src/ui/").focus()
    press(page, "Enter")
    expect(inner).to_be_hidden()
    expect(files.get_by_role("link", name="c.md")).to_be_visible()
    press(page, "Enter")
    inner.click()
    assert current(page) == 1


def test_only_what_took_effect_is_marked_as_a_change(label):
    diff = "--- a/{0}\n+++ b/{0}\n@@ -1 +1 @@\n-x\n+y\n"
    turns = [
        {"type": "file_edit", "path": "a.py", "diff": diff.format("a.py"), "status": "failed"},
        {"type": "file_edit", "path": "b.py", "diff": diff.format("b.py") + diff.format("c.py")},
        {"type": "file_create", "path": "d.py", "content": "x"},
        {"type": "file_delete", "path": "d.py", "content": "x"},
    ]
    page = label(traces=[make_trace("t1", structured_turns=[{"step_idx": n, **one} for n, one in enumerate(turns)])])
    links = page.locator("#filetree a")
    expect(links).to_have_text(["– a.py edit failed", "M b.py modified", "M c.py modified", "D d.py deleted"])
    page.get_by_role("link", name="c.py").click()
    assert current(page) == 1


@pytest.mark.parametrize("position", ["left", "right"])
def test_closed_the_list_leaves_its_room_to_the_steps_and_stays_closed(label, position):
    page = label(coding_agent={"display": {"file_tree": {"position": position}}})
    width = "one => one.getBoundingClientRect().width"
    steps, files = page.locator(".trace-column"), page.locator("#filetree")
    before = steps.evaluate(width)
    press(page, "t")
    expect(files).not_to_have_attribute("open", "")
    assert steps.evaluate(width) - before > 170
    page.reload()
    ready(page)
    expect(files).not_to_have_attribute("open", "")
    assert steps.evaluate(width) - before > 170
    files.locator(":scope > summary").click()
    expect(page.get_by_role("link", name="a.py")).to_be_visible()
    assert steps.evaluate(width) == before
    page.reload()
    ready(page)
    expect(page.get_by_role("link", name="a.py")).to_be_visible()


def test_in_a_narrow_window_the_list_begins_closed_whatever_was_chosen(label):
    page = label(context={"viewport": {"width": 390, "height": 844}})
    files = page.locator("#filetree")
    expect(files).not_to_have_attribute("open", "")
    files.locator(":scope > summary").click()
    expect(page.get_by_role("link", name="a.py")).to_be_visible()
    page.reload()
    ready(page)
    expect(files).not_to_have_attribute("open", "")
    page.set_viewport_size({"width": 1440, "height": 900})
    expect(files).to_have_attribute("open", "")
