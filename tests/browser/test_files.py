"""The list of a trace's files: their names can be read, however deep they lie."""

import pytest

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
