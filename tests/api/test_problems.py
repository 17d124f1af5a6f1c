"""Every refusal is a problem document, wherever it comes from."""

import pytest
from django.db import OperationalError
from django.test import Client

from annotation.api import projects
from tests import factory
from tests.api.calls import Caller, caller, problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(tmp_path):
    return factory.make_project(tmp_path)


# Attributes of the view, not methods of HTTP.
ATTRIBUTES = ["DISPATCH", "HEADERS", "ARGS", "SETUP"]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", *ATTRIBUTES])
@pytest.mark.parametrize("path", ["/api/", "/api/v1/nothing", "/api/v2/projects", "/api/v1/a%0Ab"])
def test_an_address_that_does_not_exist(project, method, path):
    problem(Caller()(method, path), 404, "not-found")
    problem(caller("ann")(method, path), 404, "not-found")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", *ATTRIBUTES])
def test_a_method_that_an_address_does_not_take(project, method):
    response = caller("ann")(method, "projects")
    problem(response, 405, "method")
    assert "GET" in response["Allow"]


def test_what_is_not_for_this_person_and_what_does_not_exist_look_the_same(tmp_path, project):
    factory.make_project(tmp_path / "other", name="Other", people=["eve"])
    call = caller("ann")
    other, nothing = (problem(call.get(f"projects/{slug}"), 404, "not-found") for slug in ("other", "nothing"))
    assert other == nothing


def test_an_error_of_ours_says_nothing_internal(project, monkeypatch):
    def fails(*_):
        raise RuntimeError("secret path /srv/potato")

    monkeypatch.setattr(projects, "one", fails)
    call = caller("ann")
    call.client = Client(raise_request_exception=False)
    response = call.get(f"projects/{project.slug}")
    problem(response, 500, "error")
    assert b"secret" not in response.content
    assert b"RuntimeError" not in response.content


def test_a_busy_database_asks_to_come_again(project, monkeypatch):
    def busy(*_):
        raise OperationalError("database is locked")

    monkeypatch.setattr(projects, "one", busy)
    response = caller("ann").get(f"projects/{project.slug}")
    problem(response, 503, "busy")
    assert int(response["Retry-After"]) > 0


def test_the_answer_is_json_whatever_is_accepted(project):
    response = caller("ann").get("projects", Accept="text/html")
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
