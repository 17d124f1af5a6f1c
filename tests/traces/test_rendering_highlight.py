"""Colours in code, and what happens when a lexer does not come back."""

import re

import pytest

from traces.highlight import LANGUAGES, MAX_LINE_CHARS, MAX_LINES, Highlighter, language_of
from traces.options import RenderOptions
from traces.rendering import render_steps

CODE = 'def f(x):\n    """One\n    two."""\n    return x < 1\n'


def read(content: str, path: str = "a.py", **options) -> str:
    step = {"step_idx": 0, "type": "file_read", "path": path, "content": content}
    return render_steps([step], RenderOptions(**options))


@pytest.fixture(scope="module")
def highlighter():
    with Highlighter() as made:
        yield made


def test_code_is_coloured_and_escaped():
    html = read(CODE)
    assert '<span class="k">def</span>' in html
    assert "x &lt; " in html


def test_a_token_of_several_lines_is_closed_on_each():
    html = read(CODE)
    assert 'data-line="3"><span class="g">3</span><span class="s">    two."""</span></div>' in html
    assert all(row.count("<span") == row.count("</span>") for row in re.findall(r'<div class="l".*?</div>', html))


def test_colours_can_be_switched_off():
    assert 'class="k"' not in read(CODE, syntax_highlighting=False)


def test_added_and_created_lines_are_coloured():
    step = {"step_idx": 0, "type": "file_create", "path": "a.py", "content": CODE}
    assert '<span class="k">def</span>' in render_steps([step], RenderOptions())


def test_both_sides_of_a_diff_are_read_on_their_own():
    diff = '@@ -1,3 +1,3 @@\n-x = """\n+x = 1\n y = 2\n-"""\n+z = 3\n'
    html = render_steps([{"step_idx": 0, "type": "file_edit", "path": "a.py", "diff": diff}], RenderOptions())
    # The context line is code in the new text, though it is part of a string in the old one.
    assert 'y = <span class="n">2</span>' in html


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("src/a.py", "python"),
        ("A.TSX", "typescript"),
        ("C:\\work\\Dockerfile", "docker"),
        ("a.py.unknown", None),
        ("Makefile", None),
        ("py", None),
        ("", None),
        ("x/.bashrc", "bash"),
    ],
)
def test_the_language_comes_from_the_name_alone(path, language):
    assert language_of(path) == language


def test_every_language_on_the_list_has_a_lexer(highlighter):
    for names in LANGUAGES.values():
        assert highlighter(f"x.{names.split()[0]}", ["a\n\nb"]) is not None, names


@pytest.mark.parametrize(
    "text",
    ["x\n" * MAX_LINES, "x" * (MAX_LINE_CHARS + 1), "x = 1\n" * 10_000, "\ud800"],
    ids=["lines", "long", "large", "surrogate"],
)
def test_what_is_too_large_stays_plain(highlighter, text):
    assert highlighter("a.py", [text]) is None


@pytest.mark.parametrize("text", ["", "\r", "a\r\nb", "a\n\n\n", "\x00\x1b", "'''\n", "\u2028x\u0085y\x0c", "<?php"])
def test_lines_stay_lines(highlighter, text):
    for path in ("a.py", "a.html", "a.php", "a.yaml", "a.go"):
        reply = highlighter(path, [text, "x"])
        if text or path:
            assert reply is not None
            assert len(reply[0]) == len(text.split("\n"))


def test_a_lexer_out_of_time_leaves_code_plain_and_the_next_block_is_coloured():
    hard = "\n".join("x = {1: 'a', 2: [b for b in c]}  # note" for _ in range(1_000))
    with Highlighter(seconds=0.005) as hasty:
        assert hasty("a.py", [hard]) is None
        assert hasty("a.json", ["{}"]) is not None


def test_the_child_ends_with_its_owner():
    with Highlighter() as made:
        made("a.py", ["x = 1"])
        child = made._child
    assert child is not None
    assert child.returncode is not None
