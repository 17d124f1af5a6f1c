"""Raw answers as a table: a line for every answer, for spreadsheets and data frames.

A cell that a spreadsheet would take for a formula begins with an apostrophe: what annotators and agents write is a
stranger's text. Of a comparison ``trace_id`` is side a and ``trace_id_b`` side b; that is empty elsewhere.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

from exports.describe import answers_of, model_of, moment, text_or_none
from exports.formats import RAW_OPTIONS, Format, Piece, Row, Sheet, Takes, formats, split_file
from potato_site.canonical import canonical

COLUMNS = ("trace_id", "issue_id", "instance_id", "repo", "model", "annotator", "scheme", "type", "key", "value",
           "reason", "submitted_at", "duration_s", "purpose", "flags", "split", "trace_id_b")  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@formats.register("csv")
class Csv(Format):
    """Every answer as a line of a table: for spreadsheets and data frames."""

    file: ClassVar[str] = "answers.csv"
    takes: ClassVar[Takes] = "answers"
    ignores: ClassVar[tuple[str, ...]] = RAW_OPTIONS
    takes_comparisons: ClassVar[bool] = True
    step_texts: ClassVar[bool] = False
    is_raw: ClassVar[bool] = True

    def refusal(self, row: Row) -> str:
        return ""

    def n_rows(self, row: Row) -> int:
        return sum(len(said.raw.get(scheme) or ()) for said in row.said for scheme in said.types)

    def write(self, rows: Iterable[Row], sheet: Sheet) -> Iterator[Piece]:
        begun = {sheet.file}
        yield Piece(sheet.file, _lines([COLUMNS]))
        for row in rows:
            file = split_file(sheet.file, row.split)
            header = [] if file in begun else [COLUMNS]
            begun.add(file)
            yield Piece(file, _lines([*header, *_cells(row)]))


def _cells(row: Row) -> Iterator[Sequence[str]]:
    about = (row.trace_id, row.issue_id, row.instance_id, text_or_none(row.document, "repo") or "",
             model_of(row.document) or "")  # fmt: skip
    for said in row.said:
        submission = (
            moment(said.submitted_at) or "",
            str(float(said.active_seconds)),
            said.purpose,
            " ".join(said.flags),
        )
        for scheme, kind, key, value in answers_of(said):
            told, reason = _plain(value)
            yield (*about, said.annotator, scheme, kind, key, told, reason, *submission, row.split, row.trace_id_b)


def _plain(value: Any) -> tuple[str, str]:
    """(the answer, its reason): a step's label or number as such, what has more parts as JSON."""
    reason = ""
    if isinstance(value, dict) and set(value) <= {"label", "step", "origin", "reason"}:
        reason = str(value.get("reason") or "")
        value = value.get("label") if "label" in value else "all correct" if value["step"] is None else value["step"]
    return value if isinstance(value, str) else canonical(value).decode(), reason


def _lines(rows: Iterable[Sequence[str]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for row in rows:
        writer.writerow([f"'{cell}" if cell.startswith(FORMULA) and not _is_number(cell) else cell for cell in row])
    return out.getvalue().encode("utf-8", "replace")


def _is_number(cell: str) -> bool:
    return cell.removeprefix("-").replace(".", "", 1).isdecimal() and cell.isascii()
