"""Preference pairs in the shape of both documents: the trace ids, first errors and margin of one, the two traces with
their steps and the strength of the other. (What trainers load directly is the format dpo.)"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from exports.describe import SCHEMA_VERSION, lines, text_or_none
from exports.formats import Format, Pair, Piece, Row, Sheet, Takes, formats


@formats.register("preference_pairs")
class PreferencePairs(Format):
    """Two attempts at one issue, the better one first, with margin and strength."""

    file: ClassVar[str] = "preferences.jsonl"
    takes: ClassVar[Takes] = "pairs"
    ignores: ClassVar[tuple[str, ...]] = ("neutral", "post_error=mask")
    tells_outcome: ClassVar[bool] = True
    step_labels: ClassVar[bool] = True

    def refusal(self, pair: Pair) -> str:
        return ""

    def write(self, rows: Iterable[Pair], sheet: Sheet) -> Iterator[Piece]:
        return lines(rows, sheet, _object)


def _object(pair: Pair) -> dict[str, Any]:
    return {
        "prompt": pair.prompt,
        "pair_id": pair.pair_id,
        "issue_id": pair.issue_id or None,
        "repo": text_or_none(pair.chosen.document, "repo"),
        "source": pair.source,
        "split": pair.split,
        "chosen_trace_id": pair.chosen.trace_id,
        "rejected_trace_id": pair.rejected.trace_id,
        "chosen_first_error": pair.chosen.first_error_step,
        "rejected_first_error": pair.rejected.first_error_step,
        "chosen_steps": len(pair.chosen.steps),
        "rejected_steps": len(pair.rejected.steps),
        "margin": float(pair.margin),
        "chosen": _side(pair.chosen),
        "rejected": _side(pair.rejected),
        "preference_strength": float(pair.preference_strength),
        "annotators": list(pair.annotators),
        "schema_version": SCHEMA_VERSION,
    }


def _side(row: Row) -> dict[str, Any]:
    return {"trace_id": row.trace_id, "steps": row.steps}
