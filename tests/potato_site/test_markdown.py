"""Markdown of people: its structure stays, and nothing that runs or loads."""

from html.parser import HTMLParser

import pytest

from potato_site.markdown import markdown


def test_structure_and_links_stay():
    html = markdown("# Rules\n\n- **read** `all`\n\n|a|b|\n|-|-|\n|1|2|\n\n[more](https://example.org/x?a=1&b=2)")
    for piece in ("<h1>Rules</h1>", "<strong>read</strong>", "<code>all</code>", "<td>2</td>"):
        assert piece in html
    assert 'href="https://example.org/x?a=1&amp;b=2" target="_blank" rel="noopener noreferrer"' in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,PHN2Zz4=)",
        "![x](https://example.org/pixel.png)",
        '<a href="#" onclick="x">y</a>',
        "<style>*{}</style>",
        '<div hx-get="/x" hx-trigger="load">',
        "[x](/logout/ 'onmouseover=alert(1)')",
    ],
)
def test_nothing_runs_and_nothing_is_fetched(text):
    found = Tags()
    found.feed(markdown(text))
    assert found.tags <= {"p", "a"}
    assert found.attributes <= {"target", "rel"}


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes = set(), set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
