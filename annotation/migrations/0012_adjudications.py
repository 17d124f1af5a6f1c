"""At most one decision of an item at a time; what there is to decide is counted, the tick finds it missing."""

from django.db import migrations, models


def forget(apps, schema_editor):
    statistics = apps.get_model("annotation", "Statistic").objects.using(schema_editor.connection.alias)
    statistics.filter(kind="count").delete()


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0011_count_days_anew"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="assignment",
            index=models.Index(
                condition=models.Q(("purpose", "adjudication")),
                fields=["project", "state"],
                name="assignment_adjudicates",
            ),
        ),
        migrations.AddConstraint(
            model_name="assignment",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("purpose", "adjudication"), ("state__in", ["open", "submitted", "reopened"])
                ),
                fields=("item",),
                name="one_adjudication_of_an_item",
            ),
        ),
        migrations.RunPython(forget, migrations.RunPython.noop, elidable=True),
    ]
