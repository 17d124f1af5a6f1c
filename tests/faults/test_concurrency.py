"""Sixteen people (and sixteen tabs of one person) at once: no error, nobody twice, nothing over its slots."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import pytest
from django.db import close_old_connections, connection
from django.http import Http404

from annotation.answers.ops import apply_ops
from annotation.answers.submission import submit
from annotation.assignments.handout import hand_out
from annotation.models import Answer, AnswerEvent, Assignment, Item, Membership, Project, Screening, Slot, Submission
from annotation.projects import membership
from annotation.quality.gold import set_gold
from tests.factory import OUTCOME, PER_STEP, make_project, make_traces, op, person

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
THREADS = 16


def at_once(work: Callable[[int], None], count: int = THREADS) -> None:
    """Run ``work(number)`` in ``count`` threads that start together; the first error is raised here."""
    errors: list[BaseException] = []
    start = threading.Barrier(count)

    def run(number: int) -> None:
        close_old_connections()
        try:
            start.wait()
            work(number)
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def label_everything(project, user) -> None:
    while (assignment := hand_out(project, user).assignment) is not None:
        operations = [
            op("step_reward", {"first_error": {"step": None}}),
            op("outcome", {"": "resolved"}),
        ]
        request = {"op_id": uuid.uuid4().hex, "tab": "tab", "version": assignment.version, "ops": operations}
        submit(assignment.public_id, user, request)


def test_sixteen_annotators_never_exceed_the_slots(tmp_path):
    names = [f"person{number}" for number in range(THREADS)]
    project = make_project(tmp_path, people=names, overlap=50, traces=make_traces(40))
    people = [person(name) for name in names]
    at_once(lambda number: label_everything(project, people[number]))
    assert Submission.objects.filter(is_current=True).count() == 60
    assert not Slot.objects.filter(assignment=None).exists()
    per_item = Counter(Assignment.objects.values_list("item", flat=True))
    slots = Counter(Slot.objects.values_list("item", flat=True))
    assert per_item == slots
    numbers = list(Submission.objects.order_by("seq").values_list("seq", flat=True))
    assert len(set(numbers)) == 60
    assert Project.objects.get().seq == numbers[-1]


def test_a_double_click_opens_one_item(tmp_path):
    project = make_project(tmp_path, traces=make_traces(20))
    user = person("ann")
    found: list[int] = []
    at_once(lambda number: found.append(hand_out(project, user).assignment.pk))
    assert len(found) == THREADS
    assert len(set(found)) == 1


def test_sixteen_tabs_begin_and_end_one_try_to_pass_the_screening(tmp_path):
    rules = {"enabled": True, "items": 1}
    project = make_project(tmp_path, traces=make_traces(6), quality_control={"screening": rules})
    for item in Item.objects.filter(project=project)[:3]:
        set_gold(project, item, "outcome", {"": "resolved"}, user=None)
    user = person("ann")
    found: list[int] = []
    at_once(lambda number: found.append(hand_out(project, user).assignment.pk))
    assert (len(set(found)), Screening.objects.count()) == (1, 1)
    assignment = Assignment.objects.get()
    operations = [op("step_reward", {"first_error": {"step": None}}), op("outcome", {"": "resolved"})]
    request = {"op_id": uuid.uuid4().hex, "tab": "tab", "version": 0, "ops": operations}
    at_once(lambda number: submit(assignment.public_id, user, request))
    at_once(lambda number: hand_out(project, user))
    assert Screening.objects.get().is_passed
    assert [one.purpose for one in Assignment.objects.filter(state="open")] == ["production"]


def test_sixteen_tabs_lose_nothing_and_apply_nothing_twice(tmp_path):
    project = make_project(tmp_path, schemes=[PER_STEP], traces=make_traces(1, steps=THREADS * 10))
    user = person("ann")
    assignment = hand_out(project, user).assignment

    def tab(number: int) -> None:
        for turn in range(10):
            step = str(number * 10 + turn)
            operation = op("per_step", {step: {"label": "correct"}}, tab=f"tab{number}")
            for _ in range(2):  # an impatient network sends everything twice
                assert apply_ops(assignment.public_id, user, [operation]).acked == [operation["id"]]

    at_once(tab)
    assert len(Answer.objects.get().value) == THREADS * 10
    versions = list(AnswerEvent.objects.order_by("version").values_list("version", flat=True))
    assert versions == list(range(1, THREADS * 10 + 1))


def test_the_same_operation_from_sixteen_threads_has_one_effect(tmp_path):
    project = make_project(tmp_path)
    user = person("ann")
    assignment = hand_out(project, user).assignment
    operation = op("outcome", {"": "partial"})
    at_once(lambda number: apply_ops(assignment.public_id, user, [operation]))
    assert AnswerEvent.objects.count() == 1


def test_one_of_two_tabs_wins_a_key_and_the_other_hears_of_it(tmp_path):
    project = make_project(tmp_path)
    user = person("ann")
    assignment = hand_out(project, user).assignment
    replies: list = []
    values = ("resolved", "partial")

    def tab(number: int) -> None:
        operation = op("outcome", {"": values[number % 2]}, tab=f"tab{number}")
        replies.append(apply_ops(assignment.public_id, user, [operation]))

    at_once(tab)
    kept = Answer.objects.get().value[""]
    assert sum(bool(reply.acked) for reply in replies) == THREADS // 2
    assert {conflict["value"] for reply in replies for conflict in reply.conflicts} == {kept}


def test_people_are_removed_and_taken_back_while_they_submit_and_nobody_meets_a_deadlock(tmp_path):
    names = [f"person{number}" for number in range(4)]
    project = make_project(tmp_path, people=names, overlap=0, traces=make_traces(120), schemes=[OUTCOME])
    people = [person(name) for name in names]
    filled = Slot.objects.filter(assignment__state="submitted")

    def submit_next(user) -> None:
        if (assignment := hand_out(project, user).assignment) is None:
            return
        request = {"op_id": uuid.uuid4().hex, "tab": "tab", "version": assignment.version}
        with suppress(Http404):  # removed meanwhile
            submit(assignment.public_id, user, {**request, "ops": [op("outcome", {"": "resolved"})]})

    def remove_and_take_back(user) -> None:
        member = Membership.objects.get(project=project, user=user, role="annotator")
        membership.deactivate(member, None)
        membership.activate(member, None)

    def work(number: int) -> None:
        while filled.count() < 120:
            if number < len(people):
                submit_next(people[number])
            else:
                remove_and_take_back(people[number - len(people)])

    at_once(work, len(people) + 2)
    counting = [one for one in Submission.objects.filter(is_current=True) if "surplus" not in one.flags]
    assert len({one.assignment.item_id for one in counting}) == len(counting) == 120
