"""Every line says what it is about, and none what somebody wrote."""

from __future__ import annotations

import io
import json
import logging
import uuid

import pytest
from django.test import Client
from django.urls import include, path

from potato_site import logs
from potato_site.accounts import links
from potato_site.accounts.models import User
from potato_site.api import tokens
from potato_site.jobs import handler, runner
from potato_site.jobs.models import Job
from potato_site.jobs.registry import handlers
from potato_site.urls import handler500 as handler500  # the pages of this test's addresses

SECRET = "what the annotator wrote"


def fail(request):
    raise ValueError(f"cannot read '{SECRET}'\ninput: {SECRET}")


urlpatterns = [path("fail", fail), path("api/fail", fail), path("", include("potato_site.urls"))]


@pytest.fixture
def lines():
    """Everything that is logged, parsed."""
    stream = io.StringIO()
    console = logging.StreamHandler(stream)
    console.setFormatter(logs.JsonLines())
    console.addFilter(logs.RoutesForPaths())
    root = logging.getLogger()
    before = root.level
    root.addHandler(console)
    root.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(console)
    root.setLevel(before)


@pytest.mark.django_db
def test_a_request_has_one_line_with_who_what_and_how_long(client, lines):
    user = User.objects.create_user("ann")
    client.force_login(user)
    response = client.get("/")
    [line] = [line for line in lines() if line["logger"] == "potato_site.access"]
    assert line["message"] == "GET /"
    assert (line["status"], line["user"]) == (200, user.pk)
    assert line["ms"] >= 0
    assert line["request_id"] == response["X-Request-ID"]


@pytest.mark.django_db
def test_the_line_of_a_call_with_a_token_says_whose_it_is(client, lines):
    user = User.objects.create_user("ann")
    _, token = tokens.make(user, scopes=["read"])
    client.force_login(User.objects.create_user("somebody-else"))
    client.get("/api/v1/projects", headers={"Authorization": f"Bearer {token}"})
    [line] = [line for line in lines() if line["logger"] == "potato_site.access"]
    assert (line["status"], line["user"]) == (200, user.pk)


@pytest.mark.django_db
@pytest.mark.parametrize("given", ["from-the-proxy-0123456789", "x" * 8])
def test_a_sane_id_of_the_proxy_is_kept(client, given):
    assert client.get("/login/", headers={"X-Request-ID": given})["X-Request-ID"] == given


@pytest.mark.django_db
@pytest.mark.parametrize("given", ["short", "x" * 65, "a b c d e f g h", 'x","level":"x', ""])
def test_any_other_id_is_replaced(client, given):
    assert uuid.UUID(client.get("/login/", headers={"X-Request-ID": given})["X-Request-ID"])


@pytest.mark.django_db
@pytest.mark.urls(__name__)
def test_an_error_page_shows_the_id_its_log_lines_have_and_nothing_else(lines):
    client = Client(raise_request_exception=False)
    response = client.get(f"/fail?q={SECRET}")
    assert response.status_code == 500
    assert response["X-Request-ID"] in response.content.decode()
    assert "ValueError" not in response.content.decode()
    [error] = [line for line in lines() if line["logger"] == "django.request"]
    assert error["request_id"] == response["X-Request-ID"]
    assert "in fail" in error["error"]
    assert error["error"].endswith("ValueError: cannot read '…'")
    assert SECRET not in json.dumps(lines())


@pytest.mark.django_db
@pytest.mark.urls(__name__)
def test_an_error_of_the_api_is_a_problem_with_the_id():
    response = Client(raise_request_exception=False).get("/api/fail")
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["request_id"] == response["X-Request-ID"]


@pytest.mark.django_db
def test_the_token_of_a_link_is_in_no_line(client, lines):
    token_path = links.link_path(User.objects.create_user("ann"))
    client.get(token_path)
    client.put(token_path)
    client.get(f"{token_path}more/")
    # Django writes a path with such signs in another way.
    client.get(f"{token_path.rstrip('/')}ü\n/")
    assert len(lines()) >= 4
    assert all("request_id" in line for line in lines())
    assert token_path.strip("/").split("/")[-1] not in json.dumps(lines())


@pytest.mark.django_db
def test_the_lines_of_a_job_name_it(lines):
    @handler("tests.failing", queue="fast")
    def failing(job):
        logging.getLogger("somewhere").info("inside")
        raise OSError(f"postgres://user:hunter2@db/x has '{SECRET}'")

    try:
        job = Job.objects.create(kind="tests.failing", queue="fast", due_at="2026-01-01T00:00Z")
        runner.run(job.pk)
    finally:
        handlers._items.pop("tests.failing")
    told = [line for line in lines() if line["logger"] in {"somewhere", "potato_site.jobs.runner"}]
    assert len(told) == 2
    assert {(line["job"], line["kind"], line["attempt"]) for line in told} == {(job.pk, "tests.failing", 1)}
    assert told[1]["error"].endswith("OSError: postgres://***@db/x has '…'")


@pytest.mark.django_db
def test_a_job_that_is_done_says_how_long_it_took(lines):
    @handler("tests.working", queue="fast")
    def working(job):
        return {"rows": SECRET}

    try:
        job = Job.objects.create(kind="tests.working", queue="fast", due_at="2026-01-01T00:00Z")
        runner.run(job.pk)
    finally:
        handlers._items.pop("tests.working")
    [line] = [line for line in lines() if line["logger"] == "potato_site.jobs.runner"]
    assert (line["message"], line["job"], line["kind"]) == ("done", job.pk, "tests.working")
    assert line["ms"] >= 0
    assert SECRET not in json.dumps(line)


@pytest.mark.parametrize("format_of", [logs.Plain, logs.JsonLines])
def test_no_format_shows_a_password_in_an_address(format_of):
    said = ("redis://:hunt@er2@redis:6379/0",)
    record = logging.LogRecord("somewhere", logging.INFO, "f", 1, "lost %s", said, None)
    line = format_of().format(record)
    assert "redis://***@redis:6379/0" in line
    assert "er2" not in line


def test_a_person_at_a_terminal_reads_one_line():
    record = logging.LogRecord("somewhere", logging.INFO, "f", 1, "said %s", ("so",), None)
    with logs.bound(request_id="abc"):
        assert logs.Plain().format(record).endswith("INFO somewhere: said so [request_id=abc]")
