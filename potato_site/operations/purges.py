"""Removing for good what belongs to a project: in short turns, while others go on writing.

``annotation.projects.purge`` says what goes, and in which order. An app that it may not import names its own part in
its ``purges.py``, with :func:`purge`.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, QuerySet

from potato_site.operations.carried import inside

ROWS_AT_ONCE = 500
LONGEST_REST_SECONDS = 2.0

Progress = Callable[[int, int | None, str], None]


class Turns:
    """One short transaction after another, and as long a rest behind each: on SQLite, which has one writer at a time,
    nobody else's save would find its turn otherwise.

    ``progress`` is called between them with the rows that are gone, of how many there were to begin with, and with what
    it is about; what it raises ends the work, which can be begun again.
    """

    def __init__(self, progress: Progress, total: int, whose: Callable[[Path], str]) -> None:
        """``whose``: the other project that has this folder, one around it, or something inside; "" for none."""
        self._progress = progress
        self._whose = whose
        self.total = total
        self.done = 0
        # What went, by name.
        self.gone: dict[str, int] = {}
        # What stays in the home, and why: sentences.
        self.spared: list[str] = []

    @contextmanager
    def turn(self) -> Iterator[None]:
        start = time.monotonic()
        with transaction.atomic():
            yield
        time.sleep(min(time.monotonic() - start, LONGEST_REST_SECONDS))

    def told(self, name: str, rows: int) -> None:
        """So many rows more are gone. Outside a turn, as it may write how far a job is."""
        self.gone[name] = self.gone.get(name, 0) + rows
        self.done += rows
        self._progress(min(self.done, self.total), self.total, name)

    def waiting(self, what: str) -> None:
        self._progress(min(self.done, self.total), self.total, what)

    def empty(self, name: str, rows: QuerySet[Any]) -> None:
        """Delete these rows, which nothing refers to any more."""
        while pks := list(rows.values_list("pk", flat=True)[:ROWS_AT_ONCE]):
            with self.turn():
                delete(rows.model._base_manager.filter(pk__in=pks))
            self.told(name, len(pks))

    def remove(self, place: Path, within: Path) -> None:
        """Remove a folder (or file) that lies in ``within``: nothing that another project has, nothing through a link.
        Raises OSError."""
        if place == within or not inside(place, within) or not (place.is_symlink() or place.exists()):
            return
        if other := self._whose(place):
            self._spare(f"{place} stays: {other} has it, too, or something that lies in it or around it.")
        elif place.is_symlink():
            led = os.path.realpath(place)
            place.unlink()
            self._spare(f"{place} was a link to {led}: what lies there stays.")
        elif place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink()

    def _spare(self, sentence: str) -> None:
        if sentence not in self.spared:
            self.spared.append(sentence)


def overlapping(field: str, folder: Path) -> Q:
    """The rows whose ``field`` names this folder, one around it, or something inside."""
    found = Q()
    for path in _names(folder):
        # As a text it may find too much where case says nothing: then a folder stays.
        found |= Q(**{f"{field}__in": [str(path), *map(str, path.parents)]}) | Q(**{f"{field}__startswith": f"{path}/"})
    return found


def _names(folder: Path) -> set[Path]:
    """As it is written, as it is called without links, and as it is called by the home."""
    # What a link leads to is not removed.
    real = folder.parent.resolve() / folder.name
    projects = projects_folder()
    names = {folder, real}
    if inside(real, projects.resolve()):
        names.add(projects / real.relative_to(projects.resolve()))
    return names


def delete(rows: QuerySet[Any]) -> int:
    """Delete rows by one statement, without reading them or what refers to them."""
    return rows._raw_delete(rows.db)


def in_home(path: Path) -> bool:
    """Whether it lies where the site itself keeps what projects deliver; all else is its owner's."""
    return inside(path, projects_folder())


def projects_folder() -> Path:
    return Path(settings.POTATO_HOME) / "projects"


@contextmanager
def overwriting() -> Iterator[None]:
    """What is deleted inside is overwritten in the file of a SQLite database, and not left in pages that are free.

    On Postgres the server's own vacuum does that later.
    """
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA secure_delete")
        (before,) = cursor.fetchone()
        cursor.execute("PRAGMA secure_delete = 1")
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA secure_delete = {int(before)}")
            if not connection.in_atomic_block:
                _begin_the_log_anew(cursor)


def _begin_the_log_anew(cursor: Any) -> None:
    """What was deleted still stands in SQLite's log of writes. Where somebody is reading just now, it stays there until
    the log begins anew by itself: nobody's save waits for that."""
    cursor.execute("PRAGMA busy_timeout")
    (before,) = cursor.fetchone()
    cursor.execute("PRAGMA busy_timeout = 200")
    try:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        cursor.execute(f"PRAGMA busy_timeout = {int(before)}")


class Part(Protocol):
    """What one app has of a project. ``project`` is its row, in state purging when something is removed."""

    def counts(self, project: Any) -> dict[str, int]:
        """Rows by name, for who is asked whether they shall go."""

    def remove(self, project: Any, turns: Turns, with_output: bool) -> None:
        """All of it, files first: only the rows know them. ``with_output``: also what lies outside the home. Called
        again after a crash."""

    def whose(self, project: Any, folder: Path) -> str:
        """Another project that has this folder, one around it, or something inside; "" for none."""


parts: dict[str, Part] = {}


def purge(kind: type[Part]) -> type[Part]:
    """Class decorator: this goes with a project, before its labels do."""
    parts[kind.__qualname__] = kind()
    return kind
