"""The calibration set: everybody labels it first, it is no label, and what is known of it is told afterwards."""

import json
import re
import uuid

import pytest
from django.urls import reverse
from django.utils import timezone

from annotation import queries
from annotation.answers.submission import submit
from annotation.assignments import calibration, managing, render_ahead, states
from annotation.assignments.handout import hand_out
from annotation.assignments.items import sync_items
from annotation.models import Assignment, Gold, Item, Membership, Slot, Submission
from annotation.pages.feedback import feedback_of
from annotation.projects.revisions import current, set_config
from annotation.quality.calibrated import calibration_of
from annotation.quality.checked import checked_people
from annotation.quality.gold import set_gold
from annotation.quality.pace import pace_of
from annotation.quality.ratings import ratings_of
from annotation.quality.statistics import submitted_by_person
from annotation.quality.status import status
from potato_site.accounts.models import User
from potato_site.jobs.models import Job
from tests.factory import FIRST_ERROR, PER_STEP, answers, make_project, make_trace, make_traces, op, person, submit_item

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
Purpose = Assignment.Purpose
PAIRWISE = {"annotation_type": "pairwise", "name": "preference"}


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


def labeled_as(project, name, values):
    """The next item of this person, with these answers."""
    return submit_item(project, name, values, seconds=15).assignment


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
        sync_items(project)
    assert Slot.objects.filter(project=project).count() == 6


def test_what_was_labeled_before_stays_a_label_and_who_made_it_is_not_asked_again(tmp_path):
    project = project_of(tmp_path, 3, overlap=100)
    (first,) = labeled(project, "ann", 1)
    managing.calibrate(first.item_id, boss())
    assert [one.purpose for one in labeled(project, "ann", 2)] == [Purpose.PRODUCTION] * 2
    again = hand_out(project, person("bob")).assignment
    assert (again.item_id, again.purpose) == (first.item_id, Purpose.CALIBRATION)
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


def rated(project):
    """Every label that agreement compares."""
    found = ratings_of(project, using="default")
    return [
        (one.scheme, one.measure.name, list(one.cluster), list(zip(one.unit, one.annotator, one.code, strict=True)))
        for one in found
    ]


def test_labels_that_an_item_has_already_stay_in_agreement_and_progress(tmp_path):
    project = project_of(tmp_path, 2, overlap=100)
    for name in ("ann", "bob"):
        labeled(project, name, 2)
    before = rated(project)
    (item,) = calibrate(project, 0)
    sync_items(project)
    assert rated(project) == before
    assert Item.objects.to_label().count() == 2
    managing.end_calibration(item, boss())
    sync_items(project)
    assert rated(project) == before


def test_the_overlap_is_planned_anew_among_the_others(tmp_path):
    project = project_of(tmp_path, 10, overlap=50)
    calibrate(project, *(item.position for item in items_of(project) if item.in_overlap))
    assert Job.objects.filter(kind="annotation.sync_items").exists()
    sync_items(project)
    assert Item.objects.filter(project=project, in_overlap=True, in_calibration=False).count() == 3


def test_an_invalidated_label_of_an_item_of_the_set_is_not_made_again(tmp_path):
    project = project_of(tmp_path, 2, people=("ann", "bob", "cat"))
    (first,) = labeled(project, "ann", 1)
    managing.calibrate(first.item_id, boss())
    with pytest.raises(states.Closed, match="given to nobody"):
        managing.reassign(first.pk, boss(), person("cat").pk)
    managing.invalidate(first.pk, boss())
    assert not Slot.objects.filter(item=first.item_id).exists()
    (cat,) = labeled(project, "cat", 1)
    assert (cat.item_id, cat.purpose) == (first.item_id, Purpose.CALIBRATION)
    with pytest.raises(states.Closed, match="given to nobody"):
        managing.reassign(cat.pk, boss(), person("bob").pk)


def test_what_a_manager_released_comes_first_again_though_the_cap_is_reached(tmp_path):
    project = project_of(tmp_path, 4, instances_per_annotator=1)
    labeled(project, "ann", 1)
    (item,) = calibrate(project, 2)
    given = hand_out(project, person("ann")).assignment
    assert given.item_id == item
    managing.release(given.pk, boss())
    assert hand_out(project, person("ann")).assignment == given


@pytest.mark.parametrize("end", [managing.end_calibration, managing.withdraw])
def test_what_was_lost_of_an_item_that_left_the_set_does_not_come_back(tmp_path, end):
    project = project_of(tmp_path, 2)
    (item,) = calibrate(project, 0)
    lost = hand_out(project, person("ann")).assignment
    Assignment.objects.filter(pk=lost.pk).update(state="expired", lease_until=None)
    end(item, boss())
    given = hand_out(project, person("ann")).assignment
    assert (given.item.position, given.purpose) == (1, Purpose.PRODUCTION)


