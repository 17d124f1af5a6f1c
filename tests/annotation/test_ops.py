"""The save protocol: one effect per operation, conflicts by key, refusals that keep the good ones."""

import uuid

import pytest
from django.db import DatabaseError, connection, transaction
from django.http import Http404

from annotation.answers import ops
from annotation.answers.ops import Malformed, apply_ops
from annotation.assignments import states
from annotation.assignments.handout import hand_out
from annotation.models import Answer, AnswerEvent, Assignment, Membership
from potato_site.textjson import canonical
from tests.factory import FIRST_ERROR, OUTCOME, PER_STEP, make_project, op, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def assignment(tmp_path):
    project = make_project(tmp_path, schemes=[FIRST_ERROR, PER_STEP, OUTCOME])
    return hand_out(project, person("ann")).assignment


def save(assignment, *operations):
    return apply_ops(assignment.public_id, person("ann"), list(operations))


def value(assignment, scheme):
    return Answer.objects.get(assignment=assignment, scheme=scheme).value


def test_it_keeps_an_operation_and_raises_the_version(assignment):
    reply = save(assignment, op("outcome", {"": "resolved"}, op_id="a"))
    assert (reply.version, reply.acked, reply.conflicts, reply.refused) == (1, ["a"], [], [])
    assert value(assignment, "outcome") == {"": "resolved"}


def test_the_same_operation_again_has_no_second_effect(assignment):
    operation = op("outcome", {"": "resolved"}, op_id="a")
    first, second = save(assignment, operation), save(assignment, operation)
    assert first == second
    assert AnswerEvent.objects.filter(assignment=assignment).count() == 1


def test_the_same_id_with_another_body_is_a_conflict(assignment):
    save(assignment, op("outcome", {"": "resolved"}, op_id="a"))
    reply = save(assignment, op("outcome", {"": "partial"}, op_id="a"))
    assert reply.acked == []
    assert [conflict["op"] for conflict in reply.conflicts] == ["a"]
    assert value(assignment, "outcome") == {"": "resolved"}


def test_two_tabs_on_different_keys_both_win(assignment):
    save(assignment, op("per_step", {"0": {"label": "correct"}}, tab="one"))
    reply = save(assignment, op("per_step", {"1": {"label": "incorrect"}}, tab="two", base=0))
    assert reply.conflicts == []
    assert set(value(assignment, "per_step")) == {"0", "1"}


def test_a_page_is_told_what_other_tabs_changed(assignment):
    save(assignment, op("per_step", {"0": {"label": "correct"}}, tab="one"))
    reply = save(assignment, op("per_step", {"1": {"label": "incorrect"}}, tab="two", base=0))
    assert reply.theirs == [{"scheme": "per_step", "key": "0", "value": {"label": "correct", "origin": "human"}}]


def test_a_key_that_another_tab_changed_is_a_conflict_and_the_rest_is_kept(assignment):
    save(assignment, op("outcome", {"": "resolved"}, tab="one"))
    clash, good = op("outcome", {"": "partial"}, tab="two"), op("per_step", {"2": {"label": "neutral"}}, tab="two")
    reply = save(assignment, clash, good)
    about = {"op": clash["id"], "scheme": "outcome", "key": ""}
    assert reply.conflicts == [{**about, "value": "resolved", "was_left": False}]
    assert reply.acked == [good["id"]]
    assert value(assignment, "outcome") == {"": "resolved"}
    assert value(assignment, "per_step") == {"2": {"label": "neutral", "origin": "human"}}


def test_the_same_value_from_another_tab_is_no_conflict(assignment):
    save(assignment, op("outcome", {"": "resolved"}, tab="one"))
    reply = save(assignment, op("outcome", {"": "resolved"}, tab="two"))
    assert reply.conflicts == []


def test_a_page_that_has_seen_the_change_may_overwrite_it(assignment):
    first = save(assignment, op("outcome", {"": "resolved"}, tab="one"))
    reply = save(assignment, op("outcome", {"": "partial"}, tab="two", base=first.version))
    assert reply.conflicts == []
    assert value(assignment, "outcome") == {"": "partial"}


