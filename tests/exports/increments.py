"""An earlier export and one of what changed since, put together as docs/exports.md says."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from exports.build import Built, build
from exports.formats import formats
from exports.options import Options

Rows = list[dict[str, Any]]


def read(project: Any, folder: Path, name: str, **options: Any) -> tuple[Rows, Rows, Built]:
    """(rows, what is named as changed, what was built)."""
    built = build(project.pk, name, Options(**options), folder / formats.get(name).file)
    found = []
    for file in (built.files[0].name, built.files[-1].name if built.changes else ""):
        text = (folder / file).read_text() if file else ""
        if file.endswith(".csv"):
            found.append(list(csv.DictReader(io.StringIO(text))))
        else:
            found.append([json.loads(line) for line in text.splitlines()])
    return found[0], found[1], built


def ids(row: dict[str, Any], key: str) -> set[tuple[str, str]]:
    """The trace, or the two, that a row is about; ``key`` is where it names its trace."""
    if "chosen_trace_id" in row:
        return {(row["chosen_trace_id"], ""), (row["rejected_trace_id"], "")}
    return {(row[key], row.get("trace_id_b", ""))}


def brought_up_to_date(before: Rows, rows: Rows, named: Rows, key: str) -> list[str]:
    """The rows of the full export, each as JSON, sorted."""
    gone = {(one["trace_id"], one["trace_id_b"]) for one in named}
    kept = [row for row in before if not ids(row, key) & gone]
    return sorted(json.dumps(row) for row in [*kept, *rows])
