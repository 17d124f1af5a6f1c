"""What the traces' migration made attempts at one issue is new to who has an earlier export."""

from django.db import migrations, models

from traces.document import repository

AT_ONCE = 1000


def tell(apps, schema_editor):
    """Raise the counter of projects with such traces, so that their exports are made anew, and name their items in exports
    of what changed."""
    alias = schema_editor.connection.alias
    items = apps.get_model("annotation", "Item").objects.using(alias)
    told = items.filter(trace_a__issue_id="", trace_a__instance_id="", trace_a__issue_key__startswith="sha256:")
    for project in apps.get_model("annotation", "Project").objects.using(alias).order_by("pk"):
        rows = told.filter(project=project).order_by("pk").values_list("pk", "trace_a__current__meta")
        found = [pk for pk, meta in rows.iterator(chunk_size=AT_ONCE) if _is_address((meta or {}).get("repo") or "")]
        if found:
            project.seq = models.F("seq") + 1
            project.save(update_fields=["seq"])
            project.refresh_from_db(fields=["seq"])
        for start in range(0, len(found), AT_ONCE):
            items.filter(pk__in=found[start : start + AT_ONCE]).update(changed_seq=project.seq)


def _is_address(repo):
    """Whether it has a name that is another text."""
    return repository(repo) not in ("", repo)


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0025_attempts_that_became_pairs"),
        ("traces", "0010_addresses_of_one_repository"),
    ]

    operations = [
        migrations.RunPython(tell, migrations.RunPython.noop, elidable=True),
    ]
