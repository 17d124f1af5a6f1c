"""A step of each type on the page."""

import re

import pytest

from traces import layout
from traces.options import RENDERER_VERSION, RenderOptions, options_key
from traces.rendering import chunk_keys, outline, render_chunk, render_steps

LONG = "\n".join(f"line {number}" for number in range(1, 81))


def render(step: dict, *, highlight: bool = False, **options) -> str:
    return render_steps([{"step_idx": 12, **step}], RenderOptions(**options), highlight=highlight)


def text_of(html: str) -> str:
    return re.sub(r"<[^>]*>", "", html)


def command(**keys) -> dict:
    return {"type": "bash_command", "command": "make test", "output": "ok\n", "exit_code": 0, "cwd": "/srv/app", **keys}


def test_a_step_has_the_markup_that_pages_rely_on():
    html = render({"type": "file_edit", "path": "a.py", "diff": ""})
    assert html.startswith('<article id="step-12" data-step="12" data-type="file_edit"')
    assert "<step-controls></step-controls><div hx-disable>" in html
    assert html.endswith("</div></article>")


def test_a_prefix_keeps_ids_of_two_traces_apart():
    html = render({"type": "system", "content": "x"}, id_prefix="b-")
    assert 'id="b-step-12"' in html
    assert 'aria-labelledby="b-step-12-title b-step-12-about"' in html
    assert 'id="b-step-12-title"' in html


@pytest.mark.parametrize("kind", ["user_message", "assistant_message", "thinking", "system", "error"])
def test_a_message_shows_its_text_as_it_stands(kind):
    html = render({"type": kind, "content": "if a < b:\n    <script>alert(1)</script>"})
    assert "if a &lt; b:\n    &lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "#12" in text_of(html)


def test_thinking_is_folded_unless_the_option_or_the_type_opens_it():
    step = {"type": "thinking", "content": "hm"}
    assert '<details class="step-fold">' in render(step)
    assert '<details class="step-fold" open>' in render(step, auto_collapse_thinking=False)
    assert '<details class="step-fold" open>' in render(step, default_expanded_types=("thinking",))


def test_a_long_system_prompt_is_folded_and_a_short_one_is_not():
    short, long = ({"type": "system", "content": "You resolve issues. " * times} for times in (5, 50))
    assert '<details class="step-fold" open>' in render(short)
    assert '<details class="step-fold">' in render(long)
    assert render(long).count("You resolve issues.") > 50
    assert '<details class="step-fold" open>' in render(long, auto_collapse_long_output=False)
    assert '<details class="step-fold" open>' in render(long, default_expanded_types=("system",))


def test_a_command_shows_where_it_ran_what_it_said_and_how_it_ended():
    text = text_of(render(command(exit_code=2, output="\x1b[31mboom\x1b[0m\n")))
    for part in ("$ make test", "/srv/app", "boom", "exit 2"):
        assert part in text


@pytest.mark.parametrize("key", ["description", "summary"])
def test_a_command_shows_what_the_agent_said_it_is_for(key):
    html = render(command(input={key: "Look for <tests>\nand more", "timeout": 5}))
    assert '<div class="purpose"># Look for &lt;tests&gt;</div>' in html


@pytest.mark.parametrize("given", [None, [], {"description": None}, {"description": 5}, {"timeout": 5}])
def test_a_command_of_which_nothing_is_told_shows_no_purpose(given):
    assert "purpose" not in render(command(input=given))


def test_a_failed_exit_code_looks_unlike_a_good_one():
    assert "exit-bad" in render(command(exit_code=1))
    assert "exit-ok" in render(command(exit_code=0))
    assert "exit" not in text_of(render(command(exit_code=None)))


def test_output_that_was_never_recorded_is_not_an_empty_one():
    assert "not recorded" in render(command(output=None))
    assert "No output" in render(command(output=""))


def test_ansi_colours_can_be_switched_off():
    step = command(output="\x1b[31mboom\x1b[0m")
    assert 'class="a-fg-1">boom' in render(step)
    assert "a-fg-1" not in render(step, ansi_colors=False)


def test_a_long_output_keeps_its_first_lines_in_sight_and_loses_none():
    html = render(command(output=LONG))
    assert "Show all 80 lines" in html
    assert html.index("line 1\n") < html.index("Show all") < html.index("line 40")
    assert all(f"line {number}" in html for number in range(1, 81))


