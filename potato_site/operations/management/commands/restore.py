"""``potato restore FILE``: a backup into an empty installation, or a rehearsal of it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from potato_site.operations.another import another_database
from potato_site.operations.archive import BadArchive
from potato_site.operations.restore import Broken, NotEmpty, Restored, restore
from potato_site.operations.showing import progress, show, show_audits
from potato_site.supervise import CannotServe, unserved


class Command(BaseCommand):
    help = "Restore a backup into an empty database and home: all of it, verified, or nothing."
    # The tables may not be there yet.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="what `potato backup` wrote")
        parser.add_argument("--verify", action="store_true", help="rehearse in a temporary database, change nothing")
        parser.add_argument(
            "--despite-audit", action="store_true", help="restore also if answers were changed by another way"
        )

    def handle(self, **options: Any) -> None:
        try:
            with options["file"].open("rb") as stream:
                done = self._rehearse(stream) if options["verify"] else self._restore(stream, options["despite_audit"])
        except (BadArchive, NotEmpty, CannotServe) as problem:
            raise CommandError(f"{options['file'].name}: {problem}. Nothing was restored") from None
        except Broken as problem:
            raise CommandError(
                f"{options['file'].name}: answers were changed by another way than labeling, before the backup; "
                f"--despite-audit restores it all the same. Nothing was restored\n{problem}"
            ) from None
        self._report(done)
        if options["verify"] and any(audit.n_findings for audit in done.audits):
            raise CommandError(f"{options['file'].name}: whole, but answers in it were changed by another way")

    def _restore(self, stream: Any, despite_audit: bool) -> Restored:
        home = Path(settings.POTATO_HOME)
        with unserved(home), progress() as tell:
            return restore(stream, "default", home, despite_audit=despite_audit, tell=tell)

    def _rehearse(self, stream: Any) -> Restored:
        with tempfile.TemporaryDirectory(prefix="potato-rehearsal-") as folder:
            url = f"sqlite:///{Path(folder, 'db.sqlite3')}"
            with another_database(url, "rehearsal") as alias, progress() as tell:
                return restore(stream, alias, Path(folder), despite_audit=True, tell=tell)

    def _report(self, done: Restored) -> None:
        rows = [(table.label, table.rows, table.sha256[:16], "same") for table in done.tables if table.rows]
        show(self.stdout, ("table", "rows", "sha256", "read back"), rows)
        header = done.header
        self.stdout.write(f"files: {done.files}")
        found = show_audits(self.stdout, self.stderr, done.audits)
        for note in done.notes:
            self.stdout.write(note)
        verdict = "whole" if not found else "whole, but see the errors above"
        self.stdout.write(f"backup of {header['made_at']} (version {header['product_version']}): {verdict}")
