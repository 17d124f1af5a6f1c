"""A deletion that was stopped: nobody finds the project, and another run finishes it as it was begun."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from annotation.assignments.handout import hand_out
from annotation.models import Assignment, Item, Project
from annotation.projects.load import load_file
from potato_site.accounts.models import AuditEntry, User
from tests.annotation.purge.projects import Stopped, files_in, gone, run, stopping_after
from tests.factory import person
from traces.models import Dataset

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])]


def test_stopped_at_any_point_it_is_finished_by_another_run(theirs, capsys):
    """Between any two transactions the audit finds nothing wrong, and nobody gets at the project."""
    stops = 0
    while Project.objects.filter(pk=theirs.pk).exists():
        stops += 1
        try:
            gone(theirs, progress=stopping_after(2))
        except Stopped:
            call_command("verify_audit")
    assert stops > 4
    assert not Item.objects.exists()
    assert not Dataset.objects.exists()
    assert AuditEntry.objects.filter(action="project.purge").count() == 1
    call_command("verify_audit")


def test_halfway_nobody_finds_it_and_nothing_is_written(theirs, client, tmp_path):
    label = reverse("label", args=[Assignment.objects.get(annotator=person("ann"), state="open").public_id])
    client.force_login(person("ann"))
    assert client.get(label).status_code == 200

    with pytest.raises(Stopped):
        gone(theirs, progress=stopping_after(0))
    assert client.get(label).status_code == 404
    assert client.get(reverse("project", args=["theirs"])).status_code == 404
    assert hand_out(theirs, person("bob")).assignment is None
    client.force_login(User.objects.get(username="boss"))
    assert client.get(reverse("manage-overview", args=["theirs"])).status_code == 404
    with pytest.raises(CommandError, match="being deleted for good"):
        call_command("status", "theirs")
    report = load_file(tmp_path / "theirs" / "config.yaml", tmp_path / "home")
    assert "being deleted for good" in str(report.errors[0])
    gone(theirs)
    client.force_login(person("ann"))
    assert client.get(label).status_code == 404


def test_what_was_asked_for_at_first_holds(theirs):
    with pytest.raises(Stopped):
        gone(theirs, progress=stopping_after(8))
    with pytest.raises(CommandError, match="begun without --with-output"):
        run("theirs", "--yes", "--with-output")
    assert Project.objects.exists()
    assert f"{theirs.output_path} stays there" in run("theirs", "--yes")


def test_so_does_with_output(theirs):
    with pytest.raises(Stopped):
        gone(theirs, with_output=True, progress=stopping_after(1))
    assert f"{theirs.output_path} is removed" in run("theirs", "--yes")
    assert files_in(theirs.output_path) == []
