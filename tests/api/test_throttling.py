"""Too many calls: refused whole, and no label is lost by it."""

import pytest

from annotation.models import Answer, AnswerEvent
from potato_site.api import throttling
from tests import factory
from tests.api.calls import caller, problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(monkeypatch):
    """Seconds that only pass when told to."""
    now = [1000.0]
    monkeypatch.setattr(throttling, "now", lambda: now[0])
    return now


@pytest.fixture
def project(tmp_path, settings):
    settings.API_REQUESTS_PER_MINUTE = 6
    return factory.make_project(tmp_path, schemes=[factory.PER_STEP], traces=factory.make_traces(1, steps=20))


def test_a_burst_is_refused_and_after_the_wait_every_label_is_there(project, clock):
    call = caller("ann")
    public_id = call.post(f"projects/{project.slug}/next").json()["assignment"]["id"]
    ops = [factory.op("per_step", {str(step): {"label": "correct"}}) for step in range(20)]
    n_refused = 0
    for op in ops:
        while True:
            response = call.post(f"assignments/{public_id}/operations", {"ops": [op]})
            if response.status_code == 200:
                break
            problem(response, 429, "too-many")
            n_refused += 1
            clock[0] += int(response["Retry-After"])
    assert n_refused > 5
    assert set(Answer.objects.get().value) == {str(step) for step in range(20)}
    assert AnswerEvent.objects.count() == 20


def test_all_tokens_of_a_person_share_one_measure_and_others_have_their_own(project, clock):
    first, second = caller("ann"), caller("ann")
    for call in (first, second) * 3:
        assert call.get("projects").status_code == 200
    problem(first.get("projects"), 429, "too-many")
    problem(second.get("projects"), 429, "too-many")
    assert caller("bob").get("projects").status_code == 200


def test_calls_come_back_evenly(project, clock):
    call = caller("ann")
    while call.get("projects").status_code == 200:
        pass
    clock[0] += 10
    assert [call.get("projects").status_code for _ in range(2)] == [200, 429]
