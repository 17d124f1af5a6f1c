"""kill -9 of ``potato purge`` at every stage: another project is as it was, and the next run finishes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from annotation.models import AnswerEvent, Assignment, Item, Project
from annotation.projects.load import load_file
from potato_site.accounts.models import AuditEntry
from tests.factory import answers, submit_item, write_project
from tests.faults.server import database_url
from tests.faults.worker import until
from traces.models import Dataset, Trace

pytestmark = [pytest.mark.django_db(transaction=True, databases=["default", "snapshot"]), pytest.mark.faults]
COMMAND = """
import django
django.setup()
import tests.faults.stalls
from django.core.management import call_command
call_command("purge", "going", "--yes")
"""
PLACES = [
    "exports.purges:Deliveries.remove:before",  # nobody finds it any more, and all of it is there
    "annotation.projects.purge:delete:after",  # in the middle of a transaction
    "annotation.projects.purge:_remove_items:before",
    "annotation.projects.purge:_remove_recruits:after",
    "traces.purges:_remove_imports:after",
    "annotation.projects.purge:_remove_folders:after",  # only its row is left
]


def killed_at(place: str, home: Path, mark: Path) -> None:
    connection.close()
    environment = os.environ | {
        "DATABASE_URL": database_url(),
        "POTATO_HOME": str(home),
        "POTATO_TEST_STALL": place,
        "POTATO_TEST_STALL_MARK": str(mark),
        "DJANGO_SETTINGS_MODULE": "potato_site.settings",
    }
    process = subprocess.Popen([sys.executable, "-c", COMMAND], env=environment, stdout=subprocess.DEVNULL)
    try:
        until(mark.exists, 60)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("place", PLACES)
def test_killed_anywhere_it_is_finished_by_the_next_run(place, tmp_path, settings):
    home = settings.POTATO_HOME = tmp_path / "home"
    home.mkdir()
    for name in ("Going", "Staying"):
        project = load_file(write_project(tmp_path / name, name=name), home).project
        submit_item(project, "ann", answers(1))
    kept = [*AnswerEvent.objects.filter(assignment__project=project).values_list("pk", "digest")]
    killed_at(place, home, tmp_path / "there")
    assert Project.objects.filter(slug="going").exists()
    call_command("verify_audit")
    call_command("purge", "going", "--yes")
    call_command("verify_audit")
    assert Project.objects.get().slug == "staying"
    assert [*AnswerEvent.objects.values_list("pk", "digest")] == kept
    assert not Assignment.objects.exclude(project=project).exists()
    assert not Item.objects.exclude(project=project).exists()
    assert Dataset.objects.get() == project.dataset
    assert not Trace.objects.exclude(dataset=project.dataset).exists()
    assert AuditEntry.objects.filter(action="project.purged").count() == 1
