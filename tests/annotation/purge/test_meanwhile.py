"""What goes on in a project while it is deleted: it ends, is waited for, or leaves nothing behind."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.http import Http404
from django.utils import timezone

from annotation.access import Removed
from annotation.answers.ops import apply_ops
from annotation.models import AnswerEvent, Assignment, Item, Membership, Project
from annotation.projects import bulk, purge
from annotation.projects.lifecycle import set_state
from annotation.projects.load import load_file
from annotation.projects.locking import lock_project
from exports.models import Export, ExportSchedule
from exports.publish import locked
from exports.schedules import ask_for_due
from potato_site.accounts.models import User
from potato_site.jobs import LostJob, enqueue, run_now
from potato_site.jobs.handle import JobHandle
from potato_site.jobs.models import Job
from tests.annotation.purge.projects import Stopped, files_in, gone, stopping_after
from tests.factory import op, person

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])]


def test_who_is_saving_meanwhile_leaves_nothing_behind(theirs):
    """Every save either ends before the project is taken out of use, and goes with it, or finds nothing."""
    assignment = Assignment.objects.get(annotator=person("ann"), state="open")
    begun, ended = threading.Event(), []

    def save():
        user, base = person("ann"), assignment.version
        try:
            while True:
                value = "resolved" if base % 2 else "partial"
                base = apply_ops(assignment.public_id, user, [op("outcome", {"": value}, base=base)]).version
                begun.set()
        except Exception as error:
            ended.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=save)
    thread.start()
    assert begun.wait(20)
    gone(theirs)
    thread.join(20)
    assert [type(error) for error in ended] in ([Http404], [Removed])
    assert not AnswerEvent.objects.exists()
    assert not Project.objects.exists()


def test_its_jobs_end_and_one_that_publishes_is_waited_for(theirs):
    job = enqueue("exports.build", {"project": theirs.pk, "format": "prm"})
    Job.objects.filter(pk=job.pk).update(state="running", attempt=1, lease_until=timezone.now())
    job.refresh_from_db()
    held, told, is_free = threading.Event(), threading.Event(), threading.Event()

    def publishing():
        with locked(Path(theirs.output_path) / "exports"):
            held.set()
            told.wait(20)
            with pytest.raises(LostJob):
                JobHandle(job).check()
            is_free.set()
        connection.close()

    thread = threading.Thread(target=publishing)
    thread.start()
    assert held.wait(20)
    gone(theirs, progress=lambda done, total, what: told.set() if what.startswith("waiting") else None)
    thread.join()
    assert is_free.is_set()
    assert not Job.objects.filter(project_id=theirs.pk).exists()


def test_one_that_is_opened_while_its_rows_are_counted_stays(theirs, monkeypatch):
    set_state(theirs, "closed", None)
    counts = purge.counts

    def opened_meanwhile(project):
        set_state(Project.objects.get(pk=project.pk), "open", None)
        return counts(project)

    monkeypatch.setattr(purge, "counts", opened_meanwhile)
    with pytest.raises(purge.NotClosed):
        purge.begin(theirs, User.objects.get(username="boss"))
    assert Project.objects.get().state == "open"
    assert Membership.objects.filter(state="active").exists()


@pytest.mark.services
def test_so_does_one_that_somebody_is_just_opening(theirs):
    """Who opens a project locks its row alone."""
    set_state(theirs, "closed", None)
    ended = []

    def begin():
        try:
            ended.append(purge.begin(theirs, User.objects.get(username="boss")))
        except purge.NotClosed as error:
            ended.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=begin)
    with transaction.atomic():
        set_state(theirs, "open", None)
        thread.start()
        thread.join(1)
        assert not ended
    thread.join(20)
    assert [type(end) for end in ended] == [purge.NotClosed]
    assert Project.objects.get().state == "open"


def test_nothing_is_written_again_of_what_is_going_and_no_job_fails_of_it(theirs):
    user, schedule = person("ann").pk, ExportSchedule.objects.get().pk
    wanted = [("exports.mirror", {"annotator": user}), ("exports.current", {"format": "prm"}),
              ("exports.build", {"format": "prm"}), ("exports.scheduled", {"schedule": schedule})]  # fmt: skip
    ExportSchedule.objects.update(last_seq=-1)
    seen: set[str] = set()

    def again(done, total, what):
        if what in seen:
            return
        seen.add(what)
        for kind, params in wanted:
            run_now(kind, {"project": theirs.pk, **params})
        ask_for_due()

    gone(theirs, with_output=True, progress=again)
    assert {"exports", "assignments", "traces"} <= seen
    assert files_in(theirs.output_path) == []
    for kind, params in wanted:
        assert run_now(kind, {"project": theirs.pk, **params}) in ({}, {"export": None})


def test_acts_on_many_rows_of_it_end_and_one_that_nobody_knows_is_no_hindrance(theirs, monkeypatch):
    boss, pks = User.objects.get(username="boss"), list(Item.objects.values_list("pk", flat=True))
    live = bulk.start("set_priority", pks, boss, {"priority": 1})
    unknown = bulk.start("set_priority", pks, boss, {"priority": 1})
    Job.objects.filter(pk=unknown.pk).update(params={**unknown.params, "act": "of another version"})
    looked = []
    look = purge._has_a_row
    monkeypatch.setattr(purge, "_has_a_row", lambda *a: looked.append(connection.in_atomic_block) or look(*a))
    with pytest.raises(Stopped):
        gone(theirs, progress=stopping_after(0))
    assert Job.objects.get(pk=live.pk).state == "cancelled"
    gone(theirs)
    assert not Project.objects.exists()
    assert not Job.objects.filter(pk=live.pk).exists()
    # Reading what very many rows they name holds up nobody's save.
    assert looked
    assert not any(looked)


def test_a_file_loaded_just_as_the_deletion_begins_is_refused(theirs, tmp_path, home, monkeypatch):
    def begun(pk):
        Project.objects.filter(pk=pk).update(state="purging")
        return lock_project(pk)

    monkeypatch.setattr("annotation.projects.load.lock_project", begun)
    report = load_file(tmp_path / "theirs" / "config.yaml", home)
    assert "being deleted for good" in str(report.errors[0])


def test_an_export_that_is_being_published_is_waited_for_before_rows_go(theirs):
    """Who publishes holds the folder; until then no export is removed."""
    told = []
    held, end = threading.Event(), threading.Event()

    def publishing():
        with locked(Path(theirs.output_path) / "exports"):
            held.set()
            end.wait(20)
        connection.close()

    thread = threading.Thread(target=publishing)
    thread.start()
    assert held.wait(20)

    def progress(done, total, what):
        told.append(what)
        if what == "waiting for an export to end":
            assert Export.objects.filter(project=theirs).exists()
            end.set()

    try:
        gone(theirs, progress=progress)
    finally:
        end.set()
        thread.join()
    assert told.index("waiting for an export to end") < told.index("exports")