def test_a_long_output_is_open_where_the_project_says_so():
    assert "Show all" not in render(command(output=LONG), auto_collapse_long_output=False)
    assert "Show all" not in render(command(output=LONG), long_output_threshold=80)
    assert '<details class="more" open>' in render(command(output=LONG), default_expanded_types=("bash_command",))


def test_a_file_keeps_its_own_line_numbers():
    html = render({"type": "file_read", "path": "a.txt", "content": "alpha\nbeta\n", "start_line": 99, "end_line": 100})
    assert re.findall(r'data-line="(\d+)"><span class="g">\s*(\d+)</span>(\w+)', html) == [
        ("99", "99", "alpha"),
        ("100", "100", "beta"),
    ]
    assert "lines 99–100" in html


@pytest.mark.parametrize(
    "output",
    [
        "     1→alpha\n     2→beta\n     3→\n\n<system-reminder>\nMind it.",
        "Here is what `cat -n` says:\r\n     1\talpha\r\n     2\tbeta\r\nMind it.",
        "Only a part.\n--- CONTENT ---\nalpha\nbeta\nMind it.",
    ],
)
def test_of_a_file_the_output_shows_what_the_lines_do_not(output):
    html = render({"type": "file_read", "path": "a.txt", "content": "alpha\nbeta\n", "output": output})
    assert "Mind it." in html
    assert output.split("\n")[0].strip("\r")[:4].strip() in html
    assert html.count("alpha") == html.count("beta") == 1


def test_numbers_that_only_the_tool_tells_and_lines_like_others_stay():
    step = {"type": "file_read", "path": "a.txt"}
    assert "99→alpha" in render({**step, "content": "alpha\nbeta\n", "output": "99→alpha\n100→beta"})
    assert "if x {\n}\nelse {" in render({**step, "content": "}", "output": "if x {\n}\nelse {\n}"})


def test_of_a_file_that_was_only_numbered_nothing_is_left_to_show():
    step = {"type": "file_read", "path": "a.txt", "content": "alpha\n"}
    assert "Output" not in render({**step, "output": "1\talpha"})
    other = render({**step, "output": "1\tomega"})
    assert "Output" in other
    assert "omega" in other


def test_a_file_of_ten_thousand_lines_is_complete_and_light():
    content = "\n".join(f"row{number}" for number in range(1, 10_001))
    html = render({"type": "file_read", "path": "a.txt", "content": content})
    assert html.count("<") < 10_000
    assert "10000  row10000" in html


@pytest.mark.parametrize("kind", ["search", "web", "subagent", "tool_call"])
def test_a_call_shows_its_name_input_and_output(kind):
    html = render({"type": kind, "name": "Grep", "input": {"pattern": "a<b", "n": 3}, "output": "a.py:1"})
    for part in ("Grep", "pattern", "a&lt;b", "a.py:1"):
        assert part in html


def test_a_plan_names_the_state_of_each_entry():
    todos = [{"content": "Read", "status": "completed"}, {"content": "Write", "status": "in_progress"}]
    text = text_of(render({"type": "plan", "name": "TodoWrite", "input": {"todos": todos}, "output": "ok"}))
    assert "1 of 2 done" in text
    assert "completed Read" in text
    assert "in progress Write" in text


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        # Claude Code, before version 2
        (
            {"todos": [{"content": "Read", "id": "r", "priority": "high", "status": "completed"}]},
            ["1 of 1 done", "completed Read high priority"],
        ),
        # Codex
        (
            {"explanation": "Begin.", "plan": [{"step": "Read", "status": "in_progress"}]},
            ["0 of 1 done", "explanationBegin.", "in progress Read"],
        ),
        # Gemini CLI
        ({"todos": [{"description": "Read", "status": "pending"}]}, ["0 of 1 done", "pending Read"]),
        # OpenHands
        (
            {"command": "plan", "task_list": [{"id": "1", "title": "Read", "notes": "all", "status": "done"}]},
            ["1 of 1 done", "commandplan", "done Read all"],
        ),
        # Claude Code, since version 2
        (
            {"subject": "Read", "description": "All of it", "activeForm": "Reading"},
            ["new: Read", "descriptionAll of it", "new Read"],
        ),
        (
            {"taskId": "2", "status": "in_progress", "owner": "ann"},
            ["in progress: #2", "ownerann", "in progress #2"],
        ),
    ],
)
def test_a_plan_is_a_list_in_the_shape_of_every_agent(given, shown):
    text = " ".join(text_of(render({"type": "plan", "name": "T", "input": given, "output": "ok"})).split())
    assert [part for part in shown if part not in text] == []
    assert "{" not in text


