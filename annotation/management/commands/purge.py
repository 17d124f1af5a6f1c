"""``potato purge PROJECT``: delete a project for good."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotation.management.commands.load import progress_bar
from annotation.models import Project
from annotation.projects import purge, purged_dataset
from annotation.projects.find import project_for
from annotation.quality.tables import show
from potato_site.counts import plural
from potato_site.operations.asking import confirm, operator

SAY_EVERY_SECONDS = 5.0


class Command(BaseCommand):
    help = "Delete a project for good, with its labels, its traces, its exports and all else that belongs to it"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("named", metavar="PROJECT", help="slug, configuration file, or output folder")
        parser.add_argument("--dry-run", action="store_true", help="say what would go, and change nothing")
        parser.add_argument("--yes", action="store_true", help="do not ask for the slug")
        parser.add_argument(
            "--with-output",
            action="store_true",
            help="also remove what was delivered to an output folder outside the home",
        )

    def handle(self, **options: Any) -> None:
        project = project_for(options["named"], purging=True)
        begun = purge.begun_with_output(project)
        self._tell(project, options["with_output"] if begun is None else begun)
        if options["dry_run"]:
            return
        if not options["yes"]:
            confirm(f"Type {project.slug} to delete all of it for good: ", project.slug)
        with progress_bar() as bar:
            task = bar.add_task(project.slug, total=None) if bar else None
            said_at = time.monotonic()

            def tell(done: int, total: int | None, what: str) -> None:
                nonlocal said_at
                if bar is not None and task is not None:
                    bar.update(task, completed=done, total=total, description=f"{project.slug}: {what}")
                elif time.monotonic() - said_at >= SAY_EVERY_SECONDS:
                    said_at = time.monotonic()
                    self.stdout.write(f"{done:,} of {total:,} rows are gone ({what})")

            try:
                gone = purge.purge(project, None, who=operator(), with_output=options["with_output"], progress=tell)
            except purge.StillWritten as error:
                raise CommandError(str(error)) from None
            except purge.BegunOtherwise:
                raise CommandError(
                    f"this was begun without --with-output, and goes on so: leave the option out, and remove what "
                    f"stays in {purge.stays_in(project)} yourself"
                ) from None
        for sentence in gone.spared:
            self.stdout.write(sentence)
        self.stdout.write(f"{project.slug} is deleted: {plural(sum(gone.gone.values()), 'row')}.")

    def _tell(self, project: Project, with_output: bool) -> None:
        out = self.stdout
        out.write(f"{project.name} ({project.slug}), {project.get_state_display().lower()}: this goes, for good.")
        rows = {name: count for name, count in purge.counts(project).items() if count}
        show(out, ["what", "rows"], [[name, count] for name, count in rows.items()])
        out.write(purged_dataset.told(project))
        if folder := purge.stays_in(project):
            out.write(
                f"What was delivered to {folder} is removed from there."
                if with_output
                else f"What was delivered to {folder} stays there (--with-output removes it)."
            )
        out.write("Accounts, backups and copies in buckets are not touched.")
