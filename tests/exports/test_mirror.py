"""Each annotator's own file, and the tick that catches what was missed."""

import errno
import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotation import queries
from annotation.answers.ops import apply_ops
from annotation.answers.submission import submit
from annotation.assignments.states import reopen, void
from annotation.models import Membership, Recruit, Submission
from exports import mirror, tasks
from potato_site.jobs import run_now, runner
from potato_site.jobs.models import Job
from tests.annotation.test_recruitment import IDS, PROLIFIC, come
from tests.annotation.test_shares import label
from tests.factory import FIRST_ERROR, answers, make_project, make_trace, make_traces, op, person, submit_item

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])]


@pytest.fixture(autouse=True)
def _a_new_process(monkeypatch):
    monkeypatch.setattr(tasks, "_watches", {})


def file_of(project, name: str) -> Path:
    """What the person said of traces; of pairs there is a second file."""
    return mirror.paths_of(queries.delivering(queries.project_by_id(project.pk, using="default")), name)[0]


def lines_of(project, name: str) -> list[dict]:
    return [json.loads(line) for line in file_of(project, name).read_text().splitlines()]


def write(project, name: str) -> int:
    return run_now("exports.mirror", {"project": project.pk, "annotator": person(name).pk})["lines"]


def asked_for(project) -> set[int]:
    jobs = Job.objects.filter(kind="exports.mirror", state=Job.State.QUEUED)
    return {job.params["annotator"] for job in jobs if job.params["project"] == project.pk}


def test_a_line_says_what_this_person_answered(tmp_path):
    project = make_project(tmp_path, traces=make_traces(1))
    submit_item(project, "bob", answers())
    submit_item(project, "ann", answers(3, "partial", "wrong file"), seconds=60)
    assert write(project, "ann") == 1
    (line,) = lines_of(project, "ann")
    assert (line["trace_id"], line["annotator"], line["total_steps"]) == ("trace_001", "ann", 5)
    assert (line["first_error_step"], line["all_correct"]) == (3, False)
    assert (line["outcome"], line["error_description"]) == ("partial", "wrong file")
    assert [step["label_source"] for step in line["steps"]] == ["human"] * 4 + ["derived"]
    assert line["started_at"] < line["submitted_at"]
    assert (line["duration_s"], line["schema_version"], line["flags"]) == (60.0, "1.0", [])


def compared(tmp_path, **output):
    """A project that compares: ann labeled two attempts and compared them."""
    traces = [make_trace(f"try_{n}", 3, issue_id="x", issue_description="Fix x") for n in range(2)]
    schemes = [FIRST_ERROR, {"annotation_type": "pairwise", "name": "preference"}]
    project = make_project(tmp_path, traces=traces, schemes=schemes, people=["ann"], overlap=0, **output)
    for step in (1, 2):
        submit_item(project, "ann", {"step_reward": {"first_error": {"step": step}}})
    before = queries.delivering_projects(using="default")[0].seq
    submit_item(project, "ann", {"preference": {"choice": {"side": "b"}}})
    assert queries.submitted_since(project, before) == 1
    return project


def test_what_a_person_compared_is_a_file_beside_it(tmp_path):
    project = compared(tmp_path)
    assert write(project, "ann") == 3
    # Whoever takes the lines by their trace has the labels of that trace, as the guide's snippet does.
    assert {line["trace_id"]: line["first_error_step"] for line in lines_of(project, "ann")} == {"try_0": 1, "try_1": 2}
    own, of_pairs = mirror.paths_of(queries.delivering(project), "ann")
    assert of_pairs == own.with_name("comparisons.jsonl")
    (pair,) = [json.loads(line) for line in of_pairs.read_text().splitlines()]
    assert (pair["trace_id"], pair["trace_id_b"], pair["steps"]) == ("try_0", "try_1", [])
    assert pair["preference"]["side"] == "b"
    (last,) = queries.last_labels(project.pk, using="default")
    assert last.submitted_at.isoformat().startswith(pair["submitted_at"][:23])
    assert not any(mirror.is_stale(path, last.submitted_at) for path in (own, of_pairs))


