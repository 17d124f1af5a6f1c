"""``potato check CONFIG…``: say what is wrong with configuration files. Changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.projects.config import Parsed, parse
from annotation.projects.named_people import warn_if_not_set
from annotation.projects.traces import report_empty, report_missing, report_output
from potato_site.counts import plural
from potato_site.home import read_config


class Command(BaseCommand):
    help = "Validate project files: print errors and warnings, change nothing."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("config", nargs="+", help="project file (YAML)")
        parser.add_argument("--strict", action="store_true", help="an unknown key is an error")

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = sum(self._check(Path(name), strict=options["strict"]) for name in options["config"])
        if wrong:
            raise CommandError(plural(wrong, "error"))

    def _check(self, path: Path, *, strict: bool) -> int:
        """Print the notes about one file; the number of errors."""
        try:
            parsed = parse(read_config(path), path.name)
        except OSError as error:
            raise CommandError(f"{path}: cannot be read: {error.strerror or error}") from None
        report_missing(parsed, path)
        report_empty(parsed, path)
        report_output(parsed, path)
        for person in parsed.people:
            warn_if_not_set(person, parsed.book)
        for note in [*parsed.errors, *parsed.warnings]:
            is_wrong = note.kind == "error" or (strict and note.kind == "unknown")
            self.stderr.write(f"{'error' if is_wrong else 'warning'}: {note}")
        unknown = sum(note.kind == "unknown" for note in parsed.warnings) if strict else 0
        if parsed.config is not None and not parsed.errors and not unknown:
            self.stdout.write(f"{path.name}: good: {_summary(parsed)}")
        return len(parsed.errors) + unknown


def _summary(parsed: Parsed) -> str:
    assert parsed.config is not None
    names = ", ".join(scheme.name for scheme in parsed.config.annotation_schemes)
    return f"project {parsed.config.project_name!r}, schemes {names}, {plural(len(parsed.people), 'annotator')}"
