"""Converting agents' traces: CPU time as a multiple of what orjson takes to parse the same files (O), memory flat.

Measured on agents' real traces where they are there (tests/left_out.py), else on the samples of the tests, which are
too small to say much.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from statistics import median

import orjson

from tests.benchmarks.import_traces import forget_peak_memory, memory_mb
from tests.benchmarks.measure import Row
from tests.left_out import corpus_folder, has_corpus
from traces.conversion import Conversion
from traces.convert import convert_sources
from traces.converters import converters
from traces.finding import find_sources
from traces.source import Source

SAMPLES = Path(__file__).parent.parent / "golden" / "converters"
# As multiples of orjson's time: 0.3 times its rate for sessions of Claude Code, 0.2 for the others.
TARGETS = {"claude_code": 1 / 0.3}
OTHERS = 1 / 0.2
AIDER_MB_PER_SECOND = 10
BYTES = 10_000_000  # read per measurement; files are read again until there are so many
TIMES = 5  # measurements of each format, and of orjson in turn: others use the machine too
MEMORY_MB = 60
RUN = "from potato_site.cli import main; main()"  # the command


def files_of(root: Path) -> dict[str, list[Path]]:
    """The files that converters recognise, by converter; results for traces and their like are not measured."""
    found: dict[str, list[Path]] = {}
    for source in find_sources(root):
        if not isinstance(source, Source) or source.name.startswith("EXPECTED"):
            continue
        names = [name for name, one in converters.items() if not one.attaches and one.detect(source)]
        if len(names) == 1 and names[0] != "native":
            found.setdefault(names[0], []).append(source.path)
    return found


def copies(paths: list[Path], folder: Path) -> tuple[list[Source], int]:
    """Sources of the files, each again and again, until they have BYTES; and how many they have."""
    sources, size = [], 0
    for number in range(BYTES // max(1, sum(path.stat().st_size for path in paths)) + 1):
        for path in paths:
            sources.append(Source(path, f"{number}/{path.name}"))
            size += path.stat().st_size
    return sources, size


def cpu(function: Callable[[], object]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def convert(sources: list[Source]) -> None:
    new = [Source(source.path, source.name) for source in sources]  # a source remembers what its file mentions
    convert_sources(new, Conversion(), on_converted=lambda found: found.body, on_problem=lambda problem: None)


def convert_often(sources: list[Source]) -> None:
    """Each copy of the files by itself: together they would be many traces with one id, which agents' are not."""
    for _, copy in groupby(sources, key=lambda source: source.name.partition("/")[0]):
        convert(list(copy))


def parse(sources: list[Source]) -> list[object]:
    """By orjson, line by line where there are lines. What was parsed is kept, as by one who uses it."""
    kept: list[object] = []
    for source in sources:
        raw = source.path.read_bytes().removeprefix(b"\xef\xbb\xbf")
        try:
            kept.append(orjson.loads(raw))
        except orjson.JSONDecodeError:
            kept += [orjson.loads(line) for line in raw.split(b"\n") if line.strip()]
    return kept


def is_whole(path: Path) -> bool:
    """Whether orjson reads it: some samples are damaged."""
    try:
        return bool(parse([Source(path, path.name)]))
    except orjson.JSONDecodeError:
        return False


def run(folder: Path) -> Iterator[Row]:
    files = files_of(corpus_folder() if has_corpus() else SAMPLES)
    for name, paths in files.items():
        if name == "inspect":
            paths = [path for path in paths if path.suffix == ".json"]  # parsing a ZIP says nothing
        if name != "aider":
            paths = [path for path in paths if is_whole(path)]
        yield one_format(name, *copies(paths, folder))
    yield memory(files)
    yield two_processes(files, folder / "many")


def one_format(name: str, sources: list[Source], size: int) -> Row:
    """The middle one of several ratios, each of two measurements right after each other."""
    convert_often(sources[:20])
    floor = size / 1e6 / AIDER_MB_PER_SECOND
    pairs = [
        (cpu(lambda: convert_often(sources)), floor if name == "aider" else cpu(lambda: parse(sources)))
        for _ in range(TIMES)
    ]
    ratio, rate = median(ours / theirs for ours, theirs in pairs), size / min(ours for ours, _ in pairs) / 1e6
    if name == "aider":
        return Row(f"convert {name}", ratio, "x", 1, f"{rate:.0f} MB per CPU second; x = 10 MB/s")
    note = f"{rate:.0f} MB per CPU second; O = {size / min(theirs for _, theirs in pairs) / 1e6:.0f} MB/s"
    return Row(f"convert {name}", ratio, "O", TARGETS.get(name, OTHERS), note)


def memory(files: dict[str, list[Path]]) -> Row:
    """Ten times the files of a folder take no more memory."""
    paths = [path for group in files.values() for path in group]
    few = [Source(path, str(path)) for path in paths]
    convert(few)
    forget_peak_memory()
    before = memory_mb("VmHWM")
    convert([Source(path, f"{number}{path}") for number in range(5) for path in paths])
    return Row("memory grown by five times the files", memory_mb("VmHWM") - before, "MB", MEMORY_MB)


def two_processes(files: dict[str, list[Path]], folder: Path) -> Row:
    """Seconds with two, as a share of those with one: of a command, in processes of their own.

    Where others use the machine, two get no more of it than one; the CPU seconds in the note say what they cost.
    """
    for number in range(16):
        for path in (path for group in files.values() for path in group):
            target = folder / str(number) / path.parent.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    took, cost = {}, {}
    for jobs in (1, 2):
        start, before = time.monotonic(), children_cpu()
        command = [sys.executable, "-c", RUN, "convert-traces", "--input", str(folder), "--output", os.devnull]
        subprocess.run([*command, "--jobs", str(jobs)], check=False, capture_output=True)
        took[jobs], cost[jobs] = time.monotonic() - start, children_cpu() - before
    note = f"{took[1]:.1f} s and {took[2]:.1f} s; of CPU {cost[1]:.1f} s and {cost[2]:.1f} s"
    return Row("two processes against one", took[2] / took[1], "x", 0.65, note)


def children_cpu() -> float:
    spent = os.times()
    return spent.children_user + spent.children_system
