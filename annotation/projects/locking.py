"""The lock under which the people and the configuration of a project change."""

from __future__ import annotations

from django.db import connection
from django.http import Http404

from annotation.models import Project

# Tells these locks from others of the same database.
_KIND = 0x706F7461 << 32


def lock_project(project_id: int) -> Project:
    """Until the transaction ends nobody else changes who is in the project, or its configuration. Returns the project
    as it is then. Raises Http404 for one that is being purged, or gone.

    It is not the lock of the project's row. A submission takes that one last, to raise the change counter: whoever held
    it from the start, and then took work out of somebody's hands, would wait for a submission that waits for them.
    """
    found = lock_going(project_id)
    if found is None or found.state == Project.State.PURGING:
        raise Http404
    return found


def lock_going(project_id: int) -> Project | None:
    """The same for who purges it; None where it is gone."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_KIND | project_id])
    # SQLite has one writer at a time.
    return Project.objects.filter(pk=project_id).first()
