"""Asking for an annotator's own file to be brought up to date. Nobody calls upward: the job is named by a string."""

from annotation.models import Assignment
from potato_site.jobs import enqueue

DELAY_SECONDS = 5


def request(assignment: Assignment) -> None:
    """Soon, and once for many changes: a job row in the caller's transaction."""
    project, person = assignment.project_id, assignment.annotator_id
    enqueue(
        "exports.mirror",
        {"project": project, "annotator": person},
        dedupe_key=f"exports.mirror:{project}:{person}",
        delay_seconds=DELAY_SECONDS,
    )
