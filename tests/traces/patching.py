"""Apply a unified diff as `patch` would, at the numbers it states and nowhere else."""

from __future__ import annotations

import re

from traces.tooling.diffs import split_lines

_HUNK = re.compile(r"@@ -(\d+),(\d+) \+(\d+),(\d+) @@\n")


def patched(before: str, diff: str) -> str:
    """``before`` after the diff of one file. Raises AssertionError where a line or a number does not fit."""
    old, new, at = split_lines(before), [], 0
    lines = split_lines(diff)[2:]
    while lines:
        hunk = _HUNK.match(lines.pop(0))
        assert hunk, "a hunk begins with its numbers"
        old_start, old_count, new_start, new_count = map(int, hunk.groups())
        start = old_start - (old_count > 0)
        new += old[at:start]
        assert len(new) == new_start - (new_count > 0), "the new numbers follow from the old ones"
        at = start
        counts = [0, 0]
        while lines and not lines[0].startswith("@@"):
            sign, text = lines[0][0], lines.pop(0)[1:]
            if lines and lines[0].startswith("\\"):
                text = text.removesuffix("\n")
                lines.pop(0)
            if sign in " -":
                assert old[at] == text
                at += 1
                counts[0] += 1
            if sign in " +":
                new.append(text)
                counts[1] += 1
        assert counts == [old_count, new_count]
    return "".join(new + old[at:])
