"""Stored chunks name the renderer that made them: markup never changes under a version that is in use."""

from pathlib import Path

import pytest

from traces.changes_view import render_changes
from traces.displays import displays
from traces.document import STEP_TYPES
from traces.options import RENDERER_VERSION, RenderOptions
from traces.rendering import LABELS, render_chunk, render_steps

GOLDEN = Path(__file__).parent.parent / "golden" / "chunks" / f"v{RENDERER_VERSION}"
DIFF = "--- a/app.py\n+++ b/app.py\n@@ -3,4 +3,5 @@ def main():\n a = 1\n-b = 2\n+b = 3\n+c = 4\n d = 5\n e = 6\n"
DIFF_OF_B = DIFF.replace("app.py", "b.py")
GIF = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"  # one pixel
STEPS = [
    {"type": "user_message", "content": "Fix <main>.\nSoon.\u200b"},
    {"type": "assistant_message", "content": "Looking.", "seconds": 1.5, "tokens": 12},
    {"type": "thinking", "content": "Which file?"},
    {"type": "system", "content": "Context was compacted.", "reason": "length"},
    {"type": "error", "content": "\x1b[31mOverloaded\x1b[0m"},
    {"type": "file_read", "path": "app.py", "content": "a = 1\nb = 'two'\n", "start_line": 3, "end_line": 4},
    {"type": "file_edit", "path": "app.py", "diff": DIFF},
    {
        "type": "file_edit",
        "path": "app.py",
        "diff": DIFF,
        "status": "failed",
        "output": "No match.",
        "approximate": True,
    },
    {"type": "file_create", "path": "new.txt", "content": "one\ntwo\n"},
    {"type": "file_delete", "path": "old.txt", "diff": "--- a/old.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone\n"},
    {
        "type": "bash_command",
        "command": "pytest -q",
        "output": "10%\r100%\n\x1b[1;32mok\x1b[0m\n",
        "exit_code": 0,
        "cwd": "/srv",
        "input": {"description": "Run the tests", "timeout": 60},
    },
    {"type": "bash_command", "command": "make", "output": None, "exit_code": None, "status": "suggested"},
    {"type": "bash_command", "command": "ls", "output": "a", "exit_code": 0, "by": "user", "abandoned": True},
    {"type": "bash_command", "command": "seq 60", "output": "\n".join(map(str, range(60))), "exit_code": 2},
    {"type": "bash_command", "command": "sed -i s/2/3/ b.py", "output": "", "exit_code": 0, "diff": DIFF_OF_B},
    {"type": "search", "name": "Grep", "input": {"pattern": "main"}, "output": "app.py:3"},
    {"type": "web", "name": "Fetch", "input": {"url": "https://example.org"}, "output": ""},
    {"type": "plan", "name": "Todo", "input": [{"content": "Edit", "status": "pending"}], "output": "ok"},
    {"type": "subagent", "name": "Task", "input": {"prompt": "Look"}, "output": "Found."},
    {"type": "tool_call", "name": "mcp", "input": "raw", "output": None, "parent": 18, "images": [{}]},
    {
        "type": "assistant_message",
        "content": "# Done\n\n1. **Read** `a.py`, see [docs](https://example.org) and [b](b.py)\n"
        "   ```py\n   a = 1\n   ```\n\n|a|b|\n|-|-|\n|1|<i>|\n\n> ![plot](p.png)\u200b\n\n---\nsnake_case_name\n",
    },
    {"type": "file_delete", "path": "lost.txt"},
    {"type": "file_edit", "path": "b.txt", "diff": "--- a/a.txt\n+++ b/b.txt\n"},
    {"type": "file_edit", "path": "c.txt", "content": "all of it\n"},
    {"type": "user_message", "content": "look", "images": [{"media_type": "image/gif", "data": GIF}]},
    {"type": "bash_command", "command": "patch < b.patch", "output": "No.", "status": "failed", "diff": DIFF_OF_B},
]
TURNS = [{"step_idx": index, **step} for index, step in enumerate(STEPS)]
LAYOUT = "<h3 id='x' title='{{text}}' lang='de'>T</h3>{{text}}"
STYLED = (
    '<div style="background: #f0f4ff; position: fixed; padding: 18px 22px"><b style="float:left">T</b>{{text}}</div>'
)
CASES = {
    "unified": lambda: render_steps(TURNS, RenderOptions()),
    "split": lambda: render_steps(
        TURNS, RenderOptions(diff_style="split", context_lines=0, id_prefix="a-"), highlight=False
    ),
    "changes": lambda: render_changes({"id": "t1", "structured_turns": TURNS}, RenderOptions(id_prefix="b-")),
    "record": lambda: render_chunk({"id": "r1", "text": "<b>", "score": 3}, RenderOptions(), 0),
    "styled_layout": lambda: render_chunk({"id": "r1", "text": "<b>"}, RenderOptions(layout=STYLED), 0),
    "layout": lambda: render_chunk({"id": "r1", "text": "<b>"}, RenderOptions(layout=LAYOUT), 0),
}


@pytest.mark.parametrize("case", CASES)
def test_markup_is_that_of_its_version(case, pytestconfig):
    """``--update-golden`` writes a version once; to change the markup, raise RENDERER_VERSION."""
    path = GOLDEN / f"{case}.html"
    html = CASES[case]() + "\n"
    if not path.exists() and pytestconfig.getoption("--update-golden"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(html)
    assert path.exists(), "no golden chunks of this version: run with --update-golden"
    assert html == path.read_text(), "the markup changed: raise RENDERER_VERSION, then run with --update-golden"


def test_every_type_of_step_has_a_display_a_name_and_a_golden_example():
    assert set(displays.names()) >= STEP_TYPES
    assert set(LABELS) == STEP_TYPES
    assert {step["type"] for step in STEPS} == STEP_TYPES
