"""How long sessions last, for whom, and what ends them."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from annotation.models import Membership, Project
from potato_site.accounts import middleware
from potato_site.accounts.models import User
from potato_site.jobs.tick import tick
from tests.factory import make_project

pytestmark = pytest.mark.django_db
PASSWORD = "seven green bottles"
HOUR = 3600


@pytest.fixture
def project(tmp_path) -> Project:
    return make_project(tmp_path)


@pytest.fixture
def person() -> User:
    return User.objects.create_user("carol", password=PASSWORD)


def log_in(client: Client) -> None:
    assert client.post("/login/", {"username": "carol", "password": PASSWORD}).status_code == 302


@pytest.mark.parametrize(("role", "hours"), [("annotator", 12), ("manager", 1), ("viewer", 1), ("adjudicator", 1)])
def test_people_who_administer_something_have_an_hour_and_annotators_twelve(client, project, person, role, hours):
    Membership.objects.create(project=project, user=person, role=role, source="admin")
    log_in(client)
    assert client.session.get_expiry_age() == hours * HOUR


def test_a_session_that_has_ended_is_deleted(client, person):
    log_in(Client())
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    log_in(client)
    tick()
    assert [session.session_key for session in Session.objects.all()] == [client.session.session_key]


def test_being_staff_plays_no_part(client, person):
    User.objects.update(is_staff=True)
    log_in(client)
    assert client.session.get_expiry_age() == 12 * HOUR


def test_a_session_becomes_short_when_the_admin_opens_for_a_new_role(client, project, person):
    log_in(client)
    Membership.objects.create(project=project, user=person, role="manager", source="admin")
    assert client.get("/admin/").status_code == 200
    assert client.session.get_expiry_age() == HOUR


def test_a_session_becomes_long_again_when_the_role_is_gone(client, project, person, monkeypatch):
    member = Membership.objects.create(project=project, user=person, role="manager", source="admin")
    log_in(client)
    client.get("/")
    member.delete()
    later = middleware.time.time() + HOUR / 2
    monkeypatch.setattr(middleware.time, "time", lambda: later)
    client.get("/")
    assert client.session.get_expiry_age() == 12 * HOUR


def test_all_other_sessions_end_when_asked_and_this_one_stays(client, person):
    other = Client()
    log_in(client)
    log_in(other)
    assert client.post("/profile/sessions/").status_code == 302
    assert client.get("/").status_code == 200
    assert other.get("/").status_code == 302
    log_in(other)
    assert other.get("/").status_code == 200


@pytest.mark.slow
def test_cookies_carry_the_host_prefix_when_served_by_https():
    import os
    import subprocess
    import sys

    names = "s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, s.SESSION_COOKIE_SECURE"
    code = f"from django.conf import settings as s; print({names})"
    environment = {**os.environ, "POTATO_HTTPS": "1", "DJANGO_SETTINGS_MODULE": "potato_site.settings"}
    found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["__Host-session", "__Host-csrf", "True"]
