"""SWE-bench's own files: a run report, the predictions it is about, and a report for every instance.

The run report is what ``swebench.harness.reporting.make_run_report`` builds from the other two, key by key. What
resolves an instance here is a person's verdict "Fully Resolved", not an execution: every prediction and report says so
(``annotation``), and ``patch_successfully_applied``, which a person cannot vouch for, is false. Such files are not
eligible for a leaderboard.

One set for every model and run: where a model tried an instance twice, the second attempt is in a set ``.run2``. Traces
without an id of SWE-bench's form are skipped and counted, never given one.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, ClassVar

from exports.describe import model_of, swe_bench_id, text_or_none
from exports.formats import STEP_OPTIONS, Format, Piece, Row, Sheet, Takes, formats, sibling
from exports.jsonline import json_line

UNKNOWN = "unknown"
LOGS = "logs/run_evaluation"
UNJUDGED = "traces nobody gave an outcome (a prediction without a report)"
NOT_ASKED = (
    "predictions without a report: no option is called “Fully Resolved”, and outcome_scheme names no code review with "
    "a verdict that approves"
)


@dataclass
class _Set:
    """What one (model, run) report needs: ids only, whatever the size of the patches."""

    model: str
    run_id: str
    label: str
    # Of its reports, in the archive.
    folder: str
    submitted: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)
    unresolved: list[str] = field(default_factory=list)
    unjudged: list[str] = field(default_factory=list)


@formats.register("swe_bench")
class SweBench(Format):
    """A run report, predictions and per-instance reports as SWE-bench's harness writes them, from human verdicts."""

    file: ClassVar[str] = "swe_bench_results.json"
    takes: ClassVar[Takes] = "answers"
    ignores: ClassVar[tuple[str, ...]] = (*STEP_OPTIONS, "dedupe", "validation", "test", "hold_out_benchmarks")
    tells_outcome: ClassVar[bool] = True
    step_texts: ClassVar[bool] = False

    def refusal(self, row: Row) -> str:
        return "" if swe_bench_id(row) else "without an instance_id of SWE-bench's form (owner__repo-123)"

    def write(self, rows: Iterable[Row], sheet: Sheet) -> Iterator[Piece]:
        sets: dict[tuple[str, int], _Set] = {}
        attempts: Counter[tuple[str, str]] = Counter()
        yield Piece(sheet.file, b"")
        for row in rows:
            model, instance = model_of(row.document) or UNKNOWN, swe_bench_id(row) or ""
            attempts[model, instance] += 1
            run = attempts[model, instance]
            if (model, run) not in sets:
                sets[model, run] = _new_set(model, run, sheet, {known.label.lower() for known in sets.values()})
            one = sets[model, run]
            yield from _instance(one, instance, row, sheet)
        # Of no trace there is a set as well, an empty one: a run of a tool on its predictions has a file to read.
        yield from _reports(list(sets.values()) or [_new_set(UNKNOWN, 1, sheet, set())], sheet)


def _new_set(model: str, run: int, sheet: Sheet, taken: set[str]) -> _Set:
    suffix = "" if run == 1 else f".run{run}"
    label = (re.sub(r"[^A-Za-z0-9._-]+", "-", model.replace("/", "__")).strip(".-")[:100] or UNKNOWN) + suffix
    number = 2
    # Whatever their case: some disks know no difference.
    while label.lower() in taken:
        label = f"{label}-{number}"
        number += 1
    run_id = f"{sheet.run_id}{suffix}"
    return _Set(model, run_id, label, str(PurePosixPath(LOGS, run_id, model.replace("/", "__"))))


