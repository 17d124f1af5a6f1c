"""What the database knows of the sizes of its tables, by which it chooses how to answer.

Postgres learns them by itself some minutes after a table has grown; until then a question about 300,000 new rows may be
answered as if there were ten. So whoever puts in many rows at once says so.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import DEFAULT_DB_ALIAS, connections, models

# From so many new rows on it is worth the while.
MANY = 1000


def look_again(tables: Iterable[type[models.Model]], using: str = DEFAULT_DB_ALIAS) -> None:
    """Sample these tables now. Nobody who reads or writes them waits; inside a transaction its own rows count."""
    connection = connections[using]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            names = (connection.ops.quote_name(table._meta.db_table) for table in tables)
            cursor.execute(f"ANALYZE {', '.join(names)}")
        else:
            # Of SQLite's own choice, which is where it helps; a limited look, for it holds off every writer.
            cursor.execute("PRAGMA analysis_limit = 1000")
            cursor.execute("PRAGMA optimize")
