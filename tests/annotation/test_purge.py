"""Deleting a project for good: nothing of it is left, nothing of another one is touched, and it can be begun again."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.http import Http404
from django.urls import reverse
from django.utils import timezone

from annotation.access import Removed
from annotation.answers.ops import apply_ops
from annotation.assignments.handout import hand_out
from annotation.models import AnswerEvent, Assignment, Gold, Item, Membership, Project, Recruit, Screening, Visit
from annotation.projects import bulk, invitations, purge
from annotation.projects.create import create_project
from annotation.projects.lifecycle import set_state
from annotation.projects.load import load_file
from annotation.projects.locking import lock_project
from annotation.projects.presets import presets
from annotation.projects.revisions import current
from annotation.quality import statistics
from annotation.quality.gold import set_gold
from exports.build import build
from exports.current import place_of
from exports.models import Export, ExportSchedule
from exports.options import Options
from exports.publish import locked
from exports.schedules import ask_for_due
from potato_site.accounts.models import AuditEntry, User
from potato_site.api import tokens
from potato_site.jobs import LostJob, enqueue, run_now
from potato_site.jobs.handle import JobHandle
from potato_site.jobs.models import Job
from tests.factory import answers, make_trace, op, person, submit_item, write_project
from traces import chunks, purges
from traces.access import datasets_of
from traces.imports import import_files
from traces.models import Chunk, Dataset, Import, ImportFile, Trace
from traces.uploads import UploadRefused, receive

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])]
SECRET = "Quetzalcoatlus"


@pytest.fixture(autouse=True)
def home(settings, tmp_path) -> Path:
    settings.POTATO_HOME = tmp_path / "home"
    settings.POTATO_HOME.mkdir()
    return settings.POTATO_HOME


def load(folder: Path, home: Path, name: str, **options) -> Project:
    traces = [make_trace(f"{name}-{number}", 30, issue_description=f"{name} {number}") for number in range(3)]
    report = load_file(write_project(folder, name=name, traces=traces, **options), home)
    assert report.project is not None, report.errors
    return report.project


def fill(project: Project) -> None:
    """Something in every table that a project can have rows in."""
    boss = User.objects.filter(username="boss").first() or User.objects.create_superuser("boss")
    submit_item(project, "ann", answers(1, "partial", SECRET))
    submit_item(project, "bob", answers())
    hand_out(project, person("ann"))
    item = Item.objects.filter(project=project).latest("pk")
    set_gold(project, item, "outcome", {"": "partial"}, user=boss)
    Gold.objects.update(taken_from=Assignment.objects.filter(project=project).first())
    invitations.invite(project, "viewer", boss, email="new@example.org")
    tokens.make(boss, scopes=["read"], project=project)
    schedule = ExportSchedule.objects.create(project=project, format="prm", every_n=1)
    run_now("exports.scheduled", {"project": project.pk, "schedule": schedule.pk})
    for user in (person("ann"), person("bob")):
        run_now("exports.mirror", {"project": project.pk, "annotator": user.pk})
    statistics.compute(project)
    chunks.render_version(item.a_id, current(project).render_options())
    run_now("traces.render_changes", {"version": item.a_id, "options": current(project).render_options().model_dump()})
    member = Membership.objects.get(project=project, user=person("ann"))
    now = timezone.now()
    screening = Screening.objects.create(membership=member, number=1, items=1, needed=1, begun_at=now)
    Assignment.objects.filter(project=project, annotator=person("ann")).update(screening=screening)
    guest = User.objects.create_user(f"guest-{project.pk}")
    recruit = Recruit.objects.create(project=project, user=guest, platform="prolific", external_id="5f" * 12)
    Visit.objects.create(recruit=recruit, study_id="s", session_id="s", came_at=now)
    Membership.objects.create(project=project, user=guest, role="annotator", source="platform")
    upload = Import.objects.create(dataset=project.dataset)
    ImportFile.objects.create(batch=upload, file="more.jsonl")
    AuditEntry.objects.create(action="traces.upload", object=f"dataset {project.dataset_id}", after={"file": "m.jsonl"})
    from traces.uploads import path_of

    path_of(upload).write_text(SECRET)


def rows() -> dict[str, set]:
    """Every row of every table but the accounts, by its key."""
    models = [model for model in apps.get_models(include_auto_created=True) if model is not User]
    return {model._meta.label: set(model._base_manager.values_list("pk", flat=True)) for model in models}


def everything_of(project: Project, tmp_path: Path) -> bytes:
    """An export of it, as a file."""
    path = tmp_path / f"{project.slug}.jsonl"
    build(project.pk, "prm", Options(), path)
    return path.read_bytes()


def gone(project: Project, **options) -> purge.Purged:
    return purge.purge(project, **{"by": None, "with_output": False, "progress": lambda *_: None, **options})


@pytest.fixture
def theirs(tmp_path, home) -> Project:
    """Another project, in which the same people label."""
    project = load(tmp_path / "theirs", home, "Theirs")
    fill(project)
    return project


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


def test_no_file_of_it_is_left_in_the_home(settings, home, tmp_path):
    boss = User.objects.create_superuser("boss")
    project = create_project("Made here", "Runs", presets()["first_error"].configure("x"), [], boss)
    folder = Path(project.output_path)
    (folder / "ann").mkdir()
    (folder / "ann" / "annotations.jsonl").write_text(SECRET)
    (folder / "exports" / "prm-1").mkdir(parents=True)
    Export.objects.create(
        project=project, format="prm", options_digest="0" * 64, seq=1, path=str(folder / "exports" / "prm-1"),
        manifest={"files": []}, sha256="0" * 64,
    )  # fmt: skip
    upload = home / "uploads" / str(Import.objects.create(dataset=project.dataset).pk)
    upload.mkdir(parents=True)
    (upload / "1").write_text(SECRET)
    gone(project)
    assert not folder.exists()
    assert not upload.exists()


def test_an_output_folder_outside_the_home_stays_unless_asked_for(theirs, tmp_path):
    output = Path(theirs.output_path)
    notes = output / "ann" / "notes.txt"
    notes.write_text("mine")
    assert gone(theirs).output == str(output)
    assert (output / "ann" / "annotations.jsonl").exists()
    assert list((output / "exports").glob("prm-*/prm_labels.jsonl"))


def test_with_it_what_was_delivered_goes_and_what_is_somebody_elses_stays(theirs):
    output = Path(theirs.output_path)
    notes = output / "ann" / "notes.txt"
    notes.write_text("mine")
    assert gone(theirs, with_output=True).output == ""
    left = sorted(str(path.relative_to(output)) for path in output.rglob("*") if path.is_file())
    assert left == [".potato/.gitignore", "ann/notes.txt"]


def test_a_dataset_that_another_project_labels_stays_for_it(theirs, tmp_path):
    boss = User.objects.get(username="boss")
    theirs.dataset.managers.add(boss)
    config = presets()["first_error"].configure("x")
    other = create_project("Other", theirs.dataset, config, [], boss)
    run_now("annotation.sync_items", {"dataset": theirs.dataset_id})
    exported, shown = everything_of(theirs, tmp_path), set(Chunk.objects.values_list("pk", flat=True))
    gone(other)
    assert Dataset.objects.get(pk=theirs.dataset_id).is_going is False
    assert everything_of(theirs, tmp_path) == exported
    assert set(Chunk.objects.values_list("pk", flat=True)) == shown
    gone(theirs)
    assert not Dataset.objects.exists()
    assert not Chunk.objects.exists()


def test_a_dataset_that_somebody_else_manages_stays_for_them(theirs):
    """Lena has uploaded traces, and made no project of them yet; a colleague has tried something with them."""
    lena, mara = User.objects.create_user("lena"), User.objects.create_user("mara")
    dataset = Dataset.objects.create(name="Lena's")
    dataset.managers.add(lena, mara)
    Trace.objects.filter(dataset=theirs.dataset).update(dataset=dataset)
    project = create_project("Try", dataset, presets()["first_error"].configure("x"), [], mara)
    run_now("annotation.sync_items", {"dataset": dataset.pk})
    # Who only labels there does not give away her dataset by that.
    Membership.objects.create(project=project, user=lena, role="annotator", source="admin")
    said = run("try", "--dry-run")
    assert """the dataset "Lena's" (managed by lena): its traces stay.""" in said
    assert "versions of traces" not in said
    with pytest.raises(Stopped):
        gone(project, progress=stopping_after(3))
    gone(project)
    assert datasets_of(lena).get() == dataset
    assert Trace.objects.filter(dataset=dataset).count() == 3
    assert not datasets_of(mara).exists()


def test_a_dataset_stays_with_who_manages_another_project_of_it(theirs):
    mara = User.objects.create_user("mara")
    for name in ("One", "Two"):
        create_project(name, theirs.dataset, presets()["first_error"].configure("x"), [], mara)
    theirs.dataset.managers.add(mara)
    gone(Project.objects.get(slug="one"))
    assert datasets_of(mara).exists()
    gone(Project.objects.get(slug="two"))
    assert not datasets_of(mara).exists()


def test_of_two_that_are_deleted_at_once_the_second_takes_the_dataset(theirs):
    boss = User.objects.get(username="boss")
    other = create_project("Other", theirs.dataset, presets()["first_error"].configure("x"), [], boss)
    theirs.dataset.managers.add(boss)
    with pytest.raises(Stopped):
        gone(theirs, progress=stopping_after(8))
    gone(other)
    assert Dataset.objects.exists()
    gone(theirs)
    assert not Dataset.objects.exists()
    assert not Trace.objects.exists()


def test_no_import_puts_more_into_a_dataset_on_its_way_out(theirs, tmp_path):
    with pytest.raises(Stopped):
        gone(theirs, progress=stopping_after(0))
    more = tmp_path / "more.jsonl"
    more.write_text(json.dumps(make_trace("late")))
    with pytest.raises(Dataset.DoesNotExist):
        import_files(theirs.dataset, [more])
    gone(theirs)
    assert not Dataset.objects.exists()


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


def test_a_chunk_that_another_dataset_shows_stays(tmp_path, home):
    """Equal steps are stored once."""
    same = [make_trace("same", 30)]
    reports = [load_file(write_project(tmp_path / name, name=name, traces=same), home) for name in ("One", "Two")]
    for report in reports:
        item = Item.objects.get(project=report.project)
        chunks.render_version(item.a_id, current(report.project).render_options())
    shown = set(Chunk.objects.values_list("pk", flat=True))
    gone(reports[0].project)
    assert shown
    assert set(Chunk.objects.values_list("pk", flat=True)) == shown


class Stopped(Exception):
    """As a kill would."""


def stopping_after(steps: int):
    left = iter(range(steps))

    def progress(*_):
        if next(left, None) is None:
            raise Stopped

    return progress


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


def test_the_name_is_free_again(theirs, tmp_path, home):
    gone(theirs)
    again = load(tmp_path / "theirs", home, "Theirs")
    assert again.slug == "theirs"
    assert Item.objects.filter(project=again).count() == 3


def make(name: str, dataset: Dataset | str = "Runs") -> Project:
    boss = User.objects.filter(username="boss").first() or User.objects.create_superuser("boss")
    return create_project(name, dataset, presets()["first_error"].configure("x"), [], boss)


@pytest.mark.parametrize("place", ["other", "other/inside", "."])
def test_a_folder_that_another_project_delivers_to_stays_and_is_named(place, home, tmp_path):
    """The folder itself, one inside, and one around it."""
    project = make("Other")
    theirs = load(tmp_path / "t", home, "Theirs")
    Project.objects.filter(pk=theirs.pk).update(output_path=str(home / "projects" / place))
    label = home / "projects" / place / "ann" / "annotations.jsonl"
    label.parent.mkdir(parents=True)
    label.write_text("theirs")
    said = run("other", "--yes")
    assert "other stays: the project theirs has it, too" in said
    assert label.read_text() == "theirs"
    assert not Project.objects.filter(pk=project.pk).exists()


def test_so_does_one_by_another_name_and_one_with_an_export_of_another(home, tmp_path):
    big = tmp_path / "big"
    big.mkdir()
    (home / "projects").symlink_to(big)
    first, second, theirs = make("First"), make("Second"), load(tmp_path / "t", home, "Theirs")
    Project.objects.filter(pk=theirs.pk).update(output_path=str(big / "first" / "nested"))
    Export.objects.create(
        project=theirs, format="prm", options_digest="0" * 64, seq=1, path=str(big / "second" / "exports" / "prm-1"),
        manifest={"files": []}, sha256="0" * 64,
    )  # fmt: skip
    assert "first stays: the project theirs" in gone(first).spared[0]
    assert "second stays: an export of the project theirs" in gone(second).spared[0]
    assert sorted(path.name for path in big.iterdir()) == ["first", "second"]


def test_the_folder_of_all_projects_stays(home, tmp_path):
    project = load(tmp_path / "t", home, "Theirs", output={"path": str(home / "projects"), "format": "jsonl"})
    (home / "projects" / "kept").write_text("x")
    gone(project)
    assert (home / "projects" / "kept").exists()


def test_a_folder_that_is_a_link_is_unlinked_and_where_it_led_is_said(home, tmp_path):
    project = make("Made here")
    folder, big = Path(project.output_path), tmp_path / "big"
    folder.rename(big)
    folder.symlink_to(big)
    (big / "notes").write_text("x")
    assert f"made-here was a link to {big}: what lies there stays" in run("made-here", "--yes")
    assert not folder.is_symlink()
    assert (big / "notes").exists()
    assert not Project.objects.exists()


def test_a_new_project_takes_no_folder_that_another_delivers_to(home, tmp_path):
    load(tmp_path / "a", home, "A", output={"path": str(home / "projects" / "other"), "format": "jsonl"})
    load(tmp_path / "b", home, "B", output={"path": str(home / "projects" / "other-2" / "in"), "format": "jsonl"})
    assert make("Other").slug == "other-3"


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


def test_of_a_dataset_on_its_way_out_no_project_is_made_and_nothing_goes_into_it(theirs):
    dataset = theirs.dataset
    with pytest.raises(Stopped):
        gone(theirs, progress=stopping_after(0))
    with pytest.raises(ValidationError, match="being deleted"):
        make("Late", dataset)
    with pytest.raises(UploadRefused, match="being deleted"):
        receive(dataset, BytesIO(json.dumps(make_trace("late")).encode()), name="late.jsonl", user=None)


@pytest.mark.services
def test_a_project_made_just_before_keeps_the_traces(theirs):
    ended = []

    def purging():
        ended.append(gone(theirs))
        connection.close()

    thread = threading.Thread(target=purging)
    with transaction.atomic():
        make("Just before", theirs.dataset)
        thread.start()
        thread.join(2)
        assert not ended
    thread.join(30)
    assert ended
    assert Trace.objects.filter(dataset__projects__slug="just-before").count() == 3


def files_in(output: str) -> list[str]:
    folder = Path(output)
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in found if path.parts[0] != ".potato")


@pytest.mark.parametrize("form", ["dpo", "swe_bench", "prm", "huggingface"])
def test_with_output_no_file_that_was_kept_current_stays_but_somebody_elses(form, home, tmp_path):
    kept = {"path": "./output/", "format": "jsonl", "export_formats": [form]}
    project = load(tmp_path / "p", home, "Ours", output=kept)
    submit_item(project, "ann", answers(1))
    submit_item(project, "bob", answers())
    with suppress(ImportError):
        run_now("exports.current", {"project": project.pk, "format": form})
    notes = place_of(project.output_path, form)
    notes = (notes.parent if notes.suffix else notes) / "my_notes.md"
    notes.parent.mkdir(exist_ok=True, parents=True)
    notes.write_text("mine")
    # What the configuration asks for now says nothing about what was written.
    Project.objects.filter(pk=project.pk).update(revision=None)
    gone(Project.objects.get(pk=project.pk), with_output=True)
    assert files_in(project.output_path) == [str(notes.relative_to(project.output_path))]


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


def test_a_chunk_that_is_shown_since_it_was_looked_for_stays(tmp_path, home):
    same = [make_trace("same", 30)]
    one, two = (
        load_file(write_project(tmp_path / name, name=name, traces=same), home).project for name in ("1a", "2b")
    )
    item, other = Item.objects.get(project=one), Item.objects.get(project=two)
    options = current(one).render_options()
    chunks.render_version(item.a_id, options)

    looked = purges._Elsewhere.look

    def look(self, *args):
        looked(self, *args)
        if args:
            chunks.render_version(other.a_id, options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(purges._Elsewhere, "look", look)
        gone(one)
    keys = chunks.rendering_of(other.a_id, options).chunk_keys
    assert keys
    assert Chunk.objects.filter(pk__in=keys).count() == len(keys)


def test_a_file_loaded_just_as_the_deletion_begins_is_refused(theirs, tmp_path, home, monkeypatch):
    def begun(pk):
        Project.objects.filter(pk=pk).update(state="purging")
        return lock_project(pk)

    monkeypatch.setattr("annotation.projects.load.lock_project", begun)
    report = load_file(tmp_path / "theirs" / "config.yaml", home)
    assert "being deleted for good" in str(report.errors[0])


def test_an_account_that_has_come_to_be_in_another_project_stays(theirs, home, tmp_path):
    project = load(tmp_path / "o", home, "Ours")
    guest = User.objects.get(username=f"guest-{theirs.pk}")
    Membership.objects.create(project=project, user=guest, role="annotator", source="admin")
    gone(theirs)
    assert User.objects.filter(pk=guest.pk).exists()
    assert Membership.objects.filter(project=project, user=guest).exists()


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


def test_a_dataset_that_another_project_has_let_go_of_meanwhile_is_out_of_use_before_it_is_emptied(theirs):
    """Of two that are deleted at once, the second finds itself alone only later; from then on no import goes on."""
    other = make("Other", theirs.dataset)
    theirs.dataset.managers.add(User.objects.get(username="boss"))
    states = []

    def progress(done, total, what):
        if what == "revisions" and Project.objects.filter(pk=other.pk).exists():
            gone(other)
        if what in ("imports", "traces"):
            states.append(Dataset.objects.get(pk=theirs.dataset_id).is_going)

    gone(theirs, progress=progress)
    assert states
    assert all(states)
    assert not Dataset.objects.exists()


def test_an_account_that_has_labeled_elsewhere_stays(theirs, home, tmp_path):
    project = load(tmp_path / "o", home, "Ours")
    guest = User.objects.get(username=f"guest-{theirs.pk}")
    assignment = hand_out(project, person("ann")).assignment
    Assignment.objects.filter(pk=assignment.pk).update(annotator=guest)
    gone(theirs)
    assert Assignment.objects.get(pk=assignment.pk).annotator == guest


def test_a_dataset_that_a_project_has_come_to_use_after_all_is_in_use_again(theirs):
    """By whatever way it came: the row of that project is there when the last row goes."""
    boss = User.objects.get(username="boss")

    def progress(done, total, what):
        if what == "statistics" and not Project.objects.filter(slug="late").exists():
            Project.objects.create(slug="late", name="Late", dataset=theirs.dataset)
            theirs.dataset.managers.add(boss)

    gone(theirs, progress=progress)
    assert Dataset.objects.get().is_going is False
    assert datasets_of(boss).exists()


@pytest.mark.sqlite
def test_what_was_written_is_overwritten_in_the_file_of_the_database(theirs):
    """What is only deleted could still be read from it."""
    database = Path(connection.settings_dict["NAME"])

    def on_disk() -> bytes:
        return b"".join(path.read_bytes() for path in database.parent.glob(f"{database.name}*"))

    assert SECRET.encode() in on_disk()
    gone(theirs)
    assert SECRET.encode() not in on_disk()


def run(*words: str) -> str:
    out = StringIO()
    call_command("purge", *words, stdout=out)
    return out.getvalue()


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
