"""The blocks displays are built of: folded text, numbered code rows, badges, named values. Plain Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from potato_site.counts import plural
from traces import ansi
from traces.markup import Html, el, esc, join, line, text_of
from traces.options import RenderOptions

# What stays in sight of a folded output: its beginning, and the end, where tests print their result.
HEAD_LINES = 10
TAIL_LINES = 5
# Rows with an element each; what lies beyond is plain text with the same numbers, so that a page stays light.
MAX_ROWS = 1_000
# Of an object's keys so many get a row of their own, the others come as JSON.
MAX_PAIRS = 100

# Lines of a code block as highlighted HTML by file name; None where they are to stay plain.
Highlight = Callable[[str, Sequence[str]], list[list[Html]] | None]


def text_block(
    text: str, options: RenderOptions, *, is_open: bool = False, kind: str = "text", tag: str = "div"
) -> Html:
    """A text with its line breaks and its terminal colours, folded when it is long."""
    rows = ansi.lines(text, colors=options.ansi_colors)
    return el(tag, folded(rows, options, _stacked, is_open=is_open), class_=f"{kind} wrap")


def folded(
    rows: list[Html],
    options: RenderOptions,
    stack: Callable[[list[Html]], Html],
    *,
    is_open: bool = False,
    tail: bool = True,
) -> Html:
    """All rows, or when they are over the threshold their beginning, a fold with the rest, and their end."""
    limit = options.long_output_threshold
    if not options.auto_collapse_long_output or len(rows) <= limit:
        return stack(rows)
    first = min(HEAD_LINES, limit)
    last = len(rows) - (min(TAIL_LINES, limit - first) if tail else 0)
    rest = fold(f"Show all {len(rows):,} lines", stack(rows[first:last]), is_open=is_open)
    return join([stack(rows[:first]), rest, stack(rows[last:])])


def fold(summary: str | Html, *body: str | None, is_open: bool = False, kind: str = "more") -> Html:
    """Native folding: works without script, and find-in-page opens it."""
    return el("details", el("summary", summary), *body, class_=kind, open=is_open)


def _stacked(rows: list[Html]) -> Html:
    """Lines under each other. A line that ends in a fold is a block already and takes no line break."""
    last = len(rows) - 1
    return Html("".join(row if i == last or row.endswith("</details>") else row + "\n" for i, row in enumerate(rows)))


# --- Code ------------------------------------------------------------------------------------------------


def code_row(code: Html, gutter: str, kind: str = "", data: str = "") -> Html:
    """One line of code. ``gutter`` (numbers and a sign) is text too, so it reads without colour and without style."""
    return Html(f'<div class="l{kind}"{data}><span class="g">{gutter}</span>{code}</div>')


def rows_block(rows: list[Html], kind: str, digits: int) -> Html:
    """Rows as a block whose numbers are ``digits`` wide."""
    return el("div", Html("".join(rows)), class_=f"code {kind} w{min(digits, 9)}", translate="no")


def numbered(text: str, start: int, path: str, options: RenderOptions, highlight: Highlight, *, is_open: bool) -> Html:
    """File content with its own line numbers, from ``start``."""
    texts = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    head, rest = texts[:MAX_ROWS], texts[MAX_ROWS:]
    digits = len(str(start + len(texts)))
    codes = plain_or_highlighted([head], path, highlight)[0]
    rows = [
        code_row(code, f"{number:>{digits}}", data=f' data-line="{number}"') for number, code in enumerate(codes, start)
    ]
    plain = "\n".join(f"{number:>{digits}}  {text}" for number, text in enumerate(rest, start + MAX_ROWS))
    return join(
        [
            folded(
                rows,
                options,
                lambda part: rows_block(part, "numbered", digits) if part else Html(""),
                is_open=is_open,
                tail=False,
            ),
            remaining(plain, len(rest)) if rest else None,
        ]
    )


def fenced(text: str, path: str, options: RenderOptions, highlight: Highlight, *, is_open: bool) -> Html:
    """Code as it was quoted, without numbers of lines: coloured by what ``path`` is called, folded when it is long."""
    texts = text.removesuffix("\n").split("\n")
    small = len(texts) <= MAX_ROWS
    rows = plain_or_highlighted([texts], path, highlight)[0] if small else [line(text) for text in texts]
    shown = folded(rows, options, _stacked, is_open=is_open)
    return el("div", shown, class_="code plain wrap", translate="no")


def remaining(text: str, count: int) -> Html:
    """The lines past MAX_ROWS: plain, folded, complete."""
    return fold(f"{plural(count, 'more line')} without colours", el("div", esc(text), class_="code plain wrap"))


def plain_or_highlighted(blocks: list[list[str]], path: str, highlight: Highlight) -> list[list[Html]]:
    """Blocks of lines as HTML: highlighted where the file's name has a lexer and it worked in time."""
    done = highlight(path, ["\n".join(block) for block in blocks if block]) if path else None
    if done is None or [len(block) for block in done] != [len(block) for block in blocks if block]:
        return [[line(text) for text in block] for block in blocks]
    replies = iter(done)
    return [next(replies) if block else [] for block in blocks]


# --- Small things ----------------------------------------------------------------------------------------


def badge(text: str, kind: str = "") -> Html:
    """A word in the head of a step. What it says never depends on its colour."""
    return el("span", text, class_=f"badge {kind}".strip())


def note(text: str) -> Html:
    """A sentence of ours about the step, unlike the trace's own text."""
    return el("p", text, class_="note")


def part(title: str, *body: str | None) -> Html:
    """A titled part of a step: its input, its output."""
    return el("section", el("h4", title), *body, class_="part")


def named_values(pairs: Iterable[tuple[str, Any]], options: RenderOptions, *, is_open: bool = False) -> Html:
    """Names beside values of any shape, as a description list."""
    first, rest = (pairs := list(pairs))[:MAX_PAIRS], dict(pairs[MAX_PAIRS:])
    rows = []
    for name, value in [*first, ("more", rest)] if rest else first:
        rows += [el("dt", str(name)), el("dd", text_block(text_of(value), options, is_open=is_open))]
    return el("dl", *rows, class_="values")


def output(step: dict[str, Any], options: RenderOptions, *, is_open: bool) -> Html | None:
    """What a tool said, under steps that have something else to show first."""
    return said(text_of(step.get("output")), options, is_open=is_open)


def said(text: str, options: RenderOptions, *, is_open: bool) -> Html | None:
    """A text of a tool; None where it said nothing."""
    return part("Output", text_block(text, options, is_open=is_open, kind="output")) if text else None


def checklist(entries: Iterable[tuple[str, str, str]]) -> Html:
    """(text, state in words, what it says besides) as a list."""
    items = []
    for text, state, more in entries:
        aside = el("span", f" {more}", class_="quiet") if more else None
        items.append(el("li", el("span", state, class_="badge quiet"), " ", esc(text), aside))
    return el("ul", *items, class_="checklist")
