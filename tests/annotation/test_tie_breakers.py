"""One more person where answers are tied: who is asked, when nobody is any more, and what it is not counted in."""

import uuid

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation import queries
from annotation.answers.submission import submit
from annotation.assignments import adjudication, managing, states, tie_breakers
from annotation.assignments.handout import hand_out
from annotation.assignments.items import sync_items
from annotation.models import Assignment, Item, Membership, Slot
from annotation.projects import membership
from annotation.projects.lifecycle import set_state
from annotation.projects.revisions import current, set_config
from annotation.quality import statistics
from annotation.quality.agreement import agreement
from potato_site.accounts.models import User
from potato_site.jobs import runner
from potato_site.jobs.models import Job
from tests.factory import answers, make_project, make_traces, op, person, submit_item

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])]

PEOPLE = ("ann", "bob", "cleo", "dan", "eve")


def project_with(folder, traces=1, tie_breakers=2, people=PEOPLE, **quality):
    quality = {"overlap_percentage": 100, "tie_breakers": tie_breakers, **quality}
    return make_project(folder, traces=make_traces(traces), people=people, quality_control=quality)


def change(project, **quality):
    """What a manager saves in Set-up, with the job that follows it."""
    config = current(project)
    quality = config.quality_control.model_copy(update=quality)
    set_config(project, config.model_copy(update={"quality_control": quality}), None)
    project.refresh_from_db()
    sync_items(project)


def places(project):
    """Purpose and holder of each place, in order."""
    found = Slot.objects.filter(project=project).order_by("item__position", "number")
    return list(found.values_list("purpose", "assignment__annotator__username"))


PLANNED = [("planned", "ann"), ("planned", "bob")]


def tie(project):
    submit_item(project, "ann", answers(1))
    submit_item(project, "bob", answers(3))


def test_one_more_person_is_asked_and_the_majority_holds(tmp_path):
    project = project_with(tmp_path)
    submit_item(project, "ann", answers(1))
    assert places(project) == [("planned", "ann"), ("planned", None)]
    submit_item(project, "bob", answers(3))
    assert places(project) == [*PLANNED, ("adaptive", None)]
    submit_item(project, "cleo", answers(3))
    assert places(project) == [*PLANNED, ("adaptive", "cleo")]
    assert hand_out(project, person("dan")).assignment is None
    trace = next(iter(queries.labeled_traces(project)))
    assert len(trace.submissions) == 3
    assert not any("surplus" in one.flags for one in trace.submissions)


def test_who_agrees_is_asked_no_more(tmp_path):
    project = project_with(tmp_path)
    submit_item(project, "ann", answers(3))
    submit_item(project, "bob", answers(3))
    assert places(project) == PLANNED


def test_without_the_setting_nobody_is_asked(tmp_path):
    project = project_with(tmp_path, tie_breakers=0)
    tie(project)
    assert places(project) == PLANNED


def test_an_item_that_does_not_overlap_is_left_alone(tmp_path):
    project = project_with(tmp_path, overlap_percentage=0)
    submit_item(project, "ann", answers(1))
    assert places(project) == [("planned", "ann")]


def test_one_after_another_up_to_the_limit_and_then_a_reviewer(tmp_path):
    project = project_with(tmp_path, tie_breakers=2)
    tie(project)
    statistics.compute(project)
    assert statistics.read(project)["adjudication"].payload["to_decide"] == 0
    client = Client()
    client.force_login(User.objects.create_superuser("boss", "", "pw"))
    text = " ".join(client.get(f"/admin/p/{project.slug}/").content.decode().split())
    assert "· 1 tied: one more is asked" in text
    submit_item(project, "cleo", answers(0))
    assert places(project)[2:] == [("adaptive", "cleo"), ("adaptive", None)]
    submit_item(project, "dan", answers(4))
    assert places(project)[2:] == [("adaptive", "cleo"), ("adaptive", "dan")]
    statistics.compute(project)
    assert statistics.read(project)["adjudication"].payload["to_decide"] == 1


