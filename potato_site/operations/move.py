"""All rows from one database to another, in one transaction there, while nothing can change here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.db import connections, transaction

from potato_site import planner
from potato_site.counts import plural
from potato_site.operations import tables
from potato_site.operations.audits import Audit, run_audits


class CannotMove(Exception):
    """The move did not happen; the source is as it was and the target empty. ``str()`` is a sentence."""


@dataclass
class Moved:
    label: str
    rows: int
    source: str
    target: str


def move(source: str, target: str, tell: Callable[[str], None] = lambda _: None) -> tuple[list[Moved], list[Audit]]:
    """Copy everything from the database ``source`` to the migrated, empty ``target``, and compare both.

    ``source`` takes no writes meanwhile. Raises CannotMove.
    """
    refuse_company(source)
    filled = tables.first_filled(target)
    if filled:
        raise CannotMove(f"the target is not empty ({filled} has rows)")
    with transaction.atomic(using=source):
        _stop_writers(source)
        with transaction.atomic(using=target):
            tables.clear_what_migrate_made(target)
            moved = [_copy(model, source, target, tell) for model in tables.tables()]
            planner.look_again(tables.tables(), target)
            connections[target].check_constraints()
            for told in moved:
                if told.source != told.target:
                    raise CannotMove(f"{told.label}: the target does not give back what was put in")
            audits = run_audits(target)
            tables.reset_sequences(target)
    return moved, audits


def _copy(model: tables.Model, source: str, target: str, tell: Callable[[str], None]) -> Moved:
    label, digest = tables.label_of(model), tables.Digest()
    tell(label)
    tables.insert(model, digest.through(tables.lines(model, source)), target)
    tell(f"{label}: comparing")
    there = tables.digest_of(model, target)
    return Moved(label, digest.rows, f"{digest.rows} {digest.sha256}", f"{there.rows} {there.sha256}")


def _stop_writers(source: str) -> None:
    """SQLite: the transaction is the one writer. Postgres: nobody may write to the tables until it ends."""
    connection = connections[source]
    if connection.vendor == "postgresql":
        names = ", ".join(connection.ops.quote_name(model._meta.db_table) for model in tables.tables())
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {names} IN SHARE MODE")


def refuse_company(using: str) -> None:
    """Raises CannotMove while other programs are connected to this Postgres database: what they save after the move
    would be lost. (A home's lock says so for SQLite.)"""
    connection = connections[using]
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND backend_type = 'client backend'"
        )
        (others,) = cursor.fetchone()
    if others:
        are = "is" if others == 1 else "are"
        raise CannotMove(
            f"{plural(others, 'other connection')} {are} open to the source: stop the web servers and workers first"
        )
