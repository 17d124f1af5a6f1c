"""``potato forget-person NAME``: keep what somebody labeled, and nothing of who they were."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.models import Assignment, Project
from annotation.projects import forgetting
from potato_site.accounts.forget import neutral_name
from potato_site.accounts.models import User
from potato_site.counts import plural
from potato_site.operations.asking import confirm, operator
from potato_site.operations.forgets import parts


class Command(BaseCommand):
    help = "Forget who a person was: their labels stay under a name that says nothing, their account closes for good"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", help="of the account")
        parser.add_argument("--dry-run", action="store_true", help="say what would become of it, and change nothing")
        parser.add_argument("--yes", action="store_true", help="do not ask for the name")
        parser.add_argument(
            "--with-exports",
            action="store_true",
            help="also remove the published exports of the person's projects, which may name them",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.named(options["username"])
        if user is None:
            self._finish(options)
            return
        self._tell(user, options["with_exports"])
        if options["dry_run"]:
            return
        if not options["yes"]:
            confirm(f"Type {user.username} to forget this person for good: ", user.username)
        self._forget(user, options["with_exports"])

    def _forget(self, user: User, with_exports: bool) -> None:
        try:
            done = forgetting.forget(user, who=operator(), with_exports=with_exports)
        except forgetting.CannotForget as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Forgotten. The account is called {done.name} now.")
        for path in done.removed:
            self.stdout.write(f"removed: {path}")

    def _tell(self, user: User, with_exports: bool) -> None:
        projects = list(forgetting.projects_of(user))
        assignments = Assignment.objects.filter(annotator=user).count()
        out = self.stdout
        work = f"{plural(assignments, 'assignment')} in {plural(len(projects), 'project')}"
        out.write(f"{user.username} becomes {neutral_name(user)}: {work}.")
        for project in projects:
            out.write(f"  {project.name} ({project.slug})")
        out.write("Their labels stay, with what they wrote in them. Nobody can sign in with the account any more.")
        self._tell_files(user, projects, with_exports)
        for slug in forgetting.named_in_files(user):
            out.write(
                f"The configuration file of {slug} names them: take them out, or loading it makes the account anew."
            )
        out.write("Backups, and files that were taken elsewhere, are not touched.")

    def _finish(self, options: dict[str, Any]) -> None:
        """Of somebody who is forgotten but for their files."""
        name, with_exports = options["username"], options["with_exports"]
        people = forgetting.unfinished(name)
        if not people:
            raise CommandError(f"nobody is called {name!r}")
        self.stdout.write("Somebody who was called so is forgotten but for their files.")
        for user in people:
            self._tell_files(user, list(forgetting.projects_of(user)), with_exports)
        if options["dry_run"]:
            return
        if not options["yes"]:
            confirm(f"Type {name} to remove them: ", name)
        for user in people:
            self._forget(user, with_exports)

    def _tell_files(self, user: User, projects: list[Project], with_exports: bool) -> None:
        for path in forgetting.files_of(user):
            self.stdout.write(f"This file is removed: {path}")
        published = sum(part.published([project.pk for project in projects]) for part in parts.values())
        if published:
            are, stay, them = ("is", "stays", "it") if published == 1 else ("are", "stay", "them")
            what = (
                f"{are} removed" if with_exports else f"{stay}, and may name the person (--with-exports removes {them})"
            )
            self.stdout.write(f"{plural(published, 'published export')} of their projects {what}.")
