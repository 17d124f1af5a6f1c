"""``potato status``: what is assigned, submitted and left."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import OutputWrapper
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotation.assignments.handout import hand_out
from annotation.assignments.states import expire_overdue, skip, void
from annotation.models import Item, Membership
from annotation.quality.status import status
from annotation.quality.tables import show
from tests.factory import FIRST_ERROR, answers, make_project, make_trace, make_traces, person, submit_item

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])


def of(project, name: str):
    return next(one for one in status(project).people if one.username == name)


def test_a_fresh_project_has_everything_left(tmp_path):
    project = make_project(tmp_path, traces=make_traces(3))
    report = status(project)
    assert (report.items.total, report.items.finished, report.items.open) == (3, 0, 3)
    assert (report.overlap.items.total, report.overlap.labels_planned, report.overlap.labels_submitted) == (3, 6, 0)
    assert [(one.username, one.assigned, one.submitted, one.left) for one in report.people] == [
        ("ann", 0, 0, 3),
        ("bob", 0, 0, 3),
    ]


def test_an_item_is_finished_when_all_its_places_are(tmp_path):
    project = make_project(tmp_path, traces=make_traces(2))
    submit_item(project, "ann", answers())
    assert status(project).items.finished == 0
    submit_item(project, "bob", answers())
    report = status(project)
    assert (report.items.finished, report.items.open) == (1, 1)
    assert (report.overlap.items.finished, report.overlap.labels_submitted) == (1, 2)


def test_work_moves_from_left_to_assigned_to_submitted(tmp_path):
    project = make_project(tmp_path, traces=make_traces(3))
    hand_out(project, person("ann"))
    assert (of(project, "ann").assigned, of(project, "ann").submitted, of(project, "ann").left) == (1, 0, 2)
    submit_item(project, "ann", answers())
    assert (of(project, "ann").assigned, of(project, "ann").submitted, of(project, "ann").left) == (0, 1, 2)


def test_a_scheme_counts_the_submissions_that_answer_it(tmp_path):
    project = make_project(tmp_path, traces=make_traces(3))
    submit_item(project, "ann", answers())
    submit_item(project, "ann", answers(1, "partial", "wrong file"))
    schemes = {one.scheme: one.submitted for one in of(project, "ann").schemes}
    assert schemes == {"step_reward": 2, "outcome": 2, "error_description": 1}


def test_a_text_that_names_a_scheme_is_no_answer_to_it(tmp_path):
    project = make_project(tmp_path, traces=make_traces(1))
    submit_item(project, "ann", {**answers(1), "outcome": {"": "partial"}})
    schemes = {one.scheme: one.submitted for one in of(project, "ann").schemes}
    assert schemes["error_description"] == 0


def test_what_others_have_taken_is_not_left(tmp_path):
    project = make_project(tmp_path, traces=make_traces(2), overlap=0)
    submit_item(project, "ann", answers())
    assert (of(project, "bob").left, of(project, "ann").left) == (1, 1)


def test_a_skipped_item_is_not_left_and_an_expired_one_is(tmp_path):
    project = make_project(tmp_path, traces=make_traces(2))
    skip(hand_out(project, person("ann")).assignment.public_id, person("ann"), "too long")
    assert (of(project, "ann").skipped, of(project, "ann").left) == (1, 1)
    hand_out(project, person("ann"))
    expire_overdue(timezone.now() + timezone.timedelta(hours=2))
    assert (of(project, "ann").assigned, of(project, "ann").left) == (0, 1)


def test_nobody_has_more_left_than_their_cap(tmp_path):
    project = make_project(tmp_path, traces=make_traces(5), instances_per_annotator=2)
    submit_item(project, "ann", answers())
    assert (of(project, "ann").left, of(project, "bob").left) == (1, 2)
    Membership.objects.filter(project=project, user=person("bob")).update(caps={"items": 4})
    assert of(project, "bob").left == 4


def test_a_voided_submission_is_open_again(tmp_path):
    project = make_project(tmp_path, traces=make_traces(1), overlap=0)
    submission = submit_item(project, "ann", answers())
    assert status(project).items.finished == 1
    void(submission.assignment_id)
    report = status(project)
    assert (report.items.finished, report.items.open) == (0, 1)
    assert (of(project, "ann").submitted, of(project, "ann").left, of(project, "bob").left) == (0, 0, 1)


def test_withdrawn_items_are_counted_apart(tmp_path):
    project = make_project(tmp_path, traces=make_traces(3))
    Item.objects.filter(trace_a__external_id="trace_002").update(is_withdrawn=True)
    report = status(project)
    assert (report.items.total, report.withdrawn, of(project, "ann").left) == (2, 1, 2)


PAIRWISE = {"annotation_type": "pairwise", "name": "preference"}
ATTEMPTS = [make_trace(f"try_{n}", 2, issue_id="x", issue_description="Fix x") for n in range(3)]


def by_scheme(project, name: str) -> dict[str, tuple[int, int, int]]:
    return {one.scheme: (one.assigned, one.submitted, one.left) for one in of(project, name).schemes}


def test_a_question_counts_only_the_items_that_are_asked_it(tmp_path):
    project = make_project(tmp_path, traces=ATTEMPTS, schemes=[FIRST_ERROR, PAIRWISE], people=["ann"], overlap=0)
    assert by_scheme(project, "ann") == {"step_reward": (0, 0, 3), "preference": (0, 0, 0)}
    for _ in range(2):
        submit_item(project, "ann", {"step_reward": {"first_error": {"step": None}}})
    assert by_scheme(project, "ann") == {"step_reward": (0, 2, 1), "preference": (0, 0, 1)}
    hand_out(project, person("ann"))
    assert by_scheme(project, "ann") == {"step_reward": (1, 2, 0), "preference": (0, 0, 1)}
    assert (of(project, "ann").assigned, of(project, "ann").left) == (1, 1)


def test_a_project_goes_from_traces_to_pairs_and_back(tmp_path):
    project = make_project(tmp_path, traces=ATTEMPTS, schemes=[FIRST_ERROR], people=["ann"], overlap=0)
    submit_item(project, "ann", {"step_reward": {"first_error": {"step": 1}}})
    options = {"traces": ATTEMPTS, "people": ["ann"], "overlap": 0}
    project = make_project(tmp_path, schemes=[PAIRWISE], **options)
    report = status(project)
    assert (report.items.total, report.items.finished, report.withdrawn) == (4, 1, 0), "three pairs, and what was done"
    submit_item(project, "ann", {"preference": {"choice": {"side": "tie"}}})
    project = make_project(tmp_path, schemes=[FIRST_ERROR], **options)
    report = status(project)
    assert (report.items.total, report.items.finished) == (4, 2), "three traces, and the pair that was compared"
    submit_item(project, "ann", {"step_reward": {"first_error": {"step": 0}}})
    assert by_scheme(project, "ann") == {"step_reward": (0, 2, 1)}


def test_who_left_or_was_excluded_is_shown_as_such(tmp_path):
    project = make_project(tmp_path, traces=make_traces(2))
    submit_item(project, "ann", answers())
    Membership.objects.filter(user=person("ann")).update(is_excluded=True)
    Membership.objects.filter(user=person("bob")).update(state=Membership.State.INACTIVE)
    out = io.StringIO()
    call_command("status", project.slug, stdout=out)
    assert "ann (excluded)" in out.getvalue()
    assert "bob (inactive)" in out.getvalue()
    assert of(project, "bob").left == 0


def test_the_number_of_queries_does_not_grow(tmp_path):
    small = make_project(tmp_path / "small", traces=make_traces(1), name="small")
    large = make_project(tmp_path / "large", traces=make_traces(12), people=[f"p{n}" for n in range(8)], name="large")
    for number in range(8):
        submit_item(large, f"p{number}", answers())
    counts = []
    for project in (small, large):
        status(project)
        with CaptureQueriesContext(connections["snapshot"]) as queries:
            status(project)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 15


def test_the_command_prints_a_line_per_person_and_scheme(tmp_path):
    project = make_project(tmp_path, traces=make_traces(3))
    submit_item(project, "ann", answers())
    hand_out(project, person("bob"))
    out = io.StringIO()
    call_command("status", str(tmp_path / "output"), stdout=out)
    lines = out.getvalue().splitlines()
    assert lines[:3] == [
        "Test project (test-project): open",
        "items    0 of 3 finished, 3 open",
        "overlap  0 of 3 finished, 3 open; 1 of 6 labels submitted",
    ]
    table = [line.split() for line in lines[4:]]
    assert table[0] == ["annotator", "scheme", "assigned", "submitted", "left"]
    assert ["ann", "step_reward", "0", "1", "2"] in table
    assert ["bob", "outcome", "1", "0", "2"] in table


def test_the_command_prints_one_json_object_on_request(tmp_path):
    project = make_project(tmp_path, traces=make_traces(3))
    out = io.StringIO()
    call_command("status", project.slug, json=True, stdout=out)
    report = json.loads(out.getvalue())
    assert report["items"] == {"total": 3, "finished": 0, "open": 3}
    assert report["people"][0]["schemes"][0] == {"scheme": "step_reward", "assigned": 0, "submitted": 0, "left": 3}


def test_a_project_that_is_not_loaded_is_named(tmp_path):
    make_project(tmp_path)
    with pytest.raises(CommandError, match="nobody"):
        call_command("status", "nobody")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_drawn_table_with_names_as_they_are(tmp_path):
    out = Terminal()
    show(OutputWrapper(out), ["annotator", "left"], [["[bold]ann", 3]])
    assert "│ [bold]ann │    3 │" in out.getvalue()


def test_a_person_who_may_have_nothing_has_nothing_left(tmp_path):
    project = make_project(tmp_path, traces=make_traces(3))
    Membership.objects.filter(project=project, user=person("ann")).update(caps={"items": 0})
    assert hand_out(project, person("ann")).assignment is None
    assert of(project, "ann").left == 0
