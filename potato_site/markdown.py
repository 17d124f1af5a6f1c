"""Text that people write in Markdown, as HTML that is safe to show: the one place that makes such HTML."""

from __future__ import annotations

import re
from functools import lru_cache

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

# Structure and emphasis. No attribute survives but the address of a link.
TAGS = frozenset(
    "a b blockquote br code dd del dl dt em h1 h2 h3 h4 h5 h6 hr i li ol p pre s strong table tbody td th thead tr ul".split()  # noqa: E501, SIM905
)
ABROAD = re.compile(r"https?://|mailto:", re.IGNORECASE)
_PARSER = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


@lru_cache(maxsize=128)
def markdown(text: str) -> SafeString:
    """HTML of a Markdown text. Tags in it are text; links lead to http, https and mail only, in a tab of their own."""
    html = nh3.clean(
        _PARSER.render(text),
        tags=set(TAGS),
        attributes={"a": {"href"}, "*": set()},
        url_schemes={"http", "https", "mailto"},
        # A link within the site would be pressed by people who are signed in to it.
        attribute_filter=lambda tag, name, value: value if name != "href" or ABROAD.match(value) else None,
        link_rel="noopener noreferrer",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
    return mark_safe(html)  # noqa: S308 - cleaned just now