@pytest.mark.parametrize("order", ["in_order", "random", "fewest_first"])
def test_its_place_stands_where_it_stands_when_the_queue_is_put_in_order(tmp_path, order):
    quality = {"overlap_percentage": 100, "tie_breakers": 1}
    project = make_project(
        tmp_path, traces=make_traces(2), people=PEOPLE, quality_control=quality, hand_out={"order": order}
    )
    while not (place := Slot.objects.filter(purpose="adaptive").first()):
        submit_item(project, "ann", answers(1))
        submit_item(project, "bob", answers(3))
    asked = place.queue_key
    managing.set_priority(place.item_id, User.objects.create_user("boss"), 1)
    managing.set_priority(place.item_id, User.objects.get(username="boss"), 0)
    place.refresh_from_db()
    assert place.queue_key == asked


def test_where_nobody_is_left_a_reviewer_decides(tmp_path):
    project = project_with(tmp_path, people=("ann", "bob"))
    tie(project)
    assert places(project) == PLANNED
    statistics.compute(project)
    assert statistics.read(project)["adjudication"].payload["to_decide"] == 1


def to_decide(project):
    statistics.compute(project)
    return statistics.read(project)["adjudication"].payload["to_decide"]


def test_of_a_closed_project_a_reviewer_decides(tmp_path):
    project = project_with(tmp_path)
    tie(project)
    assert to_decide(project) == 0
    set_state(project, "closed", None)
    assert to_decide(project) == 1
    assert statistics.disputes(project)[1] == set()


def test_the_last_one_who_skips_leaves_it_to_a_reviewer(tmp_path):
    project = project_with(tmp_path, people=("ann", "bob", "cleo"))
    tie(project)
    begun = hand_out(project, person("cleo")).assignment
    assert to_decide(project) == 0
    states.skip(begun.public_id, begun.annotator)
    assert places(project) == PLANNED
    assert to_decide(project) == 1


def test_the_last_one_at_their_limit_is_not_waited_for(tmp_path):
    project = project_with(tmp_path, people=("ann", "bob", "cleo"))
    tie(project)
    membership.set_limit(Membership.objects.get(user__username="cleo"), None, 0)
    assert to_decide(project) == 1


def test_who_may_come_yet_is_waited_for(tmp_path):
    quality = {"overlap_percentage": 100, "tie_breakers": 2}
    project = make_project(
        tmp_path, traces=make_traces(1), people=("ann", "bob"), quality_control=quality, allow_all_users=True
    )
    tie(project)
    assert to_decide(project) == 0
    assert statistics.disputes(project)[1] == {Item.objects.get(project=project).pk}


def test_an_invalidated_answer_asks_one_more_person_and_not_two(tmp_path):
    project = project_with(tmp_path)
    tie(project)
    managing.invalidate(Assignment.objects.get(annotator__username="bob").pk, person("ann"), "")
    assert places(project) == [("planned", "ann"), ("planned", None)]


def test_somebody_left_out_ends_the_tie(tmp_path):
    project = project_with(tmp_path)
    tie(project)
    membership.exclude(Membership.objects.get(user__username="bob"), None)
    runner.run(Job.objects.get(kind="annotation.sync_items", state="queued").pk)
    assert places(project) == PLANNED


def test_more_planned_places_are_planned_ones(tmp_path):
    project = project_with(tmp_path)
    tie(project)
    change(project, overlap_depth=3)
    assert places(project) == [*PLANNED, ("planned", None)]
    submit_item(project, "cleo", answers(3))
    assert places(project) == [*PLANNED, ("planned", "cleo")]


def test_a_lower_limit_takes_back_what_nobody_took(tmp_path):
    project = project_with(tmp_path, tie_breakers=2)
    tie(project)
    submit_item(project, "cleo", answers(0))
    change(project, tie_breakers=1)
    assert places(project)[2:] == [("adaptive", "cleo")]


def test_what_waits_is_not_settled_again_by_every_planning(tmp_path, monkeypatch):
    project = project_with(tmp_path, traces=2)
    tie(project)
    monkeypatch.setattr(tie_breakers, "settle", lambda item: pytest.fail("settled again"))
    sync_items(project)
    assert places(project)[:3] == [*PLANNED, ("adaptive", None)]


@pytest.mark.parametrize("change_of", [{"is_excluded": True}, {"state": "inactive"}, {"stage": "paused"}])
def test_who_gets_nothing_is_not_waited_for(tmp_path, change_of):
    project = project_with(tmp_path, people=("ann", "bob", "cleo"))
    Membership.objects.filter(user__username="cleo").update(**change_of)
    tie(project)
    assert places(project) == PLANNED


