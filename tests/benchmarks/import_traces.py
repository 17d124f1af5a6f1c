"""Importing traces of 30 steps: cost linear and near its floor, memory flat."""

from __future__ import annotations

import json
import random
import string
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import zstandard
from django.db import connection, transaction

from tests.benchmarks.measure import Row
from tests.factory import make_trace
from traces.imports import import_files
from traces.models import Dataset

SMALL, LARGE = 1_000, 10_000
MEMORY_MB = 100
SEED = 20_261_122


def vocabulary(chance: random.Random) -> list[str]:
    return ["".join(chance.choices(string.ascii_lowercase, k=chance.randint(2, 10))) for _ in range(5_000)]


def write(path: Path, count: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    chance = random.Random(SEED)
    words = vocabulary(chance)
    with path.open("w") as stream:
        for number in range(count):
            trace = make_trace(f"trace_{number:06d}", 30)
            for step in trace["structured_turns"]:
                step["note"] = " ".join(chance.choices(words, k=350))
            stream.write(json.dumps(trace) + "\n")
    return path


def forget_peak_memory() -> None:
    """Start the kernel's high-water mark of this process anew (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def memory_mb(name: str) -> float:
    """A line of this process's status: VmRSS (now) or VmHWM (the peak), in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def floor_seconds(path: Path) -> float:
    """F: parse, compress and insert, and nothing else."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_floor")
        cursor.execute(
            "CREATE TABLE bench_floor (id integer, body "
            + ("bytea" if connection.vendor == "postgresql" else "blob")
            + ")"
        )
    start = time.process_time()
    compressor, rows = zstandard.ZstdCompressor(), []
    with path.open("rb") as stream:
        for number, line in enumerate(stream):
            rows.append((number, compressor.compress(orjson.dumps(orjson.loads(line), option=orjson.OPT_SORT_KEYS))))
            if len(rows) == 100:
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.executemany("INSERT INTO bench_floor VALUES (%s, %s)", rows)
                rows = []
    return time.process_time() - start


def import_seconds(name: str, path: Path) -> float:
    dataset = Dataset.objects.create(name=name)
    start = time.process_time()
    report = import_files(dataset, [path])
    seconds = time.process_time() - start
    assert report.n_problems == 0
    return seconds


def run(folder: Path) -> Iterator[Row]:
    small, large = write(folder / "small.jsonl", SMALL), write(folder / "large.jsonl", LARGE)
    import_seconds("warm-up", small)
    few = import_seconds("few", small)
    forget_peak_memory()
    before = memory_mb("VmRSS")
    many = import_seconds("many", large)
    grown = memory_mb("VmHWM") - before
    floor = floor_seconds(large)
    yield Row("import of 10,000 traces", many / floor, "F", 3, f"F = {floor:.1f} s of CPU")
    yield Row("cost per trace, 10,000 against 1,000", many / LARGE / (few / SMALL), "x", 1.3)
    yield Row("memory grown by 10,000 traces", grown, "MB", MEMORY_MB)
