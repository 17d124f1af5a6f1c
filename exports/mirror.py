"""Each annotator's own file: ``<output>/<annotator>/annotations.jsonl``, one line per trace or pair, kept current; or
``annotations.json``, the same as one array, where the configuration asks for that form.

It holds the current revision of everything the person submitted (surplus and excluded work too: it is their record),
never a part of it: the file is replaced as a whole. Its time is that of the latest submission in it, so that a file
that was left behind is recognised without reading it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from annotation import queries
from annotation.queries import LabeledPair, LabeledTrace, Labels, Question
from exports.describe import SCHEMA_VERSION, moment
from exports.jsonline import json_line
from exports.options import Options
from exports.publish import locked, write_file
from exports.rows import REWARD
from exports.steps import exported_steps
from potato_site.files import nothing

FILES = {"jsonl": "annotations.jsonl", "json": "annotations.json"}
RESERVED = frozenset((
    "trace_id", "trace_id_b", "annotator", "total_steps", "first_error_step", "all_correct", "steps", "started_at",
    "submitted_at", "duration_s", "purpose", "flags", "schema_version",
))  # fmt: skip
# File systems keep times this coarsely.
TOLERANCE_SECONDS = 2


def path_of(output_path: str, username: str, form: str = "jsonl") -> Path:
    return Path(output_path) / username / FILES[form]


def write(project_id: int, user_id: int, username: str, *, before_publishing: Callable[[], None] = nothing) -> int:
    """Write one annotator's file anew and return its number of lines. Raises OSError."""
    project = queries.project_by_id(project_id, using="default")
    latest, lines = datetime.fromtimestamp(0, UTC), 0

    def pieces() -> Iterator[bytes]:
        nonlocal latest, lines
        for submitted_at, said in _lines(project, user_id):
            yield json_line(said)
            lines += 1
            latest = max(latest, submitted_at)

    # Read under the lock, the form too: whoever publishes last has also read last.
    with locked(path_of(project.output_path, username).parent):
        form = queries.delivering(queries.project_by_id(project_id, using="default")).form
        path = path_of(project.output_path, username, form)
        with queries.consistent_read():
            content = _array(pieces()) if form == "json" else pieces()
            write_file(path, content, before_publishing=before_publishing)
        if lines:
            os.utime(path, (latest.timestamp(), latest.timestamp()))
        # What was written before the form was changed would grow old beside it.
        for other in FILES.keys() - {form}:
            path_of(project.output_path, username, other).unlink(missing_ok=True)
    return lines


def _array(lines: Iterable[bytes]) -> Iterator[bytes]:
    before = b"[\n"
    for line in lines:
        yield before + line.removesuffix(b"\n")
        before = b",\n"
    yield b"[]\n" if before == b"[\n" else b"\n]\n"


def is_stale(path: Path, submitted_at: datetime) -> bool:
    """Whether a person who last submitted at that time has a file that is missing or of another time."""
    try:
        return abs(path.stat().st_mtime - submitted_at.timestamp()) > TOLERANCE_SECONDS
    except FileNotFoundError:
        return True


def _lines(project: Any, user_id: int) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """(when it was submitted, the line) of everything a person submitted, traces first."""
    asked = queries.questions(project)
    for trace in queries.labeled_by(project, user_id):
        yield trace.submissions[0].submitted_at, line(trace, asked)
    for pair in queries.compared_by(project, user_id):
        yield pair.submissions[0].submitted_at, line_of_pair(pair, asked)


def line(trace: LabeledTrace, asked: list[Question]) -> dict[str, Any]:
    """One person's answers about one trace. The first process reward scheme gives the labels of the steps."""
    labels = trace.submissions[0]
    steps = list(_steps(trace, labels.values.get(_reward(asked))))
    return {"trace_id": trace.trace_id, **_said(labels, steps, asked)}


def line_of_pair(pair: LabeledPair, asked: list[Question]) -> dict[str, Any]:
    """One person's answers about two traces: ``trace_id`` is side a. No step of them is asked about."""
    ids = {"trace_id": pair.a.trace_id, "trace_id_b": pair.b.trace_id}
    return {**ids, **_said(pair.submissions[0], [], asked)}


def _reward(asked: list[Question]) -> str:
    return next((question.name for question in asked if question.type == REWARD), "")


def _said(labels: Labels, steps: list[dict[str, Any]], asked: list[Question]) -> dict[str, Any]:
    scheme = _reward(asked)
    reward = labels.values.get(scheme)
    return {
        "annotator": labels.annotator,
        "total_steps": len(steps),
        "first_error_step": reward["first_error_step"] if reward else None,
        "all_correct": reward["all_correct"] if reward else None,
        "steps": steps,
        **{_key(question.name): labels.values.get(question.name) for question in asked if question.name != scheme},
        "started_at": moment(labels.started_at),
        "submitted_at": moment(labels.submitted_at),
        "duration_s": labels.active_seconds,
        "purpose": labels.purpose,
        "flags": list(labels.flags),
        "schema_version": SCHEMA_VERSION,
    }


def _steps(trace: LabeledTrace, reward: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    turns = trace.document.get("structured_turns") or []
    given = reward or {"steps": [{"label": None, "reward": None, "label_source": "human"}] * len(turns)}
    steps, _ = exported_steps(trace.document, {"first_error_step": None, **given}, Options(), Counter())
    for step, label in zip(steps, given["steps"], strict=True):
        yield {**step, "reason": label.get("reason", "")}


def _key(name: str) -> str:
    return f"answer_{name}" if name in RESERVED else name
