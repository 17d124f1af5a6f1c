# Nothing ever came of a known answer "for screening": like one for calibration, its item is not handed out as a check.

from django.db import migrations


def keep_for_calibration(apps, schema_editor):
    gold = apps.get_model("annotation", "Gold")
    gold.objects.using(schema_editor.connection.alias).filter(use="screening").update(use="calibration")


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0014_calibration'),
    ]

    operations = [
        migrations.RunPython(keep_for_calibration, migrations.RunPython.noop),
    ]
