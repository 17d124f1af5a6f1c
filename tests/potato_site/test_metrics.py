"""What /metrics says, and to whom."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from annotation.assignments.handout import hand_out
from annotation.models import Assignment
from potato_site import metrics
from potato_site.jobs.models import Job
from tests.factory import make_project, op, person

pytestmark = pytest.mark.django_db
TOKEN = "a-token-of-thirty-two-characters!"


@pytest.fixture
def scrape(settings):
    settings.METRICS_TOKEN = TOKEN

    def ask() -> dict[tuple[str, ...], float]:
        """(name, label values in the order of their names) → value."""
        response = Client(headers={"Authorization": f"Bearer {TOKEN}"}).get("/metrics")
        assert response.status_code == 200
        families = text_string_to_metric_families(response.content.decode())
        return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}

    return ask


@pytest.mark.parametrize("given", ["", "Bearer ", "Bearer wrong", TOKEN])
def test_without_the_token_there_is_nothing(client, settings, given):
    settings.METRICS_TOKEN = TOKEN
    assert client.get("/metrics", headers={"Authorization": given}).status_code == 404


def test_no_token_set_means_nobody(client, settings):
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


def test_a_network_may_read_directly_and_not_through_a_proxy(client, settings):
    settings.METRICS_FROM = ["10.1.0.0/16"]
    assert client.get("/metrics", REMOTE_ADDR="10.1.2.3").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="10.2.0.1").status_code == 404
    assert client.get("/metrics", REMOTE_ADDR="10.1.2.3", headers={"X-Forwarded-For": "8.8.8.8"}).status_code == 404


def test_saves_are_counted_by_route_not_by_address(tmp_path, scrape, client):
    project = make_project(tmp_path)
    assignment = hand_out(project, person("ann")).assignment
    client.force_login(person("ann"))
    key = ("potato_requests_total", "POST", "/label/<uuid:public_id>/ops", "200")
    before = scrape().get(key, 0)
    operation = op("outcome", {"": "resolved"})
    assert client.post(f"/label/{assignment.public_id}/ops", {"ops": json.dumps([operation])}).status_code == 200
    after = scrape()
    assert after[key] == before + 1
    assert after["potato_request_seconds_count", "/label/<uuid:public_id>/ops"] >= 1
    assert not any(str(assignment.public_id) in label for name in after for label in name)


def test_strangers_cannot_make_new_series(client, scrape):
    client.get("/one-nobody-knows")
    client.get("/another")
    client.generic("BREW", "/login/")
    routes = {key[2] for key in scrape() if key[0] == "potato_requests_total"}
    assert "(none)" in routes
    assert not any(re.search("one-nobody|another", route) for route in routes)
    assert {key[1] for key in scrape() if key[0] == "potato_requests_total"} <= metrics.METHODS | {"other"}


def test_the_queue_tells_its_oldest_job_and_its_failures(scrape):
    now = timezone.now()
    Job.objects.create(kind="traces.import", queue="bulk", due_at=now - timedelta(minutes=5))
    Job.objects.create(kind="traces.import", queue="bulk", due_at=now + timedelta(minutes=5))
    Job.objects.create(kind="exports.build", queue="bulk", due_at=now, state="failed", finished_at=now)
    found = scrape()
    assert found["potato_jobs", "traces.import", "queued"] == 2
    assert found["potato_jobs", "exports.build", "failed"] == 1
    assert 300 <= found["potato_queue_oldest_seconds", "bulk"] < 330
    assert found["potato_queue_oldest_seconds", "fast"] == 0


def test_held_and_overdue_assignments_are_counted(tmp_path, scrape):
    project = make_project(tmp_path)
    hand_out(project, person("ann"))
    hand_out(project, person("bob"))
    Assignment.objects.filter(annotator=person("bob")).update(lease_until=timezone.now() - timedelta(hours=1))
    found = scrape()
    assert found["potato_assignments", "open"] == 2
    assert found["potato_assignments_overdue",] == 1


def test_a_source_that_fails_is_named_and_the_others_answer(scrape, monkeypatch):
    def broken():
        raise RuntimeError("no")

    monkeypatch.setitem(metrics.sources, "tests.broken", broken)
    found = scrape()
    assert found["potato_metrics_source_failed", "tests.broken"] == 1
    assert found["potato_metrics_source_failed", "annotation.metrics.assignments"] == 0


def test_a_scrape_costs_the_same_at_any_size(tmp_path, scrape, django_assert_max_num_queries):
    make_project(tmp_path)
    with django_assert_max_num_queries(5):
        scrape()
