"""How deep a step lies in sub-agents. Plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# What lies deeper is shown like this: a page is only so wide.
MAX_DEPTH = 4


def depth_of(steps: Sequence[dict[str, Any]], index: int) -> int:
    """Of how many sub-agents, one within the other, the step at ``index`` is; at most MAX_DEPTH.

    A ``parent`` that is no earlier step is none.
    """
    depth = 0
    while depth < MAX_DEPTH:
        parent = steps[index].get("parent")
        if type(parent) is not int or not 0 <= parent < index:
            break
        index, depth = parent, depth + 1
    return depth
