"""Pairs of attempts at one issue: which are made, when, and what is asked of them."""

from __future__ import annotations

import pytest
from django.urls import reverse

from annotation.answers import ops
from annotation.answers.submission import NotYet, submit
from annotation.assignments import managing
from annotation.assignments.handout import hand_out
from annotation.assignments.items import sync_items
from annotation.assignments.pairing import MAX_PAIRS, Attempt, choose
from annotation.models import Assignment, Item, Membership, Slot
from annotation.projects import membership
from annotation.projects.config import parse
from annotation.projects.withdrawal import set_withdrawn
from annotation.quality.ranking import rankings
from potato_site.accounts.models import User
from potato_site.jobs import runner
from potato_site.jobs.models import Job
from tests.factory import FIRST_ERROR, OUTCOME, make_project, make_trace, op, person, write_project
from traces.models import Trace

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

PAIRWISE = {"annotation_type": "pairwise", "name": "preference"}


def attempts(*issues: tuple[str, int]) -> list[dict]:
    return [
        make_trace(f"{issue}-{number}", 3, issue_id=issue, issue_description=f"Fix {issue}")
        for issue, count in issues
        for number in range(count)
    ]


def pairs(project) -> set[tuple[str, str]]:
    items = Item.objects.filter(project=project, kind=Item.Kind.PAIR)
    return set(items.values_list("trace_a__external_id", "trace_b__external_id"))


def take(project, name: str) -> Assignment:
    given = hand_out(project, person(name))
    assert given.assignment is not None, given.reason
    return given.assignment


def finish(assignment: Assignment, *operations: dict) -> None:
    payload = {"op_id": f"s-{assignment.pk}-{assignment.version}", "tab": "tab", "version": 0, "ops": list(operations)}
    submit(assignment.public_id, assignment.annotator, payload)


def label(project, name: str, wrong: int | None = None) -> None:
    """The person's next trace, all correct or wrong from a step on."""
    assignment = take(project, name)
    finish(assignment, op("step_reward", {"first_error": {"step": wrong}}, op_id=f"o-{assignment.pk}"))


# --- which -------------------------------------------------------------------------------------------------


def test_traces_that_name_no_issue_are_no_attempts_at_one(tmp_path):
    nameless = [make_trace(f"n-{number}", 3, issue_description="") for number in range(3)]
    project = make_project(tmp_path, traces=[*nameless, *attempts(("x", 2))], schemes=[PAIRWISE], overlap=0)
    assert pairs(project) == {("x-0", "x-1")}


def test_every_two_attempts_at_one_issue_are_a_pair_where_nothing_else_is_asked(tmp_path):
    project = make_project(tmp_path, traces=attempts(("x", 3), ("y", 1), ("z", 2)), schemes=[PAIRWISE], overlap=0)
    assert pairs(project) == {("x-0", "x-1"), ("x-0", "x-2"), ("x-1", "x-2"), ("z-0", "z-1")}
    assert not Item.objects.filter(project=project, kind=Item.Kind.TRACE).exists()
    assert Slot.objects.filter(project=project).count() == 4


def test_as_many_pairs_of_an_issue_are_drawn_as_asked_for_and_always_the_same(tmp_path):
    keys = {"pairs": {"strategy": "sampled", "per_issue": 2}, "schemes": [PAIRWISE], "overlap": 0}
    project = make_project(tmp_path, traces=attempts(("x", 5)), **keys)
    drawn = pairs(project)
    assert len(drawn) == 2
    sync_items(project)
    assert pairs(project) == drawn


def test_an_issue_with_very_many_attempts_is_bounded(tmp_path):
    parsed = parse(write_project(tmp_path, schemes=[PAIRWISE]).read_bytes(), "config.yaml")
    many = [Attempt(number, number, f"t{number}", "", "x") for number in range(1000)]
    assert parsed.config is not None
    assert len(choose(many, parsed.config, "seed")) == MAX_PAIRS


def test_a_pair_stands_once_however_often_it_is_planned_and_new_attempts_join(tmp_path):
    project = make_project(tmp_path, traces=attempts(("x", 2)), schemes=[PAIRWISE], overlap=100)
    sync_items(project)
    make_project(tmp_path, traces=attempts(("x", 3)), schemes=[PAIRWISE], overlap=100)
    assert len(pairs(project)) == 3
    assert Slot.objects.filter(project=project).count() == 6


def test_the_overlap_of_pairs_is_exact(tmp_path):
    project = make_project(tmp_path, traces=attempts(("x", 5)), schemes=[PAIRWISE], overlap=25)
    assert Item.objects.filter(project=project, in_overlap=True).count() == 3  # ceil(0.25 · 10)


# --- when --------------------------------------------------------------------------------------------------


