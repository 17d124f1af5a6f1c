"""Each annotator's own files: ``<output>/<annotator>/annotations.jsonl``, one line per trace, and where the project
compares ``comparisons.jsonl`` beside it, one line per pair, kept current; or ``annotations.json`` and
``comparisons.json``, the same as one array each, where the configuration asks for that form. They are two files because
whoever reads the first one takes its lines by ``trace_id``.

They hold the current revision of everything the person submitted (surplus and excluded work too: it is their record),
never a part of it: a file is replaced as a whole. Their time is that of the person's latest submission, so that a file
that was left behind is recognised without reading it.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from annotation import queries
from annotation.queries import Delivering, LabeledPair, LabeledTrace, Labels, Question
from exports.asked import REWARD
from exports.describe import SCHEMA_VERSION, moment
from exports.jsonline import json_line
from exports.options import Options
from exports.publish import locked, write_file
from exports.steps import exported_steps
from potato_site.files import nothing

FILES = {"jsonl": "annotations.jsonl", "json": "annotations.json"}
OF_PAIRS = {"jsonl": "comparisons.jsonl", "json": "comparisons.json"}
RESERVED = frozenset((
    "trace_id", "trace_id_b", "annotator", "total_steps", "first_error_step", "all_correct", "steps", "started_at",
    "submitted_at", "duration_s", "purpose", "flags", "schema_version",
))  # fmt: skip
# File systems keep times this coarsely.
TOLERANCE_SECONDS = 2


def paths_of(project: Delivering, username: str) -> list[Path]:
    """The files a person of this project has."""
    folder = Path(project.output_path) / username
    names = [FILES, OF_PAIRS] if project.compares else [FILES]
    return [folder / name[project.form] for name in names]


def write(project_id: int, user_id: int, *, check: Callable[[], None] = nothing) -> int:
    """Write one annotator's files anew and return their number of lines. Raises OSError.

    ``check`` is called while another one writes them and before they are published; what it raises stops this one.
    """
    output = Path(queries.project_by_id(project_id, using="default").output_path)
    while True:
        username = queries.username_of(user_id)
        folder = output / username
        with locked(folder, waiting=check):
            if queries.username_of(user_id) == username:
                return _write(project_id, user_id, folder, check)
        # They were forgotten meanwhile, and so is the folder.
        with contextlib.suppress(OSError):
            folder.rmdir()


def _write(project_id: int, user_id: int, folder: Path, check: Callable[[], None]) -> int:
    """All is read under the folder's lock, the form too: whoever publishes last has also read last."""
    project = queries.project_by_id(project_id, using="default")
    now = queries.delivering(project)
    with queries.consistent_read():
        written = list(_write_all(project, now, user_id, folder, check))
    # What was written before the form was changed would grow old beside them.
    for name in {*FILES.values(), *OF_PAIRS.values()} - {path.name for path, _ in written}:
        (folder / name).unlink(missing_ok=True)
    latest = max(of.latest for _, of in written).timestamp()
    for path, _ in written if latest else []:
        os.utime(path, (latest, latest))
    return sum(of.lines for _, of in written)


def _write_all(
    project: Any, now: Delivering, user_id: int, folder: Path, before_publishing: Callable[[], None]
) -> Iterator[tuple[Path, _Lines]]:
    """Write the person's files, each with what stands in it now."""
    asked = queries.questions(project)
    traces = queries.labeled_by(project, user_id)
    of_traces = _Lines((trace.submissions[0].submitted_at, line(trace, asked)) for trace in traces)
    yield of_traces.write(folder / FILES[now.form], now.form, before_publishing), of_traces
    pairs = queries.compared_by(project, user_id)
    first = next(pairs, None)
    # Comparisons keep their file where the project asks for none any more.
    if now.compares or first is not None:
        several = chain([first] if first else [], pairs)
        of_pairs = _Lines((pair.submissions[0].submitted_at, line_of_pair(pair, asked)) for pair in several)
        yield of_pairs.write(folder / OF_PAIRS[now.form], now.form, before_publishing), of_pairs


class _Lines:
    """Lines on their way into a file, counted."""

    def __init__(self, said: Iterable[tuple[datetime, dict[str, Any]]]) -> None:
        self.said = said
        self.lines = 0
        self.latest = datetime.fromtimestamp(0, UTC)

    def write(self, path: Path, form: str, before_publishing: Callable[[], None]) -> Path:
        pieces = self._each()
        write_file(path, _array(pieces) if form == "json" else pieces, before_publishing=before_publishing)
        return path

    def _each(self) -> Iterator[bytes]:
        for submitted_at, one in self.said:
            yield json_line(one)
            self.lines += 1
            self.latest = max(self.latest, submitted_at)


def _array(lines: Iterable[bytes]) -> Iterator[bytes]:
    before = b"[\n"
    for line in lines:
        yield before + line.removesuffix(b"\n")
        before = b",\n"
    yield b"[]\n" if before == b"[\n" else b"\n]\n"


def is_stale(path: Path, submitted_at: datetime) -> bool:
    """Whether a person who last submitted at that time has a file that is missing, out of reach or of another time."""
    try:
        return abs(path.stat().st_mtime - submitted_at.timestamp()) > TOLERANCE_SECONDS
    except OSError:
        return True


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