def test_of_a_key_that_several_tabs_set_the_last_one_counts_as_theirs(assignment):
    save(assignment, op("outcome", {"": "partial"}, tab="two"), op("per_step", {"0": {"label": "correct"}}, tab="two"))
    own = op("outcome", {"": "resolved"}, tab="one", base=2)
    save(assignment, own)
    again = op("per_step", {"1": {"label": "correct"}}, tab="one", base=0)
    theirs = save(assignment, own, again).theirs
    assert [(change["scheme"], change["key"]) for change in theirs] == [("per_step", "0")]
    save(assignment, op("outcome", {"": "partial"}, tab="two", base=4))
    assert save(assignment, own).theirs == [{"scheme": "outcome", "key": "", "value": "partial"}]


def test_null_removes_a_key(assignment):
    save(assignment, op("outcome", {"": "resolved"}))
    save(assignment, op("outcome", {"": None}, base=1))
    assert value(assignment, "outcome") == {}


def test_a_refused_operation_says_why_and_the_others_are_kept(assignment):
    bad, good = op("outcome", {"": "maybe"}), op("outcome", {"": "partial"})
    reply = save(assignment, bad, good)
    assert [refusal["op"] for refusal in reply.refused] == [bad["id"]]
    assert "maybe" in reply.refused[0]["message"]
    assert reply.acked == [good["id"]]


@pytest.mark.parametrize(
    "operation",
    [
        op("nothing", {"": 1}),
        op("step_reward", {"first_error": {"step": 5}}),
        op("step_reward", {"first_error": {"step": -1}}),
        op("step_reward", {"0": {"label": "correct"}}),
        op("per_step", {"0": {"label": "great"}}),
        op("per_step", {"5": {"label": "correct"}}),
        op("per_step", {"0": ["correct"]}),
        op("per_step", {"0": {"label": "correct"}, "9": {"label": "correct"}}),
        op("outcome", {"": {"$ne": 1}}),
        op("outcome", {"x": "resolved"}),
    ],
)
def test_values_the_scheme_does_not_take_write_nothing(assignment, operation):
    reply = save(assignment, operation)
    assert len(reply.refused) == 1
    assert not AnswerEvent.objects.exists()
    assert not Answer.objects.exists()


@pytest.mark.parametrize(
    "raw",
    [
        None,
        {},
        "x",
        [1],
        [{}],
        [op("outcome", {})],
        [{**op("outcome", {"": "x"}), "base": "0"}],
        [{**op("outcome", {"": "x"}), "base": True}],
        [{**op("outcome", {"": "x"}), "id": ""}],
        [{**op("outcome", {"": "x"}), "id": "x" * 65}],
        [{**op("outcome", {"": "x"}), "id": "a\x00b"}],
        [{**op("outcome", {"": "x"}), "scheme": "\ud800"}],
        [{**op("outcome", {"": "x"}), "set": {"\x00": None}}],
        [{**op("outcome", {"": "x"}), "set": {"\ud800": None}}],
        [{**op("outcome", {"": "x"}), "set": []}],
        [{**op("outcome", {"": "x"}), "set": {"k" * 301: "x"}}],
        [op("outcome", {"": "x"}, op_id="same"), op("outcome", {"": "y"}, op_id="same")],
        [op("outcome", {"": "x"})] * (ops.MAX_OPS + 1),
    ],
)
def test_a_malformed_request_writes_nothing(assignment, raw):
    with pytest.raises(Malformed):
        apply_ops(assignment.public_id, person("ann"), raw)
    assert not AnswerEvent.objects.exists()


def test_answers_that_grow_beyond_what_is_kept_are_refused_and_can_be_made_smaller(assignment, monkeypatch):
    save(assignment, op("per_step", {str(step): {"label": "correct"} for step in range(3)}, op_id="first"))
    size = len(canonical(value(assignment, "per_step")))
    monkeypatch.setattr(ops, "MAX_ANSWER", size + 20)
    more = op("per_step", {"3": {"label": "correct"}}, base=1)
    assert save(assignment, more).refused == [
        {"op": more["id"], "message": "the answers to “Per step” would be larger than 0 MB together"}
    ]
    monkeypatch.setattr(ops, "MAX_ANSWER", 10)
    assert save(assignment, op("per_step", {"0": {"label": "neutral"}}, base=1)).acked
    assert save(assignment, op("per_step", {"1": None}, base=2)).acked
    assert set(value(assignment, "per_step")) == {"0", "2"}


