from django.db import migrations, models
from django.db.models import F
from django.db.models.functions import Now


def know(apps, schema_editor):
    """Of visits that are there it is not known who began the later ones: each is somebody's own."""
    visits = apps.get_model("annotation", "Visit").objects.using(schema_editor.connection.alias)
    visits.update(known_since=F("came_at"))


class Migration(migrations.Migration):
    dependencies = [("annotation", "0019_recruits_without_an_item")]

    operations = [
        migrations.AddField("visit", "is_barred", models.BooleanField(db_default=False, default=False)),
        migrations.AddField("visit", "known_since", models.DateTimeField(db_default=Now())),
        migrations.AddField("visit", "skipped", models.PositiveIntegerField(db_default=0, default=0)),
        migrations.RunPython(know, migrations.RunPython.noop),
    ]
