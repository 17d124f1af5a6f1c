"""Putting a job into the queue, as part of the caller's transaction."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from potato_site.jobs import bell
from potato_site.jobs.again import rested_at
from potato_site.jobs.models import Job, project_of
from potato_site.jobs.registry import handlers


def enqueue(
    kind: str, params: dict[str, Any] | None = None, *, dedupe_key: str | None = None, delay_seconds: float = 0
) -> Job:
    """The job that will do this after the caller's transaction commits, and ``delay_seconds`` later
    (or when it has rested, of a kind that does: ``handler``).

    A live job with the same ``dedupe_key`` is returned instead of a second one (its own parameters and time stay); if
    it is running, it runs once more afterwards, so that it sees what this transaction changed. Raises UnknownPlugin
    for a kind without a handler. A broker that cannot be reached is no error.
    """
    queue = handlers.get(kind).queue
    while True:
        job = _ask_again(dedupe_key) if dedupe_key else None
        job = job or _insert(kind, queue, params or {}, dedupe_key, _delay(kind, dedupe_key, delay_seconds))
        if job:
            return job


def cancel(job_id: int) -> bool:
    """Stop a job: its runner notices at its next sign of life, and publishes nothing. False where it is over."""
    live = Job.objects.filter(pk=job_id, state__in=Job.LIVE)
    return bool(live.update(state=Job.State.CANCELLED, rerun=False, lease_until=None, finished_at=timezone.now()))


def _ask_again(dedupe_key: str) -> Job | None:
    # The update also locks the row: no worker can claim it before this transaction is visible.
    live = Job.objects.filter(dedupe_key=dedupe_key, state__in=Job.LIVE)
    return live.first() if live.update(rerun=True) else None


def _delay(kind: str, dedupe_key: str | None, delay_seconds: float) -> float:
    """Not before the last job of the key has rested."""
    longest = handlers.get(kind).longest_rest
    rested = rested_at(dedupe_key, longest) if dedupe_key and longest else None
    return max(delay_seconds, (rested - timezone.now()).total_seconds()) if rested else delay_seconds


def _insert(kind: str, queue: str, params: dict[str, Any], dedupe_key: str | None, delay_seconds: float) -> Job | None:
    """The new row, or None if somebody else has just inserted the same key."""
    now = timezone.now()
    due_at = now + timedelta(seconds=delay_seconds)
    rung_at = due_at if delay_seconds <= bell.LONGEST_COUNTDOWN else None
    job = Job(
        kind=kind,
        queue=queue,
        params=params,
        project_id=project_of(params),
        dedupe_key=dedupe_key,
        due_at=due_at,
        rung_at=rung_at,
    )
    try:
        with transaction.atomic():
            job.save(force_insert=True)
    except IntegrityError:
        if dedupe_key is None:
            raise
        return None
    transaction.on_commit(partial(bell.ring, job.pk, queue, delay_seconds), robust=True)
    return job
