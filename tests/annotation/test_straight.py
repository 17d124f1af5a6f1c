"""Who says the same again and again is found, and nobody who labels traces that are all right."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from annotation.admin.attention import told_of_straight
from annotation.models import Membership, Statistic
from annotation.projects import membership
from annotation.quality import statistics
from annotation.quality.straight import Straight, _at_least, _run, straight_people
from potato_site.jobs import run_now
from tests.factory import FIRST_ERROR, PER_STEP, make_project, make_traces, person, submit_item

pytestmark = pytest.mark.slow

STEPS = 20
MIX = ["correct", "correct", "partially_correct", "incorrect"]


def labels(*values: str) -> dict[str, Any]:
    return {"per_step": {str(step): {"label": value} for step, value in enumerate(values)}}


def mixed(seed: int) -> dict[str, Any]:
    chosen = random.Random(seed)
    return labels(*(chosen.choice(MIX) for _ in range(STEPS)))


def alike(value: str = "neutral") -> dict[str, Any]:
    return labels(*[value] * STEPS)


def first(step: int | None) -> dict[str, Any]:
    return {"step_reward": {"first_error": {"step": step}}}


def found(project) -> dict[str, Straight]:
    people = straight_people(project, using="default")
    return {name: people[person(name).pk] for name in ("ann", "bob", "eve") if person(name).pk in people}


def per_step(tmp_path, eves: list[dict[str, Any]], others: list[dict[str, Any]], steps: int = STEPS):
    project = make_project(
        tmp_path, schemes=[PER_STEP], people=["ann", "bob", "eve"], traces=make_traces(8, steps), overlap=0
    )
    for values in eves:
        submit_item(project, "eve", values)
    for place, values in enumerate(others):
        submit_item(project, ("ann", "bob")[place % 2], values)
    return project


def of_first_errors(tmp_path, eves: list[int | None], others: list[int | None]):
    count = len(eves) + len(others)
    project = make_project(
        tmp_path, schemes=[FIRST_ERROR], people=["ann", "bob", "eve"], traces=make_traces(count), overlap=0
    )
    for step in eves:
        submit_item(project, "eve", first(step))
    for place, step in enumerate(others):
        submit_item(project, ("ann", "bob")[place % 2], first(step))
    return project


@pytest.mark.django_db
class TestDownATrace:
    def test_who_gives_all_steps_one_label_is_found(self, tmp_path):
        project = per_step(tmp_path, [alike()] * 3, [mixed(n) for n in range(5)])
        assert found(project) == {"eve": Straight("per_step", alike=3, long=3)}

    def test_one_other_label_in_the_middle_is_no_straight_line(self, tmp_path):
        broken = labels(*["neutral"] * 10, "correct", *["neutral"] * 9)
        assert found(per_step(tmp_path, [broken] * 3, [mixed(n) for n in range(5)])) == {}

    def test_traces_that_everybody_finds_right_are_no_sign(self, tmp_path):
        almost = labels(*["correct"] * 19, "incorrect")
        honest = [alike("correct"), alike("correct"), almost, alike("correct"), almost]
        assert found(per_step(tmp_path, [alike("correct")] * 3, honest)) == {}

    def test_where_flawless_traces_are_frequent_nobody_is_conspicuous_by_some(self, tmp_path):
        # By the labels alone chance would hardly make them; by the rate of the others it does.
        others = [alike("correct"), alike("correct"), alike("correct"), mixed(1), mixed(2)]
        assert found(per_step(tmp_path, [alike("correct")] * 3, others)) == {}

    def test_two_such_traces_are_not_enough(self, tmp_path):
        assert found(per_step(tmp_path, [alike()] * 2, [mixed(n) for n in range(5)])) == {}

    def test_short_traces_do_not_count(self, tmp_path):
        short = labels(*["neutral"] * 11)
        others = [labels(*(MIX * 3)[:11])] * 5
        assert found(per_step(tmp_path, [short] * 3, others, steps=11)) == {}

    def test_without_enough_labels_of_others_nothing_can_be_told(self, tmp_path):
        assert found(per_step(tmp_path, [alike()] * 3, [mixed(n) for n in range(4)])) == {}

    def test_who_is_left_out_is_neither_found_nor_a_measure(self, tmp_path):
        project = per_step(tmp_path, [alike()] * 3, [mixed(n) for n in range(5)])
        membership.exclude(Membership.objects.get(user__username="eve"), None)
        assert found(project) == {}


@pytest.mark.django_db
class TestFromTraceToTrace:
    def test_who_marks_one_step_again_and_again_is_found(self, tmp_path):
        project = of_first_errors(tmp_path, [2] * 8, [0, 1, 2, 3, 4] * 4)
        assert found(project) == {"eve": Straight("step_reward", row=8, said="step 2")}

    def test_who_never_finds_an_error_is_found_where_others_do(self, tmp_path):
        project = of_first_errors(tmp_path, [None] * 8, [None, 1, 2, 3] * 5)
        assert found(project) == {"eve": Straight("step_reward", row=8, said="no error")}

    def test_where_most_traces_have_none_a_row_is_no_sign(self, tmp_path):
        assert found(of_first_errors(tmp_path, [None] * 8, [None, None, None, 1] * 5)) == {}

    def test_a_shorter_row_is_no_sign(self, tmp_path):
        assert found(of_first_errors(tmp_path, [2] * 7 + [1], [0, 1, 2, 3, 4] * 4)) == {}


@pytest.mark.django_db
def test_nothing_is_read_where_no_question_has_a_habit(tmp_path, django_assert_num_queries):
    outcome = {"annotation_type": "radio", "name": "outcome", "options": ["a", "b"]}
    project = make_project(tmp_path, schemes=[outcome])
    with django_assert_num_queries(1):
        assert straight_people(project, using="default") == {}


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_the_overview_names_them(tmp_path, client):
    project = of_first_errors(tmp_path, [2] * 8, [0, 1, 2, 3, 4] * 4)
    run_now(statistics.JOB, {"project": project.pk})
    client.force_login(person("manager"))
    text = " ".join(client.get(f"/admin/p/{project.slug}/").content.decode().split())
    assert "eve said “step 2” 8 times in a row, unlike the others." in text
    assert '<th scope="col" class="said">The same again</th>' in text
    # It leads to what they submitted.
    listed = f"/admin/annotation/submission/?project={project.pk}"
    assert f'href="{listed}&amp;person={person("eve").pk}"' in text
    # Numbers that an earlier version kept name nobody's account.
    kept = Statistic.objects.get(project=project, kind=statistics.PROGRESS)
    for one in kept.payload["people"]:
        del one["user"]
    kept.save()
    assert f'href="{listed}&amp;q=eve"' in client.get(f"/admin/p/{project.slug}/").content.decode()


def test_what_is_told_of_long_traces():
    straight = {"scheme": "s", "alike": 3, "long": 4, "row": 0, "said": ""}
    assert told_of_straight(straight) == "gave all steps one label in 3 of 4 long traces"


def test_chance():
    others = Counter(a=50, b=50)
    assert _run(others, "a", 10, 10) == pytest.approx(2**-10, rel=0.1)
    assert _run(others, "c", 3, 3) < 1e-5
    assert _run(others, "a", 1, 100) == 1
    assert _at_least(3, 3, 0.1) == pytest.approx(0.001)
    assert _at_least(0, 5, 0.1) == pytest.approx(1)
    assert _at_least(900, 5000, 0.1) < 1e-9
