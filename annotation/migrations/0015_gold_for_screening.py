# What a known answer "for screening" was for, nothing ever did: like one for calibration it checks nobody.

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
