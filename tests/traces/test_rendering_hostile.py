"""Every byte of a trace is a stranger's: nothing raises, nothing gets out as markup, nothing is lost."""

import re
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from traces.changes_view import render_changes
from traces.document import STEP_TYPES
from traces.options import RenderOptions
from traces.rendering import outline, render_chunk, render_steps

OPTIONS = [
    RenderOptions(),
    RenderOptions(diff_style="split", context_lines=0, long_output_threshold=1, ansi_colors=False),
]
TAGS = {
    "article", "step-controls", "file-controls", "div", "details", "summary", "h3", "h4", "span", "p", "i", "code",
    "section", "dl", "dt", "dd", "ul", "li",
    # Messages in Markdown.
    "label", "input", "h5", "h6", "a", "ol", "blockquote", "em", "strong", "s", "hr", "br", "table", "thead",
    "tbody", "tr", "th", "td",
}  # fmt: skip
VOID = {"input", "hr", "br"}
ATTRIBUTES = {
    "id", "class", "open", "hx-disable", "aria-labelledby", "aria-label", "role", "tabindex", "translate", "title",
    "data-step", "data-type", "data-status", "data-depth", "data-line", "data-old", "data-new", "data-times",
    "data-path", "type", "start", "href", "target", "rel",
}  # fmt: skip
TEXT_KEYS = ("content", "path", "diff", "command", "output", "cwd", "name", "status", "call_id", "odd key <b>")
TEXTS = st.text(max_size=60) | st.text(
    alphabet=st.sampled_from("<>&\"'\x1b[]m;\x00\r\n\t@-+ \u202e\u200bax"), max_size=60
)
PIECES = [
    "[x](", "javascript:a", "https://a", ")", "![", "]", "```", "\n", "> ", "- ", "|", "-|-", "**", "<b>", "y",
    "|a|b|\n|-|-|\n|", "\n```x.py ",
]  # fmt: skip
MARKDOWN = st.text(alphabet=st.sampled_from("<>&\"'[]()!*_`~#|:-+.1\\ \n\t\u202eah/"), max_size=80) | st.lists(
    st.sampled_from(PIECES), max_size=30
).map("".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
STEPS = st.fixed_dictionaries(
    {"step_idx": st.integers(0, 9), "type": st.sampled_from(sorted(STEP_TYPES))},
    optional={
        **dict.fromkeys(TEXT_KEYS, TEXTS),
        **dict.fromkeys(("start_line", "end_line", "exit_code", "parent"), st.none() | st.integers()),
        "seconds": st.floats(allow_nan=False, allow_infinity=False) | st.integers(),
        **dict.fromkeys(("input", "images", "tokens", "extra"), VALUES),
    },
)


class Reader(HTMLParser):
    """Collects what a browser would see: tags, attributes, text; fails on anything outside the allow-lists."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        assert tag in TAGS, tag
        assert {name for name, _ in attrs} <= ATTRIBUTES, attrs
        found = dict(attrs)
        assert tag != "input" or (self.open[-1] == "label" and found == {"type": "checkbox"})
        assert tag != "a" or re.match(r"(?i)https?://|mailto:", found.get("href", "https://"))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def handle_comment(self, data):
        raise AssertionError("a comment")


def read(html: str) -> str:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert not reader.open
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", html)
    html.encode()
    return reader.text


@pytest.mark.slow
@given(st.lists(STEPS, max_size=3), st.sampled_from(OPTIONS))
@example([{"step_idx": 0, "type": "subagent"}, {"step_idx": 1, "type": "system", "parent": 0}], OPTIONS[0])
@settings(max_examples=300, deadline=None)
def test_any_steps_give_only_our_own_markup(steps, options):
    read(render_steps(steps, options, highlight=False))
    told = outline({"structured_turns": steps})
    assert all(len(step["summary"]) <= 80 for step in told["steps"])


@pytest.mark.slow
@given(MARKDOWN, st.sampled_from(OPTIONS))
@settings(max_examples=500, deadline=None)
def test_any_markdown_gives_only_our_own_markup_and_keeps_the_text(text, options):
    html = render_steps([{"step_idx": 0, "type": "assistant_message", "content": text}], options, highlight=False)
    read(html)
    prose = re.search(r'<div class="prose text">.*(?=<div class="raw text wrap">)', html, re.DOTALL)
    assert prose is None or letters(read(prose[0])) == letters(text)


def letters(text: str) -> str:
    """What of a text must show wherever it is Markdown, in its order: signs and numbers may have become structure."""
    text = re.sub(r"Image: |Show all [\d,]+ lines|U\+[0-9A-F]{4}(×\d+)?", "", unquote(text))
    # A link that is its address says it once, and a line within a cell of a table is written with a backslash.
    text = re.sub(r"\[([^\[\]]+)\]\(\s*<?\1>?\s*\)", r"\1", text).replace("\\|", "|")
    return "".join(re.findall(r"[a-z_\\]", text))


@pytest.mark.slow
@given(st.lists(STEPS, max_size=4), TEXTS | st.none(), st.sampled_from(OPTIONS))
@settings(max_examples=200, deadline=None)
def test_any_edits_join_to_only_our_own_markup(steps, patch, options):
    read(render_changes({"structured_turns": steps, "final_patch": patch}, options))


@given(st.dictionaries(TEXTS, VALUES, max_size=4), st.text(max_size=80))
@settings(deadline=None)
def test_any_record_gives_only_our_own_markup(fields, layout):
    read(render_chunk({**fields, "structured_turns": []}, RenderOptions(), 0))
    render_chunk({**fields, "structured_turns": []}, RenderOptions(layout=layout), 0)


@pytest.mark.parametrize("kind", sorted(STEP_TYPES))
@pytest.mark.parametrize("options", OPTIONS)
def test_a_payload_in_every_field_is_shown_literally(kind, options):
    def canary(name: str) -> str:
        return f"<script>x{name}</script>\"'><img src=//x onerror=alert({name})>"

    keys = ["content", "path", "diff", "command", "output", "cwd", "name", "weather"]
    step = {"step_idx": 0, "type": kind, **{key: canary(key) for key in keys}, "exit_code": 1}
    step |= {"input": {canary("key"): [canary("value")]}, "status": canary("status")}
    html = render_steps([step], options)
    assert "<script" not in html
    assert "<img" not in html
    assert canary("weather") in read(html)


def test_what_a_step_of_each_type_holds_is_all_there():
    own = {
        "thinking": ["content"],
        "file_read": ["path", "content", "output"],
        "file_edit": ["path", "diff", "output"],
        "bash_command": ["command", "output", "cwd"],
        "tool_call": ["name", "content", "output"],
    }
    for kind, keys in own.items():
        step = {"step_idx": 0, "type": kind, **{key: f"canary-{key}" for key in keys}}
        text = read(render_steps([step], RenderOptions(), highlight=False))
        assert all(f"canary-{key}" in text for key in keys), kind
