"""``potato purge``: it says what would go, asks for the slug, and goes on."""

from __future__ import annotations

import pytest
from django.core.management import CommandError

from annotation.models import Project
from potato_site.accounts.models import AuditEntry
from tests.annotation.purge.projects import Stopped, gone, rows, run, stopping_after

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])]


def test_the_command_says_what_would_go_and_changes_nothing(theirs):
    before = rows()
    said = run("theirs", "--dry-run")
    assert [line.split() for line in said.splitlines() if line.startswith("submissions")] == [["submissions", "2"]]
    assert "its traces go, too" in said
    assert f"{theirs.output_path} stays there" in said
    assert rows() == before


def test_the_command_asks_for_the_slug(theirs, monkeypatch):
    with pytest.raises(CommandError, match="give --yes"):
        run("theirs")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: "their")
    with pytest.raises(CommandError, match="nothing was changed"):
        run("theirs")
    assert Project.objects.get().state == "open"
    monkeypatch.setattr("builtins.input", lambda _: "theirs")
    assert "theirs is deleted" in run("theirs")
    assert not Project.objects.exists()


def test_the_command_goes_on_with_what_was_stopped(theirs):
    with pytest.raises(Stopped):
        gone(theirs, progress=stopping_after(0))
    assert "purging" in run("theirs", "--dry-run")
    assert "theirs is deleted" in run("theirs", "--yes")
    assert not Project.objects.exists()
    assert "the command line" in AuditEntry.objects.get(action="project.purged").after["by"]
