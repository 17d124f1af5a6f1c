"""Messages in Markdown: their structure shows, their raw text is beside it, and no text takes long or loses a word."""

import re
import time
from html import escape
from html.parser import HTMLParser

import pytest

from traces.highlight import Highlighter, name_for, plain
from traces.markup import el
from traces.options import RenderOptions
from traces.prose import MAX_LETTERS, markdown, message
from traces.rendering import render_steps

OPTIONS = RenderOptions()


def shown(text, options=OPTIONS, highlight=plain):
    """What is shown of a message in Markdown; None where it is plain text."""
    html = markdown(text, options, highlight)
    return html and re.search(r'<div class="prose text">(.*)</div><div class="raw text wrap">', html, re.DOTALL)[1]


def read(html):
    found = Found()
    found.feed(html)
    return found


class Found(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text = set(), set(), ""

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= set(attrs)

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# A\n\n## B\n\n### C", "<h4>A</h4><h5>B</h5><h6>C</h6>"),
        ("**a** *b* ~~c~~ `d*`", "<p><strong>a</strong> <em>b</em> <s>c</s> <code>d*</code></p>"),
        ("- a\n- b\n  1. c", "<ul><li>a</li><li>b<ol><li>c</li></ol></li></ul>"),
        ("3. c\n4. d", '<ol start="3"><li>c</li><li>d</li></ol>'),
        ("> a\n\n---", "<blockquote><p>a</p></blockquote><hr>"),
        ("`a`\nb", "<p><code>a</code><br>b</p>"),
        ("```\na\n  b\n```", '<div class="code plain wrap" translate="no">a\n  b</div>'),
        (
            "|a|b|\n|-|:-:|\n|1|2|",
            '<div class="wide"><table><thead><tr><th>a</th><th>b</th></tr></thead>'
            "<tbody><tr><td>1</td><td>2</td></tr></tbody></table></div>",
        ),
        # Names of code are no emphasis.
        ("`x` __init__ and _a_b_", "<p><code>x</code> __init__ and _a_b_</p>"),
        # Nothing is hidden: no comments, no definitions of links, no entities, no tags.
        ("`x` <!-- y --> <b>", "<p><code>x</code> &lt;!-- y --&gt; &lt;b&gt;</p>"),
        ("`x`\n\n[a]: https://b.example 'c'", "<p><code>x</code></p><p>[a]: https://b.example 'c'</p>"),
        ("`x` &lt;", "<p><code>x</code> &amp;lt;</p>"),
        ("**a\u200b\u202eb**", '<p><strong>a<i class="odd">U+200B U+202E</i>b</strong></p>'),
        # A backslash takes a sign its function, and stays: it is part of a path or a pattern most of the time.
        (
            r"C:\proj\.env and src\_priv\__init__.py, `ok`",
            r"<p>C:\proj\.env and src\_priv\__init__.py, <code>ok</code></p>",
        ),
        (r"**a** ^\[\w\-\]\*\$ \`b\` \\", r"<p><strong>a</strong> ^\[\w\-\]\*\$ \`b\` \\</p>"),
        ("**run** \\\n  --all\\", "<p><strong>run</strong> \\<br>--all\\</p>"),
    ],
)
def test_its_structure_shows(text, html):
    assert shown(text) == html


@pytest.mark.parametrize(
    "row", ["|1|2|hidden|", "| x | `str | None` |", "1|2|hidden", "|1|2| |hidden", "|1|2|&nbsp;", r"|1|2|\|"]
)
@pytest.mark.parametrize("before", ["", "> ", "- ", "> - "])
def test_a_row_with_words_beyond_the_columns_is_shown_plain(row, before):
    def table(*rows):
        return "\n".join((before if n == 0 else before.replace("-", " ")) + row for n, row in enumerate(rows))

    assert shown(table("|a|b|", "|-|-|", row)) is None
    assert shown(table("|a|b|", "|-|-|", "|1|2|", row, "|3|4|", "", "|a|", "|-|", "|1|")) is None
    assert shown(table("|a|b|c|d|", "|-|-|-|-|", row)) is not None


def test_a_row_with_nothing_beyond_the_columns_is_one_of_a_table():
    assert all("<td>2</td></tr></tbody>" in shown(f"|a|b|\n|-|-|\n{row}") for row in ("1|2", "|1|2||", "|1|2| | |"))
    assert "<td>2 | 3</td>" in shown("|a|b|\n|-|-|\n|1|2 \\| 3|")