def test_a_changed_answer_ends_the_tie_and_the_place(tmp_path):
    project = project_with(tmp_path)
    tie(project)
    mine = Assignment.objects.get(annotator__username="bob")
    states.reopen(mine.public_id, mine.annotator)
    mine.refresh_from_db()
    ops = [op("step_reward", {"first_error": {"step": 1}}, base=mine.version)]
    payload = {"op_id": uuid.uuid4().hex, "tab": "tab", "version": mine.version, "ops": ops}
    submit(mine.public_id, mine.annotator, payload, timezone.now())
    assert places(project) == PLANNED


def test_somebody_at_work_keeps_the_place(tmp_path):
    project = project_with(tmp_path)
    tie(project)
    begun = hand_out(project, person("cleo")).assignment
    change(project, tie_breakers=0)
    assert places(project) == [*PLANNED, ("adaptive", "cleo")]
    states.skip(begun.public_id, begun.annotator)
    sync_items(project)
    assert places(project) == PLANNED


def test_what_one_skips_another_gets(tmp_path):
    project = project_with(tmp_path)
    tie(project)
    begun = hand_out(project, person("cleo")).assignment
    states.skip(begun.public_id, begun.annotator)
    assert hand_out(project, person("dan")).assignment.item_id == begun.item_id
    assert places(project) == [*PLANNED, ("adaptive", "dan")]


def test_a_decision_ends_it(tmp_path):
    project = project_with(tmp_path)
    tie(project)
    judge = User.objects.create(username="judge")
    Membership.objects.create(project=project, user=judge, role="adjudicator", source="admin")
    item = Item.objects.select_related("project", "trace_a", "trace_b").get(project=project)
    mine = adjudication.open_item(item, judge, 2)
    ops = [op(scheme, changes, base=mine.version) for scheme, changes in answers(1).items()]
    payload = {"op_id": uuid.uuid4().hex, "tab": "tab", "version": mine.version, "ops": ops}
    submit(mine.public_id, judge, payload, timezone.now())
    assert places(project) == PLANNED
    sync_items(project)
    assert places(project) == PLANNED


def test_the_setting_holds_for_what_was_tied_before(tmp_path):
    project = project_with(tmp_path, traces=2, tie_breakers=0)
    tie(project)
    submit_item(project, "ann", answers(2))
    submit_item(project, "bob", answers(2))
    agreed = PLANNED
    change(project, tie_breakers=1)
    assert places(project) == [*PLANNED, ("adaptive", None), *agreed]
    sync_items(project)
    assert places(project) == [*PLANNED, ("adaptive", None), *agreed]
    change(project, tie_breakers=0)
    assert places(project) == [*PLANNED, *agreed]


def test_a_withdrawn_item_asks_nobody(tmp_path):
    project = project_with(tmp_path)
    tie(project)
    Item.objects.filter(project=project).update(is_withdrawn=True)
    sync_items(project)
    assert places(project) == PLANNED


def test_agreement_is_that_of_the_planned_labels(tmp_path):
    project = project_with(tmp_path, traces=2)
    tie(project)
    submit_item(project, "ann", answers(2))
    submit_item(project, "bob", answers(2))
    before = agreement(project).results
    submit_item(project, "cleo", answers(3))
    assert places(project)[:3] == [*PLANNED, ("adaptive", "cleo")]
    assert agreement(project).results == before


def test_the_list_says_what_waits_for_one_more(tmp_path, client):
    project = project_with(tmp_path)
    tie(project)
    statistics.compute(project)
    boss = User.objects.create(username="boss")
    Membership.objects.create(project=project, user=boss, role="manager", source="admin")
    client.force_login(boss)
    page = client.get(reverse("manage-adjudicate", args=[project.slug]))
    assert [one["count"] for one in page.context["filters"]] == [0, 1, 0, 1]
    waiting = client.get(reverse("manage-adjudicate", args=[project.slug]) + "?show=waiting")
    assert "one more annotator is asked" in waiting.content.decode()
    assert [row.may for row in waiting.context["rows"]] == ["decide"]
    submit_item(project, "cleo", answers(3))
    statistics.compute(project)
    page = client.get(reverse("manage-adjudicate", args=[project.slug]) + "?show=waiting")
    assert "Asked once more" not in page.content.decode()
