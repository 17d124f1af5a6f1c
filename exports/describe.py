"""What the formats share: the columns that say where a row comes from, and lines of JSON in the file of their split."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from exports.formats import Piece, Row, Said, Sheet, split_file
from exports.jsonline import json_line

SCHEMA_VERSION = "1.0"
# What TRL leaves out of the loss.
MASK = -100
# The keys of a row that no scheme may take; an answer of such a name is written as "answer_<name>".
BEFORE = ("trace_id", "issue_id", "instance_id", "repo", "base_commit", "model_name_or_path", "issue_description",
          "mode", "total_steps", "first_error_step", "all_correct", "steps")  # fmt: skip
AFTER = ("annotators", "n_annotators", "agreement", "aggregation", "needs_adjudication", "split", "schema_version",
         "prompt", "completions", "labels", "p_correct")  # fmt: skip
RESERVED = frozenset(BEFORE + AFTER)
SWE_BENCH_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*__[A-Za-z0-9._-]+-[0-9]+")


def lines(
    rows: Iterable[Any],
    sheet: Sheet,
    as_object: Callable[[Any], Mapping[str, Any]],
    line: Callable[[Mapping[str, Any]], bytes] = json_line,
) -> Iterator[Piece]:
    """A line for every row, in the file of its split. An export without a row is an empty file, not none."""
    return lines_of_many(rows, sheet, lambda row: (as_object(row),), line)


def lines_of_many(
    rows: Iterable[Any],
    sheet: Sheet,
    as_objects: Callable[[Any], Iterable[Mapping[str, Any]]],
    line: Callable[[Mapping[str, Any]], bytes] = json_line,
) -> Iterator[Piece]:
    """As ``lines``, for rows that make several lines each, or none."""
    yield Piece(sheet.file, b"")
    for row in rows:
        for value in as_objects(row):
            yield Piece(split_file(sheet.file, row.split), line(value))


def origin(row: Row) -> dict[str, Any]:
    """The ids of a trace; null where it does not say."""
    return {
        "trace_id": row.trace_id,
        "issue_id": row.issue_id or None,
        "instance_id": row.instance_id or None,
        "repo": text_or_none(row.document, "repo"),
        "base_commit": text_or_none(row.document, "base_commit"),
        "model_name_or_path": model_of(row.document),
    }


def told_origin(row: Row) -> dict[str, str]:
    """``origin`` with "" for what a trace does not say: who loads a data set takes the type of a column from its first
    rows, and one that begins with nulls refuses the first text."""
    return {name: value or "" for name, value in origin(row).items()}


def judged(row: Row) -> dict[str, Any]:
    """Who labeled a row and how far they agree."""
    return {
        "annotators": list(row.annotators),
        "n_annotators": len(row.annotators),
        "agreement": row.agreement,
        "aggregation": row.aggregation,
        "needs_adjudication": row.needs_adjudication,
        "split": row.split,
        "schema_version": SCHEMA_VERSION,
    }


def issue_of(row: Row) -> str:
    return text_or_none(row.document, "issue_description") or ""


def hard_labels(row: Row, sheet: Sheet) -> list[bool] | list[int]:
    """A label per step. Ints where steps may be masked: a file holds one kind only, as trainers cast the column."""
    if not sheet.has_gaps:
        assert None not in row.targets, "a project that asks for every label has a step without one"
        return list(map(bool, row.targets))
    return [MASK if target is None else int(target) for target in row.targets]


def answers_of(said: Said) -> Iterator[tuple[str, str, str, Any]]:
    """(scheme, type, key, value) of everything one person answered, in the project's order and the keys' own."""
    for scheme, kind in said.types.items():
        answers = said.raw.get(scheme) or {}
        for key in sorted(answers, key=lambda key: (key.isdigit(), int(key) if key.isdigit() else 0, key)):
            yield scheme, kind, key, answers[key]


def moment(value: datetime | None) -> str | None:
    """RFC 3339, UTC, whole milliseconds."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def model_of(document: Mapping[str, Any]) -> str | None:
    """The model as SWE-bench calls it, else the model's or the agent's name."""
    agent = document.get("agent")
    name = text_or_none(agent, "name") if isinstance(agent, Mapping) else text_or_none(document, "agent")
    return text_or_none(document, "model_name_or_path") or text_or_none(document, "model") or name


def swe_bench_id(row: Row) -> str | None:
    """The id of the row's SWE-bench instance (``owner__repo-123``); None where it has none of that form."""
    return row.instance_id if SWE_BENCH_ID.fullmatch(row.instance_id) else None


def text_or_none(document: Mapping[str, Any], key: str) -> str | None:
    """A text of the document; None where it is missing, empty or something else."""
    value = document.get(key)
    return value if isinstance(value, str) and value else None


def answer_key(name: str) -> str:
    """The key under which the answer of scheme ``name`` stands in a row."""
    return f"answer_{name}" if name in RESERVED else name


def labeled(row: Row, sheet: Sheet) -> dict[str, Any]:
    """A trace with its step labels: every key of both documents, then what TRL's PRM trainer reads."""
    issue = issue_of(row)
    soft = {"p_correct": [step["p_correct"] for step in row.steps]} if sheet.soft_labels else {}
    return {
        **origin(row),
        "issue_description": issue,
        "mode": row.mode,
        "total_steps": len(row.steps),
        "first_error_step": row.first_error_step,
        "all_correct": row.all_correct,
        "steps": row.steps,
        **{answer_key(name): value for name, value in row.answers.items()},
        **judged(row),
        "prompt": issue,
        "completions": row.steps.texts,
        "labels": hard_labels(row, sheet),
        **soft,
    }