@pytest.mark.parametrize(
    "info", ["12:15:app/src/Todo.tsx", 'python title="src/a.py"', "app/a.py", "weird", "<b>", r"C:\a\_b.py", "&lt;"]
)
def test_what_a_fence_says_beyond_a_language_shows_above_its_code(info):
    html = f'<div class="info" translate="no">{escape(info, quote=False)}</div><div class="code plain wrap"'
    assert shown(f"```{info}\na\n```").startswith(html)
    assert shown(f"- ~~~  {info} \n  a\n  ~~~").startswith(f"<ul><li>{html}")


@pytest.mark.parametrize("info", ["", "python", " PY ", "c++", "shell", "dockerfile"])
def test_a_language_alone_is_not_written_above_its_code(info):
    assert shown(f"```{info}\na\n```") == '<div class="code plain wrap" translate="no">a</div>'


def test_a_link_says_where_it_leads_and_only_leads_out():
    rel = 'target="_blank" rel="noopener noreferrer nofollow"'
    address = '<span class="address"> (https://e.example/?a=1&amp;b=2)</span>'
    titled = '<span class="address"> (https://e.example “t”)</span>'
    assert shown("[x](https://e.example/?a=1&b=2)") == (
        f'<p><a href="https://e.example/?a=1&amp;b=2" {rel}>x</a>{address}</p>'
    )
    assert shown('[x](https://e.example "t")').endswith(f"{rel}>x</a>{titled}</p>")
    assert shown("<https://e.example>") == f'<p><a href="https://e.example" {rel}>https://e.example</a></p>'
    assert shown("[app](/logout/)") == '<p><span>app</span><span class="address"> (/logout/)</span></p>'
    long = "https://e.example/" + "a" * 500 + "/end"
    assert shown(f"[x]({long})").endswith(f'<span class="address"> ({long})</span></p>')
    assert shown("![plot](https://e.example/p.png)") == (
        '<p>Image: plot<span class="address"> (https://e.example/p.png)</span></p>'
    )


@pytest.mark.parametrize("address", [r"C:\proj\.env", r"src\_a\(b\).py", "a&lt;b", "%41/ä", r"..\*.py"])
def test_an_address_that_leads_nowhere_outside_stays_as_it_is_written(address):
    html = f"<p><span>x</span>{el('span', f' ({address})', class_='address')}</p>"
    assert shown(f"[x]({address})") == shown(f"[x](<{address}>)") == html
    assert el("span", f" (a “{address}”)", class_="address") in shown(f"[x](a '{address}')")
    assert 'href="https://e.example/a_(b)"' in shown(r"[x](https://e.example/a\_\(b\))")


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<button id=submit-button class=button>Submit</button>",
        "<label><input type=checkbox></label>",
        "<style>*{display:none}</style>",
        '<div hx-get="/logout/" hx-trigger="load" style="position:fixed">',
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt&colon;alert(1))",
        "[x](data:text/html;base64,PHN2Zz4=)",
        "[x](vbscript:a)",
        "[x](//evil.example)",
        "![x](https://e.example/pixel.png)",
        "[x](https://e.example 'onmouseover=alert(1)')",
        '[x](https://e.example/"onmouseover="alert(1))',
        "```html onload=alert(1)\n<script>\n```",
        "|<b>|\n|-|\n|[x](javascript:a)|",
        "<a href='#' onclick=x>y</a>",
    ],
)
def test_nothing_runs_is_loaded_or_looks_like_the_page(text):
    found = read(shown(f"{text}\n\n`code`"))
    assert found.tags <= {"p", "a", "span", "code", "div", "table", "thead", "tbody", "tr", "th", "td"}
    assert {name for name, _ in found.attributes} <= {"href", "target", "rel", "class", "translate"}
    assert all(value.startswith("https://e.example") for name, value in found.attributes if name == "href")
    assert all(
        value in {"address", "info", "wide", "code plain wrap"} for name, value in found.attributes if name == "class"
    )


@pytest.mark.parametrize(
    "text",
    [
        "Plain words.\n\n  Two lines, 3 < 4 and a - b",
        "a_name and an_other",
        "1.5 and *, alone",
        "    indented\n\tonly",
        "\x1b[31mred\x1b[0m **b**",
        "a **b**\rc",
        "**\ud800**",
    ],
)
def test_a_text_without_markdown_or_with_controls_is_plain(text):
    assert shown(text) is None
    assert 'class="text wrap"' in message(text, OPTIONS, plain)


