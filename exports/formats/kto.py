"""Single steps, good or bad: what TRL's KTO trainer reads.

A line per step that somebody judged right or wrong: the task and all steps before it as prompt, the step as
completion. Steps that only follow from a first error, that are neutral or half right, teach nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from exports.describe import issue_of, lines_of_many, origin
from exports.formats import Piece, Row, Sheet, Takes, formats

JUDGED = ("human", "ai_changed", "ai")
# What others told the agent is no completion of it.
NOT_ITS_OWN = ("user_message", "system", "error")


@formats.register("kto")
class Kto:
    """Steps with a label each, and the task and steps before them as prompt: TRL's KTO trainer."""

    file: ClassVar[str] = "kto_steps.jsonl"
    takes: ClassVar[Takes] = "rewards"

    def refusal(self, row: Row) -> str:
        return "" if any(_tells(row, place) for place in range(len(row.steps))) else "no step judged right or wrong"

    def write(self, rows: Iterable[Row], sheet: Sheet) -> Iterator[Piece]:
        return lines_of_many(rows, sheet, lambda row: _objects(row, sheet))


def _tells(row: Row, place: int) -> bool:
    step = row.steps[place]
    if step["type"] in NOT_ITS_OWN:
        return False
    is_judged = step["label_source"] in JUDGED and row.targets[place] is not None
    return is_judged and step["label"] != "neutral" and step["reward"] in (0.0, 1.0)


def _objects(row: Row, sheet: Sheet) -> Iterator[dict[str, Any]]:
    before = [issue_of(row)]
    about = origin(row)
    for place, step in enumerate(row.steps):
        if _tells(row, place):
            yield {
                "prompt": "\n\n".join(before),
                "completion": step["content"],
                "label": row.targets[place],
                **about,
                "step_idx": step["step_idx"],
                "type": step["type"],
                "n_annotators": len(row.annotators),
                "agreement": row.agreement,
                "split": row.split,
                **({"p_correct": step["p_correct"]} if sheet.soft_labels else {}),
            }
        before.append(step["content"])
