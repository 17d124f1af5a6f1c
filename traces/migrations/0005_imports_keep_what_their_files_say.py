from django.db import migrations, models

import potato_site.textjson

COUNTED = ("new", "changed", "unchanged", "problems", "warnings")


def fill(apps, schema_editor):
    """What the files of each import say together, and the name of its first. Most are counted alike: those are one row."""
    alias = schema_editor.connection.alias
    files = apps.get_model("traces", "ImportFile").objects.using(alias)
    for batch in apps.get_model("traces", "Import").objects.using(alias).order_by("pk").iterator():
        mine = files.filter(batch=batch)
        totals = dict.fromkeys(COUNTED, 0)
        for counts, times in mine.order_by().values_list("counts").annotate(times=models.Count("pk")):
            for key in COUNTED:
                totals[key] += times * counts.get(key, 0)
        batch.counts = totals
        batch.file = mine.order_by("pk").values_list("file", flat=True).first() or ""
        batch.save(update_fields=["counts", "file"])


class Migration(migrations.Migration):
    dependencies = [
        ("traces", "0004_find_those_without_steps"),
    ]

    operations = [
        migrations.AddField("import", "counts", potato_site.textjson.TextJSONField(default=dict, db_default={})),
        migrations.AddField("import", "file", models.CharField(max_length=1000, blank=True, default="", db_default="")),
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    ]
