"""Forgetting a person: their labels stay, and nothing in the database, the home or the deliverables says who it was."""

from __future__ import annotations

import json
from hashlib import sha256
from io import StringIO
from pathlib import Path

import pytest
from axes.models import AccessAttempt
from django.apps import apps
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation.assignments import managing
from annotation.assignments.handout import hand_out
from annotation.models import Assignment, Invitation, Membership, Project, Recruit, Submission, Visit
from annotation.projects import forgetting, invitations, lifecycle, membership
from annotation.projects.load import load_file
from annotation.quality import statistics
from exports import mirror
from exports.build import build
from exports.models import Export, ExportSchedule
from exports.options import Options
from exports.rules import ROWS_VERSION, digest_of
from potato_site.accounts import limits, links
from potato_site.accounts.models import Attempt, AuditEntry, User
from potato_site.api import tokens
from potato_site.api.models import IdempotencyKey
from potato_site.jobs import enqueue, run_now
from potato_site.jobs.models import Job
from tests import kept
from tests.annotation.test_people_at_once import at_once
from tests.factory import PASSWORD, answers, person, submit_item, write_project
from traces.models import Dataset

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])]
# Nothing else in the database is called so.
WHO, MAIL = "quetzal", "quetzal.bird@example.org"


@pytest.fixture(autouse=True)
def home(settings, tmp_path) -> None:
    settings.POTATO_HOME = tmp_path / "home"
    settings.POTATO_HOME.mkdir()


def superuser() -> User:
    return User.objects.filter(username="boss").first() or User.objects.create_superuser("boss")


@pytest.fixture
def project(tmp_path, client) -> Project:
    """One whose annotator has left something wherever the product keeps names, and is signed in."""
    project = kept.again("who is to be forgotten", tmp_path, lambda: make(tmp_path))
    client.cookies[settings.SESSION_COOKIE_NAME] = Session.objects.get().session_key
    return project


@pytest.fixture
def boss(request) -> User:
    """There with the project, where a test has one."""
    if "project" in request.fixturenames:
        request.getfixturevalue("project")
    return superuser()


def make(tmp_path) -> Project:
    boss, client = superuser(), Client()
    project = load_file(write_project(tmp_path / "files", people=(WHO, "bob")), tmp_path / "home").project
    user = person(WHO)
    user.first_name, user.last_name, user.email = "Queta", "Zal", MAIL
    user.preferences = {"timezone": "America/Mexico_City"}
    user.save()
    submit_item(project, WHO, answers(1, "partial", "wrong file"))
    submit_item(project, "bob", answers(1, "resolved"))
    submit_item(project, WHO, answers())
    invitation, _ = invitations.invite(project, "viewer", boss, email=MAIL)
    Invitation.objects.filter(pk=invitation.pk).update(username=WHO)
    tokens.make(user, scopes=["read"])
    IdempotencyKey.objects.create(user=user, key="k", request_sha256="0" * 64, status=200, body=WHO)
    client.force_login(user)
    client.get(reverse("profile"))
    AccessAttempt.objects.create(username=WHO, ip_address="10.0.0.1", failures_since_start=1)
    limits.count("reset-address", sha256(MAIL.encode()).hexdigest())
    enqueue("accounts.mail", {"email": MAIL})
    Job.objects.create(
        kind="exports.mirror", queue="fast", state="failed", due_at=timezone.now(),
        params={"project": project.pk, "annotator": user.pk}, error=f"OSError: /out/{WHO}/annotations.jsonl",
    )  # fmt: skip
    member = Membership.objects.get(project=project, user=user)
    membership.pause(member, boss)
    membership.resume(member, boss)
    last = hand_out(project, user).assignment
    managing.release(last.pk, boss, "is careless")
    managing.reopen(Submission.objects.filter(assignment__annotator=user).latest("pk").assignment_id, boss, "is sloppy")
    ExportSchedule.objects.create(
        project=project, format="prm", every_n=1, options={"exclude_annotators": [WHO, "zoe"]}
    )
    recruit = Recruit.objects.create(project=project, user=user, platform="prolific", external_id="5fquetzal")
    Visit.objects.create(
        recruit=recruit, study_id="study", session_id="5squetzal", code="5cmotmot", came_at=timezone.now()
    )
    statistics.compute(project)
    for one in (user, person("bob")):
        run_now("exports.mirror", {"project": project.pk, "annotator": one.pk})
    return project