def test_the_tick_asks_again_for_comparisons_that_were_removed(tmp_path, monkeypatch):
    project = compared(tmp_path)
    write(project, "ann")
    Job.objects.all().delete()
    tasks.catch_missed_mirrors()
    assert asked_for(project) == set()
    _, of_pairs = mirror.paths_of(queries.delivering(project), "ann")
    of_pairs.unlink()
    tasks.catch_missed_mirrors()
    assert asked_for(project) == {person("ann").pk}
    # A process that has just started sees it as well.
    Job.objects.all().delete()
    monkeypatch.setattr(tasks, "_watches", {})
    tasks.catch_missed_mirrors()
    assert asked_for(project) == {person("ann").pk}


def test_comparisons_are_an_array_of_their_own_where_one_is_asked_for(tmp_path):
    project = compared(tmp_path, output={"path": "./output/", "format": "json"})
    write(project, "ann")
    folder = tmp_path / "output" / "ann"
    assert sorted(path.name for path in folder.iterdir()) == ["annotations.json", "comparisons.json"]
    assert [pair["trace_id_b"] for pair in json.loads((folder / "comparisons.json").read_text())] == ["try_1"]


def test_only_the_latest_revision_is_in_the_file(tmp_path):
    project = make_project(tmp_path)
    first = submit_item(project, "ann", answers(1))
    assignment = reopen(first.assignment.public_id, person("ann"))
    change = op("step_reward", {"first_error": {"step": 2}}, base=assignment.version)
    version = apply_ops(assignment.public_id, person("ann"), [change]).version
    submit(assignment.public_id, person("ann"), {"op_id": "again", "tab": "tab", "version": version, "ops": []})
    write(project, "ann")
    assert [line["first_error_step"] for line in lines_of(project, "ann")] == [2]


def test_a_reopened_item_stays_in_the_file(tmp_path):
    project = make_project(tmp_path)
    reopen(submit_item(project, "ann", answers(1)).assignment.public_id, person("ann"))
    write(project, "ann")
    assert len(lines_of(project, "ann")) == 1


def test_an_excluded_person_keeps_their_own_record(tmp_path):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    Membership.objects.filter(project=project).update(is_excluded=True)
    assert write(project, "ann") == 1


def test_the_file_is_emptied_when_the_last_submission_is_voided(tmp_path):
    project = make_project(tmp_path)
    submission = submit_item(project, "ann", answers(1))
    write(project, "ann")
    void(submission.assignment_id)
    tasks.refresh(project.pk)
    assert lines_of(project, "ann") == []


def test_a_killed_writer_leaves_nothing_behind(tmp_path):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    folder = file_of(project, "ann").parent
    folder.mkdir(parents=True)
    (folder / ".unfinished-0123").write_text('{"trace_id":')
    write(project, "ann")
    assert [path.name for path in folder.iterdir()] == ["annotations.jsonl"]


def test_refresh_writes_only_what_is_not_current(tmp_path):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    submit_item(project, "bob", answers(1))
    Job.objects.all().delete()
    assert tasks.refresh(project.pk) == 2
    assert tasks.refresh(project.pk) == 0
    submit_item(project, "bob", answers(1))
    assert tasks.refresh(project.pk) == 1


def test_the_tick_asks_for_files_whose_job_was_lost(tmp_path):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    Job.objects.all().delete()
    tasks.catch_missed_mirrors()
    assert asked_for(project) == {person("ann").pk}


def test_the_tick_asks_for_a_file_older_than_its_latest_submission(tmp_path):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    write(project, "ann")
    Job.objects.all().delete()
    tasks.catch_missed_mirrors()
    assert asked_for(project) == set()
    old = (timezone.now() - timedelta(hours=1)).timestamp()
    os.utime(file_of(project, "ann"), (old, old))
    submit_item(project, "ann", answers(1))
    Job.objects.all().delete()
    tasks.catch_missed_mirrors()
    assert asked_for(project) == {person("ann").pk}


def test_the_tick_asks_again_for_a_file_that_was_removed(tmp_path):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    write(project, "ann")
    Job.objects.all().delete()
    tasks.catch_missed_mirrors()
    file_of(project, "ann").unlink()
    tasks.catch_missed_mirrors()
    assert asked_for(project) == {person("ann").pk}


