"""Exporting labeled traces of 30 steps: near the floor, memory flat."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import zstandard
from django.db import connection, connections, transaction
from django.utils import timezone

from annotation.models import Assignment, Item, Project, Submission
from exports.build import build
from exports.options import Options
from tests.benchmarks.import_traces import SEED, forget_peak_memory, memory_mb, vocabulary
from tests.benchmarks.measure import Row
from tests.factory import make_trace, person, write_project

SMALL, LARGE = 1_000, 10_000
# 0.7 times the floor's bytes per CPU second.
TARGET = 1 / 0.7
MEMORY_MB = 100


def write_traces(path: Path, count: int) -> None:
    """Traces of 30 steps with about 2.4 kB of text each, which an export holds."""
    chance = random.Random(SEED)
    words = vocabulary(chance)
    with path.open("w") as stream:
        for number in range(count):
            trace = make_trace(f"trace_{number:06d}", 30)
            for step in trace["structured_turns"]:
                step["content"] = step["output"] = None
                step["diff" if step["type"] == "file_edit" else "content"] = " ".join(chance.choices(words, k=350))
                if step["type"] == "bash_command":
                    step["output"] = step.pop("content")
            stream.write(json.dumps(trace) + "\n")


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
                values={"step_reward": {"first_error": {"step": assignment.item_id % 30, "origin": "human"}},
                        "outcome": {"": "partial"}},
            )
            for assignment in made
        )  # fmt: skip
    Project.objects.filter(pk=project.pk).update(seq=seq)


def project_of(folder: Path, count: int) -> Project:
    from annotation.projects.load import load_file

    config = write_project(folder, traces=[], name=f"bench {count}", overlap=0)
    write_traces(folder / "data" / "traces.jsonl", count)
    project = load_file(config, folder / "output" / ".potato").project
    label_all(project)
    return Project.objects.get(pk=project.pk)


def export_seconds(project: Project, path: Path, name: str = "prm") -> float:
    start = time.process_time()
    build(project.pk, name, Options(), path)
    return time.process_time() - start


def floor_seconds(lines: Path, out: Path) -> float:
    """F: the content of the same rows read, decompressed, parsed, encoded by orjson and written; nothing else."""
    blob = "bytea" if connection.vendor == "postgresql" else "blob"
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_rows")
        cursor.execute(f"CREATE TABLE bench_rows (id integer primary key, body {blob})")
    compress = zstandard.ZstdCompressor(level=3).compress
    with lines.open("rb") as stream, transaction.atomic(), connection.cursor() as cursor:
        for number, line in enumerate(stream):
            cursor.execute("INSERT INTO bench_rows VALUES (%s, %s)", [number, compress(line)])
    expand = zstandard.ZstdDecompressor().decompress
    start, last = time.process_time(), -1
    with out.open("wb") as written:
        while True:
            with connections["snapshot"].cursor() as cursor:
                cursor.execute("SELECT id, body FROM bench_rows WHERE id > %s ORDER BY id LIMIT 50", [last])
                rows: list[Any] = cursor.fetchall()
            if not rows:
                break
            for _, body in rows:
                written.write(orjson.dumps(orjson.loads(expand(bytes(body))), option=orjson.OPT_APPEND_NEWLINE))
            last = rows[-1][0]
    return time.process_time() - start


def run(folder: Path) -> Iterator[Row]:
    small, large = project_of(folder / "small", SMALL), project_of(folder / "large", LARGE)
    path = folder / "prm.jsonl"
    few = export_seconds(small, path)
    forget_peak_memory()
    before = memory_mb("VmRSS")
    many = export_seconds(large, path)
    grown = memory_mb("VmHWM") - before
    floor = floor_seconds(path, folder / "floor.jsonl")
    size = path.stat().st_size / 1e6
    told = f"F = {floor:.1f} s of CPU, {size:.0f} MB: {size / many:.0f} MB per CPU second"
    yield Row("export of 10,000 traces (prm)", many / floor, "F", TARGET, told)
    yield Row("cost per trace, 10,000 against 1,000", many / LARGE / (few / SMALL), "x", 1.3)
    yield Row("memory grown by 10,000 traces", grown, "MB", MEMORY_MB)