def test_a_list_of_tasks_that_was_printed_is_a_list():
    text = text_of(
        render(
            {"type": "plan", "name": "T", "input": {}, "output": "#1 [completed] Read (ann)\n#2 [in_progress] Write"}
        )
    )
    assert "completed #1 Read (ann)" in text
    assert "in progress #2 Write" in text


def test_a_plan_that_was_written_for_a_person_is_markdown():
    html = render(
        {"type": "plan", "name": "ExitPlanMode", "input": {"plan": "# Go\n\n- **a**", "n": 1}, "output": "ok"}
    )
    assert "<strong>a</strong>" in html
    assert "# Go" in html  # as it was written, too
    assert "<dt>n</dt>" in html


@pytest.mark.parametrize(
    "given",
    [
        {"todos": [{"content": "Read", "status": "pending", "odd": "kept"}]},
        {"todos": [{"content": "Read", "status": "pending"}, "kept"]},
        {"a": [{"content": "Read", "status": "pending"}], "b": [{"content": "kept", "status": "pending"}]},
        {"todos": [{"content": f"kept{number}", "status": "pending"} for number in range(201)]},
        {"plan": "kept"},
        ["kept"],
    ],
)
def test_what_is_no_such_list_is_shown_whole(given):
    text = text_of(render({"type": "plan", "name": "T", "input": given, "output": None}))
    assert "done ·" not in text
    assert "kept" in text


@pytest.mark.parametrize(
    ("status", "words"), [("failed", "failed"), ("rejected", "rejected"), ("suggested", "only suggested")]
)
def test_a_status_is_said_in_words(status, words):
    assert words in text_of(render({"type": "file_edit", "path": "a.py", "diff": "", "status": status}))
    assert "badge status" not in render({"type": "file_edit", "path": "a.py", "diff": "", "status": "ok"})


def test_keys_that_no_display_knows_are_under_a_fold():
    html = render({"type": "system", "content": "x", "weather": {"sky": "<grey>"}})
    assert "More fields" in html
    assert "weather" in html
    assert "&lt;grey&gt;" in html


def test_a_type_nobody_knows_is_shown_as_a_tool_call_and_never_reaches_an_attribute():
    html = render({"type": 'x" onclick="y', "name": "odd", "output": "out"})
    assert 'data-type="tool_call"' in html
    assert "onclick" not in html


def test_a_record_without_steps_shows_each_field_by_name():
    html = render_chunk({"id": "r1", "text": "<i>hello</i>", "tests": ["a", "b"]}, RenderOptions(), 0)
    assert "&lt;i&gt;hello&lt;/i&gt;" in html
    assert "<dt>tests</dt>" in html


LAYOUT = """<div style="position:fixed" onclick="x()" hx-get="/y"><h3>Task</h3>{{ text }}<form action="//evil">
{{missing}}<script>alert(1)</script><a href="{{text}}">l</a><img src=x onerror=y><style>*{}</style>
{% load x %}{{settings.SECRET_KEY}}</div>"""


def test_a_layout_keeps_its_structure_and_loses_everything_active():
    html = render_chunk({"id": "r1", "text": "{{id}} <script>"}, RenderOptions(layout=LAYOUT), 0)
    assert "<h3>Task</h3>" in html
    assert "{{id}} &lt;script&gt;" in html
    assert "{{missing}}" in html
    assert "{{settings.SECRET_KEY}}" in html
    for gone in ("style=", "onclick", "hx-get", "<form", "<a ", "href", "<img", "alert", "<style"):
        assert gone not in html


def test_inline_styles_of_a_layout_become_rules_under_a_class():
    box = "<div style=\"Background: #f0f4ff;; padding:18px  22px; font-family: 'Segoe UI', Arial\">{{text}}</div>"
    html = render_chunk({"id": "r1", "text": ' style="layout-0123456789ab">'}, RenderOptions(layout=box), 0)
    (rule,) = layout.stylesheet(box)
    told = "background: #f0f4ff; padding: 18px 22px; font-family: 'Segoe UI', Arial"
    name = re.fullmatch(r"\.layout \.(layout-[0-9a-f]{12}) \{ (.+) \}", rule)
    assert name[2] == told
    assert f'<div class="layout paper"><div class="{name[1]}">' in html
    assert '<span class="field wrap">' in html
    assert 'style="layout-0123456789ab"&gt;' in html


