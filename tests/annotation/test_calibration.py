"""The calibration set: everybody labels it first, it is no label, and what is known of it is told afterwards."""

import json
import uuid

import pytest
from django.urls import reverse

from annotation import queries
from annotation.assignments import calibration, managing, states
from annotation.assignments.handout import hand_out
from annotation.assignments.items import sync_items
from annotation.models import Assignment, Gold, Item, Slot, Submission
from annotation.quality.calibrated import calibration_of
from annotation.quality.checked import checked_people
from annotation.quality.gold import set_gold
from annotation.quality.statistics import submitted_by_person
from annotation.quality.status import status
from potato_site.accounts.models import User
from tests.factory import answers, make_project, make_traces, op, person, submit_item

pytestmark = pytest.mark.django_db
Purpose = Assignment.Purpose


def project_of(tmp_path, traces=6, *, overlap=0, people=("ann", "bob"), **keys):
    quality = {"overlap_percentage": overlap, "known_answers_percentage": 0}
    return make_project(tmp_path, traces=make_traces(traces), quality_control=quality, people=people, **keys)


def items_of(project):
    return list(Item.objects.filter(project=project).order_by("position"))


def boss():
    return User.objects.filter(username="boss").first() or User.objects.create_superuser("boss", "", "pw")


def calibrate(project, *numbers):
    """The items at these places are the calibration set."""
    chosen = [items_of(project)[number] for number in numbers]
    for item in chosen:
        managing.calibrate(item.pk, boss())
    return [item.pk for item in chosen]


def labeled(project, name, count, step=None):
    return [submit_item(project, name, answers(step), seconds=15).assignment for _ in range(count)]


def test_everybody_gets_the_same_items_first_and_then_the_others(tmp_path):
    project = project_of(tmp_path)
    chosen = calibrate(project, 4, 2)
    for name in ("ann", "bob"):
        done = labeled(project, name, 3)
        assert [one.item_id for one in done[:2]] == sorted(chosen)
        assert [one.purpose for one in done] == [Purpose.CALIBRATION, Purpose.CALIBRATION, Purpose.PRODUCTION]


def test_none_of_it_is_a_label(tmp_path):
    project = project_of(tmp_path, 4)
    calibrate(project, 0)
    labeled(project, "ann", 4)
    found = [trace.trace_id for trace in queries.labeled_traces(project, using="default")]
    assert found == ["trace_002", "trace_003", "trace_004"]
    assert submitted_by_person(project) == {person("ann").pk: 3}


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_the_set_is_no_part_of_the_progress(tmp_path):
    project = project_of(tmp_path, 4)
    calibrate(project, 0)
    labeled(project, "ann", 4)
    report = status(project)
    assert (report.items.total, report.items.finished) == (3, 3)
    (ann, _) = report.people
    assert (ann.submitted, ann.left) == (3, 0)


def test_it_takes_nothing_of_the_cap(tmp_path):
    project = project_of(tmp_path, 4, instances_per_annotator=1)
    calibrate(project, 2, 3)
    assert [one.item.position for one in labeled(project, "ann", 3)] == [2, 3, 0]
    assert "number of items one person labels" in hand_out(project, person("ann")).reason


def test_an_item_of_the_set_has_no_places_whenever_items_are_planned(tmp_path):
    project = project_of(tmp_path, 4, overlap=100)
    (item,) = calibrate(project, 0)
    for _ in range(2):
        assert not Slot.objects.filter(item=item).exists()
        assert not Item.objects.get(pk=item).in_overlap
        sync_items(project)
    assert Slot.objects.filter(project=project).count() == 6


def test_what_was_labeled_before_stays_a_label_and_who_made_it_is_not_asked_again(tmp_path):
    project = project_of(tmp_path, 3, overlap=100)
    (first,) = labeled(project, "ann", 1)
    managing.calibrate(first.item_id, boss())
    assert [one.purpose for one in labeled(project, "ann", 2)] == [Purpose.PRODUCTION] * 2
    assert hand_out(project, person("bob")).assignment.item_id == first.item_id
    assert Slot.objects.filter(item=first.item_id).count() == 1
    assert "trace_001" in {trace.trace_id for trace in queries.labeled_traces(project, using="default")}


def test_an_item_taken_out_of_the_set_is_handed_out_to_those_who_have_not_had_it(tmp_path):
    project = project_of(tmp_path, 2)
    (item,) = calibrate(project, 1)
    labeled(project, "ann", 2)
    managing.end_calibration(item, boss())
    managing.end_calibration(item, boss())
    assert hand_out(project, person("ann")).assignment is None
    (bob,) = labeled(project, "bob", 1)
    assert (bob.item_id, bob.purpose) == (item, Purpose.PRODUCTION)


def test_a_withdrawn_item_is_not_handed_out_and_restored_it_is_in_the_set_again(tmp_path):
    project = project_of(tmp_path, 3)
    (item,) = calibrate(project, 0)
    managing.withdraw(item, boss())
    assert hand_out(project, person("ann")).assignment.item_id != item
    managing.restore(item, boss())
    assert hand_out(project, person("bob")).assignment.item_id == item
    assert not Slot.objects.filter(item=item).exists()


