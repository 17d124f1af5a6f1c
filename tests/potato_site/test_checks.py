"""Settings that work and are wrong on a server are named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core import checks
from django.db import connection

from tests.factory import make_project

pytestmark = pytest.mark.django_db
CLONE = Path(__file__).parents[2]


@pytest.fixture
def right(settings, monkeypatch, tmp_path):
    """A server with nothing to say against it."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    settings.POTATO_HOME = home
    settings.HTTPS = True
    settings.TRUSTED_PROXIES = 1
    settings.ALLOWED_HOSTS = ["labels.example.org"]
    monkeypatch.setenv("ALLOWED_HOSTS", "labels.example.org")
    is_postgres = connection.vendor == "postgresql"
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://127.0.0.1:6379/0" if is_postgres else "")
    if is_postgres:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit = on")  # tests do without (tests/emptying.py)
    return settings


def found() -> set[str]:
    """The ids of our warnings and errors."""
    messages = checks.run_checks(tags=[checks.Tags.security], include_deployment_checks=True)
    said = {m.id for m in messages if m.level >= checks.WARNING and not m.is_silenced()}
    return {str(name) for name in said if str(name).startswith("potato.")}


def test_a_server_that_is_set_up_well_hears_nothing(right):
    """Neither from us nor from Django or the schema of the API: what `manage.py check --deploy` fails by."""
    right.SECRET_KEY = "".join(map(chr, range(33, 127)))
    messages = checks.run_checks(include_deployment_checks=True)
    assert [message for message in messages if message.level >= checks.WARNING and not message.is_silenced()] == []


@pytest.mark.parametrize(
    ("setting", "value", "wanted"),
    [
        ("SECRET_KEY", "", "potato.E001"),
        ("METRICS_TOKEN", "short", "potato.W002"),
        ("METRICS_FROM", ["10.0.0.0/40"], "potato.E003"),
        ("HTTPS", False, "potato.W004"),
        ("TRUSTED_PROXIES", 0, "potato.W005"),
        ("ALLOWED_HOSTS", ["*"], "potato.W006"),
        ("POTATO_HOME", "/proc/nowhere", "potato.E030"),
        ("STATIC_ROOT", "/proc", "potato.W033"),
        ("EMAIL_HOST", "mail.example.org", "potato.W040"),
        ("SITE_URL", "labels.example.org", "potato.E041"),
        ("SITE_URL", "http://labels.example.org", "potato.W042"),
    ],
)
def test_each_wrong_setting_is_named(right, setting, value, wanted):
    setattr(right, setting, value)
    assert wanted in found()


def test_hosts_that_nobody_set_are_named(right, monkeypatch):
    monkeypatch.delenv("ALLOWED_HOSTS")
    assert found() == {"potato.W007"}


def test_a_broker_that_does_not_fit_the_database_is_named(right, monkeypatch):
    is_postgres = connection.vendor == "postgresql"
    monkeypatch.setenv("CELERY_BROKER_URL", "" if is_postgres else "redis://127.0.0.1:6379/0")
    assert found() == {"potato.W010" if is_postgres else "potato.W011"}


def test_redis_elsewhere_without_a_password_is_named(right, monkeypatch):
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://redis.example.org:6379/0")
    assert "potato.W012" in found()
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://:word@redis.example.org:6379/0")
    assert "potato.W012" not in found()


def test_a_database_that_forgets_what_it_acknowledged_is_an_error(right, monkeypatch):
    real = connection.cursor

    class Forgetful:
        """The answers of a database with its safety off."""

        def __init__(self, cursor):
            self.cursor = cursor

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.cursor.close()

        def execute(self, statement, *arguments):
            self.statement = statement
            self.cursor.execute(statement, *arguments)

        def fetchone(self):
            row = self.cursor.fetchone()
            off = {"SHOW fsync": ("off",), "PRAGMA synchronous": (1,)}
            return off.get(self.statement, row)

        def __getattr__(self, name):
            return getattr(self.cursor, name)

    monkeypatch.setattr(connection, "cursor", lambda: Forgetful(real()))
    assert found() & {"potato.E021", "potato.E024"}


def test_a_home_that_others_can_look_into_is_named(right):
    right.POTATO_HOME.chmod(0o755)
    assert found() == {"potato.W031"}


def test_a_project_that_cannot_deliver_is_named(right, tmp_path):
    project = make_project(tmp_path / "p")
    type(project).objects.filter(pk=project.pk).update(output_path=str(tmp_path / "p" / "config.yaml" / "output"))
    assert found() == {"potato.W035"}


def test_a_bucket_that_nothing_can_be_copied_to_is_named(right, monkeypatch):
    right.POTATO_EXPORT_BUCKETS = ["s3://lab-exports/potato"]
    assert found() == set()
    right.POTATO_EXPORT_BUCKETS = ["lab-exports"]
    assert found() == {"potato.W050"}
    monkeypatch.setattr("exports.destinations.is_installed", lambda: False)
    assert found() == {"potato.W050", "potato.W051"}


def test_mail_by_an_unknown_way_is_an_error(right, monkeypatch):
    monkeypatch.setenv("EMAIL_TLS", "yes")
    assert found() == {"potato.E043"}


def serve(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {key: value for key, value in os.environ.items() if key in {"PATH", "HOME", "LANG"}}
    command = [sys.executable, "-c", "from potato_site.cli import main; main()", "serve", *arguments]
    own |= {"POTATO_HOME": str(home), **environment}
    return subprocess.run(command, env=own, cwd=CLONE, capture_output=True, text=True, timeout=120)


@pytest.mark.faults
def test_serve_refuses_an_error_and_names_it(tmp_path):
    done = serve(tmp_path / "home", "web", POTATO_METRICS_FROM="everywhere")
    assert done.returncode == 1
    assert "error: potato.E003" in done.stderr
    assert "not served" in done.stderr


@pytest.mark.faults
def test_sqlite_is_for_one_web_process(tmp_path):
    done = serve(tmp_path / "home", "web", "--workers", "2")
    assert done.returncode == 1
    assert "SQLite is for one web process" in done.stderr


@pytest.mark.faults
def test_migrate_prepares_an_empty_place_and_says_how_to_come_in(tmp_path):
    static = tmp_path / "static"
    done = serve(tmp_path / "home", "migrate", POTATO_STATIC_ROOT=str(static))
    assert done.returncode == 0, done.stderr
    assert "warning: potato.W004" in done.stderr
    assert "potato.W033" not in done.stderr
    assert "potato login-link manager" in done.stdout
    assert len(list(static.glob("v-*/potato/site.css"))) == 1