def test_items_of_a_kind_that_is_no_longer_handed_out_are_not_of_the_set(tmp_path):
    traces = [make_trace(f"t{number}", issue_id="one", repo="r") for number in range(2)]
    project = make_project(tmp_path, traces=traces, schemes=[FIRST_ERROR, PAIRWISE], people=("ann", "bob"), overlap=0)
    for _ in range(2):
        submit_item(project, "ann", {"step_reward": {"first_error": {"step": None}}}, seconds=15)
    pair = Item.objects.get(kind=Item.Kind.PAIR)
    managing.calibrate(pair.pk, boss())
    schemes = [scheme for scheme in current(project).annotation_schemes if scheme.unit != "pair"]
    set_config(project, current(project).model_copy(update={"annotation_schemes": schemes}), None)
    assert hand_out(project, person("bob")).assignment is None
    managing.end_calibration(pair.pk, boss())
    assert not Slot.objects.filter(item=pair).exists()


def test_two_traces_stand_in_one_order_for_everybody_and_the_others_are_compared_without_waiting(tmp_path):
    people = [f"p{number}" for number in range(8)]
    traces = [make_trace(f"t{number}", issue_id="one", repo="r") for number in range(3)]
    project = make_project(tmp_path, traces=traces, schemes=[FIRST_ERROR, PAIRWISE], people=people, overlap=0)
    calibrate(project, 0)
    for _ in range(3):
        submit_item(project, "p0", {"step_reward": {"first_error": {"step": None}}}, seconds=15)
    pair = Item.objects.get(kind=Item.Kind.PAIR)
    managing.calibrate(pair.pk, boss())
    for name in people[1:]:
        first = labeled_as(project, name, {"step_reward": {"first_error": {"step": None}}})
        assert first.item.position == 0
        second = labeled_as(project, name, {"preference": {"choice": {"side": "a"}}})
        assert (second.item_id, second.swapped, second.purpose) == (pair.pk, False, Purpose.CALIBRATION)


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


def test_the_set_is_no_part_of_pace_and_its_open_item_is_open(client, tmp_path):
    project = project_of(tmp_path, 3, minimum_time=0)
    calibrate(project, 0, 1)
    submit_item(project, "ann", answers(), seconds=0)
    assert Submission.objects.get().flags == ["too_fast"]
    assert pace_of(project, using="default", now=timezone.now()).too_fast == 0
    hand_out(project, person("ann"))
    client.force_login(person("ann"))
    page = client.get(reverse("project", args=[project.slug])).content.decode()
    assert "Continue" in page
    assert "<strong>0</strong> of at most 1 item" in page
    assert "First come 1 item that everybody labels" in page
    submit_item(project, "ann", answers(), seconds=0)
    assert "First come" not in client.get(reverse("project", args=[project.slug])).content.decode()


def test_the_place_of_an_item_counts_the_set_apart(client, tmp_path):
    project = project_of(tmp_path, 4)
    labeled(project, "ann", 2)
    managing.calibrate(items_of(project)[0].pk, boss())
    (item,) = calibrate(project, 3)
    client.force_login(person("ann"))

    def place():
        given = hand_out(project, person("ann")).assignment
        page = client.get(reverse("label", args=[given.public_id])).content.decode()
        return re.search(r'<span class="place">([^<]*)</span>', page)[1]

    # The first item of the set is Ann's label.
    assert place() == "Calibration 1 of 2"
    managing.end_calibration(item, boss())
    assert place() == "Calibration 1 of 1"
    labeled(project, "ann", 1)
    assert place() == "Item 3 of 4"


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


def test_nobody_is_told_of_items_that_will_not_come(tmp_path):
    project = project_of(tmp_path, 3)
    given = hand_out(project, person("ann")).assignment
    states.release(given.public_id, person("ann"))
    managing.calibrate(given.item_id, boss())
    assert calibration.left(project, person("ann")) == 0
    assert calibration.left(project, person("bob")) == 1
    assert [(one.name, one.left) for one in calibration_of(project).people] == [("ann", 0), ("bob", 1)]


def test_checks_are_spread_over_the_work_that_follows(tmp_path):
    quality = {"overlap_percentage": 0, "known_answers_percentage": 10}
    people = tuple(f"p{number}" for number in range(6))
    project = make_project(tmp_path, traces=make_traces(20), quality_control=quality, people=people)
    calibrate(project, 0, 1, 2, 3, 4)
    (*_, check) = items_of(project)
    set_gold(project, check, "step_reward", {"first_error": {"step": 2}}, user=None)
    firsts = [labeled(project, name, 6)[-1].item_id == check.pk for name in people]
    assert not all(firsts)


