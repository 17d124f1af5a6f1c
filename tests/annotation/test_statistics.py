"""The numbers a project's pages show: counted by a job, read from rows."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotation.assignments.handout import hand_out
from annotation.assignments.states import void
from annotation.models import Assignment, Statistic, Submission
from annotation.quality import statistics
from annotation.quality.days import per_day
from annotation.quality.pairs import pairs_of
from annotation.quality.ratings import Ratings
from annotation.schemes.base import Measure
from annotation.tasks import count_what_changed
from potato_site.jobs import run_now
from potato_site.jobs.models import Job
from tests.factory import answers, make_project, make_trace, make_traces, person, submit_item

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])


def counted(project):
    run_now(statistics.JOB, {"project": project.pk})
    project.refresh_from_db()
    return statistics.read(project)


def test_a_project_that_was_never_counted_has_no_numbers(tmp_path):
    assert statistics.read(make_project(tmp_path)) == {}


def test_the_job_counts_progress_people_and_overlap(tmp_path):
    project = make_project(tmp_path, traces=make_traces(3))
    submit_item(project, "ann", answers(), seconds=60)
    submit_item(project, "bob", answers(), seconds=90)
    found = counted(project)["progress"].payload
    assert found["items"] == {"total": 3, "finished": 1, "open": 2}
    assert found["overlap"]["items"]["open"] == 2
    rows = {row["username"]: row for row in found["people"]}
    assert (rows["ann"]["submitted"], rows["ann"]["left"], rows["ann"]["median_seconds"]) == (1, 2, 60)
    assert rows["bob"]["last_seen_at"]


def test_numbers_say_whether_anything_changed_since(tmp_path):
    project = make_project(tmp_path)
    submission = submit_item(project, "ann", answers())
    assert {stat.is_current for stat in counted(project).values()} == {True}
    void(submission.assignment_id)
    project.refresh_from_db()
    assert {stat.is_current for stat in statistics.read(project).values()} == {False}


@pytest.mark.parametrize(
    ("zone", "days"),
    [
        ("UTC", {"2026-03-10": 2, "2026-03-09": 1}),
        ("Asia/Kathmandu", {"2026-03-11": 1, "2026-03-10": 1, "2026-03-09": 1}),  # 5:45 ahead: midnight is at 18:15
        ("America/New_York", {"2026-03-10": 1, "2026-03-09": 1, "2026-03-08": 1}),
        ("Pacific/Kiritimati", {"2026-03-11": 1, "2026-03-10": 1, "2026-03-09": 1}),
    ],
)
def test_submissions_are_counted_by_the_day_they_were_made_where_one_looks(tmp_path, zone, days):
    project = make_project(tmp_path, traces=make_traces(4))
    for at in ("2026-03-09T03:59Z", "2026-03-10T03:59Z", "2026-03-10T18:15Z", "2026-01-02T12:00Z"):
        made = submit_item(project, "ann", answers())
        Submission.objects.filter(pk=made.pk).update(submitted_at=at)
    now = datetime(2026, 3, 10, 20, tzinfo=UTC)
    statistics.compute(project, now=now)
    found = per_day(statistics.read(project)["pace"].payload["quarters"], ZoneInfo(zone), now)
    assert {day.isoformat(): count for day, count in found if count} == days
    assert (len(found), found[-1][0]) == (60, now.astimezone(ZoneInfo(zone)).date())


def test_reading_times_make_a_histogram_and_medians_by_length(tmp_path):
    traces = [make_trace(f"t{steps}", steps) for steps in (3, 12, 40)]
    project = make_project(tmp_path, traces=traces, overlap=0, people=["ann"])
    for seconds in (30, 60, 240):
        submit_item(project, "ann", answers(), seconds=seconds)
    pace = counted(project)["pace"].payload
    assert pace["median_seconds"] == 60
    assert [(part["low"], part["high"], part["median_seconds"]) for part in pace["terciles"]] == [
        (3, 3, 30), (12, 12, 60), (40, 40, 240),
    ]  # fmt: skip
    assert sum(part["items"] for part in pace["histogram"]) == 3


def test_who_was_faster_than_the_steps_can_be_read_is_counted(tmp_path):
    project = make_project(tmp_path, traces=make_traces(2, steps=30), overlap=0)
    submit_item(project, "ann", answers(), seconds=60)
    submit_item(project, "bob", answers(), seconds=15)
    found = counted(project)
    assert found["pace"].payload["too_fast"] == 1
    assert {row["username"]: row["too_fast"] for row in found["progress"].payload["people"]} == {"ann": 0, "bob": 1}


def test_agreement_comes_with_its_interval_and_by_pairs(tmp_path):
    project = make_project(tmp_path, traces=make_traces(4))
    for step in (0, 1, 2, 3):
        submit_item(project, "ann", answers(step, "resolved"))
        submit_item(project, "bob", answers(step, "resolved" if step else "partial"))
    found = counted(project)["agreement"].payload
    alpha = {(one["scheme"], one["measure"]): one for one in found["results"]}
    exact = alpha["step_reward", "first_error_position"]
    assert (exact["value"], exact["interval"], exact["units"]) == (1.0, [1.0, 1.0], 4)
    pairs = {entry["scheme"]: entry["pairs"] for entry in found["pairs"]}
    assert pairs["outcome"] == [{"first": "ann", "second": "bob", "units": 4, "percent": 0.75}]


def test_pairs_are_counted_where_three_people_labeled_a_unit():
    ratings = Ratings("s", Measure("m", "nominal"))
    ratings.add(1, [(7, {"": "a"}), (9, {"": "a"}), (8, {"": "b"})])
    ratings.add(2, [(9, {"": "a"}), (7, {"": "b"})])
    ratings.add(3, [(7, {"": "b"})])
    found = {(pair.first, pair.second): (pair.units, pair.percent) for pair in pairs_of(ratings)}
    assert found == {(7, 8): (1, 0), (7, 9): (2, 0.5), (8, 9): (1, 0)}


def test_a_withdrawn_or_voided_submission_is_forgotten(tmp_path):
    project = make_project(tmp_path)
    void(submit_item(project, "ann", answers()).assignment_id)
    assert counted(project)["pace"].payload["submissions"] == 0


def test_reading_costs_one_query(tmp_path):
    project = make_project(tmp_path)
    counted(project)
    with CaptureQueriesContext(connection) as queries:
        statistics.read(project)
    assert len(queries) == 1


class TestTheTick:
    def asked(self):
        return list(Job.objects.filter(kind=statistics.JOB, state="queued").values_list("params", flat=True))

    def test_it_asks_for_a_project_that_moved_on_and_not_twice(self, tmp_path):
        project = make_project(tmp_path)
        count_what_changed()
        count_what_changed()
        assert self.asked() == [{"project": project.pk}]
        assert Job.objects.get(kind=statistics.JOB).rerun is False

    def test_what_cannot_be_counted_is_not_tried_all_the_time(self, tmp_path):
        project = make_project(tmp_path)
        count_what_changed()
        Job.objects.filter(kind=statistics.JOB).update(state="failed", finished_at=timezone.now())
        assert statistics.due() == []
        Job.objects.filter(kind=statistics.JOB).update(finished_at=timezone.now() - timedelta(minutes=61))
        assert statistics.due() == [project.pk]

    def test_it_leaves_a_project_alone_where_nothing_changed(self, tmp_path):
        counted(make_project(tmp_path))
        assert statistics.due(timezone.now() + timedelta(days=1)) == []

    def test_it_counts_again_at_most_once_a_minute(self, tmp_path):
        project = make_project(tmp_path)
        counted(project)
        submit_item(project, "ann", answers())
        assert statistics.due() == []
        assert statistics.due(timezone.now() + timedelta(seconds=61)) == [project.pk]

    def test_counting_that_takes_long_is_done_less_often(self, tmp_path):
        project = make_project(tmp_path)
        counted(project)
        submit_item(project, "ann", answers())
        row = Statistic.objects.get(kind="count")
        Statistic.objects.filter(pk=row.pk).update(payload={**row.payload, "seconds": 30})
        assert statistics.due(timezone.now() + timedelta(minutes=9)) == []
        assert statistics.due(timezone.now() + timedelta(minutes=11)) == [project.pk]

    def test_new_items_are_counted(self, tmp_path):
        project = make_project(tmp_path, traces=make_traces(2))
        counted(project)
        make_project(tmp_path, traces=make_traces(3))
        assert statistics.due(timezone.now() + timedelta(seconds=61)) == [project.pk]


def test_open_work_is_not_a_submission(tmp_path):
    project = make_project(tmp_path)
    hand_out(project, person("ann"))
    found = counted(project)
    assert found["pace"].payload["submissions"] == 0
    assert found["progress"].payload["people"][0]["assigned"] == 1
    assert Assignment.objects.filter(state="open").count() == 1
