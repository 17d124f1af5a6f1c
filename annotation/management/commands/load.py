"""``potato load CONFIG…``: what ``potato start`` does before it serves."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser, OutputWrapper
from django.db import DatabaseError, connection
from rich.console import Console
from rich.progress import Progress

from annotation.projects.config import parse
from annotation.projects.load import LoadReport, load_file
from annotation.projects.notes import Note
from annotation.projects.traces import report_missing
from potato_site.counts import plural
from potato_site.home import read_config


class Command(BaseCommand):
    help = "Load project files: configuration, people and traces. Loading again changes only what the file changed."
    # The tables may not be there yet.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("config", nargs="+", help="project file (YAML); several share the home of the first")
        parser.add_argument("--json", action="store_true", help="print what happened as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        paths = [Path(name) for name in options["config"]]
        refuse_mistakes(paths, self.stderr)
        try:
            call_command("migrate", interactive=False, verbosity=0)
            reports = [self._load(path) for path in paths]
        except (DatabaseError, OSError) as error:
            raise CommandError(f"stopped: {error}. What was read is kept; load again once this is mended") from None
        if options["json"]:
            self.stdout.write(json.dumps([as_json(report) for report in reports]))
        else:
            for report in reports:
                self.stdout.write(summary(report))
        self._judge(reports)

    def _load(self, path: Path) -> LoadReport:
        report = load_with_bar(path)
        for note in report.errors:
            self.stderr.write(f"error: {note}")
        for warning in [*report.warnings, *report.told]:
            self.stderr.write(f"warning: {warning}")
        for problem in report.problems:
            self.stderr.write(f"error: {problem}")
        return report

    def _judge(self, reports: list[LoadReport]) -> None:
        errors = sum(len(report.errors) for report in reports)
        if errors:
            raise CommandError(f"{plural(errors, 'error')} in the configuration: its project was not loaded")
        refused = sum(report.n_problems for report in reports)
        if refused:
            raise CommandError(f"{plural(refused, 'problem')} in the traces; all that is good was loaded")


def refuse_mistakes(paths: Sequence[Path], err: OutputWrapper) -> None:
    """Before anything is made or migrated: a mistake in one file leaves nothing behind. Raises CommandError."""
    notes: list[Note] = []
    for path in paths:
        try:
            parsed = parse(read_config(path), path.name)
            if not has_database():
                report_missing(parsed, path, some_will_do=True)
            notes += parsed.errors
        except OSError as error:
            raise CommandError(f"{path}: cannot be read: {error.strerror or error}") from None
    for note in notes:
        err.write(f"error: {note}")
    if notes:
        raise CommandError(f"{plural(len(notes), 'error')} in the configuration: nothing was loaded")


def has_database() -> bool:
    """Whether projects may have been loaded before: their traces are there then, even when the files are not."""
    return connection.vendor != "sqlite" or Path(connection.settings_dict["NAME"]).exists()


def load_with_bar(path: Path) -> LoadReport:
    """Load one file into the home of this process, with a progress bar where a person watches."""
    with progress_bar() as bar:
        task = bar.add_task(path.name, total=None) if bar else None

        def show(done: int, total: int, message: str) -> None:
            if bar is not None and task is not None:
                bar.update(task, completed=done, total=total or None, description=f"{path.name}: {message}")

        return load_file(path, settings.POTATO_HOME, progress=show)


def progress_bar() -> AbstractContextManager[Progress | None]:
    """A bar on stderr where a person watches, nothing elsewhere."""
    return Progress(console=Console(stderr=True), transient=True) if sys.stderr.isatty() else nullcontext()


def summary(report: LoadReport) -> str:
    """What loading one file did, in one line."""
    if report.project is None:
        return f"{report.file.name}: not loaded"
    counts = report.counts
    config = "new project" if report.is_new else f"changed: {', '.join(report.changed) or 'nothing'}"
    traces = f"{counts.new} new, {counts.changed} changed, {plural(counts.unchanged, 'unchanged trace')}"
    return f"{report.project.name} ({report.project.slug}): {config}; {traces}, {plural(report.new_items, 'new item')}"


def as_json(report: LoadReport) -> dict[str, Any]:
    return {
        "file": str(report.file),
        "project": report.project.slug if report.project else None,
        "is_new": report.is_new,
        "changed": report.changed,
        "traces": report.counts.as_dict(),
        "new_items": report.new_items,
        "errors": [str(note) for note in report.errors],
        "warnings": [str(note) for note in [*report.warnings, *report.told]],
        "problems": [str(problem) for problem in report.problems],
    }
