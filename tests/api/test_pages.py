"""Lists by cursor: everything once, in order, at the same cost."""

import base64
import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotation.models import Project
from tests import factory, kept
from tests.api.calls import caller, problem

pytestmark = [pytest.mark.slow, pytest.mark.django_db]


@pytest.fixture
def projects(tmp_path):

    def make():
        return [factory.make_project(tmp_path / str(n), name=f"Project {n}", people=["ann"]) for n in range(5)]

    return kept.again("five projects", tmp_path, make)


def walk(call, path):
    found, pages = [], 0
    while path:
        answer = call.get(path).json()
        found += answer["results"]
        path, pages = answer["next"], pages + 1
    return found, pages


def test_pages_together_are_the_whole_list(projects):
    found, pages = walk(caller("ann"), "projects?limit=2")
    assert [row["slug"] for row in found] == [project.slug for project in projects]
    assert pages == 3
    assert walk(caller("ann"), "projects?limit=5")[1] == 1


def test_a_row_that_goes_away_meanwhile_hides_no_other(projects):
    call = caller("ann")
    first = call.get("projects?limit=2").json()
    projects[0].memberships.all().delete()
    rest, _ = walk(call, first["next"])
    assert [row["slug"] for row in rest] == [project.slug for project in projects[2:]]


def test_a_page_costs_the_same_for_three_rows_and_for_thirty(projects):
    for n in range(25):
        twin = Project.objects.create(slug=f"twin-{n}", name="Twin", dataset=projects[0].dataset, state="open")
        twin.memberships.create(user=factory.person("ann"), role="annotator", source="admin")
    call, counts = caller("ann"), []
    for limit in (3, 30):
        with CaptureQueriesContext(connection) as queries:
            assert len(call.get(f"projects?limit={limit}").json()["results"]) == limit
        counts.append(len(queries))
    assert counts[0] == counts[1]


def cursor(value) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=501", "limit=-1", "limit=x", "limit=1.5", "limit=%D9%A3", "limit=" + "9" * 5000, "after=x",
        "after=%00", "after=é", *(f"after={cursor(value)}" for value in ([], [1, 2], ["x"], [True], [2**63], 1, None)),
    ],
)  # fmt: skip
def test_what_is_no_number_and_no_cursor_is_400(projects, query):
    problem(caller("ann").get(f"projects?{query}"), 400, "malformed")
