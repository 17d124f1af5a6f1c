"""Code reviews: comments with where they stand and the code they quote, ratings of files, verdicts.

A line for every review: what one annotator, or an adjudicator (``purpose``), said about one trace. Comments of several
reviewers are not merged; an adjudicator who took somebody's answers over has their comments, with their ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from exports.describe import SCHEMA_VERSION, issue_of, lines_of_many, moment, origin, text_or_none
from exports.formats import RAW_OPTIONS, Format, Piece, Row, Said, Sheet, Takes, formats

TYPE = "code_review"
COMMENT = ("id", "step", "file", "side", "start_line", "end_line", "quote_sha", "code", "category", "text")


@formats.register("code_review")
class CodeReview(Format):
    """Reviews with their comments, anchors, quoted code, file ratings and verdicts."""

    file: ClassVar[str] = "code_review.jsonl"
    takes: ClassVar[Takes] = "answers"
    ignores: ClassVar[tuple[str, ...]] = RAW_OPTIONS
    step_texts: ClassVar[bool] = False
    is_raw: ClassVar[bool] = True

    def refusal(self, row: Row) -> str:
        return "" if any(_reviews(said) for said in row.said) else "no code review"

    def n_rows(self, row: Row) -> int:
        return sum(len(_reviews(said)) for said in row.said)

    def write(self, rows: Iterable[Row], sheet: Sheet) -> Iterator[Piece]:
        return lines_of_many(rows, sheet, _objects)


def _reviews(said: Said) -> list[tuple[str, Mapping[str, Any]]]:
    """(scheme, review) of one annotator."""
    return [
        (name, value)
        for name, value in said.values.items()
        if said.types.get(name) == TYPE and isinstance(value, Mapping)
    ]


def _objects(row: Row) -> Iterator[dict[str, Any]]:
    for said in row.said:
        for scheme, review in _reviews(said):
            yield {
                **origin(row),
                "issue_description": issue_of(row),
                "final_patch": text_or_none(row.document, "final_patch"),
                "scheme": scheme,
                "annotator": said.annotator,
                "purpose": said.purpose,
                "verdict": review.get("verdict"),
                "comments": [_comment(comment) for comment in review.get("comments") or ()],
                "file_ratings": [_rating(rating) for rating in review.get("file_ratings") or ()],
                "submitted_at": moment(said.submitted_at),
                "duration_s": float(said.active_seconds),
                "split": row.split,
                "schema_version": SCHEMA_VERSION,
            }


def _comment(comment: Mapping[str, Any]) -> dict[str, Any]:
    return {**{key: comment.get(key) for key in COMMENT}, "resolved": bool(comment.get("resolved"))}


def _rating(rating: Mapping[str, Any]) -> dict[str, Any]:
    return {"file": rating.get("file"), "rating": rating.get("rating"), "label": rating.get("label")}
