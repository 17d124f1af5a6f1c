"""Asking again: what a tick finds undone is not asked for anew while somebody is at it, nor within an hour of having
failed for good. Who asks by hand, or because something has changed, calls ``enqueue``, which waits for nothing but the
rest of what is costly to make anew."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max
from django.utils import timezone

from potato_site.jobs.models import Job

AGAIN_AFTER = timedelta(hours=1)
# What is made anew whenever something changes never takes more than this share of a worker's time.
REST = 20


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


def rest_of(result: Any) -> timedelta:
    """How long to wait after a run with this result, which says in ``seconds`` what it cost."""
    return timedelta(seconds=REST * float((result or {}).get("seconds", 0)))


def rested_at(key: str, longest: timedelta) -> datetime | None:
    """When the key's last job has rested; None where it never ran to its end."""
    last = last_jobs([key]).get(key)
    if last is None or last.finished_at is None:
        return None
    return last.finished_at + min(rest_of(last.progress.get("result")), longest)


def last_jobs(keys: Collection[str]) -> dict[str | None, Job]:
    """The newest job of each key that is alive or over."""
    states = [*Job.LIVE, Job.State.DONE, Job.State.FAILED]
    known = Job.objects.filter(state__in=states, dedupe_key__in=keys)
    # Of a month's jobs of a key, one row is read.
    newest = known.values("dedupe_key").annotate(newest=Max("pk")).values("newest")
    return {job.dedupe_key: job for job in Job.objects.filter(pk__in=newest)}
