"""The page on which a manager deletes a closed project."""

import pytest
from django.urls import reverse

from annotation.models import Item, Membership, Project
from annotation.projects.lifecycle import set_state
from potato_site.accounts.models import AuditEntry, User
from potato_site.jobs.models import Job
from potato_site.jobs.runner import run
from tests.factory import answers, make_project, submit_item

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])


@pytest.fixture
def project(tmp_path, settings):
    settings.POTATO_HOME = tmp_path / "home"
    settings.POTATO_HOME.mkdir()
    made = make_project(tmp_path)
    submit_item(made, "ann", answers())
    for name, role in (("mara", "manager"), ("vic", "viewer"), ("ada", "adjudicator")):
        Membership.objects.create(project=made, user=User.objects.create_user(name), role=role, source="admin")
    set_state(made, "closed", None)
    return made


@pytest.fixture
def page(project):
    return reverse("manage-purge", args=[project.slug])


def test_it_says_what_goes_and_wants_the_slug(client, project, page):
    client.force_login(User.objects.get(username="mara"))
    setup = client.get(reverse("manage-setup", args=[project.slug])).content.decode()
    assert f'href="{page}"' in setup
    said = client.get(page).content.decode()
    assert '<th scope="row">Submissions</th>' in said
    assert "(managed by manager): its traces go, too" in said
    again = client.post(page, {"typed": project.name})
    assert again.status_code == 200
    assert "Type test-project to delete it" in again.content.decode()
    assert Project.objects.get().state == "closed"


def test_a_manager_deletes_it_and_sees_how_far_it_is(client, project, page):
    client.force_login(User.objects.get(username="mara"))
    progress = client.post(page, {"typed": " test-project "}).url
    # At once, whenever a worker has time.
    assert client.get(page).status_code == 404
    assert "as soon as a worker is free" in client.get(progress).content.decode()
    job = Job.objects.get(kind="annotation.purge")
    assert run(job.pk)
    assert "Test project is deleted" in client.get(progress).content.decode()
    partial = client.get(progress, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in partial
    assert "every 2s" not in partial
    assert not Project.objects.exists()
    assert not Item.objects.exists()
    entry = AuditEntry.objects.get(action="project.purged")
    assert (entry.user.username, entry.after["by"]) == ("mara", "mara")


def test_one_in_which_people_are_at_work_must_be_closed_first(client, project, page):
    client.force_login(User.objects.get(username="mara"))
    set_state(project, "open", None)
    assert "Close it first" in client.get(reverse("manage-setup", args=[project.slug])).content.decode()
    for said in (client.get(page), client.post(page, {"typed": project.slug})):
        assert said.status_code == 200
        assert "Close it first" in said.content.decode()
    assert Project.objects.get().state == "open"
    assert not Job.objects.filter(kind="annotation.purge").exists()


@pytest.mark.parametrize("name", ["vic", "ada", "ann"])
def test_for_nobody_else_is_there_such_a_page(name, client, project, page):
    client.force_login(User.objects.get(username=name))
    assert client.get(page).status_code == 404
    assert client.post(page, {"typed": project.slug}).status_code == 404
    assert Project.objects.get().state == "closed"


def test_one_that_failed_is_begun_again(client, project, page):
    client.force_login(User.objects.get(username="mara"))
    progress = client.post(page, {"typed": project.slug}).url
    Job.objects.filter(kind="annotation.purge").update(state="failed")
    said = client.get(progress).content.decode()
    assert "potato purge test-project" in said
    assert "Try again" in said
    again = client.post(progress).url
    assert again != progress
    # Pressed twice it is one job.
    assert client.post(progress).url == again
    client.force_login(User.objects.get(username="ada"))
    assert client.post(progress).status_code == 404
    client.force_login(User.objects.get(username="mara"))
    assert run(Job.objects.get(kind="annotation.purge", state="queued").pk)
    assert "Test project is deleted" in client.get(again).content.decode()
    assert not Project.objects.exists()
    assert client.post(progress).url == progress, "nothing is left to do"
