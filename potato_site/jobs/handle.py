"""What a running job holds of its row: its parameters, its progress, and the proof that it still owns it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from potato_site.jobs.models import Job

# Progress is for people: writing it more often only costs the database.
PROGRESS_EVERY_SECONDS = 1.0

# Set when this process was asked to stop: running jobs go back to the queue at their next check.
stopping = threading.Event()

ProgressCallback = Callable[[int, int | None, str], None]


class LostJob(Exception):
    """Another attempt owns the job now, or it was cancelled: stop, publish nothing. Let it pass."""


class Stopping(LostJob):
    """This process is ending: the job goes back to the queue."""


def lease_end(now: datetime) -> datetime:
    return now + timedelta(seconds=settings.JOB_LEASE_SECONDS)


class JobHandle:
    """The running attempt of one job.

    The lease (``JOB_LEASE_SECONDS``, 120) is renewed by ``progress`` and ``check``: call one of them at least every
    half lease, and not from inside a long transaction, where nobody else would see it.
    """

    def __init__(self, job: Job, *, on_progress: ProgressCallback | None = None) -> None:
        self.id = job.pk
        self.kind = job.kind
        self.params: dict[str, Any] = job.params
        self.attempt = job.attempt
        self.last_progress: dict[str, Any] = {}
        # What an attempt before this one wrote down to be gone on from; empty where nothing was.
        self.kept: dict[str, Any] = job.progress.get("kept") or {}
        self._on_progress = on_progress
        self._written_at = 0.0
        self._renewed_at = time.monotonic()

    @property
    def mine(self) -> QuerySet[Job]:
        """The row, as long as this attempt owns it: every write of a runner goes through this."""
        return Job.objects.filter(pk=self.id, attempt=self.attempt, state=Job.State.RUNNING)

    def progress(self, done: int, total: int | None = None, message: str = "") -> None:
        """Say how far the job is. Cheap to call in a loop: written at most once a second. Raises LostJob."""
        self._say(done, total, message)
        if stopping.is_set() or time.monotonic() - self._written_at >= PROGRESS_EVERY_SECONDS:
            self._write(progress=self._progress)
            self._written_at = time.monotonic()

    def keep(self, kept: dict[str, Any], done: int, total: int | None = None) -> None:
        """Say how far the job is and write down what it goes on from when it is run again (``kept``): at once, even
        where this process is ending. Raises LostJob."""
        self.kept = kept
        self._say(done, total, "")
        if not self.mine.update(progress=self._progress):
            raise LostJob(f"{self.kind} #{self.id}")
        self._written_at = time.monotonic()
        self.check()

    def check(self) -> None:
        """Make sure this attempt still owns the job. Raises LostJob. Always asks the database."""
        if stopping.is_set() or time.monotonic() - self._renewed_at >= settings.JOB_LEASE_SECONDS / 4:
            self._write()
        elif not self.mine.exists():
            raise LostJob(f"{self.kind} #{self.id}")

    def _say(self, done: int, total: int | None, message: str) -> None:
        self.last_progress = {"done": done, "total": total, "message": message}
        if self._on_progress:
            self._on_progress(done, total, message)

    @property
    def _progress(self) -> dict[str, Any]:
        return {**self.last_progress, "kept": self.kept} if self.kept else self.last_progress

    def _write(self, **fields: Any) -> None:
        if stopping.is_set():
            raise Stopping(f"{self.kind} #{self.id}")
        if not self.mine.update(lease_until=lease_end(timezone.now()), **fields):
            raise LostJob(f"{self.kind} #{self.id}")
        self._renewed_at = time.monotonic()
