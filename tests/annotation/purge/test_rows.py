"""What goes of a project: every row of it, and none of another one."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connection

from annotation.assignments.handout import hand_out
from annotation.models import Assignment, Item, Membership
from potato_site.accounts.models import AuditEntry, User
from potato_site.jobs.models import Job
from tests.annotation.purge.projects import SECRET, everything_of, fill, gone, load, rows
from tests.factory import person

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])]


def test_no_row_is_left_and_none_of_another_project_is_missing(theirs, tmp_path, home):
    exported, before = everything_of(theirs, tmp_path), rows()
    ours = load(tmp_path / "ours", home, "Ours")
    fill(ours)
    empty = [label for label, pks in rows().items() if pks == before[label]]
    # Every table that can have rows of a project has some more now.
    assert [label for label in empty if label.split(".")[0] in ("annotation", "exports", "traces")] == []
    purged = gone(ours)
    after = rows()
    audit = AuditEntry.objects.filter(pk__in=after.pop("accounts.AuditEntry") - before.pop("accounts.AuditEntry"))
    assert sorted(audit.values_list("action", "object", "project")) == [
        ("project.purge", "ours", None), ("project.purged", "ours", None),
    ]  # fmt: skip
    left = Job.objects.filter(pk__in=after["jobs.Job"] - before["jobs.Job"])
    assert list(left.values_list("kind", "state", "params")) == []
    assert after == before
    assert purged.gone["items"] == 3
    assert not User.objects.filter(username__startswith="guest-").exclude(username=f"guest-{theirs.pk}").exists()
    assert person("ann").created_by_project == theirs
    assert everything_of(theirs, tmp_path) == exported


def test_the_record_says_who_and_how_much(theirs):
    boss = User.objects.get(username="boss")
    gone(theirs, by=boss)
    entry = AuditEntry.objects.get(action="project.purged")
    assert (entry.user, entry.after["by"], entry.after["name"]) == (boss, "boss", "Theirs")
    assert entry.after["rows"]["submissions"] == 2
    assert SECRET not in str(list(AuditEntry.objects.values_list("before", "after")))


def test_the_name_is_free_again(theirs, tmp_path, home):
    gone(theirs)
    again = load(tmp_path / "theirs", home, "Theirs")
    assert again.slug == "theirs"
    assert Item.objects.filter(project=again).count() == 3


def test_an_account_that_has_come_to_be_in_another_project_stays(theirs, home, tmp_path):
    project = load(tmp_path / "o", home, "Ours")
    guest = User.objects.get(username=f"guest-{theirs.pk}")
    Membership.objects.create(project=project, user=guest, role="annotator", source="admin")
    gone(theirs)
    assert User.objects.filter(pk=guest.pk).exists()
    assert Membership.objects.filter(project=project, user=guest).exists()


def test_an_account_that_has_labeled_elsewhere_stays(theirs, home, tmp_path):
    project = load(tmp_path / "o", home, "Ours")
    guest = User.objects.get(username=f"guest-{theirs.pk}")
    assignment = hand_out(project, person("ann")).assignment
    Assignment.objects.filter(pk=assignment.pk).update(annotator=guest)
    gone(theirs)
    assert Assignment.objects.get(pk=assignment.pk).annotator == guest


@pytest.mark.sqlite
def test_what_was_written_is_overwritten_in_the_file_of_the_database(theirs):
    """What is only deleted could still be read from it."""
    database = Path(connection.settings_dict["NAME"])

    def on_disk() -> bytes:
        return b"".join(path.read_bytes() for path in database.parent.glob(f"{database.name}*"))

    assert SECRET.encode() in on_disk()
    gone(theirs)
    assert SECRET.encode() not in on_disk()
