"""Known answers over the API: managers set and remove them, everybody else does not know there are any."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotation.models import Gold, Item
from annotation.quality.gold import set_gold
from tests.api.calls import caller, problem
from tests.api.people import member
from tests.factory import make_project, make_traces

pytestmark = pytest.mark.django_db
VALUE = {"first_error": {"step": 2}}


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path, traces=make_traces(12))


@pytest.fixture
def call(project):
    return caller(member("mia", project))


@pytest.fixture
def address(project):
    item = Item.objects.filter(project=project).order_by("position").first()
    return f"projects/{project.slug}/gold/{item.pk}/step_reward"


def test_a_known_answer_is_set_read_changed_and_removed(project, call, address):
    first = call("PUT", address, {"value": VALUE, "rationale": "x = 3 is wrong", "use": "calibration"})
    assert first.status_code == 200
    assert first.json() == call.get(address).json()
    (row,) = call.get(f"projects/{project.slug}/gold").json()["results"]
    assert (row["trace"], row["scheme"], row["use"]) == ("trace_001", "step_reward", "calibration")
    assert row["value"] == {"first_error": {"step": 2, "origin": "human"}}
    call("PUT", address, {"value": {"first_error": {"step": None}}})
    assert call.get(address).json()["value"]["first_error"]["step"] is None
    assert call("DELETE", address).status_code == 204
    problem(call.get(address), 404, "not-found")
    problem(call("DELETE", address), 404, "not-found")
    assert call.get(f"projects/{project.slug}/gold").json()["results"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "value"),
        ({"value": {"first_error": {"step": 99}}}, "value.first_error"),
        ({"value": {}}, "value"),
        ({"value": 3}, "value"),
        ({"value": VALUE, "use": "exam"}, "use"),
        ({"value": VALUE, "item": 3}, "item"),
    ],
)
def test_what_is_no_answer_is_refused(call, address, body, field):
    document = problem(call("PUT", address, body), 422, "invalid")
    assert [error["field"] for error in document["errors"]] == [field]
    assert not Gold.objects.exists()


@pytest.mark.parametrize(
    "value", [{"": "a\x00b"}, {"": "\ud800"}, {"\x00": 1}, {"": 10**400}, {"a\x00": {"\ud800": 1}}]
)
@pytest.mark.parametrize("scheme", ["outcome", "step_reward", "error_description"])
def test_values_no_database_can_hold_are_refused_or_mended(call, address, value, scheme):
    response = call("PUT", address.replace("step_reward", scheme), {"value": value, "rationale": "a\x00\ud800"})
    assert response.status_code in (200, 422)
    assert all("\x00" not in str(gold.value) + gold.rationale for gold in Gold.objects.all())
    assert call("PUT", address.replace("step_reward", "%00"), {"value": value}).status_code == 404


def test_a_question_or_an_item_of_another_project_is_not_there(project, call, address, tmp_path):
    other = make_project(tmp_path / "other", name="Other", people=["zoe"])
    foreign = Item.objects.filter(project=other).first()
    problem(
        call("PUT", f"projects/{project.slug}/gold/{foreign.pk}/outcome", {"value": {"": "resolved"}}), 404, "not-found"
    )
    problem(call("PUT", address.replace("step_reward", "nothing"), {"value": VALUE}), 422, "invalid")


def test_nobody_but_a_manager_with_the_scope_gets_an_answer(project, call, address):
    call("PUT", address, {"value": VALUE})
    listed = f"projects/{project.slug}/gold"
    for role in ("viewer", "adjudicator"):
        someone = caller(member(role, project, role))
        for path in (listed, address):
            problem(someone.get(path), 404, "not-found")
    for path in (listed, address):
        problem(caller("ann").get(path), 404, "not-found")
        problem(caller("mia", "read", "annotate", "import", "export").get(path), 403, "forbidden")
    for method in ("PUT", "DELETE"):
        problem(caller("ann")(method, address, {"value": VALUE}), 404, "not-found")
    assert Gold.objects.count() == 1


def test_the_list_costs_the_same_however_long_it_is(project, call):
    def queries():
        with CaptureQueriesContext(connection) as found:
            response = call.get(f"projects/{project.slug}/gold")
        return len(found), len(response.json()["results"])

    items = list(Item.objects.filter(project=project).order_by("pk"))
    for item in items[:2]:
        set_gold(project, item, "outcome", {"": "resolved"}, user=None)
    few, _ = queries()
    for item in items[2:]:
        set_gold(project, item, "outcome", {"": "resolved"}, user=None)
    assert queries() == (few, 12)
