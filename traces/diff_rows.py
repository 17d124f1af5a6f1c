"""The lines of one hunk as rows: unified or split, far context folded, code highlighted side by side. Plain Python."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby, zip_longest

from potato_site.counts import plural
from traces.blocks import Highlight, code_row, fold, plain_or_highlighted, rows_block
from traces.markup import Html, esc, join
from traces.options import RenderOptions
from traces.unified_diff import Line

# Folding one line would take as much room as showing it.
MIN_FOLD = 2
_KINDS = {"+": " add", "-": " del", " ": "", "\\": " meta"}
_SIGNS = {"+": "+", "-": "−", " ": " ", "\\": " "}

Row = tuple[Line, Html]


def digits_of(lines: Iterable[Line]) -> int:
    """How wide the largest number of these lines is."""
    numbers = (number for line in lines for number in (line.old, line.new) if number is not None)
    return len(str(max(numbers, default=0)))


def rows(lines: list[Line], path: str, options: RenderOptions, highlight: Highlight, digits: int) -> Html:
    """All lines of a hunk. Every row carries its numbers: ``data-old``, ``data-new``; they are ``digits`` wide."""
    stack = _split if options.diff_style == "split" else _unified
    coded = list(zip(lines, _codes(lines, path, highlight), strict=True))
    near = _near_a_change(lines, options.context_lines)
    parts = []
    for is_near, group in groupby(zip(coded, near, strict=True), key=lambda pair: pair[1]):
        part = [row for row, _ in group]
        block = stack(part, digits)
        parts.append(block if is_near else fold(plural(len(part), "unchanged line"), block, kind="more context"))
    return join(parts)


def _near_a_change(lines: list[Line], distance: int) -> list[bool]:
    """For each line, whether it is shown: a change, within ``distance`` of one, or in a gap too small to fold."""
    changed = [index for index, line in enumerate(lines) if line.kind != " "]
    if not any(line.kind in "+-" for line in lines):
        return [True] * len(lines)
    near = [False] * len(lines)
    for index in changed:
        low = max(0, index - distance)
        near[low : index + distance + 1] = [True] * (min(len(lines), index + distance + 1) - low)
    shown: list[bool] = []
    for is_near, group in groupby(near):
        size = len(list(group))
        shown += [is_near or size < MIN_FOLD] * size
    return shown


def _codes(lines: list[Line], path: str, highlight: Highlight) -> list[Html]:
    """The code of each line, highlighted as part of its own side: a removed line belongs to the old text."""
    old = [line.text for line in lines if line.kind in " -"]
    new = [line.text for line in lines if line.kind in " +"]
    old_codes, new_codes = map(iter, plain_or_highlighted([old, new], path, highlight))
    return [code for line in lines for code in [_code(line, old_codes, new_codes)]]


def _code(line: Line, old: Iterator[Html], new: Iterator[Html]) -> Html:
    if line.kind == "-":
        return next(old)
    if line.kind == "+":
        return next(new)
    if line.kind == " ":
        next(old)
        return next(new)
    return esc(line.text)


def _data(line: Line) -> str:
    old = f' data-old="{line.old}"' if line.old is not None else ""
    return f'{old} data-new="{line.new}"' if line.new is not None else old


def _number(number: int | None, digits: int) -> str:
    return f"{'' if number is None else number:>{digits}}"


def _unified(coded: list[Row], digits: int) -> Html:
    return rows_block(
        [
            code_row(
                code,
                f"{_number(line.old, digits)} {_number(line.new, digits)} {_SIGNS[line.kind]}",
                _KINDS[line.kind],
                _data(line),
            )
            for line, code in coded
        ],
        "unified",
        digits,
    )


def _split(coded: list[Row], digits: int) -> Html:
    """Old on the left, new on the right; a run of removed lines stands beside the run that replaced it."""
    pairs: list[tuple[Row | None, Row | None]] = []
    removed: list[Row | None] = []
    added: list[Row | None] = []
    for row in coded:
        kind = row[0].kind
        # A note ("No newline at end of file") belongs to the side it follows.
        if kind == "+" or (kind == "\\" and added):
            added.append(row)
        elif (kind == "-" and not added) or (kind == "\\" and removed):
            removed.append(row)
        else:
            pairs += zip_longest(removed, added)
            removed, added = ([row], []) if kind == "-" else ([], [])
            pairs += [] if removed else [(row, row)]
    pairs += zip_longest(removed, added)
    return rows_block([_pair(left, right, digits) for left, right in pairs], "split", digits)


def _pair(left: Row | None, right: Row | None, digits: int) -> Html:
    return Html(f'<div class="pair">{_half(left, "old", digits)}{_half(right, "new", digits)}</div>')


def _half(row: Row | None, side: str, digits: int) -> str:
    if row is None:
        return '<div class="l none"></div>'
    line, code = row
    number = line.old if side == "old" else line.new
    data = f' data-{side}="{number}"' if number is not None else ""
    return code_row(code, f"{_number(number, digits)} {_SIGNS[line.kind]}", _KINDS[line.kind], data)