def test_a_folder_that_cannot_be_looked_at_is_a_file_that_is_missing(tmp_path):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    submit_item(project, "bob", answers(1))
    write(project, "bob")
    Job.objects.all().delete()
    folder = file_of(project, "ann").parent
    folder.write_text("a file where a folder should be")
    tasks.catch_missed_mirrors()
    assert asked_for(project) == {person("ann").pk}
    folder.unlink()
    assert tasks.refresh(project.pk) == 1
    assert len(lines_of(project, "ann")) == 1


def an_hour_of_ticks(monkeypatch) -> None:
    now = timezone.now()
    for _ in range(119):
        now += timedelta(seconds=30)
        monkeypatch.setattr(timezone, "now", lambda now=now: now)
        tasks.catch_missed_mirrors()
        for job in Job.objects.filter(kind="exports.mirror", state="queued", due_at__lte=now):
            runner.run(job.pk)


def test_a_file_that_cannot_be_written_is_tried_three_times_an_hour_and_at_once_when_something_is_submitted(
    tmp_path, monkeypatch
):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    folder = file_of(project, "ann").parent
    folder.write_text("a file where a folder should be")
    an_hour_of_ticks(monkeypatch)
    assert list(Job.objects.filter(kind="exports.mirror").values_list("state", "failures")) == [("failed", 3)]
    folder.unlink()
    submit_item(project, "ann", answers(1))
    an_hour_of_ticks(monkeypatch)
    assert len(lines_of(project, "ann")) == 2


def test_a_file_that_could_not_be_written_is_written_when_the_hour_is_over(tmp_path, monkeypatch):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    folder = file_of(project, "ann").parent
    folder.write_text("a file where a folder should be")
    an_hour_of_ticks(monkeypatch)
    folder.unlink()
    an_hour_of_ticks(monkeypatch)
    assert len(lines_of(project, "ann")) == 1


def test_what_was_invalidated_while_the_file_could_not_be_written_leaves_it_in_the_end(tmp_path, monkeypatch):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    submit_item(project, "ann", answers(1))
    tasks.refresh(project.pk)
    first = Submission.objects.order_by("seq").first()

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "the disk is full")

    with monkeypatch.context() as disk:
        disk.setattr(tasks.mirror, "write", full)
        void(first.assignment_id)
        an_hour_of_ticks(monkeypatch)
    assert len(lines_of(project, "ann")) == 2
    an_hour_of_ticks(monkeypatch)
    assert len(lines_of(project, "ann")) == 1


class Clock:
    """A clock that a test moves."""

    def __init__(self, monkeypatch) -> None:
        self.now = timezone.now()
        monkeypatch.setattr(timezone, "now", lambda: self.now)
        monkeypatch.setattr(tasks.time, "monotonic", lambda: self.now.timestamp())

    def work(self) -> None:
        """What a worker that is told of every job does now."""
        for job in Job.objects.filter(kind="exports.mirror", state__in=Job.LIVE):
            runner.run(job.pk)


def test_a_large_file_is_written_now_and_then_and_has_the_last_submission_in_the_end(tmp_path, monkeypatch):
    project = make_project(tmp_path, traces=make_traces(40), overlap=0)
    clock, write, written = Clock(monkeypatch), mirror.write, []

    def slowly(*args, **options):
        lines = write(*args, **options)
        clock.now += timedelta(seconds=20)
        written.append(lines)
        return lines

    monkeypatch.setattr(mirror, "write", slowly)
    submitted = []
    for _ in range(30):
        submit_item(project, "ann", answers(1), seconds=0)
        submitted.append(clock.now)
        clock.now += timedelta(seconds=40)
        tasks.catch_missed_mirrors()
        clock.work()
        waiting = submitted[len(lines_of(project, "ann")) :] if file_of(project, "ann").exists() else submitted
        assert not waiting or clock.now - waiting[0] <= tasks.LONGEST_REST + timedelta(minutes=1)
    # In 20 minutes: at first, and every 200 seconds or so.
    assert 5 <= len(written) <= 9
    clock.now += tasks.LONGEST_REST
    clock.work()
    assert len(lines_of(project, "ann")) == 30
    clock.now += timedelta(hours=1)
    before = len(written)
    tasks.catch_missed_mirrors()
    clock.work()
    assert len(written) == before


