"""A trigger refuses to change an answer event. (On SQLite, a later migration that rebuilds the table must make it again.)"""

from django.db import migrations

TABLE = "annotation_answerevent"
SQLITE = f"""
CREATE TRIGGER answer_event_append_only BEFORE UPDATE ON {TABLE}
BEGIN SELECT RAISE(ABORT, 'answer events are append-only'); END
"""
POSTGRES = f"""
CREATE FUNCTION answer_event_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'answer events are append-only'; END $$;
CREATE TRIGGER answer_event_append_only BEFORE UPDATE ON {TABLE}
FOR EACH ROW EXECUTE FUNCTION answer_event_append_only();
"""


def add_trigger(apps, schema_editor):
    schema_editor.execute(SQLITE if schema_editor.connection.vendor == "sqlite" else POSTGRES)


def drop_trigger(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TRIGGER answer_event_append_only")
    else:
        schema_editor.execute(f"DROP TRIGGER answer_event_append_only ON {TABLE}")
        schema_editor.execute("DROP FUNCTION answer_event_append_only()")


class Migration(migrations.Migration):
    dependencies = [("annotation", "0001_initial")]

    operations = [migrations.RunPython(add_trigger, drop_trigger)]
