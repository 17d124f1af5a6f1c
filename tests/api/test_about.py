"""The API about itself: a description for tools and a page for people, both without a token."""

import re

import pytest
import yaml
from django.test import Client

from potato_site.accounts.models import User
from potato_site.api import tokens
from potato_site.api.endpoint import Endpoint, Strict
from potato_site.api.problems import KINDS
from potato_site.api.tokens import SCOPES

pytestmark = pytest.mark.django_db


@pytest.fixture
def description() -> dict:
    return Client().get("/api/schema/?format=json").json()


@pytest.mark.parametrize(("query", "accept"), [("?format=yaml", "*/*"), ("", "application/yaml")])
def test_the_description_is_the_same_as_yaml(description, query, accept):
    assert yaml.safe_load(Client().get(f"/api/schema/{query}", headers={"Accept": accept}).content) == description


def test_every_call_says_its_scope_its_errors_and_its_key(description):
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            scope = re.search(r"Scope: `(\w+)`", operation["description"])
            assert scope, (path, method)
            assert scope[1] in SCOPES
            assert operation["security"] == [{"token": []}]
            assert operation["responses"]["default"]["content"].keys() == {"application/problem+json"}
            headers = {one["name"] for one in operation.get("parameters", []) if one["in"] == "header"}
            # Uploads are known again by their content.
            is_upload = "X-Content-SHA256" in headers
            assert ("Idempotency-Key" in headers) == (method != "get" and not is_upload), (path, method)
            assert operation["summary"], (path, method)


def test_the_page_has_every_call_and_every_problem(description):
    page = Client().get("/api/docs/").content.decode()
    for path in description["paths"]:
        assert f"<code>{path}</code>" in page
    for kind in KINDS:
        assert f'id="problem-{kind}"' in page
    assert page.count('class="api-call"') == sum(len(operations) for operations in description["paths"].values())
    # No script, and every link within the page leads somewhere.
    assert "<script" not in page
    anchors = re.findall(r' id="([^"]+)"', page)
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(anchors)
    assert len(anchors) == len(set(anchors))


def test_code_in_a_description_is_shown_as_code_and_texts_stay_texts(description):
    page = Client().get("/api/docs/").content.decode()
    assert "its name is replaced by <code>name</code>." in page
    assert "`" not in page
    # Not the first of the roles, which would hand the project to whoever the example names.
    assert "&quot;role&quot;: &quot;annotator&quot;" in page


def test_docstrings_of_base_classes_are_nobodys_description(description):
    of_calls = [one for operations in description["paths"].values() for one in operations.values()]
    described = [*of_calls, *description["components"]["schemas"].values()]
    for base in (Endpoint, Strict):
        assert not [one for one in described if base.__doc__ in one.get("description", "")]


def test_no_two_calls_share_a_name(description):
    names = [one["operationId"] for operations in description["paths"].values() for one in operations.values()]
    assert len(names) == len(set(names))


def test_a_slash_at_the_end_of_an_address_is_no_other_address(client):
    user = User.objects.create_user("ann")
    _, token = tokens.make(user, scopes=["read"])
    bearer = {"Authorization": f"Bearer {token}"}
    assert client.get("/api/v1/projects/", headers=bearer).json() == {"results": [], "next": None}
    assert client.get("/api/v1/projects/").status_code == 401
    assert client.get("/api/v1/projects/nowhere/", headers=bearer).json()["type"].endswith("not-found")
    assert client.post("/api/v1/projects/nowhere/status/", headers=bearer).status_code == 405
    for path in ("/api/v1/projects//", "/api/v1/nothing/", "/api/v1/", "/api/"):
        answer = client.get(path, headers=bearer)
        assert answer.status_code == 404, path
        assert "no such address" in answer.json()["detail"]
