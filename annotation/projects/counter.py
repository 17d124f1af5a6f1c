"""The change counter of a project: the watermark of exports and the key of cached statistics."""

from __future__ import annotations

from django.db import connection, transaction
from django.db.models import QuerySet

from annotation.models import Item, Project


@transaction.atomic
def bump(project_id: int) -> int:
    """Raise ``Project.seq`` and return the new value.

    The row stays locked until the caller's transaction ends, so numbers appear in the order they were given; ids of
    events do not. Raises Project.DoesNotExist.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {TABLE} SET seq = seq + 1 WHERE id = %s RETURNING seq", [project_id])  # noqa: S608
        # All rows are fetched: SQLite runs the statement only as far as it is read.
        rows = cursor.fetchall()
    if not rows:
        raise Project.DoesNotExist(f"no project {project_id}")
    return int(rows[0][0])


@transaction.atomic
def bump_for(project_id: int, items: QuerySet[Item]) -> int:
    """The same where other labels of these items of the project count from now on, though nobody submitted any: who
    has an earlier export must be told (``annotation.queries.changed_since``)."""
    seq = bump(project_id)
    items.filter(project=project_id).update(changed_seq=seq)
    return seq


TABLE = Project._meta.db_table
