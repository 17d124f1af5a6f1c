"""Asking for items and places to be planned (annotation.assignments.items does it)."""

from __future__ import annotations

from potato_site.jobs import enqueue
from potato_site.jobs.models import Job

JOB = "annotation.sync_items"


def request(dataset_id: int) -> Job:
    """Have the items and places of the dataset's projects planned soon: a job row in the caller's transaction."""
    return enqueue(JOB, {"dataset": dataset_id}, dedupe_key=f"{JOB}:{dataset_id}")
