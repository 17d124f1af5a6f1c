"""Exporting labeled traces of 30 steps: every format against its floors (export_floor.py), memory flat.

``python -m tests.benchmarks export:prm,kto`` measures these formats against them, and nothing else.
"""

from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, TypeVar

from django.db import connections
from django.utils import timezone

from annotation.models import Assignment, Item, Project, Submission
from exports.build import build
from exports.formats import formats
from exports.options import Options
from potato_site.operations.processes import let_others_go_first
from tests.benchmarks.export_floor import floor_seconds, holds_lines, keep_lines, keep_traces, second_floor_seconds
from tests.benchmarks.import_traces import SEED, forget_peak_memory, memory_mb, vocabulary
from tests.benchmarks.measure import Row
from tests.benchmarks.save import saver
from tests.factory import ERROR_DESCRIPTION, FIRST_ERROR, OUTCOME, make_trace, person, write_project

# Where it is measured against the floor; memory and time per trace shall be the same behind it.
FIRST, SMALL, LARGE = 3_000, 10_000, 40_000
# Of kto, which writes 0.4 MB of a trace: what fills the page cache would be measured, and not the export.
FEW = 1_000
ROUNDS, BLOCKS, SAVES = 6, 10, 30
# 0.7 times the floor's bytes per CPU second.
TARGET = 1 / 0.7
REVIEW = {"annotation_type": "code_review", "name": "review", "label": "Review the change"}
SCHEMES: list[dict[str, Any]] = [FIRST_ERROR, OUTCOME, ERROR_DESCRIPTION, REVIEW]
MEMORY_MB = 100
T = TypeVar("T")


def write_traces(path: Path, count: int) -> None:
    """Traces of 30 steps with about 2.4 kB of text each, which an export holds: two attempts at every issue."""
    chance = random.Random(SEED)
    words = vocabulary(chance)
    with path.open("w") as stream:
        for number in range(count):
            issue = f"bench__repo-{number // 2}"
            trace = make_trace(f"trace_{number:06d}", 30, issue_id=issue, repo="bench/repo", model=f"m{number % 2}")
            line = " ".join(chance.choices(words, k=50))
            trace["final_patch"] = f"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-{number}\n+{line}\n"
            for step in trace["structured_turns"]:
                step["content"] = step["output"] = None
                step["diff" if step["type"] == "file_edit" else "content"] = " ".join(chance.choices(words, k=350))
                if step["type"] == "bash_command":
                    step["output"] = step.pop("content")
            stream.write(json.dumps(trace) + "\n")


def answers(number: int) -> dict[str, Any]:
    """What somebody says of a trace: first errors far enough apart for a pair, a review without comments."""
    return {
        "step_reward": {"first_error": {"step": number * 7 % 30, "origin": "human"}},
        "outcome": {"": "partial"},
        "review": {"verdict": "approve", "file:src/a.py": 4},
    }


def label_all(project: Project) -> None:
    """A submission about every trace, as rows: handing out is measured elsewhere."""
    user, now = person("ann"), timezone.now()
    items = list(Item.objects.filter(project=project).order_by("position").values_list("pk", flat=True))
    seq = project.seq
    for start in range(0, len(items), 500):
        batch = items[start : start + 500]
        made = Assignment.objects.bulk_create(
            Assignment(item_id=pk, project=project, annotator=user, state="submitted", revision_id=project.revision_id,
                       opened_at=now)
            for pk in batch
        )  # fmt: skip
        Submission.objects.bulk_create(
            Submission(
                assignment=assignment, project=project, number=1, seq=(seq := seq + 1),
                op_id=f"bench-{assignment.item_id}",
                revision_id=project.revision_id, active_ms=60_000, flags=[], is_current=True, submitted_at=now,
                values=answers(assignment.item_id),
            )
            for assignment in made
        )  # fmt: skip
    Project.objects.filter(pk=project.pk).update(seq=seq)


def project_of(folder: Path, count: int) -> Project:
    from annotation.projects.load import load_file

    config = write_project(folder, traces=[], schemes=SCHEMES, name=f"bench {count}", overlap=0)
    write_traces(folder / "data" / "traces.jsonl", count)
    project = load_file(config, folder / "output" / ".potato").project
    label_all(project)
    return Project.objects.get(pk=project.pk)


def export_seconds(project: Project, path: Path, name: str = "prm") -> float:
    start = time.process_time()
    build(project.pk, name, Options(), path)
    return time.process_time() - start


def run(folder: Path, *names: str) -> Iterator[Row]:
    """``names``: of formats; none: all of them, and what else exports cost."""
    first = apart(project_of, folder / "first", FIRST)
    few = apart(project_of, folder / "few", FEW)
    for name in names or formats.names():
        project, count = (few, FEW) if name == "kto" else (first, FIRST)
        for against in (against_the_floor, against_the_second_floor):
            if found := apart(against, project, folder, name):
                yield Row(f"export of {count:,} traces ({name})", found.ratio, found.floor, TARGET, found.note)
    if names:
        return
    yield memory_row(first, FIRST, folder)
    small = apart(project_of, folder / "small", SMALL)
    yield memory_row(small, SMALL, folder)
    yield save_while_exporting(small, folder)
    large = apart(project_of, folder / "large", LARGE)
    yield memory_row(large, LARGE, folder)
    ratio = apart(per_trace, large, LARGE, first, FIRST, folder)
    yield Row(f"{LARGE:,} traces against {FIRST:,}", ratio, "x", 1.2, "CPU per trace")