def _instance(one: _Set, instance: str, row: Row, sheet: Sheet) -> Iterator[Piece]:
    patch = text_or_none(row.document, "final_patch")
    patch = patch if patch is None or patch.endswith("\n") else patch + "\n"
    verdict = {
        "resolved": row.resolved,
        "outcome": row.outcome,
        "resolved_source": "human" if row.resolved is not None else None,
        "executed": False,
        "annotators": list(row.annotators),
        "needs_adjudication": row.needs_adjudication,
    }
    prediction = {"instance_id": instance, "model_name_or_path": one.model, "model_patch": patch}
    yield Piece(_predictions(one), json_line({**prediction, "annotation": verdict, "trace_id": row.trace_id}))
    one.submitted.append(instance)
    if patch is None:
        one.empty.append(instance)
        sheet.note("traces without a final patch (an empty prediction)")
    elif row.resolved is None:
        one.unjudged.append(instance)
        sheet.note(UNJUDGED if sheet.has_outcome else NOT_ASKED)
    else:
        (one.resolved if row.resolved else one.unresolved).append(instance)
        report = {
            "patch_is_None": False,
            "patch_exists": True,
            "patch_successfully_applied": False,
            "resolved": row.resolved,
            "annotation": verdict,
        }
        yield Piece(_logs(one), _member(f"{one.folder}/{instance}/report.json", json_line({instance: report})))


def _reports(sets: list[_Set], sheet: Sheet) -> Iterator[Piece]:
    """The run reports. Of a single set its files stand directly beside the main one, which is its report."""
    for one in sets:
        has_logs = bool(one.resolved or one.unresolved)
        alone = len(sets) == 1
        middle = "" if alone else f"{one.label}."
        yield Piece(_predictions(one), b"", sibling(sheet.file, f"{middle}preds.jsonl"))
        if has_logs:
            end = b"\0" * 1024
            yield Piece(_logs(one), end, sibling(sheet.file, f"{middle}logs.tar"))
        if not alone:
            yield Piece(sibling(sheet.file, f"{one.label}.json"), _text(_report(one)))
    if len(sets) == 1:
        yield Piece(sheet.file, _text(_report(sets[0])))
    else:
        yield Piece(sheet.file, _text({"runs": [_line(one, sheet) for one in sets], "schema_version": 2}))


def _line(one: _Set, sheet: Sheet) -> dict[str, Any]:
    """What the main file tells of a set where there are several."""
    return {
        "model_name_or_path": one.model,
        "run_id": one.run_id,
        "report": sheet.published(sibling(sheet.file, f"{one.label}.json")),
        "predictions": sheet.published(sibling(sheet.file, f"{one.label}.preds.jsonl")),
        "submitted_instances": len(one.submitted),
        "resolved_instances": len(one.resolved),
    }


def _report(one: _Set) -> dict[str, Any]:
    completed, errors = sorted([*one.resolved, *one.unresolved]), sorted(one.unjudged)
    return {
        "total_instances": len(one.submitted),
        "submitted_instances": len(one.submitted),
        "completed_instances": len(completed),
        "resolved_instances": len(one.resolved),
        "unresolved_instances": len(one.unresolved),
        "infra_failure_instances": 0,
        "ambiguous_failure_instances": 0,
        "empty_patch_instances": len(one.empty),
        "error_instances": len(errors),
        "completed_ids": completed,
        "incomplete_ids": [],
        "empty_patch_ids": sorted(one.empty),
        "submitted_ids": sorted(one.submitted),
        "resolved_ids": sorted(one.resolved),
        "unresolved_ids": sorted(one.unresolved),
        "infra_failure_ids": [],
        "ambiguous_failure_ids": [],
        "failure_reasons": {},
        "error_ids": errors,
        "schema_version": 2,
    }


def _predictions(one: _Set) -> str:
    return f"{one.label}.preds.jsonl"


def _logs(one: _Set) -> str:
    return f"{one.label}.logs.tar"


def _text(value: Any) -> bytes:
    return (json.dumps(value, indent=4, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def _member(name: str, content: bytes) -> bytes:
    """A file of a tar archive, without a time: equal content gives equal bytes."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), 0o644
    # The same bytes where a name is short, and quicker.
    is_short = len(name) <= tarfile.LENGTH_NAME and name.isascii()
    header = info.tobuf(tarfile.USTAR_FORMAT if is_short else tarfile.PAX_FORMAT)
    return header + content + b"\0" * (-len(content) % tarfile.BLOCKSIZE)
