"""The traces of a project file: which files, and an import only when one of them is not what it was."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from annotation.models import Project
from annotation.projects.config import Parsed, ProjectConfig
from potato_site.accounts.models import User
from traces.finding import find_sources
from traces.import_options import ImportOptions
from traces.imports import import_files
from traces.jsonl import Problem
from traces.models import ImportFile, Trace
from traces.source import Source

Progress = Callable[[int, int, str], object]


@dataclass(frozen=True)
class TraceCounts:
    """Records of the files by what became of them."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    problems: int = 0

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


@dataclass(frozen=True)
class Imported:
    counts: TraceCounts
    problems: list[Problem] = field(default_factory=list)
    # Traces of the project that the files no longer hold; known only after a real import.
    n_gone: int = 0


def input_files(config: ProjectConfig, base: Path) -> list[Path]:
    """The files and folders of ``data.input_path``; ``base`` is what relative ones are relative to."""
    return _under(base, config.data.input_path)


def _under(base: Path, named: Iterable[str]) -> list[Path]:
    return [(base / path).resolve() for path in named]


def report_missing(parsed: Parsed, path: Path, *, some_will_do: bool = False) -> None:
    """Note the files of traces that the configuration at ``path`` names and that are not there.

    ``some_will_do``: nothing is noted where one of them is; the import names the others.
    """
    files = _under(path.resolve().parent / parsed.task_dir, parsed.input_path)
    missing = [file for file in files if not file.exists()]
    if some_will_do and len(missing) < len(files):
        return
    for file in missing:
        parsed.book.error(("data", "input_path"), f"no such file or folder: {file}")


def report_empty(parsed: Parsed, path: Path) -> None:
    """Note the folders of traces that the configuration at ``path`` names and that hold nothing to read."""
    for folder in _under(path.resolve().parent / parsed.task_dir, parsed.input_path):
        if folder.is_dir() and not any(find_sources(folder)):
            parsed.book.warn(("data", "input_path"), f"this folder holds no file to read: {folder}")


def report_output(parsed: Parsed, path: Path) -> None:
    """Note an ``output.path`` that cannot be a folder, as a file is there or on the way to it."""
    if parsed.config is None:
        return
    output = (path.resolve().parent / parsed.task_dir / parsed.config.output.path).resolve()
    # What may not be looked into on this machine may be right on another.
    there = next(filter(os.path.exists, (output, *output.parents)), output)
    if os.path.isfile(there):
        parsed.book.error(("output", "path"), f"is a file, and should be a folder: {there}")


def import_traces(
    project: Project, config: ProjectConfig, base: Path, made_by: User | None, progress: Progress | None
) -> Imported:
    """Bring the project's dataset up to the files. Nothing is written when they are what they were."""
    files = input_files(config, base)
    known = _as_before(project, files)
    if known is not None:
        return known
    report = import_files(
        project.dataset,
        files,
        options=ImportOptions(id_key=config.data.id_key, text_key=config.data.text_key),
        made_by=made_by,
        progress=progress,
    )
    counts = TraceCounts(report.new, report.changed, report.unchanged, report.n_problems)
    gone = _n_gone(project, set(report.external_ids)) if not report.n_problems else 0
    return Imported(counts, list(report.problems), gone)


def _as_before(project: Project, files: list[Path]) -> Imported | None:
    """What the last import did not read, if it finished under this configuration and every file is still the same."""
    last = project.dataset.imports.order_by("-pk").first()
    if last is None or project.revision is None or last.created_at < project.revision.made_at:
        return None
    rows = list(ImportFile.objects.filter(batch=last).order_by("pk"))
    try:
        now = sorted(pair for file in files for pair in _digests(file))
    except OSError:
        return None
    if now != sorted((row.file, row.sha256) for row in rows):
        return None
    problems = [one for row in rows for problem in row.problems if (one := Problem(**problem)).is_error]
    good = sum(row.counts[key] for row in rows for key in ("new", "changed", "unchanged"))
    return Imported(TraceCounts(unchanged=good, problems=sum(row.counts["problems"] for row in rows)), problems)


def _digests(path: Path) -> list[tuple[str, str]]:
    """(name, SHA-256) of what an import of ``path`` reads, as ImportFile keeps them."""
    try:
        found = list(find_sources(path))
    except FileNotFoundError:
        return [(str(path), "")]
    return [(str(item.path), item.sha256) if isinstance(item, Source) else (item.file, "") for item in found]


def _n_gone(project: Project, named: set[str]) -> int:
    ids = Trace.objects.filter(dataset=project.dataset_id, is_withdrawn=False).values_list("external_id", flat=True)
    return sum(external_id not in named for external_id in ids.iterator())