def everything() -> dict[str, str]:
    """What every table says, as text."""
    return {model._meta.label: str(list(model._base_manager.values())) for model in apps.get_models()}


def forget(**options) -> forgetting.Forgotten:
    return forgetting.forget(person(WHO), **{"who": "boss", "with_exports": False, **options})


def exported(project: Project, tmp_path: Path, **options) -> list[dict]:
    path = tmp_path / "out.jsonl"
    build(project.pk, "prm", Options(**options), path)
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_no_table_says_who_it_was(project):
    said = " ".join(everything().values()).casefold()
    for word in (WHO, MAIL, "queta", "mexico", "is careless", "is sloppy", "5fquetzal", "5squetzal", "5cmotmot"):
        assert word in said
    forget()
    left = {
        (label, word)
        for label, text in everything().items()
        for word in (WHO, "queta", "mexico", "is careless", "is sloppy", "5cmotmot")
        if word in text.casefold()
    }
    assert left == set()
    assert not Session.objects.exists()


def test_the_labels_are_the_same_but_for_the_name(project, tmp_path):
    user = person(WHO)
    before = exported(project, tmp_path), exported(project, tmp_path, aggregation="per_annotator")
    submissions = list(Submission.objects.order_by("pk").values("values", "active_ms", "assignment__annotator"))
    name = forget().name
    after = exported(project, tmp_path), exported(project, tmp_path, aggregation="per_annotator")
    assert json.loads(json.dumps(before).replace(f'"{WHO}"', f'"{name}"')) == json.loads(json.dumps(after))
    assert before != after
    assert submissions == list(Submission.objects.order_by("pk").values("values", "active_ms", "assignment__annotator"))
    assert User.objects.get(username=name).pk == user.pk
    call_command("verify_audit")


def test_a_format_without_names_has_the_same_bytes(project, tmp_path):
    def kto() -> bytes:
        build(project.pk, "kto", Options(), tmp_path / "kto.jsonl")
        return (tmp_path / "kto.jsonl").read_bytes()

    before = kto()
    forget()
    assert before
    assert kto() == before


def test_an_export_made_later_is_another_one(project):
    """The promise is the same bytes for the same state."""
    before = Project.objects.get(pk=project.pk).seq
    forget()
    assert Project.objects.get(pk=project.pk).seq > before


def test_nobody_signs_in_any_more(project, client):
    user = person(WHO)
    link = links.link_path(user)
    secret = tokens.make(user, scopes=["read"])[1]
    assert client.get(reverse("profile")).status_code == 200
    name = forget().name
    assert client.get(reverse("profile")).status_code == 302
    for username in (WHO, name):
        page = client.post(reverse("login"), {"username": username, "password": PASSWORD.format(name=WHO)})
        assert page.status_code == 200
    assert client.post(link).status_code in (404, 410)
    assert tokens.authenticate(secret) is None
    assert not Membership.objects.filter(user=user).exclude(state="inactive").exists()
    assert not Assignment.objects.filter(annotator=user, state__in=["open", "reserved"]).exists()


def test_their_own_file_gets_another_name(project, tmp_path):
    output = Path(project.output_path)
    # The rows of a project that is put back have later times than its files.
    run_now("exports.mirror", {"project": project.pk, "annotator": person(WHO).pk})
    text = (output / WHO / "annotations.jsonl").read_text()
    done = forget()
    assert done.removed == [str(output / WHO / "annotations.jsonl")]
    assert not (output / WHO).exists()
    run_now("exports.mirror", {"project": project.pk, "annotator": User.objects.get(username=done.name).pk})
    assert (output / done.name / "annotations.jsonl").read_text() == text.replace(WHO, done.name)
    assert (output / "bob" / "annotations.jsonl").exists()