def test_what_people_said_first_is_compared_and_who_skipped_is_through(tmp_path):
    project = project_of(tmp_path, 3)
    first, second = calibrate(project, 0, 1)
    for item in (first, second):
        set_gold(project, Item.objects.get(pk=item), "step_reward", {"first_error": {"step": 2}}, user=None)
    (wrong,) = labeled(project, "ann", 1, step=4)
    states.reopen(wrong.public_id, person("ann"))
    again = {
        "op_id": "again",
        "tab": "tab",
        "version": 2,
        "ops": [op("step_reward", answers(2)["step_reward"], base=2)],
    }
    submit(wrong.public_id, person("ann"), again)
    states.skip(hand_out(project, person("ann")).assignment.public_id, person("ann"))
    found = calibration_of(project)
    assert [(one.name, one.done, one.left, one.likeness) for one in found.people] == [
        ("ann", 1, 0, 0), ("bob", 0, 2, None)
    ]  # fmt: skip
    assert found.n_through == 1


def test_who_is_left_out_differs_from_nobody_and_a_changed_question_is_not_compared(tmp_path):
    project = project_of(tmp_path, 2, people=("ann", "bob", "cat"))
    calibrate(project, 0)
    for name, step in (("ann", 1), ("bob", 1), ("cat", 3)):
        labeled(project, name, 1, step=step)
    Membership.objects.filter(user=person("cat")).update(is_excluded=True)
    (row,) = calibration_of(project).items
    assert (row.answers, row.words) == (2, "")
    first, *others = current(project).annotation_schemes
    changed = type(first).model_validate({**first.model_dump(), "allow_all_correct": False, "mode": "per_step"})
    schemes = [changed, *(scheme for scheme in others if scheme.name == "error_description")]
    set_config(project, current(project).model_copy(update={"annotation_schemes": schemes}), None)
    assert calibration_of(project).items[0].words is None


def test_the_same_is_said_only_of_answers_that_are(tmp_path):
    project = make_project(tmp_path, traces=make_traces(1), schemes=[PER_STEP], people=("ann", "bob"))
    (item,) = calibrate(project, 0)
    every = {str(step): {"label": "correct"} for step in range(5)}
    set_gold(project, Item.objects.get(pk=item), "per_step", every, user=None)
    neutral = {str(step): {"label": "neutral"} for step in range(5)}
    found = [feedback_of(labeled_as(project, "ann", {"per_step": neutral}))[0]]
    found += [feedback_of(labeled_as(project, "bob", {"per_step": every}))[0]]
    assert [one.is_same for one in found] == [False, True]


def test_of_an_item_that_left_the_set_nothing_is_told(tmp_path):
    project = project_of(tmp_path, 2)
    (item,) = calibrate(project, 0)
    set_gold(project, Item.objects.get(pk=item), "step_reward", {"first_error": {"step": 2}}, user=None)
    (done,) = labeled(project, "ann", 1)
    assert feedback_of(Assignment.objects.get(pk=done.pk))
    managing.end_calibration(item, boss())
    assert feedback_of(Assignment.objects.get(pk=done.pk)) == []


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
    assert "Through: 1 of 2." in shown


@pytest.mark.parametrize("role", ["annotator", "viewer"])
def test_who_decides_nothing_does_not_see_the_page(client, tmp_path, role):
    project = project_of(tmp_path, 2)
    Membership.objects.filter(user=person("ann")).update(role=role)
    client.force_login(person("ann"))
    assert client.get(reverse("manage-calibration", args=[project.slug])).status_code == 404


def test_an_adjudicator_sees_who_is_through_but_not_how_near_to_what_is_known(client, tmp_path):
    project = project_of(tmp_path, 2)
    calibrate(project, 0)
    Membership.objects.filter(user=person("bob")).update(role="adjudicator")
    for who, sees in ((boss(), True), (person("bob"), False)):
        client.force_login(who)
        page = client.get(reverse("manage-calibration", args=[project.slug])).content.decode()
        assert ("Like the known answers" in page) is sees


def test_the_set_is_rendered_ahead(tmp_path):
    project = project_of(tmp_path, 30)
    (item,) = calibrate(project, 29)
    render_ahead.request(project)
    version = Item.objects.get(pk=item).a_id
    assert any(job.params.get("version") == version for job in Job.objects.filter(kind="traces.render"))


def test_a_submission_of_the_set_is_no_change_for_an_export_of_changes(tmp_path):
    project = project_of(tmp_path, 3)
    calibrate(project, 0)
    project.refresh_from_db()
    before = project.seq
    labeled(project, "ann", 1)
    assert Submission.objects.get().seq > before
    assert queries.changed_since(project, before, using="default") == []
