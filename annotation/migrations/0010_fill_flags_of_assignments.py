"""Fill ``Assignment.is_too_fast`` and ``.is_surplus`` from the submissions there are."""

from django.db import migrations

AT_ONCE = 1000
FIELD_OF = {"too_fast": "is_too_fast", "surplus": "is_surplus"}


def fill(apps, schema_editor):
    """In batches, each a transaction of its own: nobody who labels meanwhile waits longer than for one of them.
    Running it twice does no harm."""
    alias = schema_editor.connection.alias
    submissions = apps.get_model("annotation", "Submission").objects.using(alias)
    assignments = apps.get_model("annotation", "Assignment").objects.using(alias)
    flagged = submissions.filter(is_current=True).exclude(flags=[]).order_by("pk")
    last = 0
    while rows := list(flagged.filter(pk__gt=last).values_list("pk", "flags")[:AT_ONCE]):
        for flag, field in FIELD_OF.items():
            raised = [pk for pk, flags in rows if flag in flags]
            current = submissions.filter(pk__in=raised, is_current=True)
            assignments.filter(pk__in=current.values("assignment")).update(**{field: True})
        last = rows[-1][0]


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("annotation", "0009_flags_of_assignments"),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    ]