def test_whom_a_schedule_leaves_out_it_goes_on_leaving_out(project, tmp_path):
    name = forget().name
    assert ExportSchedule.objects.get().options["exclude_annotators"] == sorted([name, "zoe"])


def test_published_exports_stay_unless_they_shall_go(project, tmp_path):
    export = run_now("exports.build", {"project": project.pk, "format": "prm"})
    assert forget().published == 1
    folder = Path(Export.objects.get(pk=export["export"]).path)
    assert WHO in (folder / "prm_labels.jsonl").read_text()
    name = User.objects.get(username__startswith="person-")
    forgetting.forget(name, who="boss", with_exports=True)
    assert not Export.objects.exists()
    assert not folder.exists()


def test_the_record_does_not_name_them(project):
    name = forget().name
    entry = AuditEntry.objects.get(action="account.forget")
    assert (entry.object, entry.after) == (name, {"by": "boss", "projects": [project.slug]})
    assert AuditEntry.objects.filter(object=f"{name} (annotator)", action="people.pause").exists()


def test_what_only_looks_like_the_name_stays(boss, tmp_path):
    """Somebody called as a role is."""
    project = load_file(write_project(tmp_path / "files", people=("annotator", "bob")), tmp_path / "home").project
    bob = Membership.objects.get(project=project, user=person("bob"))
    membership.set_role(bob, "viewer", boss)
    entry = AuditEntry.objects.get(action="people.role")
    forgetting.forget(person("annotator"), who="boss", with_exports=False)
    again = AuditEntry.objects.get(pk=entry.pk)
    assert (again.object, again.before) == (entry.object, {"role": "annotator"})


class Stopped(Exception):
    """As a kill would."""


@pytest.mark.parametrize("place", ["_forget_jobs", "_forget_in_record", "_rename", "sweep"])
def test_stopped_half_way_it_is_finished_by_another_run(place, project, monkeypatch):
    def stop(*_):
        raise Stopped

    with monkeypatch.context() as patched:
        patched.setattr(forgetting, place, stop)
        with pytest.raises(Stopped):
            forget()
    out = StringIO()
    call_command("forget_person", WHO, "--yes", stdout=out)
    assert "annotations.jsonl" in out.getvalue()
    assert WHO not in " ".join(everything().values())
    assert not (Path(project.output_path) / WHO).exists()


def test_the_last_manager_is_not_forgotten(project, boss):
    lead = User.objects.create_user("lead")
    Membership.objects.filter(project=project, role="manager").delete()
    Membership.objects.create(project=project, user=lead, role="manager", source="admin")
    with pytest.raises(CommandError, match="no manager left"):
        call_command("forget_person", "lead", "--yes")
    assert person("lead").is_active
    User.objects.filter(is_superuser=True).exclude(pk=boss.pk).update(is_superuser=False)
    with pytest.raises(CommandError, match="only superuser"):
        call_command("forget_person", "boss", "--yes")


def test_the_command_says_what_it_would_do_and_asks(project, monkeypatch):
    before, out = everything(), StringIO()
    call_command("forget_person", WHO.upper(), "--dry-run", stdout=out)
    assert f"{WHO} becomes person-{person(WHO).pk}: 3 assignments in 1 project." in out.getvalue()
    assert "The configuration file of test-project names them" in out.getvalue()
    with pytest.raises(CommandError, match="give --yes"):
        call_command("forget_person", WHO)
    assert everything() == before
    with pytest.raises(CommandError, match="nobody is called"):
        call_command("forget_person", "nobody")


def test_files_of_a_name_that_nobody_had_stay(project):
    mine = Path(project.output_path) / "gold" / "annotations.jsonl"
    mine.parent.mkdir()
    mine.write_text("made by hand")
    for options in ({}, {"yes": True}, {"dry_run": True}):
        with pytest.raises(CommandError, match="nobody is called 'gold'"):
            call_command("forget_person", "gold", **options)
    assert mine.read_text() == "made by hand"


