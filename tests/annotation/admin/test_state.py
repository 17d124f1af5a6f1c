"""The buttons that open, pause and close a project."""

import pytest

from annotation.models import Item, Membership, Project
from potato_site.accounts.models import User
from tests.factory import make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(tmp_path):
    made = make_project(tmp_path)
    for name, role in (("mara", "manager"), ("vic", "viewer")):
        Membership.objects.create(project=made, user=User.objects.create_user(name), role=role, source="admin")
    return made


def press(client, project, state, **headers):
    return client.post(f"/admin/p/{project.slug}/state/", {"state": state}, headers=headers, follow=True)


def test_a_manager_pauses_resumes_and_closes(client, project):
    client.force_login(User.objects.get(username="mara"))
    for state, button in (("paused", "Resume"), ("open", "Pause"), ("closed", "Open again")):
        content = press(client, project, state).content.decode()
        assert Project.objects.get().state == state
        assert button in content


def test_what_is_missing_is_said(client, project):
    client.force_login(User.objects.get(username="mara"))
    Project.objects.update(state="draft")
    Item.objects.all().delete()
    project.dataset.traces.update(is_withdrawn=True)
    content = press(client, project, "open").content.decode()
    assert "It has no traces yet" in content
    assert Project.objects.get().state == "draft"


def test_it_returns_to_the_page_of_the_project_it_stood_on_and_to_no_other(client, project):
    client.force_login(User.objects.get(username="mara"))
    here = f"http://testserver/admin/p/{project.slug}/people/"
    assert press(client, project, "paused", referer=here).redirect_chain[0][0] == here
    for elsewhere in ("https://evil.example/admin/p/x/", "http://testserver/logout", "//evil.example"):
        target = press(client, project, "open", referer=elsewhere).redirect_chain[0][0]
        assert target == f"/admin/p/{project.slug}/"
        press(client, project, "paused")


def test_who_only_looks_has_no_button_and_no_say(client, project):
    client.force_login(User.objects.get(username="vic"))
    assert f"/admin/p/{project.slug}/state/" not in client.get(f"/admin/p/{project.slug}/").content.decode()
    assert press(client, project, "closed").status_code == 404
    assert Project.objects.get().state == "open"
