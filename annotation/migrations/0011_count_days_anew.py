"""Numbers that were kept per day of UTC are counted again, per quarter of an hour: the tick finds them missing."""

from django.db import migrations


def forget(apps, schema_editor):
    statistics = apps.get_model("annotation", "Statistic").objects.using(schema_editor.connection.alias)
    statistics.filter(kind__in=["pace", "count"]).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0010_fill_flags_of_assignments"),
    ]

    operations = [
        migrations.RunPython(forget, migrations.RunPython.noop, elidable=True),
    ]