def apart(work: Callable[..., T], *given: Any) -> T:
    """What it returns in a process of its own: memory that an earlier measurement touched is cheap to use again, and
    does not show where growth is measured."""
    connections.close_all()
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as processes:
        return processes.submit(work, *given).result()


class Found(NamedTuple):
    """An export in its floor."""

    ratio: float
    floor: str
    note: str


def against_the_floor(project: Project, folder: Path, name: str) -> Found:
    """The export in F."""
    export, out = folder / name, folder / "floor"
    keep_traces(project)

    def both() -> tuple[float, float]:
        seconds = export_anew(project, export, name)
        return seconds, floor_seconds(export, out)

    return best_of(both, "F", export)


def against_the_second_floor(project: Project, folder: Path, name: str) -> Found | None:
    """The export in L, the floor that reads its lines; None where not all of its files are lines."""
    export, out = folder / name, folder / "floor"
    export_anew(project, export, name)
    if not holds_lines(export):
        return None
    keep_lines(export)
    return best_of(lambda: (export_anew(project, export, name), second_floor_seconds(out)), "L", export)


def export_anew(project: Project, folder: Path, name: str) -> float:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return export_seconds(project, folder / formats.get(name).file, name)


def best_of(both: Callable[[], tuple[float, float]], floor: str, export: Path) -> Found:
    """Best against best, in turn: other work on the machine only ever adds."""
    both()
    pairs = [both() for _ in range(ROUNDS)]
    best = [min(seconds) for seconds in zip(*pairs, strict=True)]
    middle = median(one / other for one, other in pairs)
    size = sum(file.stat().st_size for file in export.rglob("*") if file.is_file())
    note = f"in the middle {middle:.2f}; {floor} = {best[1]:.2f} s, {size / 1e6:.0f} MB"
    return Found(best[0] / best[1], floor, note)


def per_trace(large: Project, many: int, small: Project, few: int, folder: Path) -> float:
    """CPU time per trace of many in that of few."""
    path = folder / "prm.jsonl"
    pairs = [(export_seconds(large, path) / many, export_seconds(small, path) / few) for _ in range(2)]
    one, other = (min(seconds) for seconds in zip(*pairs, strict=True))
    return one / other


def memory_row(project: Project, count: int, folder: Path) -> Row:
    grown = apart(memory_grown, project, folder / "prm.jsonl")
    return Row(f"memory grown by {count:,} traces", grown, "MB", MEMORY_MB)


def memory_grown(project: Project, path: Path) -> float:
    """MB at the peak above what the process had before."""
    forget_peak_memory()
    before = memory_mb("VmRSS")
    export_seconds(project, path)
    return memory_mb("VmHWM") - before


def save_while_exporting(project: Project, folder: Path) -> Row:
    """Time of a save beside a process that exports, against its time without one, in turn and in short blocks."""
    _, save = saver(folder / "saves", "Save while exporting")
    beside: list[float] = []
    alone: list[float] = []
    for _ in range(BLOCKS):
        with exporting(project, folder / "beside"):
            beside += [seconds_of(save) for _ in range(SAVES)]
        alone += [seconds_of(save) for _ in range(SAVES)]
    usual = median(alone)
    return Row("save of a label while an export runs", median(beside) / usual, "x", 1.2, f"else {usual * 1000:.1f} ms")


@contextmanager
def exporting(project: Project, folder: Path) -> Iterator[None]:
    """Inside, a process of its own, as the bulk worker is one, is in the middle of one export after the other."""
    connections.close_all()
    exporter = get_context("fork").Process(target=export_on, args=(project, folder / "prm.jsonl"), daemon=True)
    exporter.start()
    try:
        deadline = time.monotonic() + 60
        while not any(path.stat().st_size for path in folder.glob("*")):
            assert time.monotonic() < deadline, "no export has begun"
            time.sleep(0.05)
        yield
        assert exporter.is_alive(), "nothing was exported meanwhile"
    finally:
        exporter.kill()
        exporter.join()
        shutil.rmtree(folder, ignore_errors=True)


def export_on(project: Project, path: Path) -> None:
    """One export after the other, until the process is killed; with the priority of the bulk worker."""
    let_others_go_first("bulk")
    while True:
        export_seconds(project, path)


def seconds_of(save: Callable[[int], None]) -> float:
    """Of one save, behind a pause: people make them, not a loop."""
    time.sleep(0.02)
    start = time.perf_counter()
    save(1)
    return time.perf_counter() - start