def test_skipped_it_does_not_come_back_and_lost_it_does(tmp_path):
    project = project_of(tmp_path, 3)
    first, second = calibrate(project, 0, 1)
    states.skip(hand_out(project, person("ann")).assignment.public_id, person("ann"))
    lost = hand_out(project, person("ann")).assignment
    assert lost.item_id == second
    Assignment.objects.filter(pk=lost.pk).update(state="expired", lease_until=None)
    again = hand_out(project, person("ann")).assignment
    assert (again.pk, again.state) == (lost.pk, "open")
    assert Assignment.objects.filter(item=first).count() == 1


def test_the_set_has_an_end(tmp_path, monkeypatch):
    monkeypatch.setattr(calibration, "MOST", 1)
    project = project_of(tmp_path, 2)
    calibrate(project, 0)
    with pytest.raises(states.Closed, match="at most 1 items"):
        calibrate(project, 1)


def test_a_known_answer_of_the_set_checks_nobody(tmp_path):
    project = project_of(tmp_path, 3)
    (item,) = calibrate(project, 0)
    set_gold(project, Item.objects.get(pk=item), "step_reward", {"first_error": {"step": 2}}, user=None)
    labeled(project, "ann", 3, step=2)
    assert checked_people(project, using="default") == {}
    assert calibration_of(project).people[0].likeness == 1


def test_where_people_differ_is_said_in_words_even_where_a_majority_settles_it(tmp_path):
    project = project_of(tmp_path, 2, people=("ann", "bob", "cat"))
    calibrate(project, 0)
    for name, step in (("ann", 1), ("bob", 1), ("cat", 3)):
        labeled(project, name, 1, step=step)
    found = calibration_of(project)
    (row,) = found.items
    assert row.answers == 3
    assert "step 1 (2) / step 3" in row.words
    assert [(one.name, one.done) for one in found.people] == [("ann", 1), ("bob", 1), ("cat", 1)]
    assert found.n_through == 3


def test_who_has_submitted_is_told_what_is_known_and_why_and_nobody_else(client, tmp_path):
    project = project_of(tmp_path, 2)
    (item,) = calibrate(project, 0)
    set_gold(
        project, Item.objects.get(pk=item), "step_reward", {"first_error": {"step": 2}},
        rationale="The test is deleted there.", use=Gold.Use.CALIBRATION, user=None,
    )  # fmt: skip
    given = hand_out(project, person("ann")).assignment
    client.force_login(person("ann"))
    address = reverse("label", args=[given.public_id])
    before = client.get(address).content.decode()
    assert "Calibration 1 of 1" in before
    assert "deleted there" not in before
    labeled(project, "ann", 1, step=1)
    after = client.get(address).content.decode()
    assert "The test is deleted there." in after
    assert "differs" in after
    client.force_login(person("bob"))
    assert client.get(address).status_code == 404


def test_after_an_item_of_which_something_is_known_comes_that_page_and_else_the_next_item(client, tmp_path):
    project = project_of(tmp_path, 3)
    known, _ = calibrate(project, 0, 1)
    set_gold(project, Item.objects.get(pk=known), "step_reward", {"first_error": {"step": 2}}, user=None)
    client.force_login(person("ann"))
    first = hand_out(project, person("ann")).assignment
    assert _next_after(client, first) == reverse("label", args=[first.public_id])
    second = hand_out(project, person("ann")).assignment
    following = _next_after(client, second)
    assert following == reverse("label", args=[Assignment.objects.get(state="open").public_id])


def _next_after(client, assignment):
    ops = [op(scheme, changes) for scheme, changes in answers().items()]
    payload = {"op_id": uuid.uuid4().hex, "tab": "tab", "version": 0, "ops": ops}
    address = reverse("label-submit", args=[assignment.public_id])
    return client.post(address, {"payload": json.dumps(payload)}).json()["next"]


def test_a_manager_puts_items_into_the_set_from_the_list_and_sees_how_far_it_is(client, tmp_path):
    project = project_of(tmp_path, 3)
    client.force_login(boss())
    page = reverse("manage-calibration", args=[project.slug])
    assert "The set is empty" in client.get(page).content.decode()
    form = {"action": "calibrate", "_selected_action": [items_of(project)[1].pk], "confirm": "yes"}
    told = client.post(reverse("admin:annotation_item_changelist"), form, follow=True).content.decode()
    assert "1 item put into the calibration set" in told
    labeled(project, "bob", 1)
    shown = client.get(page).content.decode()
    assert "trace_002" in shown
    assert "1 of 1" in shown


def test_annotators_do_not_see_the_page(client, tmp_path):
    project = project_of(tmp_path, 2)
    client.force_login(person("ann"))
    assert client.get(reverse("manage-calibration", args=[project.slug])).status_code == 404


def test_a_submission_of_the_set_is_no_change_for_an_export_of_changes(tmp_path):
    project = project_of(tmp_path, 3)
    calibrate(project, 0)
    project.refresh_from_db()
    before = project.seq
    labeled(project, "ann", 1)
    assert Submission.objects.get().seq > before
    assert queries.changed_since(project, before, using="default") == []
