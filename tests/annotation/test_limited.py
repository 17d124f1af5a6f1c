"""Too many requests from one person's labeling pages: refused whole, told when to go on, nobody else's business."""

import json

import pytest
from django.urls import reverse

from annotation.assignments.handout import hand_out
from annotation.models import AnswerEvent
from potato_site.api import buckets, throttling
from tests.factory import OUTCOME, make_project, op, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(monkeypatch, settings):
    """Seconds that only pass when told to; six requests a minute."""
    settings.LABEL_REQUESTS_PER_MINUTE = 6
    now = [1000.0]
    monkeypatch.setattr(throttling, "now", lambda: now[0])
    buckets.forget()
    yield now
    buckets.forget()


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path, schemes=[OUTCOME], people=["ann", "bob"])


class Page:
    """Somebody's labeling page."""

    def __init__(self, client, project, name):
        self.client, self.user = client, person(name)
        self.assignment = hand_out(project, self.user).assignment

    def post(self, name, field, value):
        self.client.force_login(self.user)
        return self.client.post(reverse(name, args=[self.assignment.public_id]), {field: json.dumps(value)})


def test_a_burst_is_refused_with_the_time_to_wait_and_after_it_everything_is_saved(client, project, clock):
    page, n_refused = Page(client, project, "ann"), 0
    for operation in [op("outcome", {"": "partial"}) for _ in range(12)]:
        while (response := page.post("label-ops", "ops", [operation])).status_code != 200:
            assert response.status_code == 429
            assert response.json()["error"] == "too-many"
            n_refused += 1
            clock[0] += int(response["Retry-After"])
    assert n_refused == 6
    assert AnswerEvent.objects.count() == 12


def test_a_refused_submission_and_signal_did_nothing_and_others_go_on(client, project, clock):
    ann, bob = Page(client, project, "ann"), Page(client, project, "bob")
    payload = {"op_id": "one", "tab": "tab", "version": 0, "ops": [op("outcome", {"": "resolved"})]}
    signal = {"seq": 1, "delta_ms": 0, "steps": {}}
    for _ in range(6):
        assert ann.post("label-seen", "signal", signal).status_code == 200
    for name, field, value in (("label-seen", "signal", signal), ("label-submit", "payload", payload)):
        assert ann.post(name, field, value).status_code == 429
    assert not AnswerEvent.objects.exists()
    assert bob.post("label-submit", "payload", payload).status_code == 200
    clock[0] += 10
    assert ann.post("label-submit", "payload", payload).status_code == 200


def test_programs_of_the_same_person_are_counted_apart(client, project, clock, settings):
    page = Page(client, project, "ann")
    while throttling.take(page.user.pk, throttling.now(), settings.API_REQUESTS_PER_MINUTE) == 0:
        pass
    assert page.post("label-ops", "ops", [op("outcome", {"": "partial"})]).status_code == 200
