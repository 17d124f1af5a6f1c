"""``potato agreement``: how far the annotators of a project agree."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotation.projects.find import project_for
from annotation.quality.agreement import METRICS, Agreement, UnknownMetric, agreement
from annotation.quality.tables import show

HEADERS = ["scheme", "measure", "value", "95 % interval", "agree", "±1 step", "units", "traces", "annotators", "note"]


class Command(BaseCommand):
    help = "Show how far annotators agree where they overlap"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("config", metavar="CONFIG", help="configuration file, output folder, or slug")
        parser.add_argument(
            "--metric",
            default="krippendorff_alpha",
            help=f"one of: {', '.join(sorted(METRICS))} (default: %(default)s)",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, **options: Any) -> None:
        try:
            report = agreement(project_for(options["config"]), options["metric"])
        except UnknownMetric as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json(), indent=2))
            return
        self.stdout.write(f"{report.metric} of {report.project}")
        self.stdout.write("")
        show(self.stdout, HEADERS, [_row(result) for result in report.results])
        for warning in report.warnings:
            self.stdout.write(f"note: {warning}")


def _row(result: Agreement) -> list[object]:
    low_high = f"{result.interval[0]:.3f} to {result.interval[1]:.3f}" if result.interval else "–"
    return [
        result.scheme,
        f"{result.measure} ({result.level}, per {'trace' if result.per == 'item' else result.per})",
        "undefined" if result.value is None else f"{result.value:.3f}",
        low_high,
        "–" if result.percent is None else f"{result.percent:.1%}",
        "" if result.within_one_step is None else f"{result.within_one_step:.1%}",
        result.units,
        result.traces,
        result.annotators,
        result.reason,
    ]
