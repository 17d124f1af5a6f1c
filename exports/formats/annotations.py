"""Raw answers: a line for every annotator and trace (or pair of traces), all schemes, nothing merged.

``answers`` is a list of ``{scheme, type, key, value}`` with each value as a JSON text, so that the column has one type
whatever the project asks. The keys are those of the answers: "" the whole trace, "12" a step, ``comment:<id>``, …
Of a pair, ``trace_id`` is side a and ``trace_id_b`` side b. That is "" elsewhere: a column that begins with nothing but
nulls would have no type for those who load a part of the file first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from exports.describe import SCHEMA_VERSION, answers_of, issue_of, lines_of_many, moment, origin
from exports.formats import RAW_OPTIONS, Format, Piece, Row, Sheet, Takes, formats
from potato_site.canonical import canonical


@formats.register("annotations")
class Annotations(Format):
    """Every answer of every annotator as it was given: for analyses of one's own."""

    file: ClassVar[str] = "annotations.jsonl"
    takes: ClassVar[Takes] = "answers"
    ignores: ClassVar[tuple[str, ...]] = RAW_OPTIONS
    takes_comparisons: ClassVar[bool] = True
    step_texts: ClassVar[bool] = False
    is_raw: ClassVar[bool] = True

    def refusal(self, row: Row) -> str:
        return ""

    def n_rows(self, row: Row) -> int:
        return len(row.said)

    def write(self, rows: Iterable[Row], sheet: Sheet) -> Iterator[Piece]:
        return lines_of_many(rows, sheet, _objects)


def _objects(row: Row) -> Iterator[dict[str, Any]]:
    for said in row.said:
        yield {
            **origin(row),
            "issue_description": issue_of(row),
            "annotator": said.annotator,
            "trace_id_b": row.trace_id_b,
            "answers": [
                {"scheme": scheme, "type": kind, "key": key, "value": canonical(value).decode()}
                for scheme, kind, key, value in answers_of(said)
            ],
            "started_at": moment(said.started_at),
            "submitted_at": moment(said.submitted_at),
            "duration_s": float(said.active_seconds),
            "purpose": said.purpose,
            "flags": list(said.flags),
            "split": row.split,
            "schema_version": SCHEMA_VERSION,
        }
