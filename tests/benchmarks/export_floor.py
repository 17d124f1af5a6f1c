"""F, the floor of an export: what the libraries alone spend on the same rows.

For every trace of the export one compressed JSON, its document and what was submitted about it, is read from the
database, decompressed and parsed by orjson. Then every row of the export is encoded and written: a line of JSON by
orjson, a line of a table by ``csv``, a group of rows of a parquet file by pyarrow with the same schema and compression.
What is none of these (a card, a report, an archive) is written as it is.

How the rows come from what was read is no part of F: they are read back from the export while the clock stands still.

For formats whose files are lines there is a second floor, L, which reads the lines themselves instead of what they are
made of: the rows' content read, decompressed, parsed, encoded by orjson and written. It is the larger one for lines
that hold each text more than once, and the smaller one for those that leave most of a trace out.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from django.db import connection, connections, transaction

from annotation import queries
from potato_site.canonical import canonical
from traces.store import LEVEL

BATCH = 50


class Clock:
    """CPU seconds of the process while it runs: ``with clock: …``."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> None:
        self.started = time.process_time()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.process_time() - self.started


def keep_traces(project: queries.Project) -> None:
    """What F reads."""
    with transaction.atomic(), queries.consistent_read():
        traces = queries.labeled_traces(project)
        _keep(
            canonical({"document": trace.document, "submitted": [labels.raw for labels in trace.submissions]})
            for trace in traces
        )


def floor_seconds(export: Path, out: Path) -> float:
    """F of the export in the folder ``export``; its rows are written to ``out`` again."""
    clock = Clock()
    with clock:
        for _ in _kept():
            pass
    for path in _files(export):
        _WRITERS.get(path.suffix, _copy)(path, out, clock)
    return clock.seconds


def holds_lines(export: Path) -> bool:
    """Whether the files of the export are lines of JSON, all of them."""
    return all(path.suffix == ".jsonl" for path in _files(export))


def keep_lines(export: Path) -> None:
    """What L reads."""
    with transaction.atomic():
        _keep(line for path in _files(export) for line in path.open("rb"))


def second_floor_seconds(out: Path) -> float:
    """L, of the lines that were kept, which are written to ``out`` again."""
    clock = Clock()
    with clock, out.open("wb") as written:
        for row in _kept():
            written.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
    return clock.seconds


def _files(export: Path) -> list[Path]:
    """What is published, without the note about it."""
    return sorted(path for path in export.rglob("*") if path.is_file() and not path.name.startswith("."))


def _keep(contents: Iterable[bytes]) -> None:
    compressor = zstandard.ZstdCompressor(level=LEVEL)
    blob = "bytea" if connection.vendor == "postgresql" else "blob"
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_content")
        cursor.execute(f"CREATE TABLE bench_content (id integer primary key, body {blob})")
        for number, content in enumerate(contents):
            cursor.execute("INSERT INTO bench_content VALUES (%s, %s)", [number, compressor.compress(content)])


def _kept() -> Iterator[Any]:
    """All that was kept, read, decompressed and parsed, in batches."""
    expand, last = zstandard.ZstdDecompressor().decompress, -1
    while True:
        with connections["snapshot"].cursor() as cursor:
            cursor.execute("SELECT id, body FROM bench_content WHERE id > %s ORDER BY id LIMIT %s", [last, BATCH])
            rows: list[Any] = cursor.fetchall()
        if not rows:
            return
        for _, body in rows:
            yield orjson.loads(expand(bytes(body)))
        last = rows[-1][0]


def _lines(path: Path, out: Path, clock: Clock) -> None:
    with path.open("rb") as stream, out.open("wb") as written:
        while rows := [orjson.loads(line) for line in islice(stream, BATCH)]:
            with clock:
                for row in rows:
                    written.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))


def _table(path: Path, out: Path, clock: Clock) -> None:
    with path.open(newline="") as stream, out.open("w", newline="") as written:
        lines, writer = csv.reader(stream), csv.writer(written)
        while rows := list(islice(lines, BATCH)):
            with clock:
                writer.writerows(rows)


def _parquet(path: Path, out: Path, clock: Clock) -> None:
    stored = pq.ParquetFile(path)
    schema = stored.schema_arrow
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        for number in range(stored.num_row_groups):
            rows = stored.read_row_group(number).to_pylist()
            with clock:
                writer.write_table(pa.Table.from_pylist(rows, schema=schema))


def _copy(path: Path, out: Path, clock: Clock) -> None:
    data = path.read_bytes()
    with clock:
        out.write_bytes(data)


_WRITERS: dict[str, Callable[[Path, Path, Clock], None]] = {".jsonl": _lines, ".csv": _table, ".parquet": _parquet}
