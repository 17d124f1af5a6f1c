"""``potato backup FILE``: everything of an installation in one file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from potato_site.counts import plural
from potato_site.files import replacing
from potato_site.health import migrations
from potato_site.operations import archive
from potato_site.operations.showing import progress


class Command(BaseCommand):
    help = "Write everything into one file: rows, uploads, published exports. People go on working meanwhile."
    # A backup must be possible whatever else is wrong.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the file to write (*.tar); it is complete or not there")

    def handle(self, **options: Any) -> None:
        state = migrations()
        if not state.ok:
            raise CommandError(f"the database is not of this version (migrations: {state.message})")
        # It holds password hashes: for its owner only, from the first byte.
        before = os.umask(0o077)
        try:
            with replacing(options["file"]) as stream, progress() as tell:
                manifest = archive.write(stream, Path(settings.POTATO_HOME), tell=tell)
        except archive.BadArchive as problem:
            raise CommandError(str(problem)) from None
        finally:
            os.umask(before)
        rows = sum(table["rows"] for table in manifest["tables"].values())
        files = len(manifest["files"])
        held = f"{plural(rows, 'row')} and {plural(files, 'file')}"
        self.stderr.write(f"{options['file']}: {held}; `potato restore --verify` rehearses it")
