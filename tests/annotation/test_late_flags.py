"""Flags that a web process of the version before left out are put right by the tick."""

from __future__ import annotations

import pytest

from annotation.assignments import late_flags
from annotation.models import Assignment, Submission
from potato_site.jobs.tick import tick
from tests.factory import answers, make_project, make_traces, submit_item

pytestmark = pytest.mark.django_db


def flags() -> dict[str, list[bool]]:
    rows = Assignment.objects.values_list("annotator__username", "is_too_fast", "is_surplus")
    return {name: kept for name, *kept in rows}


@pytest.fixture
def project(tmp_path):
    made = make_project(tmp_path, traces=make_traces(3))
    submit_item(made, "ann", answers(), seconds=0)
    submit_item(made, "bob", answers())
    return made


def test_what_older_code_took_is_flagged_at_the_next_tick(project):
    right = flags()
    assert right == {"ann": [True, False], "bob": [False, False]}
    # The older code neither raised flags nor took them back.
    Assignment.objects.filter(annotator__username="ann").update(is_too_fast=False)
    Assignment.objects.filter(annotator__username="bob").update(is_surplus=True)
    assert flags() != right
    tick()
    assert flags() == right
    assert late_flags.put_right() == 0


def test_only_the_submission_that_counts_says_so(project):
    submission = Submission.objects.get(assignment__annotator__username="ann")
    Submission.objects.filter(pk=submission.pk).update(is_current=False)
    Assignment.objects.filter(pk=submission.assignment_id).update(is_too_fast=False)
    assert late_flags.put_right() == 0


def test_no_more_than_the_latest_are_looked_at(project, monkeypatch):
    Assignment.objects.update(is_too_fast=True, is_surplus=True)
    monkeypatch.setattr(late_flags, "LATEST", 1)
    assert late_flags.put_right() == 1
    assert flags() == {"ann": [True, True], "bob": [False, False]}


def test_it_costs_two_queries_where_nothing_is_wrong(project, django_assert_num_queries):
    with django_assert_num_queries(2):
        late_flags.put_right()
