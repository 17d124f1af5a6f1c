"""``potato status``: how far a project is."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from annotation.projects.find import project_for
from annotation.quality.status import Progress, Report, status
from annotation.quality.tables import show
from potato_site.counts import plural


class Command(BaseCommand):
    help = "Show what is assigned, submitted and left, per person and scheme"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("config", metavar="CONFIG", help="configuration file, output folder, or slug")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, **options: Any) -> None:
        report = status(project_for(options["config"]))
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json(), indent=2))
            return
        for line in summary(report):
            self.stdout.write(line)
        self.stdout.write("")
        headers = ["annotator", "scheme", "assigned", "submitted", "left"]
        show(self.stdout, headers, [row for person in report.people for row in _rows(person)])


def _rows(person: Any) -> list[list[object]]:
    """A line per scheme; who has left the project or was excluded says so beside the name."""
    name = person.username if person.state == "active" else f"{person.username} ({person.state})"
    return [[name, scheme.scheme, scheme.assigned, scheme.submitted, scheme.left] for scheme in person.schemes]


def summary(report: Report) -> list[str]:
    overlap = report.overlap
    lines = [
        f"{report.name} ({report.project}): {report.state}",
        f"items    {_progress(report.items)}" + (f", {report.withdrawn} withdrawn" if report.withdrawn else ""),
    ]
    if overlap.items.total:
        labels = f"{overlap.labels_submitted} of {plural(overlap.labels_planned, 'label')} submitted"
        lines.append(f"overlap  {_progress(overlap.items)}; {labels}")
    else:
        lines.append("overlap  none")
    return lines


def _progress(progress: Progress) -> str:
    return f"{progress.finished} of {progress.total} finished, {progress.open} open"
