r"""Numbered listings of a file, as tools print them: ``    12→text``, ``    12\ttext``, ``12:text``, ``12|text``,
``L12: text``."""

from __future__ import annotations

import re
from typing import NamedTuple

# Claude Code's Read, `cat -n`, SWE-agent's window, OpenHands' older one, Codex's read.
_LINE = re.compile(r"[ ]*(\d{1,7})(?:→|\t)(.*)|(\d{1,7})[:|](.*)|L(\d{1,7}): (.*)", re.DOTALL)


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
    found: list[str] = []
    start, others = 0, 0
    for line in lines:
        match = _LINE.fullmatch(line)
        number = int(match[match.lastindex - 1]) if match and match.lastindex else -1
        if match and match.lastindex and (not found or number == start + len(found)):
            start = start if found else number
            found.append(match[match.lastindex])
        elif line:
            others += 1
            if found:
                break
        elif found:
            break
    if not found:
        return None
    is_all = not others and "\n".join(lines).rstrip("\n").count("\n") == len(found) - 1
    return Listing(start, "".join(f"{line}\n" for line in found), is_all)
