"""Many adjudicators (and many tabs of one) on one item at once: one decides it, the others read who."""

import pytest

from annotation.assignments import adjudication, states
from annotation.models import Assignment, Item, Membership
from potato_site.accounts.models import User
from tests.factory import answers, make_project, make_traces, submit_item
from tests.faults.test_concurrency import at_once

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 8


@pytest.fixture
def item(tmp_path):
    project = make_project(tmp_path, traces=make_traces(1))
    submit_item(project, "ann", answers(1))
    submit_item(project, "bob", answers(4))
    return Item.objects.select_related("project", "trace_a", "trace_b").get()


def judge(item, number):
    user = User.objects.create_user(f"judge{number}")
    Membership.objects.create(project=item.project, user=user, role="adjudicator", source="admin")
    return user


def test_of_many_adjudicators_one_decides(item):
    judges = [judge(item, number) for number in range(THREADS)]
    told = []

    def work(number):
        try:
            adjudication.open_item(item, judges[number], 2)
        except states.Closed as closed:
            told.append(str(closed))

    at_once(work, THREADS)
    made = Assignment.objects.get(purpose="adjudication")
    assert told == [f"{made.annotator.username} is deciding this item now."] * (THREADS - 1)


def test_many_tabs_of_one_person_open_it_once(item):
    user, opened = judge(item, 0), []
    at_once(lambda number: opened.append(adjudication.open_item(item, user, 2).pk), THREADS)
    assert set(opened) == {Assignment.objects.get(purpose="adjudication").pk}
    assert len(opened) == THREADS


def test_who_comes_back_too_late_finds_it_taken(item):
    """Many whose leases ended save at once; only one of them goes on."""
    judges = [judge(item, number) for number in range(THREADS)]
    for user in judges:
        made = adjudication.open_item(item, user, 2)
        states.release(made.public_id, user)
    won = []

    def work(number):
        try:
            won.append(adjudication.open_item(item, judges[number], 2).pk)
        except states.Closed:
            pass

    at_once(work, THREADS)
    (open_now,) = Assignment.objects.filter(state="open")
    assert (won, open_now.purpose) == ([open_now.pk], "adjudication")


def test_of_many_who_take_the_place_of_a_decision_left_out_one_does(item):
    left_out = judge(item, THREADS)
    made = adjudication.open_item(item, left_out, 2)
    states.submitted(made)
    Membership.objects.filter(user=left_out).update(is_excluded=True)
    judges = [judge(item, number) for number in range(THREADS)]
    told = []

    def work(number):
        try:
            adjudication.open_item(item, judges[number], 2)
        except states.Closed as closed:
            told.append(str(closed))

    at_once(work, THREADS)
    now = Assignment.objects.get(purpose="adjudication", state="open")
    assert told == [f"{now.annotator.username} is deciding this item now."] * (THREADS - 1)
    made.refresh_from_db()
    assert made.state == "void"
