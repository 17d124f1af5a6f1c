"""``potato token NAME --scope read``: make an API token and print it, once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.projects.find import project_for
from potato_site.accounts.models import User
from potato_site.api import tokens


class Command(BaseCommand):
    help = "Make an API token for a person and print it. It is stored nowhere: keep it like a password."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", help="whose rights the token has")
        parser.add_argument(
            "--scope", action="append", required=True, help=f"what for, also several: {', '.join(tokens.SCOPES)}"
        )
        parser.add_argument("--project", help="only this project: a slug, a configuration file or an output folder")
        parser.add_argument(
            "--days", type=int, default=90, help=f"how long it lives, at most {tokens.MAX_DAYS} (default: %(default)s)"
        )
        parser.add_argument("--name", default="", help="what it is for, in your words")

    def handle(self, *args: Any, **options: Any) -> str:
        user = User.objects.named(options["username"])
        if user is None or not user.is_active:
            raise CommandError(f"There is no active user called {options['username']!r}.")
        scopes = {word for given in options["scope"] for word in given.replace(",", " ").split()}
        project = project_for(options["project"]) if options["project"] else None
        try:
            _, secret = tokens.make(user, scopes=scopes, project=project, days=options["days"], name=options["name"])
        except ValueError as error:
            raise CommandError(str(error)) from None
        return secret
