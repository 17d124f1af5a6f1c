"""HTML from a stranger's text: the one place where text becomes markup. Plain Python.

Everything that is not already `Html` is escaped on its way in. Characters that a reader cannot see, or that reorder
what they see (bidirectional controls, zero-width characters, control codes), become a visible badge such as ``U+202E``.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from itertools import groupby
from typing import Any

from potato_site.counts import plural

# Of a longer line this much shows at first.
LINE_CHARS = 2_000


class Html(str):
    """Markup that is safe to put into a page. Made only by this module's functions and from their results."""

    __slots__ = ()


# Joins the people of one emoji: hiding nothing between two pictographs, so it stays.
_PICTOGRAPH = "\U0001f000-\U0001faff\u2600-\u27bf\ufe0f"
_UNSEEN = (
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200c\u200e\u200f"
    r"\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U0001bca0-\U0001bca3\U000e0000-\U000e0fff]"
)
_ODD = re.compile(rf"(?:{_UNSEEN}|(?<![{_PICTOGRAPH}])\u200d|\u200d(?![{_PICTOGRAPH}]))+")
_ODD_ASCII = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
# So many badges a text gets; after them the same words without an element, so that a page stays a page.
MAX_BADGES = 20


def esc(text: str, badges: int = MAX_BADGES) -> Html:
    """``text`` as it stands, escaped for an element, with a badge for characters nobody would see."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if escaped.isascii() and not _ODD_ASCII.search(escaped):
        return Html(escaped)
    if badges:
        escaped = _ODD.sub(lambda match: f'<i class="odd">{_names(match)}</i>', escaped, count=badges)
    return Html(_ODD.sub(lambda match: f"[{_names(match)}]", escaped))


def count_odd(text: str) -> int:
    """How many runs of characters a text has that nobody would see."""
    return 0 if text.isascii() and not _ODD_ASCII.search(text) else sum(1 for _ in _ODD.finditer(text))


def _names(match: re.Match[str]) -> str:
    """``U+200B×3 U+202E``: the characters of one run."""
    runs = ((char, len(list(group))) for char, group in groupby(match[0]))
    return " ".join(f"U+{ord(char):04X}" + (f"×{times}" if times > 1 else "") for char, times in runs)


def attribute(value: object) -> str:
    """``value`` for a double-quoted attribute, on one line."""
    return html.escape(visible(str(value)), quote=True)


def visible(text: str) -> str:
    """``text`` on one line, with the names of the characters nobody would see."""
    return " ".join(_ODD.sub(_names, text).split())


def told(text: str) -> str:
    """``text`` with its lines, for a template to escape; the characters nobody would see are named in brackets."""
    return _ODD.sub(lambda match: f"[{_names(match)}]", text.replace("\r\n", "\n"))


def el(tag: str, *children: str | None, **attributes: object) -> Html:
    """One element. ``class_`` is written ``class``, ``data_step`` ``data-step``; True is a bare attribute, None and
    False none. Children are escaped unless they are Html; None is nothing.
    """
    parts = [f"<{tag}"]
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        name = name.rstrip("_").replace("_", "-")
        parts.append(f" {name}" if value is True else f' {name}="{attribute(value)}"')
    parts.append(">")
    parts.extend(join(children))
    parts.append(f"</{tag}>")
    return Html("".join(parts))


def join(children: Iterable[str | None], separator: str = "") -> Html:
    """Children side by side: Html as it is, other text escaped, None left out."""
    return Html(separator.join(c if isinstance(c, Html) else esc(c) for c in children if c is not None))


def text_of(value: Any) -> str:
    """Any JSON value as text: a string itself, nothing for null, lines for a list of strings, else indented JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return "\n".join(value)
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def one_line(text: str, limit: int = 80) -> str:
    """The first line that says something, its spaces single, cut to ``limit`` characters with an ellipsis."""
    # A bound on what is looked at: a one-line file of 10 MB must not cost 10 MB of splitting for a heading.
    line = next((line for line in text[:4000].split("\n") if line.strip()), "")
    line = " ".join(line.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def long_line(head: Html, rest: Html, count: int) -> Html:
    """A line cut in two: the rest (``count`` characters) waits folded behind its beginning, and nothing is lost."""
    return join([head, el("details", el("summary", plural(count, "more character")), rest, class_="rest")])


def line(text: str) -> Html:
    """One line of text that may be very long."""
    if len(text) <= LINE_CHARS:
        return esc(text)
    return long_line(esc(text[:LINE_CHARS]), esc(text[LINE_CHARS:]), len(text) - LINE_CHARS)
