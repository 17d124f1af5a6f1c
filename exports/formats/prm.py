"""Process reward labels: one JSON object per trace and line.

The lines satisfy both commissioned documents, their analysis snippets, and TRL's PRM trainer (releases up to 1.13.0):
every row has every key, in one order; missing values are JSON null, never -1; rewards are floats.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from exports.describe import labeled, lines
from exports.formats import Format, Piece, Row, Sheet, Takes, formats


@formats.register("prm")
class Prm(Format):
    """Process reward labels, one trace per line: TRL up to 1.13, axolotl."""

    file: ClassVar[str] = "prm_labels.jsonl"
    takes: ClassVar[Takes] = "rewards"

    def refusal(self, row: Row) -> str:
        return "" if row.steps else "no steps"

    def write(self, rows: Iterable[Row], sheet: Sheet) -> Iterator[Piece]:
        return lines(rows, sheet, lambda row: labeled(row, sheet))
