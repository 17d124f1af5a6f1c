r"""Numbered listings of a file, as tools print them: ``    12→text``, ``    12\ttext``, ``12:text``, ``12|text``,
``L12: text``."""

from __future__ import annotations

import re
from typing import NamedTuple

# Claude Code's Read, `cat -n`, SWE-agent's window, OpenHands' older one, Codex's read.
_FIRST = re.compile(r"[ ]*(?P<padded>\d{1,7})[→\t]|(?P<plain>\d{1,7})[:|]|(?P<lettered>L\d{1,7}): ")


class Listing(NamedTuple):
    """``text``: whole lines; ``start``: the number of the first one; ``is_all``: nothing else stood in the output."""

    start: int
    text: str
    is_all: bool

    @property
    def end(self) -> int:
        """The number of the last line."""
        return self.start + self.text.count("\n") - 1


def read_listing(output: str) -> Listing | None:
    """The first run of numbered lines of ``output``, counting up one by one; None where there is none."""
    lines = output.split("\n")
    place, first = next(
        ((place, match) for place, line in enumerate(lines) if (match := _FIRST.match(line))), (0, None)
    )
    if first is None or first.lastgroup is None:
        return None
    padding = " " if first.lastgroup == "padded" else ""
    label, mark = first[first.lastgroup], first[0][first.end(first.lastgroup) :]
    letter, start = ("L", int(label[1:])) if first.lastgroup == "lettered" else ("", int(label))
    found: list[str] = []
    for wanted, line in enumerate(lines[place:], start):
        number, _, text = line.partition(mark)
        if found and number.lstrip(padding) != f"{letter}{wanted}":
            break
        found.append(text)
    is_all = not place and not any(lines[place + len(found) :])
    return Listing(start, "\n".join(found) + "\n", is_all)