def test_a_pair_is_handed_out_once_both_of_its_traces_are_labeled(tmp_path):
    schemes = [FIRST_ERROR, PAIRWISE]
    project = make_project(tmp_path, traces=attempts(("x", 2)), schemes=schemes, people=["ann"], overlap=0)
    assert pairs(project) == set()
    label(project, "ann")
    assert pairs(project) == set()
    label(project, "ann", wrong=1)
    assert pairs(project) == {("x-0", "x-1")}
    pair = take(project, "ann")
    assert pair.item.kind == Item.Kind.PAIR
    finish(pair, op("preference", {"choice": {"side": "a"}}, op_id="c"))
    assert hand_out(project, person("ann")).assignment is None


def test_every_label_of_the_overlap_must_be_there_first(tmp_path):
    project = make_project(tmp_path, traces=attempts(("x", 2)), schemes=[FIRST_ERROR, PAIRWISE], overlap=100)
    for _ in range(2):
        label(project, "ann")
    label(project, "bob")
    assert pairs(project) == set()
    label(project, "bob")
    assert len(pairs(project)) == 1
    assert Slot.objects.filter(project=project, item__kind=Item.Kind.PAIR).count() == 2
    sync_items(project)
    assert Slot.objects.filter(project=project, item__kind=Item.Kind.PAIR).count() == 2


def test_the_best_attempt_is_compared_with_each_other_one(tmp_path):
    keys = {"pairs": {"strategy": "best_against_rest"}, "schemes": [FIRST_ERROR, PAIRWISE], "overlap": 0}
    project = make_project(tmp_path, traces=attempts(("x", 3)), people=["ann"], **keys)
    label(project, "ann", wrong=1)
    label(project, "ann")
    assert pairs(project) == set()
    label(project, "ann", wrong=0)
    assert pairs(project) == {("x-0", "x-1"), ("x-1", "x-2")}


def test_another_is_the_best_once_the_best_is_withdrawn(tmp_path):
    keys = {"pairs": {"strategy": "best_against_rest"}, "schemes": [FIRST_ERROR, PAIRWISE], "overlap": 0}
    project = make_project(tmp_path, traces=attempts(("x", 3)), people=["ann"], **keys)
    for wrong in (1, None, 0):
        label(project, "ann", wrong=wrong)
    set_withdrawn(Trace.objects.get(external_id="x-1"), True, None)
    sync_items(project)
    pair = take(project, "ann").item
    assert (pair.trace_a.external_id, pair.trace_b.external_id) == ("x-0", "x-2")


def test_a_label_that_is_left_out_finishes_no_trace_and_makes_none_the_best(tmp_path):
    keys = {"pairs": {"strategy": "best_against_rest"}, "schemes": [FIRST_ERROR, PAIRWISE], "overlap": 0}
    project = make_project(tmp_path, traces=attempts(("x", 3)), people=["ann", "bob"], **keys)
    label(project, "ann")
    boss = User.objects.create_superuser("boss")
    ann = Membership.objects.get(user__username="ann")
    membership.exclude(ann, boss)
    label(project, "bob", wrong=1)
    label(project, "bob", wrong=0)
    sync_items(project)
    assert pairs(project) == set()
    managing.requeue(Item.objects.get(trace_a__external_id="x-0").pk, boss)
    label(project, "bob", wrong=0)
    # What ann said of the first one was better.
    assert pairs(project) == {("x-0", "x-1"), ("x-1", "x-2")}


def test_who_is_taken_in_again_finishes_a_trace(tmp_path):
    project = make_project(
        tmp_path, traces=attempts(("x", 2)), schemes=[FIRST_ERROR, PAIRWISE], people=["ann", "bob"], overlap=0
    )
    label(project, "ann")
    boss = User.objects.create_superuser("boss")
    ann = Membership.objects.get(user__username="ann")
    membership.exclude(ann, boss)
    label(project, "bob")
    assert pairs(project) == set()
    membership.exclude(ann, boss, False)
    for job in Job.objects.filter(state=Job.State.QUEUED, kind="annotation.sync_items"):
        assert runner.run(job.pk)
    assert pairs(project) == {("x-0", "x-1")}


def test_a_surplus_label_makes_no_attempt_the_best(tmp_path):
    keys = {"pairs": {"strategy": "best_against_rest"}, "schemes": [FIRST_ERROR, PAIRWISE], "overlap": 0}
    project = make_project(tmp_path, traces=attempts(("x", 2)), people=["ann", "bob"], **keys)
    label(project, "ann")
    boss = User.objects.create_superuser("boss")
    ann = Membership.objects.get(user__username="ann")
    membership.exclude(ann, boss)
    first = Item.objects.get(trace_a__external_id="x-0")
    managing.requeue(first.pk, boss)
    label(project, "bob", wrong=0)
    membership.exclude(ann, boss, False)
    assert Assignment.objects.surplus().get().item_id == first.pk
    make_project(tmp_path, traces=attempts(("x", 3)), people=["ann", "bob"], **keys)
    label(project, "ann", wrong=1)
    label(project, "ann", wrong=0)
    assert pairs(project) == {("x-0", "x-1"), ("x-1", "x-2")}


