"""The same call twice: one effect, one answer."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection, transaction
from django.utils import timezone

from annotation.models import Answer, Assignment, Membership
from annotation.models import Project as ProjectRow
from potato_site.accounts.models import User
from potato_site.api import idempotency
from potato_site.api.models import IdempotencyKey
from tests import factory
from tests.api.calls import caller, problem

CONFIG = """
project_name: x
data: {data_format: coding_trace}
annotation_schemes:
  - {annotation_type: radio, name: outcome, options: [a, b]}
"""


@pytest.fixture
def project(db, tmp_path, settings):
    settings.POTATO_HOME = tmp_path / "home"
    return factory.make_project(tmp_path)


@pytest.fixture
def boss(project):
    user = User.objects.create_user("boss")
    Membership.objects.create(project=project, user=user, role=Membership.Role.MANAGER, source="admin")
    return caller(user)


def new(name: str = "New") -> dict:
    return {"name": name, "config": CONFIG}


def test_a_repeated_call_gets_the_first_answer(boss):
    first = boss.post("projects", new(), Idempotency_Key="k1")
    assert first.status_code == 201, first.content
    again = boss.post("projects", new(), Idempotency_Key="k1")
    assert (again.status_code, again.content) == (201, first.content)
    assert again["Idempotency-Replayed"] == "true"
    assert again["Location"] == first["Location"]
    assert again["Content-Type"] == first["Content-Type"]
    assert ProjectRow.objects.count() == 2


def test_another_key_or_no_key_is_another_call(boss):
    for headers in ({"Idempotency_Key": "k1"}, {"Idempotency_Key": "k2"}, {}, {}):
        response = boss.post("projects", new(), **headers)
        assert response.status_code == 201
        assert not response.has_header("Idempotency-Replayed")
    assert ProjectRow.objects.count() == 5


def test_a_key_belongs_to_one_call_of_one_person(boss, project):
    boss.post("projects", new(), Idempotency_Key="k1")
    problem(boss.post("projects", new("Other"), Idempotency_Key="k1"), 422, "key-reused")
    problem(boss.post(f"projects/{project.slug}/next", new(), Idempotency_Key="k1"), 422, "key-reused")
    assert caller("ann").post(f"projects/{project.slug}/next", Idempotency_Key="k1").status_code == 200
    assert ProjectRow.objects.count() == 2


def test_a_token_that_is_bound_elsewhere_does_not_get_the_answer(boss, project, tmp_path):
    other = factory.make_project(tmp_path / "other", name="Other", people=["ann"])
    path, headers = f"projects/{project.slug}/next", {"Idempotency_Key": "k1"}
    assert caller("ann").post(path, **headers).status_code == 200
    problem(caller("ann", project=other).post(path, **headers), 422, "key-reused")


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 201, "a\tb"])
def test_a_key_of_another_form_is_400(boss, key):
    problem(boss.post("projects", new(), Idempotency_Key=key), 400, "malformed")
    assert ProjectRow.objects.count() == 1


def test_a_refusal_is_not_kept_so_the_key_serves_when_its_reason_is_gone(project):
    call = caller("ann")
    public_id = call.post(f"projects/{project.slug}/next").json()["assignment"]["id"]
    values = factory.answers()
    first_op = factory.op("outcome", values["outcome"])
    body = {"op_id": "s", "tab": "t", "version": 0, "ops": [first_op]}
    problem(call.post(f"assignments/{public_id}/submit", body, Idempotency_Key="k"), 422, "not-yet")
    # What it carried was kept, key or no key.
    assert Answer.objects.get().value == values["outcome"]

    call.post(
        f"assignments/{public_id}/operations", {"ops": [factory.op("step_reward", values["step_reward"], tab="t")]}
    )
    done = call.post(f"assignments/{public_id}/submit", body, Idempotency_Key="k")
    assert done.status_code == 200, done.content
    assert call.post(f"assignments/{public_id}/submit", body, Idempotency_Key="k").content == done.content


def test_an_error_of_ours_leaves_neither_effect_nor_answer(project, monkeypatch):
    from annotation.api import assignments

    call = caller("ann")
    call.client.raise_request_exception = False
    path = f"projects/{project.slug}/next"

    def fails(*_):
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(assignments, "shown", fails)
        problem(call.post(path, Idempotency_Key="k"), 500, "error")
    assert not Assignment.objects.exists()
    assert not IdempotencyKey.objects.exists()
    assert call.post(path, Idempotency_Key="k").json()["assignment"]["state"] == "open"


def test_answers_are_forgotten_after_a_week(boss):
    boss.post("projects", new(), Idempotency_Key="old")
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(days=7, minutes=1))
    boss.post("projects", new(), Idempotency_Key="young")
    IdempotencyKey.objects.forget()
    assert list(IdempotencyKey.objects.values_list("key", flat=True)) == ["young"]


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_of_two_calls_at_once_one_has_the_effect(tmp_path, settings):
    settings.POTATO_HOME = tmp_path / "home"
    factory.make_project(tmp_path)
    user = User.objects.create_superuser("root")
    calls, together, answers = [caller(user), caller(user)], Barrier(2), []

    def run(call):
        together.wait()
        answers.append(call.post("projects", new(), Idempotency_Key="k"))
        connection.close()

    threads = [Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ProjectRow.objects.filter(name="New").count() == 1
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses in ([201, 201], [201, 409])
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1


@pytest.mark.services
@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_a_call_that_is_under_way_elsewhere_is_409(tmp_path):
    """On SQLite there is one writer at a time: the second call waits for the first, as the test above has it."""
    project = factory.make_project(tmp_path)
    user, call = factory.person("ann"), caller("ann")
    held, free = Barrier(2), Barrier(2)

    def hold():
        with transaction.atomic():
            assert idempotency._my_turn(user.pk, "k")
            held.wait()
            free.wait()
        connection.close()

    other = Thread(target=hold)
    other.start()
    held.wait()
    response = call.post(f"projects/{project.slug}/next", Idempotency_Key="k")
    free.wait()
    other.join()
    problem(response, 409, "in-progress")
    assert response["Retry-After"] == "1"
    assert call.post(f"projects/{project.slug}/next", Idempotency_Key="k").status_code == 200
