"""The shape of ProcessBench: a problem, its steps, and where the first error lies (-1: nowhere)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from exports.describe import issue_of, lines, model_of
from exports.formats import Format, Piece, Row, Sheet, Takes, formats


@formats.register("processbench")
class ProcessBench(Format):
    """A trace per line with the place of its first error, -1 for none: what measures a process reward model."""

    file: ClassVar[str] = "processbench.jsonl"
    takes: ClassVar[Takes] = "rewards"
    ignores: ClassVar[tuple[str, ...]] = ("soft_labels", "neutral", "post_error=mask")
    tells_outcome: ClassVar[bool] = True

    def refusal(self, row: Row) -> str:
        if not row.steps:
            return "no steps"
        # Without an error every step must be known to be right: an unlabeled one may be the error.
        return "" if row.first_error_step is not None or row.all_correct else "no error, but unlabeled steps"

    def write(self, rows: Iterable[Row], sheet: Sheet) -> Iterator[Piece]:
        return lines(rows, sheet, _object)


def _object(row: Row) -> dict[str, Any]:
    return {
        "id": row.trace_id,
        "generator": model_of(row.document) or "",
        "problem": issue_of(row),
        "steps": row.steps.texts,
        # What people said of the outcome; null where nobody did.
        "final_answer_correct": row.resolved,
        "label": -1 if row.first_error_step is None else row.first_error_step,
        "split": row.split,
    }
