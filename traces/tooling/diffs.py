r"""Make unified diffs from what agents record: texts before and after, strings replaced, hunks of a patch.

Lines end at "\n" only, so that applying a diff gives back every byte of the text. Line numbers count from 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from difflib import SequenceMatcher
from io import StringIO
from typing import Any

CONTEXT = 3
# Above this many pairs of lines the middle is shown as one change: the matcher is quadratic on hostile text.
MAX_PAIRS = 4_000_000
NO_NEWLINE = "\\ No newline at end of file\n"

Opcode = tuple[str, int, int, int, int]


def split_lines(text: str) -> list[str]:
    r"""Its lines with their ends, split on "\n" only. An empty text has none."""
    return StringIO(text, newline="\n").readlines() if text else []


def count_lines(text: str) -> int:
    """How many lines ``split_lines`` would give."""
    return text.count("\n") + (text != "" and not text.endswith("\n"))


def from_texts(
    path: str,
    before: str | None,
    after: str | None,
    *,
    start: int = 1,
    new_start: int | None = None,
    old_path: str = "",
    alike: tuple[int, int] = (0, 0),
) -> str:
    """The diff that turns ``before`` into ``after``; None is a file that does not exist.

    ``start`` is the number of the first line of both, where they are a part of the file; ``new_start`` that of
    ``after`` where it is another. ``alike``: how many characters at the top and at the end are known to be the same in
    both; there may be more. "" where nothing changes.
    """
    hunks = "".join(_hunks(before or "", after or "", start, new_start or start, alike))
    if not hunks and (before is None) == (after is None) and not old_path:
        return ""
    return head(path, created=before is None, deleted=after is None, old_path=old_path) + hunks


def of_pieces(path: str, before: str, after: str) -> str:
    """The diff of two pieces of a file whose place nobody knows, in one hunk from line 1: all of both can be read.

    Where a piece did not fit, it is perhaps for its first line. "" where nothing changes.
    """
    if before == after:
        return ""
    old, new = split_lines(before), split_lines(after)
    above = _count_alike(old, new)
    below = _count_alike(old[above:][::-1], new[above:][::-1])
    old_end, new_end = len(old) - below, len(new) - below
    if (old_end - above) * (new_end - above) > MAX_PAIRS:
        return from_texts(path, before, after)
    codes = _opcodes(old[above:old_end], new[above:new_end], above, below)
    return head(path) + "".join(_hunk(codes, old, new, 1, 1))


def from_hunks(path: str, hunks: Iterable[dict[str, Any]], *, created: bool = False, in_full: bool = False) -> str:
    """The diff of ready hunks ``{oldStart, oldLines, newStart, newLines, lines}``, each line with its sign.

    ``in_full``: the file's name stays as it is, for the diff alone says it.

    That is the shape of the package ``diff`` of JavaScript, which Claude Code records as ``structuredPatch``. "" where
    there are none. Raises KeyError or TypeError for another shape.
    """
    parts = []
    for hunk in hunks:
        old_lines, new_lines = hunk["oldLines"], hunk["newLines"]
        parts.append(_range(hunk["oldStart"], old_lines, hunk["newStart"], new_lines))
        parts += [f"{line}\n" for line in hunk["lines"]]
    return head(path, created=created, in_full=in_full) + "".join(parts) if parts else ""


def is_hunk(value: Any) -> bool:
    """Whether it is such a hunk, with as many lines as it says."""
    if not isinstance(value, dict) or not isinstance(value.get("lines"), list):
        return False
    numbers = [value.get(key) for key in ("oldStart", "oldLines", "newStart", "newLines")]
    lines = value["lines"]
    if set(map(type, numbers)) != {int} or set(map(type, lines)) != {str} or "\n" in "".join(lines):
        return False
    signs = [line[:1] for line in lines]
    same, removed, added, notes = (signs.count(sign) for sign in " -+\\")
    counts = [same + removed, same + added]
    return same + removed + added + notes == len(lines) and counts == [numbers[1], numbers[3]]


def apply_hunks(before: str, hunks: Iterable[dict[str, Any]]) -> str | None:
    """``before`` after the hunks, each at the number it states; None where a line does not fit."""
    old, new, at = split_lines(before), list[str](), 0
    for hunk in hunks:
        start = max(0, hunk["oldStart"] - 1)
        if not at <= start <= len(old):
            return None
        new += old[at:start]
        at = start
        lines = hunk["lines"]
        for line, after in zip(lines, [*lines[1:], ""], strict=True):
            text = line[1:] if after.startswith("\\") else f"{line[1:]}\n"
            if line[0] in " -":
                if at >= len(old) or old[at] != text:
                    return None
                at += 1
            if line[0] in " +":
                new.append(text)
    return "".join(new + old[at:])


def head(path: str, *, created: bool = False, deleted: bool = False, old_path: str = "", in_full: bool = False) -> str:
    """The two lines above a file's hunks; ``in_full``: the path as it is, without git's ``a/`` and ``b/``."""
    old, new = ("", "") if in_full and path.startswith("/") else ("a", "b")
    before = "/dev/null" if created else _name(old, old_path or path)
    after = "/dev/null" if deleted else _name(new, path)
    return f"--- {before}\n+++ {after}\n"


def _name(side: str, path: str) -> str:
    """``a/path`` (of no side: ``/path``), quoted as git does where a line could not hold it."""
    name = f"{side}/{path.lstrip('/')}"
    if name.isprintable() and '"' not in name and "\\" not in name:
        return name
    quoted = "".join(_quoted(char) for char in name)
    return f'"{quoted}"'


def _quoted(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    if char.isprintable():
        return char
    return "".join(f"\\{byte:03o}" for byte in char.encode("utf-8", "replace"))


def _range(old_start: int, old_lines: int, new_start: int, new_lines: int) -> str:
    """The line above a hunk. An empty side, whose number is that of the line after it, is named by the one before."""
    old_start, new_start = max(0, old_start - (not old_lines)), max(0, new_start - (not new_lines))
    return f"@@ -{old_start},{old_lines} +{new_start},{new_lines} @@\n"


def _hunks(before: str, after: str, start: int, new_start: int, alike: tuple[int, int]) -> Iterator[str]:
    """An edit leaves most of a file as it is: that is found in the texts, only what is between is split in lines."""
    if before == after:
        return
    top = _common_top(before, after, alike[0])
    tail = _common_tail(before, after, top, alike[1])
    old_end, new_end = len(before) - tail, len(after) - tail
    first, last = _lines_up(before, top), _lines_down(before, old_end)
    skipped = before.count("\n", 0, first)
    above, below = before[first:top], before[old_end:last]
    old, new = before[top:old_end], after[top:new_end]
    start, new_start = start + skipped, new_start + skipped
    # Lines that are only added or only removed, as in a new file, are not even split.
    old_lines, new_lines = (split_lines(old), split_lines(new)) if old and new else ([], [])
    if len(old_lines) * len(new_lines) <= MAX_PAIRS and not set(old_lines).isdisjoint(new_lines):
        yield from _matched(split_lines(above), old_lines, new_lines, split_lines(below), start, new_start)
        return
    same = count_lines(above) + count_lines(below)
    yield _range(start, same + count_lines(old), new_start, same + count_lines(new))
    yield from (_signed(" ", above), _signed("-", old), _signed("+", new), _signed(" ", below))


def _matched(
    above: list[str], old: list[str], new: list[str], below: list[str], start: int, new_start: int
) -> Iterator[str]:
    """The hunks of lines replaced by others, some of which are the same."""
    codes = _opcodes(old, new, len(above), len(below))
    old, new = [*above, *old, *below], [*above, *new, *below]
    for group in _grouped(codes):
        yield from _hunk(group, old, new, start, new_start)


def _hunk(group: list[Opcode], old: list[str], new: list[str], start: int, new_start: int) -> Iterator[str]:
    first, last = group[0], group[-1]
    yield _range(start + first[1], last[2] - first[1], new_start + first[3], last[4] - first[3])
    for tag, old_from, old_to, new_from, new_to in group:
        if tag == "equal":
            yield _signed(" ", "".join(old[old_from:old_to]))
        else:
            yield _signed("-", "".join(old[old_from:old_to]))
            yield _signed("+", "".join(new[new_from:new_to]))


def _signed(sign: str, lines: str) -> str:
    """The lines with the sign before each. Only the last one of a file can be without an end."""
    if not lines:
        return ""
    text = sign + lines.replace("\n", f"\n{sign}")
    return text.removesuffix(sign) if lines.endswith("\n") else f"{text}\n{NO_NEWLINE}"


# --- where two texts differ --------------------------------------------------------------------------------


def _count_alike(some: list[str], others: list[str]) -> int:
    """How many lines at the top of both are the same."""
    for number, (one, other) in enumerate(zip(some, others, strict=False)):
        if one != other:
            return number
    return min(len(some), len(others))


def _common_top(before: str, after: str, known: int) -> int:
    """Where the first line begins that is not the same in both. The texts are not equal; ``known`` characters are."""
    same = _reach(known, min(len(before), len(after)), lambda at, to: before[at:to] == after[at:to])
    return before.rfind("\n", 0, same) + 1


def _common_tail(before: str, after: str, top: int, known: int) -> int:
    """How many characters the lines have that both end with, below ``top``; ``known`` are alike, perhaps above it."""
    old_end, new_end = len(before), len(after)
    limit = min(old_end, new_end) - top
    same = _reach(
        min(known, limit),
        limit,
        lambda at, to: before[old_end - to : old_end - at] == after[new_end - to : new_end - at],
    )
    if _starts_line(before, old_end - same, top) and _starts_line(after, new_end - same, top):
        return same
    # The first of these lines is the same in its end only.
    line_end = before.find("\n", old_end - same)
    return old_end - line_end - 1 if line_end >= 0 else 0


def _reach(same: int, limit: int, are_alike: Callable[[int, int], bool]) -> int:
    """How many characters are alike, of ``limit``, when ``same`` are: looked at in pieces, each twice the one before,
    and then by halves. ``are_alike``: whether all from one place to another are."""
    piece = 64
    while same < limit and are_alike(same, min(same + piece, limit)):
        same = min(same + piece, limit)
        piece *= 2
    limit = min(limit, same + piece - 1)
    while same < limit:
        middle = (same + limit + 1) // 2
        if are_alike(same, middle):
            same = middle
        else:
            limit = middle - 1
    return same


def _starts_line(text: str, at: int, top: int) -> bool:
    return at == top or text[at - 1] == "\n"


def _lines_up(text: str, at: int) -> int:
    """The beginning of the line CONTEXT lines above the one that begins at ``at``, or of the text."""
    for _ in range(CONTEXT):
        at = text.rfind("\n", 0, at - 1) + 1 if at else 0
    return at


def _lines_down(text: str, at: int) -> int:
    for _ in range(CONTEXT):
        at = text.find("\n", at) + 1 or len(text)
    return at


def _opcodes(old: list[str], new: list[str], above: int, below: int) -> list[Opcode]:
    """How to get from one to the other, as difflib says it, when so many lines above and below them are alike."""
    codes: list[Opcode] = [("equal", 0, above, 0, above)] if above else []
    old_end, new_end = above + len(old), above + len(new)
    if set(old).isdisjoint(new):  # as where lines are only added: difflib would say the same
        codes.append(("replace", above, old_end, above, new_end))
    else:
        for tag, a, b, c, d in SequenceMatcher(None, old, new).get_opcodes():
            codes.append((tag, above + a, above + b, above + c, above + d))
    return [*codes, ("equal", old_end, old_end + below, new_end, new_end + below)] if below else codes


def _grouped(codes: list[Opcode]) -> Iterator[list[Opcode]]:
    """The changes with CONTEXT equal lines around each, those closer than twice that together."""
    group: list[Opcode] = []
    changed = False
    for tag, a, b, c, d in codes:
        if tag != "equal":
            group.append((tag, a, b, c, d))
            changed = True
        elif not changed:
            group = [(tag, max(a, b - CONTEXT), b, max(c, d - CONTEXT), d)]
        elif b - a > 2 * CONTEXT:
            yield [*group, (tag, a, a + CONTEXT, c, c + CONTEXT)]
            group, changed = [(tag, b - CONTEXT, b, d - CONTEXT, d)], False
        else:
            group.append((tag, a, b, c, d))
    if changed:
        if group[-1][0] == "equal":
            tag, a, b, c, d = group[-1]
            group[-1] = (tag, a, min(b, a + CONTEXT), c, min(d, c + CONTEXT))
        yield group
