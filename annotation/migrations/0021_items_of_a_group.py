from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("annotation", "0020_visits_that_go_on")]

    operations = [
        migrations.AddField("item", "group", models.CharField(blank=True, db_default="", max_length=64)),
        migrations.AddIndex("item", models.Index(fields=["project", "group"], name="item_group")),
        # Nothing ever wrote it.
        migrations.RemoveField("slot", "group"),
    ]
