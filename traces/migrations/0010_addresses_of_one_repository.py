"""Give attempts at one issue one key, whichever address of its repository each names."""

from django.db import migrations

from potato_site.canonical import digest
from traces.document import issue_key, repository
from traces.store import iter_opened

AT_ONCE = 1000


def regroup(apps, schema_editor):
    """Traces whose key was made from an address get the one they would get now. In batches, each a transaction of its
    own; of documents only what stands before their steps is read. Running it twice does no harm."""
    alias = schema_editor.connection.alias
    traces = apps.get_model("traces", "Trace").objects.using(alias)
    told = traces.filter(issue_id="", instance_id="", issue_key__startswith="sha256:", current__isnull=False)
    rows = told.order_by("pk").only("issue_key", "current__meta").select_related("current")
    last = 0
    while batch := list(rows.filter(pk__gt=last)[:AT_ONCE]):
        last = batch[-1].pk
        found = [trace for trace in batch if is_address(trace.current.meta.get("repo") or "")]
        opened = iter_opened([trace.current_id for trace in found], using=alias)
        moved = [trace for trace, document in zip(found, opened, strict=True) if _moves(trace, document)]
        traces.bulk_update(moved, ["issue_key"])


def is_address(repo):
    """Whether it has a name that is another text."""
    return repository(repo) not in ("", repo)


def _moves(trace, document):
    """Whether it has another key now."""
    doc = document.head or document.whole()
    text = " ".join((doc.get("issue_description") or "").split())
    if trace.issue_key != "sha256:" + digest(doc.get("repo") or "", doc.get("base_commit") or "", text):
        return False
    trace.issue_key = issue_key(doc)
    return True


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("traces", "0009_folders_are_no_repositories"),
    ]

    operations = [
        migrations.RunPython(regroup, migrations.RunPython.noop, elidable=True),
    ]
