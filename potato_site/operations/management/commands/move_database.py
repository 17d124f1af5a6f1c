"""``potato move-database URL``: from SQLite to Postgres, or back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, connections
from django.db.utils import DatabaseError

from potato_site.home import MOVED, publish
from potato_site.logs import safe_message
from potato_site.operations.another import address_of, another_database, without_password
from potato_site.operations.move import CannotMove, move, refuse_company
from potato_site.operations.showing import progress, show, show_audits
from potato_site.supervise import CannotServe, unserved


class Command(BaseCommand):
    help = "Move everything to another database, compare both, and say what to set. Stop the servers first."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("url", help="sqlite:///… or postgres://…, empty; or env:NAME, a variable that holds it")

    def handle(self, **options: Any) -> None:
        url, home = address_of(options["url"]), Path(settings.POTATO_HOME)
        connections["snapshot"].close()
        try:
            with unserved(home), another_database(url, "target") as target, progress() as tell:
                if _same(target):
                    raise CannotMove("this is the database in use")
                refuse_company("default")
                call_command("migrate", database=target, interactive=False, verbosity=0)
                moved, audits = move("default", target, tell)
                note_where(home, url)
        except (CannotMove, CannotServe) as problem:
            raise CommandError(f"{problem}. Nothing was moved") from None
        except DatabaseError as problem:
            raise CommandError(f"{safe_message(problem)}. Nothing was moved") from None
        show(self.stdout, ("table", "rows", "sha256", "there"), [
            (told.label, told.rows, told.source.split()[1][:16], "same") for told in moved if told.rows
        ])  # fmt: skip
        show_audits(self.stdout, self.stderr, audits)
        self.stdout.write("")
        self.stdout.write(f"Moved. From now on set  DATABASE_URL={without_password(url)}")


def _same(target: str) -> bool:
    ours, theirs = connection.settings_dict, connections[target].settings_dict
    return all(str(ours[key]) == str(theirs[key]) for key in ("ENGINE", "NAME", "HOST", "PORT"))


def note_where(home: Path, url: str) -> None:
    """Leave word in the home, so that nobody goes on in its old database; a move back takes the word away."""
    if url == f"sqlite:///{home / 'db.sqlite3'}":
        (home / MOVED).unlink(missing_ok=True)
    else:
        publish(home / MOVED, f"{without_password(url)}\n".encode(), mode=0o600)
