"""Turns of a Codex session that a person took back: later answers know nothing of them."""

from __future__ import annotations

from collections.abc import Iterable

from traces.document import Step


def mark_taken_back(steps: list[Step], taken_back: Iterable[tuple[int, int]]) -> None:
    """``taken_back``: (how many steps there were, how many of the last turns went), in order.

    A turn begins with a message of the person's, which has a step for each of its parts, and all on one line.
    """
    standing: list[Step] = []
    prompts: list[int] = []  # where in ``standing`` a turn begins
    line, seen = None, 0
    for until, turns in taken_back:
        for step in steps[seen:until]:
            if step["type"] == "user_message" and step.get("source_line") != line:
                prompts.append(len(standing))
                line = step.get("source_line")
            standing.append(step)
        seen = until
        if turns > 0 and prompts:
            first = prompts[max(0, len(prompts) - turns)]
            for step in standing[first:]:
                step["abandoned"] = True
            del standing[first:], prompts[max(0, len(prompts) - turns) :]
