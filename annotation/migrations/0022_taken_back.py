from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("annotation", "0021_items_of_a_group")]

    operations = [
        migrations.AddField("assignment", "is_taken_back", models.BooleanField(db_default=False, default=False)),
    ]