def test_what_was_left_of_a_stopped_run_is_listed_and_asked_about(project, monkeypatch):
    own = Path(project.output_path) / WHO / "annotations.jsonl"

    def stop(*_):
        raise Stopped

    with monkeypatch.context() as patched:
        patched.setattr(forgetting, "sweep", stop)
        with pytest.raises(Stopped):
            forget()
    out = StringIO()
    call_command("forget_person", WHO.upper(), "--dry-run", stdout=out)
    assert str(own) in out.getvalue()
    with pytest.raises(CommandError, match="give --yes"):
        call_command("forget_person", WHO)
    assert own.exists()
    call_command("forget_person", WHO.upper(), "--yes", stdout=out)
    assert f"removed: {own}" in out.getvalue()
    assert WHO not in " ".join(everything().values())
    with pytest.raises(CommandError, match="nobody is called"):
        call_command("forget_person", WHO, "--yes")


@pytest.mark.parametrize("called", [WHO, "person"])
def test_what_was_left_of_a_stopped_run_goes_with_the_published_exports(called, project, monkeypatch):
    """By the name they had, or as the account is called now."""
    user = person(WHO)
    run_now("exports.build", {"project": project.pk, "format": "prm"})
    called = WHO if called == WHO else f"person-{user.pk}"
    own = Path(project.output_path) / WHO / "annotations.jsonl"

    def stop(*_):
        raise Stopped

    with monkeypatch.context() as patched:
        patched.setattr(forgetting, "sweep", stop)
        with pytest.raises(Stopped):
            forget()
    out = StringIO()
    call_command("forget_person", called, "--dry-run", "--with-exports", stdout=out)
    assert f"This file is removed: {own}" in out.getvalue()
    assert "1 published export of their projects is removed." in out.getvalue()
    assert Export.objects.exists()
    assert own.exists()
    call_command("forget_person", called, "--yes", "--with-exports", stdout=out)
    assert not Export.objects.exists()
    assert not own.exists()
    assert WHO not in " ".join(everything().values())


def test_a_neutral_name_that_somebody_has_is_not_taken(project):
    user = person(WHO)
    other = User.objects.create_user(f"Person-{user.pk}")
    assert forget().name == f"person-{user.pk}-2"
    assert WHO not in " ".join(everything().values())
    assert person(other.username).is_active


def test_a_project_called_as_the_person_keeps_its_history(boss, tmp_path):
    files = write_project(tmp_path / "files", name="Ann", people=("ann", "bob"))
    project = load_file(files, tmp_path / "home").project
    lifecycle.set_state(project, "closed", boss)
    forgetting.forget(person("ann"), who="boss", with_exports=False)
    said = set(AuditEntry.objects.filter(object="ann").values_list("action", flat=True))
    assert said >= {"project.state", "people.change"}
    change = AuditEntry.objects.get(action="people.change")
    assert "'ann'" not in str(change.after)


@pytest.mark.parametrize("other", ["natali@example.org", "li@example.org.uk", "x.li@example.org", "li@example.organic"])
def test_an_address_that_only_holds_theirs_stays(other, project, boss):
    User.objects.filter(username=WHO).update(email="li@example.org")
    AuditEntry.objects.create(action="config.change", object="r2", after={"contact": f"{other}, Li@example.org."})
    name = forget().name
    assert AuditEntry.objects.get(action="config.change").after == {"contact": f"{other}, {name}."}


def test_who_waits_for_the_folder_meanwhile_writes_under_the_new_name(project, monkeypatch):
    user, locked, names = person(WHO), mirror.locked, []

    def later(folder, **options):
        if not names:
            names.append(forget().name)
        return locked(folder, **options)

    monkeypatch.setattr(mirror, "locked", later)
    run_now("exports.mirror", {"project": project.pk, "annotator": user.pk})
    output = Path(project.output_path)
    assert not (output / WHO).exists()
    assert (output / names[0] / "annotations.jsonl").exists()


def test_of_two_superusers_who_are_forgotten_at_once_one_stays(project):
    User.objects.filter(is_superuser=True).update(is_superuser=False)
    for name in ("first", "second"):
        User.objects.create_superuser(name)
    acts = [
        lambda name=name: forgetting.forget(person(name), who="boss", with_exports=False)
        for name in ("first", "second")
    ]
    assert at_once(*acts) == ["CannotForget", "done"]
    assert User.objects.filter(is_superuser=True, is_active=True).count() == 1


