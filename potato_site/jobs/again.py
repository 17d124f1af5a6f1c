"""Asking again: what a tick finds undone is not asked for anew while somebody is at it, nor within an hour of having
failed for good. Who asks by hand, or because something has changed, calls ``enqueue`` and waits for nothing."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db.models import Max
from django.utils import timezone

from potato_site.jobs.models import Job

AGAIN_AFTER = timedelta(hours=1)


def askable(keys: Collection[str]) -> set[str]:
    """Those of these ``dedupe_key``s that a tick may ask for."""
    if not keys:
        return set()
    last, now = last_jobs(keys), timezone.now()
    return {key for key in keys if key not in last or not is_off(last[key], now)}


def is_off(job: Job, now: datetime) -> bool:
    """Whether this last job of its key is alive, or failed for good not long ago."""
    if job.state == Job.State.FAILED:
        return now - (job.finished_at or now) <= AGAIN_AFTER
    return job.state in Job.LIVE


def last_jobs(keys: Collection[str]) -> dict[str | None, Job]:
    """The newest job of each key that is alive or over."""
    states = [*Job.LIVE, Job.State.DONE, Job.State.FAILED]
    known = Job.objects.filter(state__in=states, dedupe_key__in=keys)
    # Of a month's jobs of a key, one row is read.
    newest = known.values("dedupe_key").annotate(newest=Max("pk")).values("newest")
    return {job.dedupe_key: job for job in Job.objects.filter(pk__in=newest)}
