"""The page on which a superuser has a person forgotten."""

import pytest
from django.urls import reverse

from annotation.models import Membership, Submission
from annotation.projects import forgetting
from exports.models import Export
from potato_site.accounts.models import AuditEntry, User
from potato_site.jobs import JobHandle, run_now
from potato_site.jobs.models import Job
from potato_site.jobs.runner import run
from tests.annotation.test_forgetting import everything
from tests.factory import answers, make_project, person, submit_item

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
# Nothing else in the database is called so.
WHO = "quetzal"


@pytest.fixture
def project(tmp_path, settings, client):
    settings.POTATO_HOME = tmp_path / "home"
    settings.POTATO_HOME.mkdir()
    made = make_project(tmp_path, people=(WHO, "bob"))
    submit_item(made, WHO, answers())
    for name, role in (("mara", "manager"), ("vic", "viewer"), ("ada", "adjudicator")):
        Membership.objects.create(project=made, user=User.objects.create_user(name), role=role, source="admin")
    client.force_login(User.objects.create_superuser("root"))
    return made


@pytest.fixture
def page(project):
    return reverse("manage-forget", args=[person(WHO).pk])


def test_it_says_what_becomes_of_them_and_wants_the_name(client, project, page):
    account = client.get(reverse("admin:accounts_user_change", args=[person(WHO).pk])).content.decode()
    assert f'href="{page}"' in account
    said = client.get(page).content.decode()
    assert f"<strong>person-{person(WHO).pk}</strong>" in said
    assert "Their projects: Test project." in said
    assert "The configuration file of test-project names them" in said
    before = everything()
    again = client.post(page, {"typed": "somebody"})
    assert again.status_code == 200
    assert f"Type {WHO} to forget the person" in again.content.decode()
    assert everything() == before


def test_the_account_is_closed_at_once_and_a_job_does_the_rest(client, project, page):
    user = person(WHO)
    progress = client.post(page, {"typed": f" {WHO} "}).url
    user.refresh_from_db()
    assert not user.is_active
    assert not Membership.objects.filter(user=user, state="active").exists()
    assert "as soon as a worker is free" in client.get(progress).content.decode()
    # Asked for twice it is one job.
    assert client.post(page, {"typed": WHO}).url == progress
    job = Job.objects.get(kind=forgetting.JOB)
    assert run(job.pk)
    said = client.get(progress).content.decode()
    assert f"The person is forgotten. The account is called person-{user.pk} now." in said
    assert "The configuration file of test-project names them" in said
    partial = client.get(progress, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in partial
    assert "every 2s" not in partial
    entry = AuditEntry.objects.get(action=forgetting.ACTION)
    assert (entry.object, entry.after) == (f"person-{user.pk}", {"by": "root", "projects": ["test-project"]})
    assert WHO not in " ".join(everything().values()).casefold()
    assert Submission.objects.get().assignment.annotator_id == user.pk
    # There is nothing left to be forgotten.
    assert client.get(page).status_code == 404
    account = client.get(reverse("admin:accounts_user_change", args=[user.pk])).content.decode()
    assert "The person is forgotten." in account


@pytest.mark.parametrize("shall_go", [True, False])
def test_published_exports_go_where_it_was_asked_for(client, project, page, shall_go):
    run_now("exports.build", {"project": project.pk, "format": "annotations", "options": {}})
    assert "Remove the published exports, too" in client.get(page).content.decode()
    progress = client.post(page, {"typed": WHO, **({"with_exports": "on"} if shall_go else {})}).url
    assert run(Job.objects.get(kind=forgetting.JOB).pk)
    assert Export.objects.exists() != shall_go
    told = "1 published export of their projects stays" in client.get(progress).content.decode()
    assert told != shall_go


def test_who_asks_again_for_the_exports_before_it_is_done_has_them_removed(client, project, page):
    run_now("exports.build", {"project": project.pk, "format": "annotations", "options": {}})
    first = client.post(page, {"typed": WHO}).url
    assert client.post(page, {"typed": WHO, "with_exports": "on"}).url == first
    assert client.post(page, {"typed": WHO}).url == first, "asked for once, it stays so"
    assert run(Job.objects.get(kind=forgetting.JOB).pk)
    assert not Export.objects.exists()


@pytest.mark.parametrize("name", ["mara", "vic", "ada", "bob"])
def test_for_nobody_but_superusers_is_there_such_a_page(name, client, project, page):
    progress = client.post(page, {"typed": WHO}).url
    client.force_login(person(name))
    for address in (page, progress):
        assert client.get(address).status_code == 404
        assert client.post(address, {"typed": WHO}).status_code == 404
    assert Job.objects.filter(kind=forgetting.JOB).count() == 1


def test_who_cannot_be_forgotten_is_told_and_stays(client, project):
    Membership.objects.filter(project=project, role="manager").exclude(user=person("mara")).delete()
    before = everything()
    for name, told in (("mara", "no manager left"), ("root", "nobody forgets themselves")):
        address = reverse("manage-forget", args=[person(name).pk])
        said = client.post(address, {"typed": name}).content.decode()
        assert "Nothing was changed: " in said
        assert told in said
    after = everything()
    assert {label for label in after if after[label] != before[label]} <= {"sessions.Session"}


@pytest.mark.parametrize("place", ["_forget_in_record", "sweep"])
def test_what_failed_is_begun_again_and_keeps_no_name(client, project, page, monkeypatch, place):
    user = person(WHO)

    def fail(*_):
        raise OSError(13, "Permission denied", f"/output/{WHO}/annotations.jsonl")

    progress = client.post(page, {"typed": WHO}).url
    with monkeypatch.context() as patched:
        patched.setattr(forgetting, place, fail)
        job = Job.objects.get(kind=forgetting.JOB)
        while job.state in Job.LIVE:
            Job.objects.filter(pk=job.pk).update(due_at=job.created_at)
            run(job.pk)
            job.refresh_from_db()
    assert "a file cannot be removed: Permission denied" in job.error
    assert WHO not in job.error
    said = client.get(progress).content.decode()
    assert "Try again" in said
    assert "potato forget-person" in said
    again = client.post(progress).url
    assert again != progress
    assert client.post(progress).url == again
    assert run(Job.objects.get(kind=forgetting.JOB, state="queued").pk)
    assert f"called person-{user.pk} now" in client.get(again).content.decode()
    assert WHO not in " ".join(everything().values()).casefold()
    assert client.post(again).url == again, "nothing is left to do"


def test_a_job_that_is_taken_over_stops_between_two_parts(project, page, client, monkeypatch):
    client.post(page, {"typed": WHO})
    seen = []
    monkeypatch.setattr(JobHandle, "progress", lambda self, done, total=None, message="": seen.append((done, total)))
    assert run(Job.objects.get(kind=forgetting.JOB).pk)
    assert [done for done, _ in dict.fromkeys(seen)] == list(range(len(forgetting.STAGES)))
