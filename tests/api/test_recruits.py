"""Over the API managers, and nobody else, are told who came from a crowd platform."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from annotation.models import Membership, Visit
from tests.annotation.test_recruitment import IDS, PROLIFIC, come
from tests.annotation.test_shares import label
from tests.api.calls import caller
from tests.api.people import member
from tests.factory import make_project, make_traces

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path, recruitment=PROLIFIC, traces=make_traces(6), overlap=0)


def recruits(call, project) -> list[dict]:
    rows = call.get(f"projects/{project.slug}/people").json()["results"]
    return [row["recruit"] for row in rows if row["source"] == "platform"]


def test_a_manager_is_told_who_came_and_how_far_they_are(project):
    call, worker = caller(member("mia", project)), Client()
    come(project, worker)
    label(project, worker)
    (one,) = recruits(call, project)
    assert [one[name] for name in ("platform", "person_id", "study_id", "session_id")] == ["prolific", *IDS.values()]
    assert [one[name] for name in ("state", "items_done", "share", "code")] == ["working", 1, 2, ""]
    label(project, worker)
    (one,) = recruits(call, project)
    assert [one[name] for name in ("state", "items_done", "code")] == ["finished", 2, "C1ABC"]
    assert one["finished_at"].startswith(Visit.objects.get().finished_at.strftime("%Y-%m-%dT%H:%M"))
    paused = call.post(f"projects/{project.slug}/people/{Membership.objects.get(source='platform').pk}/pause")
    assert paused.json()["recruit"]["person_id"] == "5f3c0a"


@pytest.mark.parametrize("role", ["viewer", "adjudicator"])
def test_who_only_looks_is_not_told(project, role):
    come(project)
    assert recruits(caller(member("vic", project, role)), project) == [None]


def test_a_page_of_many_costs_as_many_queries_as_one_of_few(project):
    call = caller(member("mia", project), "read")

    def cost() -> int:
        with CaptureQueriesContext(connection) as seen:
            recruits(call, project)
        return len(seen)

    come(project)
    cost()
    few = cost()
    for number in range(4):
        come(project, PROLIFIC_PID=f"p{number}")
    assert cost() == few