@pytest.mark.parametrize(
    "style",
    [
        "position: fixed",
        "z-index: 9",
        "background: url(//evil)",
        "background: URL('//evil')",
        "width: expression(alert(1))",
        "color: var(--x)",
        "color: red } body { display: none",
        "margin: -90px",
        "margin: 0 -.5em",
        "margin:0-500px",
        "display: none",
        "font-family: 'a",
        "font-family: 'a\\'",
        "color: r\\65 d",
        "color: /**/red",
        "color: red !important",
        "color: " + "a" * 201,
        "content: 'x'",
        "--x: 1",
        "color",
        "",
    ],
)
def test_a_layout_can_say_nothing_that_leaves_its_place_or_loads_anything(style):
    assert layout.declarations(style) == ""
    assert layout.declarations(f"margin: 0 auto; {style}") == "margin: 0 auto"


def test_a_layout_without_colours_follows_the_theme():
    html = render_chunk({"id": "r1"}, RenderOptions(layout='<p style="margin: 0">x</p>'), 0)
    assert '<div class="layout">' in html


def test_a_chunk_that_does_not_exist_is_an_error():
    with pytest.raises(IndexError):
        render_chunk({"id": "x", "structured_turns": [command(step_idx=0)]}, RenderOptions(), 1)


def test_keys_follow_the_options_and_the_steps_of_their_chunk_only():
    steps = [command(step_idx=number) for number in range(60)]
    keys = chunk_keys({"id": "x", "structured_turns": steps}, RenderOptions())
    assert len(set(keys)) == 3
    later = [*steps[:55], {**steps[55], "output": "other"}, *steps[56:]]
    changed = chunk_keys({"id": "y", "structured_turns": later}, RenderOptions())
    assert changed[:2] == keys[:2]
    assert changed[2] != keys[2]
    assert not set(keys) & set(chunk_keys({"structured_turns": steps}, RenderOptions(diff_style="split")))


def test_the_key_of_options_covers_every_option_and_the_version(monkeypatch):
    base = options_key(RenderOptions())
    other = {
        "diff_style": "split",
        "context_lines": 4,
        "syntax_highlighting": False,
        "ansi_colors": False,
        "collapse_large_diffs": False,
        "large_diff_threshold": 7,
        "auto_collapse_thinking": False,
        "auto_collapse_long_output": False,
        "long_output_threshold": 7,
        "default_expanded_types": ("file_edit",),
        "layout": "<b>",
        "id_prefix": "a-",
    }
    assert set(other) == set(RenderOptions.model_fields)
    assert (
        len({options_key(RenderOptions(**{name: value})) for name, value in other.items()} | {base}) == len(other) + 1
    )
    monkeypatch.setattr("traces.options.RENDERER_VERSION", RENDERER_VERSION + "x")
    assert options_key(RenderOptions()) != base


def test_an_outline_tells_each_step_and_each_file():
    steps = [
        {"type": "file_read", "path": "a.py", "content": "x"},
        {"type": "file_edit", "path": "a.py", "diff": "@@ -1 +1,2 @@\n-x\n+y\n+z\n"},
        {"type": "file_edit", "path": "a.py", "diff": "@@ -1 +1 @@\n-x\n+y\n", "status": "failed"},
        {"type": "file_create", "path": "b.py", "content": "1\n2\n3\n"},
        command(),
    ]
    told = outline({"structured_turns": [{"step_idx": i, **step} for i, step in enumerate(steps)]})
    assert told["types"] == {"file_read": 1, "file_edit": 2, "file_create": 1, "bash_command": 1}
    assert told["files"] == [
        {"path": "a.py", "state": "edited", "tried": [["edited", "failed"]], "first_step": 0},
        {"path": "b.py", "state": "created", "tried": [], "first_step": 3},
    ]
    assert told["steps"][2] == {
        "type": "file_edit",
        "status": "failed",
        "path": "a.py",
        "added": 1,
        "removed": 1,
        "summary": "a.py",
    }
    assert told["steps"][4]["summary"] == "make test"
