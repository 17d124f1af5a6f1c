r"""Numbered listings of a file, as tools print them: ``    12→text``, ``    12\ttext``, ``12:text``, ``12|text``,
``L12: text``."""

from __future__ import annotations

import re
from functools import lru_cache
from operator import eq
from typing import NamedTuple

BLOCK = 250  # labels of lines that are made, and kept, together
MAX_WIDTH = 12  # characters of a number with the spaces before it; wider ones are looked at one by one

# Claude Code's Read, `cat -n`, SWE-agent's window, OpenHands' older one, Codex's read.
# Most lines end the look at their first character that is no space.
_FIRST = re.compile(
    r"\n(?=[ ]*+[\dL])(?:[ ]*+(?P<padded>\d{1,7})[→\t]|(?P<plain>\d{1,7})[:|]|(?P<lettered>L\d{1,7}): )"
)


class Listing(NamedTuple):
    """``text``: whole lines; ``start``: the number of the first one; ``is_all``: nothing else stood in the output."""

    start: int
    text: str
    is_all: bool

    @property
    def end(self) -> int:
        """The number of the last line."""
        return self.start + self.text.count("\n") - 1


@lru_cache(maxsize=1)  # what a tool printed is read for its step, and for what is known of the file
def read_listing(output: str) -> Listing | None:
    """The first run of numbered lines of ``output``, counting up one by one; None where there is none."""
    text = f"\n{output}"
    first = _FIRST.search(text)
    if first is None or first.lastgroup is None:
        return None
    padding = " " if first.lastgroup == "padded" else ""
    label, mark = first[first.lastgroup], text[first.end(first.lastgroup) : first.end()]
    letter, start = ("L", int(label[1:])) if first.lastgroup == "lettered" else ("", int(label))
    lines = text[first.start() + 1 :].split("\n")
    # Nearly all lines at once: those with numbers of one width, as tools print them.
    width = min(first.end(first.lastgroup) - first.start() - 1, MAX_WIDTH) if padding else 0
    found = list(map(str.removeprefix, lines, _labels(f"{letter}%{width}d{mark}", start, len(lines))))
    as_before = list(map(eq, lines, found))
    if True in as_before:
        del found[as_before.index(True) :]
    for wanted, line in enumerate(lines[len(found) :], start + len(found)):
        number, _, rest = line.partition(mark)
        if found and number.lstrip(padding) != f"{letter}{wanted}":
            break
        found.append(rest)
    is_all = first.start() == 0 and not any(lines[len(found) :])
    return Listing(start, "\n".join(found) + "\n", is_all)


def _labels(form: str, start: int, number: int) -> list[str]:
    """What stands before the lines from ``start`` on, a ``number`` of them."""
    block, at = divmod(start, BLOCK)
    labels = _block(form, block)[at : at + number]
    while len(labels) < number:
        block += 1
        labels += _block(form, block)[: number - len(labels)]
    return labels


@lru_cache(maxsize=200)
def _block(form: str, number: int) -> list[str]:
    return [form % line for line in range(number * BLOCK, (number + 1) * BLOCK)]


def beside_listing(output: str) -> str:
    """What a tool printed before and after the lines that ``read_listing`` finds; all of it where it finds none."""
    listing, first = read_listing(output), _FIRST.search(f"\n{output}")
    if listing is None or first is None:
        return output
    behind = output[first.start() :].split("\n")[listing.text.count("\n") :]
    return "\n".join([output[: first.start()].rstrip("\n"), *behind]).strip("\n")