def test_best_against_rest_without_process_rewards_is_a_mistake_of_the_file(tmp_path):
    path = write_project(tmp_path, schemes=[PAIRWISE], pairs={"strategy": "best_against_rest"})
    assert "process_reward" in str(parse(path.read_bytes(), "config.yaml").errors)


# --- what is asked -----------------------------------------------------------------------------------------


def test_a_pair_is_asked_what_compares_and_a_trace_the_rest(tmp_path):
    schemes = [FIRST_ERROR, OUTCOME, PAIRWISE]
    project = make_project(tmp_path, traces=attempts(("x", 2)), schemes=schemes, people=["ann"], overlap=0)
    trace = take(project, "ann")
    reply = ops.apply_ops(trace.public_id, trace.annotator, [op("preference", {"choice": {"side": "a"}}, op_id="p")])
    assert "no question" in reply.refused[0]["message"]


def test_other_questions_are_asked_of_pairs_where_no_trace_is_handed_out(tmp_path):
    project = make_project(tmp_path, traces=attempts(("x", 2)), schemes=[PAIRWISE, OUTCOME], overlap=0)
    pair = take(project, "ann")
    with pytest.raises(NotYet) as not_yet:
        finish(pair, op("preference", {"choice": {"side": "tie"}}, op_id="c"))
    assert [gap.scheme for gap in not_yet.value.missing] == ["outcome"]


def test_the_side_is_drawn_and_the_answer_does_not_depend_on_it(tmp_path):
    project = make_project(
        tmp_path, traces=attempts(*((f"i{n}", 2) for n in range(40))), schemes=[PAIRWISE], people=["ann"], overlap=0
    )
    for _ in range(40):
        pair = take(project, "ann")
        finish(pair, op("preference", {"choice": {"side": "b"}}, op_id=f"c{pair.pk}"))
    swapped = set(Assignment.objects.filter(project=project).values_list("swapped", flat=True))
    assert swapped == {True, False}


# --- what changes meanwhile ----------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["x-0", "x-1"])
def test_a_pair_with_a_withdrawn_trace_is_handed_out_to_nobody_until_it_is_restored(tmp_path, which):
    project = make_project(tmp_path, traces=attempts(("x", 2)), schemes=[PAIRWISE], overlap=0)
    trace = Trace.objects.get(external_id=which)
    set_withdrawn(trace, True, None)
    sync_items(project)
    assert hand_out(project, person("ann")).assignment is None
    set_withdrawn(trace, False, None)
    sync_items(project)
    assert take(project, "ann").item.kind == Item.Kind.PAIR


def test_a_pair_that_is_open_can_be_finished_after_a_trace_is_withdrawn_and_counts_for_nothing(tmp_path):
    project = make_project(tmp_path, traces=attempts(("x", 2)), schemes=[PAIRWISE], people=["ann"], overlap=0)
    pair = take(project, "ann")
    set_withdrawn(Trace.objects.get(external_id="x-1"), True, None)
    sync_items(project)
    finish(pair, op("preference", {"choice": {"side": "a"}}, op_id="c"))
    assert Assignment.objects.get(pk=pair.pk).state == Assignment.State.SUBMITTED
    assert rankings(project) == []


def test_an_unopened_pair_follows_its_traces_and_an_opened_one_stays(tmp_path):
    project = make_project(tmp_path, traces=attempts(("x", 2), ("y", 2)), schemes=[PAIRWISE], people=["ann"], overlap=0)
    opened = take(project, "ann").item
    changed = [dict(one, issue_description="Fix it well") for one in attempts(("x", 2), ("y", 2))]
    make_project(tmp_path, traces=changed, schemes=[PAIRWISE], people=["ann"], overlap=0)
    for item in Item.objects.filter(project=project).select_related("trace_a", "trace_b"):
        follows = (item.a_id, item.b_id) == (item.trace_a.current_id, item.trace_b.current_id)
        assert follows is (item.pk != opened.pk)


# --- where it is named -----------------------------------------------------------------------------------------


def test_the_project_s_pages_name_both_attempts(tmp_path, client, admin_client):
    project = make_project(tmp_path, traces=attempts(("x", 3)), schemes=[PAIRWISE], people=["ann"], overlap=0)
    finish(take(project, "ann"), op("preference", {"choice": {"side": "tie"}}, op_id="c"))
    take(project, "ann")
    client.force_login(person("ann"))
    assert "Fix x (two attempts)" in client.get(reverse("project", args=[project.slug])).content.decode()
    overview = admin_client.get(reverse("manage-overview", args=[project.slug])).content.decode()
    assert "x-0 and x-1" in overview, "submitted"
    assert "x-0 and x-2" in overview, "at work"