@pytest.mark.parametrize("is_published", [False, True])
def test_what_is_submitted_while_the_writer_is_killed_is_in_the_file_in_the_end(tmp_path, monkeypatch, is_published):
    project = make_project(tmp_path, traces=make_traces(3), overlap=0)
    clock, write = Clock(monkeypatch), mirror.write

    def killed(*args, **options):
        if is_published:
            write(*args, **options)
        submit_item(project, "ann", answers(1), seconds=0)
        raise KeyboardInterrupt

    submit_item(project, "ann", answers(1), seconds=0)
    clock.now += timedelta(seconds=10)
    with monkeypatch.context() as patch:
        patch.setattr(mirror, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            clock.work()
    clock.work()
    assert file_of(project, "ann").exists() is is_published
    # Its lease lapses.
    clock.now += timedelta(seconds=121)
    clock.work()
    assert len(lines_of(project, "ann")) == 2


def test_what_goes_wrong_with_one_projects_files_leaves_no_other_behind(tmp_path, monkeypatch, caplog):
    projects = [make_project(tmp_path / name, project_name=name, slug=name) for name in ("one", "two")]
    for project in projects:
        submit_item(project, "ann", answers(1))
    Job.objects.all().delete()
    found = mirror.paths_of

    def paths_of(project, username):
        if project.project_id == projects[0].pk:
            raise ValueError("a name no file system takes")
        return found(project, username)

    monkeypatch.setattr(mirror, "paths_of", paths_of)
    tasks.catch_missed_mirrors()
    assert [asked_for(project) for project in projects] == [set(), {person("ann").pk}]
    assert f"of project {projects[0].pk} cannot be looked after" in caplog.text


def test_the_tick_asks_the_database_nothing_about_a_project_at_rest(tmp_path):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    write(project, "ann")
    tasks.catch_missed_mirrors()
    with CaptureQueriesContext(connections["default"]) as queries:
        tasks.catch_missed_mirrors()
    # The list of projects with their change counters, and what could not be written.
    assert len(queries) == 2


def as_json(folder):
    """The project of the folder, its configuration now asking for one array."""
    return make_project(folder, traces=make_traces(3), output={"path": "./output/", "format": "json"})


def test_a_configuration_may_ask_for_one_array(tmp_path):
    project = as_json(tmp_path)
    write(project, "ann")
    path = file_of(project, "ann")
    assert (path.name, json.loads(path.read_text())) == ("annotations.json", [])
    for _ in range(2):
        submit_item(project, "ann", answers(1))
    write(project, "ann")
    assert [line["trace_id"] for line in json.loads(path.read_text())] == ["trace_001", "trace_002"]


def test_another_form_takes_the_place_of_the_one_before(tmp_path):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    write(project, "ann")
    tasks.catch_missed_mirrors()
    lines = lines_of(project, "ann")
    Job.objects.all().delete()
    project = as_json(tmp_path)
    tasks.catch_missed_mirrors()
    assert asked_for(project) == {person("ann").pk}
    assert tasks.refresh(project.pk) == 1
    (file,) = (tmp_path / "output" / "ann").iterdir()
    assert (file.name, json.loads(file.read_text())) == ("annotations.json", lines)


def test_what_is_delivered_of_somebody_from_a_crowd_platform_tells_no_id_of_theirs(tmp_path):
    project = make_project(tmp_path, traces=make_traces(2), recruitment=PROLIFIC, overlap=0)
    worker = Client()
    come(project, worker)
    label(project, worker)
    name = Recruit.objects.get().user.username
    assert write(project, name) == 1
    path = file_of(project, name)
    told = f"{path} {path.read_text()}"
    assert [line["annotator"] for line in lines_of(project, name)] == [name]
    assert not [one for one in IDS.values() if f'"{one}"' in told or f"/{one}" in told]
