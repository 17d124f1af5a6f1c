"""``potato demo``: two projects, eleven traces and some answers to look at, in ``./potato-demo/``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation import serving
from annotation.demo import copy_files, load_demo, passwords
from annotation.management.commands.start import port_of
from annotation.projects.load import LoadReport
from potato_site.supervise import Address, port_number

FOLDER = "potato-demo"


class Command(BaseCommand):
    help = "Try it out: a demo with traces and answers in ./potato-demo/, loaded and served."
    # The tables may not be there yet; the checks run in the processes that serve.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("-p", "--port", type=port_number, help="port (default: the first file's port, else 8000)")
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
        parser.add_argument("--load-only", action="store_true", help="load the demo, but do not serve it")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = Path(FOLDER).resolve()
        try:
            files = copy_files(folder)
        except OSError as problem:
            raise CommandError(f"{folder}: the demo's files cannot be written: {problem.strerror}") from None

        def load() -> list[LoadReport]:
            return load_demo(files, settings.POTATO_HOME)

        if options["load_only"]:
            self._load_only(load)
            return
        address = Address(options["host"], options["port"] or port_of(files[0]))
        serving.start(address, load, self.stdout, self.stderr, passwords=passwords(files))

    def _load_only(self, load: serving.Load) -> None:
        serving.prepare()
        reports = load()
        serving.tell(reports, self.stderr)
        serving.refuse_errors(reports)
        self.stdout.write(f"Loaded into {FOLDER}/: {', '.join(report.file.name for report in reports)}.")
        self.stdout.write("`potato demo` serves it; `potato status` and `potato agreement` take any of these files.")
