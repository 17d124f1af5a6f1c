"""An index that finds traces by any part of their id, on Postgres: docs/decisions/0009-search-by-a-part-of-an-id.md.

It needs the extension pg_trgm. Where the server has none, or this user may not create it, the search reads every id
instead, as it does on SQLite: it finds the same.
"""

import logging

from django.db import DatabaseError, migrations, transaction

INDEX = "trace_id_parts"
# Exactly what Django's ``icontains`` compares; else the index is no use to it.
CREATE = f"CREATE INDEX {INDEX} ON traces_trace USING gin (upper(external_id::text) gin_trgm_ops)"


def add_index(apps, schema_editor):
    connection = schema_editor.connection
    if connection.vendor != "postgresql":
        return
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            cursor.execute(CREATE)
    except DatabaseError as error:
        told = "No index for searching traces by a part of their id (docs/operations.md, Search): %s"
        logging.getLogger(__name__).warning(told, str(error).strip().splitlines()[0])


def drop_index(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"DROP INDEX IF EXISTS {INDEX}")


class Migration(migrations.Migration):
    dependencies = [("traces", "0002_formats_of_imports_and_watched_folders")]

    operations = [migrations.RunPython(add_index, drop_index)]
