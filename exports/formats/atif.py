"""Whole runs in Harbor's interchange format (ATIF 1.7), a trajectory per line, with what people said of them.

The labels stand in the ``extra`` of a trajectory, which the format leaves to its writers: other readers pass over them.
Several of our steps can be one of its steps: a label names both, ``step_idx`` and ``step_id``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from exports.describe import judged, lines
from exports.formats import Format, Piece, Row, Sheet, Takes, formats
from exports.jsonline import exact_json_line
from traces.tooling.atif import step_ids, to_atif

OF_A_LABEL = ("label", "reward", "label_source", "p_correct")


@formats.register("atif")
class Atif(Format):
    """Whole trajectories (ATIF 1.7) with their labels: Harbor's tools, and this product again."""

    file: ClassVar[str] = "trajectories.jsonl"
    takes: ClassVar[Takes] = "rewards"
    # Steps are as they are, and none is cut.
    ignores: ClassVar[tuple[str, ...]] = ("content", "content_limit")

    def refusal(self, row: Row) -> str:
        return "" if row.steps else "no steps"

    def write(self, rows: Iterable[Row], sheet: Sheet) -> Iterator[Piece]:
        # Our converter, and Python's own, read whole numbers of any width.
        return lines(rows, sheet, _trajectory, exact_json_line)


def _trajectory(row: Row) -> dict[str, Any]:
    trajectory = to_atif(dict(row.document))
    places = step_ids(trajectory)
    trajectory["extra"]["labels"] = {
        "trace_id": row.trace_id,
        "mode": row.mode,
        "first_error_step": row.first_error_step,
        "all_correct": row.all_correct,
        "steps": [_label(step, target, places) for step, target in zip(row.steps, row.targets, strict=True)],
        "answers": dict(row.answers),
        **judged(row),
    }
    return trajectory


def _label(step: Mapping[str, Any], target: bool | None, places: Sequence[int]) -> dict[str, Any]:
    place = step["step_idx"]
    said = {key: step[key] for key in OF_A_LABEL if key in step}
    return {"step_idx": place, "step_id": places[place], **said, "target": target}
