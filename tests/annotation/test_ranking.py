"""The order of several attempts at one issue, from comparisons of two of them at a time."""

from __future__ import annotations

import pytest
from django.urls import reverse

from annotation.assignments.handout import hand_out
from annotation.models import Assignment, Item, Submission
from annotation.quality.ranking import rankings, strengths
from potato_site.accounts.models import User
from tests.annotation.test_pairing import PAIRWISE, attempts, finish
from tests.factory import make_project, op, person


def test_who_wins_more_is_stronger_and_all_equal_are_average():
    found = strengths({("a", "b"): 2, ("b", "c"): 2, ("a", "c"): 2}, ["a", "b", "c"])
    assert found["a"] > found["b"] > found["c"]
    assert strengths({}, ["a", "b"]) == {"a": pytest.approx(1), "b": pytest.approx(1)}


def test_one_that_won_everything_is_not_infinitely_strong():
    assert strengths({("a", "b"): 1000}, ["a", "b"])["a"] < 10_000


def test_ties_pull_together():
    apart = strengths({("a", "b"): 2}, ["a", "b"])
    closer = strengths({("a", "b"): 2.5, ("b", "a"): 0.5}, ["a", "b"])
    assert apart["a"] / apart["b"] > closer["a"] / closer["b"] > 1


@pytest.fixture
def compared(db, tmp_path):
    """Three attempts: x-2 beats x-0 and x-1, which are equal."""
    project = make_project(tmp_path, traces=attempts(("x", 3)), schemes=[PAIRWISE], people=["ann"], overlap=0)
    while (assignment := hand_out(project, person("ann")).assignment) is not None:
        item = Item.objects.select_related("trace_b").get(pk=assignment.item_id)
        side = "b" if item.trace_b.external_id == "x-2" else "tie"
        finish(assignment, op("preference", {"choice": {"side": side}}, op_id=f"c{assignment.pk}"))
    return project


def test_attempts_stand_in_order_with_what_they_won_tied_and_lost(compared):
    (ranking,) = rankings(compared)
    assert ranking.comparisons == 3
    rows = [(one.place, one.trace, one.wins, one.ties, one.losses) for one in ranking.attempts]
    assert rows == [(1, "x-2", 2, 0, 0), (2, "x-0", 0, 1, 1), (2, "x-1", 0, 1, 1)]
    assert ranking.attempts[0].score > 0.5 > ranking.attempts[1].score


def test_a_withdrawn_attempt_leaves_the_order(compared):
    Item.objects.get(project=compared, trace_b__external_id="x-1").trace_b.__class__.objects.filter(
        external_id="x-2"
    ).update(is_withdrawn=True)
    assert [one.trace for one in rankings(compared)[0].attempts] == ["x-0", "x-1"]


def test_surplus_comparisons_do_not_count(compared):
    Submission.objects.filter(assignment__item__trace_b__external_id="x-2").update(flags=["surplus", "too_fast"])
    (ranking,) = rankings(compared)
    assert ranking.comparisons == 1
    assert {one.trace for one in ranking.attempts} == {"x-0", "x-1"}


def test_what_an_adjudicator_decided_takes_the_place_of_the_labels(compared):
    label = Submission.objects.get(assignment__item__trace_b__external_id="x-1")
    assignment = Assignment.objects.create(
        project=compared,
        item=label.assignment.item,
        annotator=User.objects.create_user("judge"),
        state="submitted",
        purpose="adjudication",
    )
    label.pk, label.assignment, label.seq = None, assignment, 10_000
    label.values = {"preference": {"choice": {"side": "a", "strength": None}}}
    label.save()
    (ranking,) = rankings(compared)
    assert ranking.comparisons == 3
    assert [(one.trace, one.wins) for one in ranking.attempts] == [("x-2", 2), ("x-0", 1), ("x-1", 0)]


def test_the_manager_reads_it_in_the_admin(compared, admin_client):
    page = admin_client.get(reverse("manage-attempts", args=[compared.slug])).content.decode()
    assert page.index("x-2") < page.index("x-0")
    assert (
        reverse("manage-attempts", args=[compared.slug])
        in admin_client.get(reverse("manage-quality", args=[compared.slug])).content.decode()
    )
