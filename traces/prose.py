"""Messages in Markdown as people expect to read them, with the exact text one switch away. Plain Python.

The text is a stranger's. Tags in it are text, nothing is loaded, links lead to http, https and mail only and say where;
the markup is built of known elements from escaped text, and goes through a sanitiser that knows the same elements. What
could take long, or would not show all of a text, is shown plain.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import nh3
from markdown_it import MarkdownIt, helpers
from markdown_it.common.utils import mdTrim
from markdown_it.rules_block import StateBlock
from markdown_it.rules_block.table import escapedSplit, getLine, table
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from traces import blocks
from traces.blocks import Highlight
from traces.highlight import is_language, name_for
from traces.markup import MAX_BADGES, Html, count_odd, el, esc, join
from traces.options import RenderOptions

# Past these a text is shown plain: parsing and showing what is below takes at most some tenths of a second.
MAX_LETTERS = 20_000
MAX_BRACKETS = 400
MAX_CELLS = 20_000  # lines × columns of a table

# A text without any of these has no structure that would show.
_MARKS = re.compile(r"[`*\[<|]|~~|^[ \t]*(?:[#>=-]|\+\s|\d{1,9}[.)]\s)", re.MULTILINE)
# Terminal output, and what no parser should be trusted with.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_ABROAD = re.compile(r"https?://|mailto:", re.IGNORECASE)
# Plain text shows these better than Markdown would.
_NO_STRUCTURE = frozenset("paragraph_open paragraph_close inline code_block text softbreak hardbreak".split())  # noqa: SIM905
_TAGS = {
    "paragraph": "p",
    "bullet_list": "ul",
    "ordered_list": "ol",
    "list_item": "li",
    **{name: name for name in ("blockquote", "table", "thead", "tbody", "tr", "th", "td", "em", "strong", "s")},
}
# Below the headings of the page.
_HEADINGS = {"h1": "h4", "h2": "h5"}
_CLASSES = {
    "span": {"address", *"cdefknst"},
    "div": {"code", "info", "plain", "wrap", "wide"},
    "i": {"odd"},
    "details": {"more", "rest"},
}


def _underscores(state: StateInline, silent: bool) -> bool:
    """``__init__`` is a name in the messages of coding agents, hardly ever emphasis."""
    run = re.compile("_+").match(state.src, state.pos)
    if run is None:
        return False
    if not silent:
        state.pending += run[0]
    state.pos = run.end()
    return True


def _backslash(state: StateInline, silent: bool) -> bool:
    """A backslash takes its function from what follows, and stays: paths and patterns are full of them."""
    if state.src[state.pos] != "\\":
        return False
    end = state.pos + 1
    if end < state.posMax and state.src[end] != "\n":
        end += 1
    if not silent:
        state.pending += state.src[state.pos : end]
    state.pos = end
    return True


class _Links:
    """Links as the parser finds them; an address that does not lead out is often a path, and stays as it is written."""

    parseLinkLabel = staticmethod(helpers.parseLinkLabel)

    @staticmethod
    def parseLinkDestination(text: str, start: int, end: int) -> Any:
        found = helpers.parseLinkDestination(text, start, end)
        if found.ok and not _ABROAD.match(found.str):
            around = int(text[start] == "<")
            found.str = text[start + around : found.pos - around]
        return found

    @staticmethod
    def parseLinkTitle(text: str, start: int, end: int, before: Any = None) -> Any:
        found = helpers.parseLinkTitle(text, start, end, before)
        if found.ok:
            found.str = text[start + 1 : found.pos - 1]
        return found


class _Parser(MarkdownIt):
    def __init__(self) -> None:
        super().__init__("commonmark", {"html": False, "breaks": True})
        self.helpers = _Links  # type: ignore[assignment]

    def normalizeLink(self, url: str) -> str:
        return super().normalizeLink(url) if _ABROAD.match(url) else url


def _whole_table(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    """A table, and a note of one in whose rows are words beyond the columns of its header: they would not show."""
    if not table(state, first, end, silent):
        return False
    if not silent:
        width = len(_cells(state, first))
        beyond = (_cells(state, row)[width:] for row in range(first + 2, state.line))
        state.env["is_cut"] = state.env.get("is_cut", False) or any("".join(cells).strip() for cells in beyond)
    return True


def _cells(state: StateBlock, row: int) -> list[str]:
    """The cells of a row as the rule for tables takes them, without what stands outside the outer lines."""
    cells = escapedSplit(mdTrim(getLine(state, row)))
    return cells[cells[0] == "" : len(cells) - (cells[-1] == "")]


# Without definitions of references and without entities nothing of a text is invisible or reads as something else.
_PARSER = _Parser().enable(["table", "strikethrough"]).disable(["reference", "entity"])
_PARSER.inline.ruler.before("emphasis", "underscores", _underscores)
_PARSER.inline.ruler.at("escape", _backslash)
_PARSER.block.ruler.at("table", _whole_table, {"alt": ["paragraph", "reference"]})


def message(text: str, options: RenderOptions, highlight: Highlight, *, is_open: bool = False) -> Html:
    """A message: its Markdown rendered, with a switch to the raw text; one without Markdown as plain text."""
    return markdown(text, options, highlight, is_open=is_open) or blocks.text_block(text, options, is_open=is_open)


def markdown(text: str, options: RenderOptions, highlight: Highlight, *, is_open: bool = False) -> Html | None:
    """The text as Markdown beside the raw text; None where it has none, or none that may be read."""
    if len(text) > MAX_LETTERS:
        return None
    text = text.replace("\r\n", "\n")
    if not _MARKS.search(text) or _is_too_much(text):
        return None
    found: dict[str, bool] = {}
    tokens = _PARSER.parse(text, found)
    if found.get("is_cut") or not _shows(tokens):
        return None
    lines = text.count("\n") + 1
    pieces = [(start, _html(block, options, highlight, is_open)) for start, block in _blocks(tokens)]
    switch = el("label", Html('<input type="checkbox">'), " Raw text", class_="raw-switch")
    shown = el("div", _clean(_folded(pieces, lines, options, is_open)), class_="prose text")
    return el("div", switch, shown, el("div", text, class_="raw text wrap"), class_="said")


def _is_too_much(text: str) -> bool:
    return (
        text.count("[") > MAX_BRACKETS
        or max(line.count("|") for line in text.split("\n")) * text.count("\n") > MAX_CELLS
        or _CONTROLS.search(text) is not None
        or count_odd(text) > MAX_BADGES
    )


def _shows(tokens: Sequence[Token]) -> bool:
    """Whether there is structure to show, and the parser went to the end of it: deeper ones it leaves out."""
    deepest = max((token.level for token in tokens), default=0)
    kinds = {child.type for token in tokens for child in (token, *(token.children or ()))}
    return deepest < _PARSER.options["maxNesting"] - 1 and not kinds <= _NO_STRUCTURE


def _blocks(tokens: Iterable[Token]) -> Iterator[tuple[int, list[Token]]]:
    """The blocks on the top level: (line it begins on, its tokens)."""
    block: list[Token] = []
    for token in tokens:
        block.append(token)
        if token.level == 0 and token.nesting <= 0:
            yield (block[0].map or [0])[0], block
            block = []


def _folded(pieces: list[tuple[int, Html]], lines: int, options: RenderOptions, is_open: bool) -> Html:
    """All blocks, or of a long text those that begin in its first lines, and the others in a fold."""
    if not options.auto_collapse_long_output or lines <= options.long_output_threshold:
        return join(html for _, html in pieces)
    begins = min(blocks.HEAD_LINES, options.long_output_threshold)
    head = [html for start, html in pieces if start < begins]
    rest = [html for start, html in pieces if start >= begins]
    return join([*head, blocks.fold(f"Show all {lines:,} lines", *rest, is_open=is_open) if rest else None])


def _html(tokens: Iterable[Token], options: RenderOptions, highlight: Highlight, is_open: bool) -> Html:
    parts: list[str] = []
    for token in tokens:
        if token.type == "inline":
            parts.append(_inline(token.children or []))
        elif token.type in ("fence", "code_block"):
            info = token.info.strip()
            if info and not is_language(info):
                parts.append(el("div", info, class_="info", translate="no"))
            parts.append(blocks.fenced(token.content, name_for(info), options, highlight, is_open=is_open))
        elif not token.hidden:
            parts.append(_tag(token))
    return Html("".join(parts))


def _tag(token: Token) -> str:
    """The start or the end of an element."""
    name, _, _ = token.type.rpartition("_")
    tag = _HEADINGS.get(token.tag, "h6") if name == "heading" else "hr" if token.type == "hr" else _TAGS[name]
    around = tag == "table"
    if token.nesting < 0:
        return f"</{tag}>" + "</div>" * around
    start = f' start="{int(token.attrs["start"])}"' if "start" in token.attrs else ""
    return '<div class="wide">' * around + f"<{tag}{start}>"


def _inline(tokens: Iterable[Token]) -> Html:
    parts: list[str] = []
    link: tuple[str, str, int, bool] | None = None
    for token in tokens:
        if token.type == "text":
            parts.append(esc(token.content))
        elif token.type in ("softbreak", "hardbreak"):
            parts.append("<br>")
        elif token.type == "code_inline":
            parts.append(el("code", token.content))
        elif token.type == "image":
            parts.append(_image(token))
        elif token.type == "link_open":
            address, title = str(token.attrs["href"]), str(token.attrs.get("title", ""))
            parts.append(f"<a href={_quoted(address)}>" if _ABROAD.match(address) else "<span>")
            link = (address, title, len(parts), token.info == "auto")
        elif token.type == "link_close" and link is not None:
            address, title, begins, is_bare = link
            parts.append("</a>" if parts[begins - 1].startswith("<a") else "</span>")
            if title or not (is_bare or "".join(parts[begins:-1]) == esc(address)):
                parts.append(_address(address, title))
        else:
            parts.append(_tag(token))
    return Html("".join(parts))


def _image(token: Token) -> Html:
    """Nothing is loaded: what the image shows, by its author's words, and where it lies."""
    return join([f"Image: {token.content}", _address(str(token.attrs["src"]), str(token.attrs.get("title", "")))])


def _address(address: str, title: str) -> Html:
    said = f" “{title}”" if title else ""
    return el("span", f" ({address}{said})", class_="address")


def _quoted(address: str) -> str:
    return el("a", href=address).removeprefix("<a href=").removesuffix("></a>")


def _clean(html: str) -> Html:
    """The second net: only the elements, classes and addresses that the first one makes."""
    tags = {*_TAGS.values(), "a", "br", "code", "details", "div", "h4", "h5", "h6", "hr", "i", "span", "summary"}
    clean = nh3.clean(
        html,
        tags=tags,
        attributes={"a": {"href"}, "ol": {"start"}, "div": {"translate"}, "details": {"open"}, "*": set()},
        allowed_classes=_CLASSES,
        url_schemes={"http", "https", "mailto"},
        attribute_filter=lambda tag, name, value: value if name != "href" or _ABROAD.match(value) else None,
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
    return Html(clean)