def test_the_raw_text_is_there_letter_for_letter():
    text = "# A  <b>&amp;\n\n* x\n\n\n   y\u200b  \n"
    raw = markdown(text, OPTIONS, plain).rpartition('<div class="raw text wrap">')[2]
    assert read(raw).text == text.replace("\u200b", "U+200B")


def test_a_long_message_is_folded_behind_its_beginning():
    text = "# Start\n\n" + "\n\n".join(f"word {number} `x`" for number in range(40))
    html = shown(text)
    assert html.startswith("<h4>Start</h4><p>word 0 ")
    assert html.count("<details") == 1
    assert '<details class="more"><summary>Show all 81 lines</summary><p>word 4 ' in html
    assert "<details" not in shown(text, RenderOptions(auto_collapse_long_output=False))
    assert '<details class="more" open' in markdown(text, OPTIONS, plain, is_open=True)


def test_quoted_code_is_highlighted_by_what_it_says_it_is():
    with Highlighter() as highlight:
        html = shown("- a\n  ```python title=x\n  def f(): pass\n  ```\n\n```weird\ndef\n```", highlight=highlight)
    assert '<span class="k">def</span> <span class="f">f</span>' in html
    assert '<div class="code plain wrap" translate="no">def</div>' in html


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("Python", "code.py"),
        ("c++", "code.cpp"),
        ("shell", "code.sh"),
        ("ts x=1", "code.ts"),
        ("", ""),
        ("?", "code.?"),
    ],
)
def test_a_language_is_named_by_a_file_that_could_hold_it(language, name):
    assert name_for(language) == name


def test_who_speaks_in_markdown():
    def rendered(kind):
        return 'class="prose' in render_steps([{"step_idx": 0, "type": kind, "content": "# A"}], OPTIONS)

    spoken = {kind for kind in ("user_message", "assistant_message", "thinking", "system", "error") if rendered(kind)}
    assert spoken == {"user_message", "assistant_message"}


@pytest.mark.parametrize("nest", ["> ", "- ", "1) - ", "* > "])
def test_what_lies_deeper_than_the_parser_goes_is_shown_plain(nest):
    assert read(shown(nest * 4 + "deep")).text == "deep"
    assert shown(nest * 30 + "deep") is None


HOSTILE = [
    "[", "]", "![", "`", "`a``b", "> ", "> a\n", "*", "*a ", "*a_ ", "a**b", "**a *b ", "_a~~b*c", "<",
    "<http://a ", "&#x", "[a](", "[a](<b", '[a](b "', "[]( ", "- ", "- a\n", "- a\n\n", "- a\nb\n", "> a\nb\n", "|",
    "|a|b|\n|-|-|\n", "[a]: b\n", "[a]", "#", "# a\n", "a\n=\n", "---\n", "\n", " ", "\t", "```\n", "~~~a\n```b\n",
    "\\", "[\n", "> - ", "1) - ", "~~a ", "**a** ", "`a` ", "[x](https://y) ", "![x](y) ", "\u200b*",
]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        *(lambda size, piece=piece: (piece * size)[:size] for piece in HOSTILE),
        lambda size: "\n".join("> " * depth + "a" for depth in range(1, 200))[:size],
        lambda size: "\n".join("  " * depth + "- a" for depth in range(1, 200))[:size],
        lambda size: "".join("`" * n + "x" for n in range(1, 2000))[:size],
        lambda size: ("|" + "a|" * 300 + "\n|" + "-|" * 300 + "\n" + "x\n" * size)[:size],
        lambda size: "![" * 199 + "a" + "](x)" * 199,
    ],
)
def test_a_hostile_text_takes_bounded_time_and_room(text):
    text = text(MAX_LETTERS)
    started = time.process_time()
    html = message(text, OPTIONS, plain)
    assert time.process_time() - started < 2
    assert len(html) < 30 * len(text) + 10_000


@pytest.mark.parametrize("piece", ["[", "`", "> ", "**a** "])
def test_a_text_past_the_limit_is_not_even_read(piece):
    text = piece * (1_000_000 // len(piece))
    started = time.process_time()
    assert markdown(text, OPTIONS, plain) is None
    assert time.process_time() - started < 0.1
    assert 'class="text wrap"' in message(text, OPTIONS, plain)
    assert shown("`a` " * (MAX_LETTERS // 4)) is not None
    assert shown("`a` " * (MAX_LETTERS // 4) + "b") is None