def test_a_dataset_that_no_project_has_keeps_somebody(project, boss):
    dataset = Dataset.objects.create(name="Alone")
    dataset.managers.add(person(WHO))
    with pytest.raises(CommandError, match="nobody else has the dataset 'Alone'"):
        call_command("forget_person", WHO, "--yes")
    assert person(WHO).is_active
    dataset.managers.add(boss)
    forget()
    assert list(dataset.managers.all()) == [boss]


def test_what_other_programs_were_answered_does_not_quote_them(project, boss):
    for key, body in (("a", f'{{"username": "{WHO}"}}'), ("b", f'to "{MAIL.upper()}"'), ("c", f"{WHO}-2, x{MAIL}")):
        IdempotencyKey.objects.create(user=boss, key=key, request_sha256="0" * 64, status=200, body=body)
    forget()
    assert [one.key for one in IdempotencyKey.objects.all()] == ["c"]


@pytest.mark.parametrize("state", ["queued", "running"])
def test_jobs_that_wait_or_run_have_the_new_name(state, project):
    params = {"project": project.pk, "format": "prm", "options": {"exclude_annotators": [WHO, "zoe"]}}
    asked = {"queue": "bulk", "state": state, "due_at": timezone.now(), "lease_until": timezone.now()}
    export = Job.objects.create(kind="exports.build", params=params, **asked)
    error = f"OSError: /out/{WHO}/annotations.jsonl: disk full"
    mirrored = Job.objects.create(kind="exports.mirror", params={"project": project.pk}, error=error, **asked)
    name = forget().name
    export.refresh_from_db()
    mirrored.refresh_from_db()
    assert export.params == {**params, "options": {"exclude_annotators": [name, "zoe"]}}
    assert mirrored.error == f"OSError: /out/{name}/annotations.jsonl: disk full"
    assert {export.state, mirrored.state} == {state}


def test_what_an_export_left_out_is_told_by_the_new_name_and_its_files_stay(project):
    options = {"exclude_annotators": [WHO, "zoe"]}
    asked = {"project": project.pk, "format": "prm", "options": options}
    export = Export.objects.get(pk=run_now("exports.build", asked)["export"])
    written = (Path(export.path) / "manifest.json").read_bytes()
    name = forget().name
    again = Export.objects.get(pk=export.pk)
    assert again.options["exclude_annotators"] == again.manifest["options"]["exclude_annotators"] == [name, "zoe"]
    assert WHO not in " ".join(everything().values())
    assert (Path(again.path) / "manifest.json").read_bytes() == written
    # The same as an export that is asked for by the new name, were the state the same.
    assert again.options_digest == digest_of(again.options, ROWS_VERSION)


@pytest.mark.sqlite
def test_what_they_were_called_is_overwritten_in_the_file_of_the_database(project):
    database = Path(connection.settings_dict["NAME"])

    def on_disk() -> bytes:
        return b"".join(path.read_bytes() for path in database.parent.glob(f"{database.name}*"))

    assert MAIL.encode() in on_disk()
    forget()
    assert MAIL.encode() not in on_disk()


def test_a_link_that_waits_does_not_let_them_in_again(project, boss):
    by_name, path = invitations.invite(project, "annotator", boss)
    Invitation.objects.filter(pk=by_name.pk).update(username=WHO)
    others, _ = invitations.invite(project, "viewer", boss, email="other@example.org")
    forget()
    assert list(Invitation.objects.filter(used_at=None)) == [others]
    assert invitations.find(path.split("/")[2]) is None


def test_the_ids_of_their_visit_open_nothing_any_more(project):
    forget()
    recruit, visit = Recruit.objects.get(), Visit.objects.get()
    assert (recruit.external_id, visit.session_id) == (f"forgotten-{recruit.pk}", f"forgotten-{visit.pk}")
    assert visit.is_barred


def test_their_tries_are_not_counted_any_more_and_others_are(project):
    limits.count("reset-address", "other")
    forget()
    assert [one.who for one in Attempt.objects.all()] == ["other"]
    assert not AccessAttempt.objects.exists()