def test_operations_of_one_request_count_together(assignment, monkeypatch):
    monkeypatch.setattr(ops, "MAX_ANSWER", 120)
    reply = save(assignment, *(op("per_step", {str(step): {"label": "correct"}}) for step in range(5)))
    assert (len(reply.acked), len(reply.refused)) == (2, 3)
    assert len(canonical(value(assignment, "per_step"))) <= 120


def test_a_known_id_with_a_newer_base_has_no_second_effect(assignment):
    save(assignment, op("outcome", {"": "resolved"}, op_id="a"))
    with pytest.raises(Malformed), transaction.atomic():
        save(assignment, op("outcome", {"": "resolved"}, op_id="a", base=1))
    assert AnswerEvent.objects.count() == 1


def test_text_that_no_database_can_hold_is_replaced_visibly(tmp_path):
    project = make_project(tmp_path, schemes=[{"annotation_type": "text_input", "name": "notes"}])
    assignment = hand_out(project, person("ann")).assignment
    save(assignment, op("notes", {"": "a\x00b\ud800c"}))
    assert value(assignment, "notes") == {"": "a�b�c"}


@pytest.mark.parametrize("said", ["2026-99-99T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", 5])
def test_a_wrong_device_clock_is_no_reason_to_refuse(assignment, said):
    reply = save(assignment, {**op("outcome", {"": "resolved"}, op_id="a"), "device_at": said})
    assert reply.acked == ["a"]
    assert AnswerEvent.objects.get().device_at is None


@pytest.mark.parametrize("base", [1, 10**30])
def test_a_version_that_does_not_exist_does_not_pass_for_having_seen_everything(assignment, base):
    with pytest.raises(Malformed), transaction.atomic():
        save(assignment, op("outcome", {"": "resolved"}, base=base))
    assert not AnswerEvent.objects.exists()


def test_nobody_else_can_write(assignment):
    with pytest.raises(Http404):
        apply_ops(assignment.public_id, person("bob"), [op("outcome", {"": "resolved"})])
    with pytest.raises(Http404):
        apply_ops(uuid.uuid4(), person("ann"), [op("outcome", {"": "resolved"})])


def test_a_person_removed_from_the_project_cannot_write(assignment):
    Membership.objects.filter(user=person("ann")).update(state=Membership.State.INACTIVE)
    with pytest.raises(Http404):
        save(assignment, op("outcome", {"": "resolved"}))


@pytest.mark.parametrize("state", ["submitted", "skipped", "void"])
def test_a_closed_assignment_takes_nothing(assignment, state):
    Assignment.objects.filter(pk=assignment.pk).update(state=state)
    with pytest.raises(states.Closed):
        save(assignment, op("outcome", {"": "resolved"}))
    assert not AnswerEvent.objects.exists()


def test_labels_for_another_version_of_the_trace_are_refused(assignment):
    operations = [op("outcome", {"": "resolved"})]
    with pytest.raises(states.Closed, match="Reload"):
        apply_ops(assignment.public_id, person("ann"), operations, shown="0" * 64)
    assert not AnswerEvent.objects.exists()
    assert apply_ops(assignment.public_id, person("ann"), operations, shown=assignment.item.a.sha256).version == 1


def test_events_form_a_chain_that_shows_a_change(assignment):
    for number in range(3):
        save(assignment, op("per_step", {str(number): {"label": "correct"}}, base=number))
    head = ""
    for event in AnswerEvent.objects.filter(assignment=assignment).order_by("version"):
        head = ops.event_digest(head, event.version, event.op_id, event.tab, event.scheme, event.changes)
        assert event.digest == head
    assert Assignment.objects.get(pk=assignment.pk).head == head


def test_the_database_refuses_to_change_an_event(assignment):
    save(assignment, op("outcome", {"": "resolved"}))
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE annotation_answerevent SET scheme = 'other'")


def test_current_answers_are_the_fold_of_the_events(assignment):
    save(assignment, op("per_step", {"0": {"label": "correct"}, "1": {"label": "neutral"}}))
    save(assignment, op("per_step", {"0": None, "2": {"label": "incorrect"}}, base=1), op("outcome", {"": "partial"}))
    folded: dict = {}
    for event in AnswerEvent.objects.filter(assignment=assignment).order_by("version"):
        current = folded.setdefault(event.scheme, {})
        for key, changed in event.changes.items():
            if changed is None:
                current.pop(key, None)
            else:
                current[key] = changed
    assert folded == dict(Answer.objects.filter(assignment=assignment).values_list("scheme", "value"))
