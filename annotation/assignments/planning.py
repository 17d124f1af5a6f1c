"""Asking for items and places to be planned (annotation.assignments.items does it)."""

from __future__ import annotations

from potato_site.jobs import enqueue
from potato_site.jobs.models import Job

JOB = "annotation.sync_items"


def request(dataset_id: int) -> Job:
    """Have the items and places of the dataset's projects planned soon: a job row in the caller's transaction."""
    return enqueue(JOB, {"dataset": dataset_id}, dedupe_key=_key(dataset_id))


def is_under_way(dataset_id: int) -> bool:
    """Whether it was asked for, and is not done yet."""
    return Job.objects.filter(dedupe_key=_key(dataset_id), state__in=Job.LIVE).exists()


def _key(dataset_id: int) -> str:
    return f"{JOB}:{dataset_id}"
