"""Work that outlives a request: one row per job. Celery only rings; the row is the truth."""

from typing import Any

from django.db import models
from django.db.models import Q

from potato_site.jobs.registry import title_of
from potato_site.textjson import TextJSONField


def project_of(params: dict[str, Any]) -> int | None:
    """The project that a job with these parameters is for."""
    project = params.get("project")
    return project if isinstance(project, int) else None


class Job(models.Model):
    """One piece of background work.

    ``attempt`` is a fencing token: a runner writes progress, completion and published files only while the row
    still has the attempt number it claimed (a laptop that slept through its lease must not publish).
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    class Queue(models.TextChoices):
        FAST = "fast"
        BULK = "bulk"

    LIVE = (State.QUEUED, State.RUNNING)

    kind = models.CharField(max_length=64)
    queue = models.CharField(max_length=8, choices=Queue.choices)
    params = TextJSONField(default=dict)
    # Whose project it is for, from its parameters: who may see it. No key: a job may outlive its project.
    project_id = models.BigIntegerField(null=True, editable=False)
    dedupe_key = models.CharField(max_length=200, null=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    # Asked for again since it was claimed: completion queues it once more instead of ending it.
    rerun = models.BooleanField(default=False)
    due_at = models.DateTimeField()
    # When a worker was last told of it; the tick tells again what nobody heard.
    rung_at = models.DateTimeField(null=True)
    attempt = models.PositiveIntegerField(default=0)
    # Failures in a row: the third is the last. ``attempt`` cannot count them, it never goes back.
    failures = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    # {"done": n, "total": n or null, "message": str, "result": any}; until it is done "kept": what it goes on from when
    # it is run again
    progress = TextJSONField(default=dict)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["dedupe_key"], condition=Q(state__in=["queued", "running"]), name="one_live_job_per_key"
            )
        ]
        indexes = [
            # Whole, not for live rows only: SQLite uses a partial index only where the query repeats its condition
            # as a constant, and a query's values are parameters.
            models.Index(fields=["dedupe_key", "state"], name="job_key"),
            models.Index(fields=["state", "due_at"], name="job_due"),
            models.Index(fields=["project_id", "id"], name="job_of_project"),
            models.Index(fields=["state", "lease_until"], name="job_lease"),
        ]

    def __str__(self) -> str:
        return f"{title_of(self.kind)} #{self.pk} ({self.state})"
