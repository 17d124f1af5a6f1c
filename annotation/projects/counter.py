"""The change counter of a project: the watermark of exports and the key of cached statistics."""

from __future__ import annotations

from django.db import connection, transaction

from annotation.models import Project


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


TABLE = Project._meta.db_table
