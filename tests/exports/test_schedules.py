"""Export schedules: when they run, what they publish, and what happens when they cannot."""

import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core import mail
from django.db import IntegrityError
from django.urls import reverse
from django.utils import timezone

from annotation import queries
from exports import destinations, schedules
from exports.models import Export, ExportSchedule
from exports.options import Options, as_json
from exports.schedule_forms import USUAL_TIMES
from exports.schedules import WrongTimes, next_run
from potato_site.accounts.models import AuditEntry, User
from potato_site.jobs import run_now, runner
from potato_site.jobs.models import Job
from tests.api.people import member
from tests.factory import answers, make_project, make_traces, submit_item

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])]


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path, traces=make_traces(6), overlap=0)


@pytest.fixture
def mia(project):
    user = member("mia", project)
    User.objects.filter(pk=user.pk).update(email="mia@example.org")
    return user


def schedule(project, **keys) -> ExportSchedule:
    given = {"format": "prm", "cron": "0 6 * * *", "options": as_json(Options()), **keys}
    return ExportSchedule.objects.create(project=project, **given)


def work(kind: str = schedules.KIND) -> int:
    schedules.ask_for_due()
    jobs = Job.objects.filter(state=Job.State.QUEUED, kind=kind)
    jobs.update(due_at=timezone.now() - timedelta(seconds=1))
    return sum(runner.run(job.pk) for job in jobs)


# --- when ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        ("0 6 * * *", "UTC", "2026-03-01T05:00Z", "2026-03-01T06:00Z"),
        ("0 6 * * *", "UTC", "2026-03-01T06:00Z", "2026-03-02T06:00Z"),
        ("0 6 * * 1", "Europe/Berlin", "2026-03-01T12:00Z", "2026-03-02T05:00Z"),
        # Clocks go forward on 29 March 2026: six o'clock is an hour earlier by UTC.
        ("0 6 * * *", "Europe/Berlin", "2026-03-28T12:00Z", "2026-03-29T04:00Z"),
        ("*/15 * * * *", "UTC", "2026-03-01T05:07Z", "2026-03-01T05:15Z"),
        ("0 0 1 1 *", "UTC", "2026-03-01T05:07Z", "2027-01-01T00:00Z"),
        # An hour that the clock leaves out: 02:30 is 03:30 then.
        ("30 2 * * *", "Europe/Berlin", "2026-03-29T00:20Z", "2026-03-29T01:30Z"),
        ("*/15 * * * *", "Europe/Berlin", "2026-03-29T00:50Z", "2026-03-29T01:00Z"),
        # Sunday has two numbers.
        ("0 6 * * 0", "UTC", "2026-10-24T12:00Z", "2026-10-25T06:00Z"),
        ("0 6 * * 7", "UTC", "2026-10-24T12:00Z", "2026-10-25T06:00Z"),
        ("0 6 * * 5-7", "UTC", "2026-10-24T12:00Z", "2026-10-25T06:00Z"),
        ("0 6 * * 0-7", "UTC", "2026-10-24T12:00Z", "2026-10-25T06:00Z"),
        ("0 6 * * 1-5", "UTC", "2026-10-24T12:00Z", "2026-10-26T06:00Z"),
    ],
)
def test_times_are_those_of_the_zone(cron, zone, after, expected):
    assert next_run(cron, zone, datetime.fromisoformat(after)) == datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    ("cron", "zone", "first", "expected"),
    [
        # Clocks go back on 25 October 2026: 02:00 to 03:00 comes at 00:00 UTC and again at 01:00.
        ("*/15 * * * *", "Europe/Berlin", "2026-10-25T00:20Z", "00:30 00:45 01:00 01:15 01:30 01:45 02:00 02:15"),
        ("50 * * * *", "Europe/Berlin", "2026-10-24T22:55Z", "23:50 00:50 01:50 02:50"),
        ("*/15 * * * *", "Europe/Berlin", "2026-10-25T01:20Z", "01:30 01:45 02:00"),
        ("30 2,3 * * *", "Europe/Berlin", "2026-10-24T22:55Z", "00:30 02:30 01:30 02:30"),
        # There it is half an hour, on 5 April.
        ("*/15 * * * *", "Australia/Lord_Howe", "2026-04-04T14:31Z", "14:45 15:00 15:15 15:30 15:45"),
    ],
)
def test_every_time_is_after_the_last_where_the_clock_shows_an_hour_twice(cron, zone, first, expected):
    at, found = datetime.fromisoformat(first), []
    for _ in expected.split():
        before, at = at, next_run(cron, zone, at)
        assert at > before
        found.append(f"{at:%H:%M}")
    assert " ".join(found) == expected


@pytest.mark.parametrize("minute", range(0, 240, 7))
def test_a_time_is_never_in_the_past(minute):
    after = datetime(2026, 10, 24, 23, tzinfo=UTC) + timedelta(minutes=minute)
    for cron in ("*/15 * * * *", "30 2 * * *", "5 */2 * * 7", "0 2 25 10 *"):
        assert next_run(cron, "Europe/Berlin", after) > after


@pytest.mark.parametrize(
    ("cron", "zone"),
    [
        ("0 6 * *", "UTC"),
        ("0 6 * * 8", "UTC"),
        ("61 * * * *", "UTC"),
        ("x * * * *", "UTC"),
        ("0 6 * * *", "Mars"),
        ("", "UTC"),
        ("0 0 30 2 *", "UTC"),
    ],
)
def test_times_that_make_no_sense_are_refused(cron, zone):
    with pytest.raises(WrongTimes):
        next_run(cron, zone, datetime(2026, 1, 1, tzinfo=UTC))


def test_one_that_is_due_runs_once_and_its_next_time_is_set(project):
    submit_item(project, "ann", answers(1))
    due = schedule(project, next_run_at=timezone.now() - timedelta(hours=3))
    assert work() == 1
    assert work() == 0
    due.refresh_from_db()
    assert due.next_run_at > timezone.now()
    assert due.last_run_at is not None
    assert Export.objects.get().schedule == due
    assert due.last_seq == Export.objects.get().seq


def test_one_that_counts_runs_after_so_many_submissions(project):
    counting = schedule(project, cron="", every_n=2, last_seq=project.seq)
    submit_item(project, "ann", answers(1))
    assert work() == 0
    submit_item(project, "ann", answers(1))
    assert work() == 1
    assert work() == 0
    counting.refresh_from_db()
    assert Export.objects.get().seq == counting.last_seq


def test_one_that_is_paused_does_not_run(project):
    schedule(project, next_run_at=timezone.now() - timedelta(hours=3), is_paused=True)
    schedule(project, cron="", every_n=1, is_paused=True)
    submit_item(project, "ann", answers(1))
    assert work() == 0


@pytest.mark.parametrize("keys", [{"cron": "", "every_n": None}, {"cron": "0 6 * * *", "every_n": 3}, {"keep_last": 0}])
def test_a_schedule_is_by_time_or_by_number(project, keys):
    with pytest.raises(IntegrityError):
        schedule(project, **keys)


# --- what ------------------------------------------------------------------------------------------------------------


def test_only_the_last_of_its_own_are_kept(project):
    submit_item(project, "ann", answers(1))
    run_now("exports.build", {"project": project.pk, "format": "prm", "options": {"soft_labels": True}})
    mine = schedule(project, cron="", every_n=1, keep_last=2)
    for _ in range(4):
        submit_item(project, "ann", answers(1))
        assert work() == 1
    kept = Export.objects.filter(schedule=mine).order_by("seq")
    assert len(kept) == 2
    folders = {path.name for path in (Path(project.output_path) / "exports").iterdir()}
    assert folders == {Path(export.path).name for export in Export.objects.all()}
    assert Export.objects.count() == 3
    assert AuditEntry.objects.filter(action="export.expire").count() == 2


def test_no_more_are_kept_where_none_of_them_can_be_copied(project, monkeypatch):
    def broken(*_):
        raise destinations.CannotDeliver("s3://bucket: no way there")

    monkeypatch.setattr(destinations, "deliver", broken)
    mine = schedule(project, cron="", every_n=1, keep_last=2, destination="s3://bucket")
    for _ in range(4):
        submit_item(project, "ann", answers(1))
        # The first try, and the two that come after it.
        assert [work(), work(), work()] == [1, 1, 1]
    mine.refresh_from_db()
    assert mine.last_error.endswith("no way there")
    kept = Export.objects.filter(schedule=mine)
    assert kept.count() == Export.objects.count() == 2
    assert max(kept.values_list("seq", flat=True)) == queries.project_by_id(project.pk, using="default").seq
    folders = {path.name for path in (Path(project.output_path) / "exports").iterdir()}
    assert folders == {Path(export.path).name for export in kept}


@pytest.mark.parametrize("gone", ["nothing", "file", "folder"])
def test_what_was_exported_by_hand_never_becomes_a_schedules(project, gone):
    submit_item(project, "ann", answers(1))
    made = run_now("exports.build", {"project": project.pk, "format": "prm", "options": {}})
    export = Export.objects.get(pk=made["export"])
    if gone == "file":
        (Path(export.path) / "prm_labels.jsonl").unlink()
    elif gone == "folder":
        shutil.rmtree(export.path)
    mine = schedule(project, keep_last=1)
    for _ in range(2):
        ExportSchedule.objects.filter(pk=mine.pk).update(next_run_at=timezone.now() - timedelta(hours=3))
        assert work() == 1
        export.refresh_from_db()
        assert export.schedule is None
        assert (Path(export.path) / "prm_labels.jsonl").is_file()
        submit_item(project, "ann", answers(1))
    assert Export.objects.filter(schedule=mine).count() == 1


def test_a_failure_is_shown_and_mailed_until_it_goes_well(project, mia, client, settings, monkeypatch):
    settings.EMAIL_HOST, settings.SITE_URL = "mail", "https://labels.example.org"
    mine = schedule(project, cron="", every_n=1, made_by=mia)

    def broken(*_):
        raise OSError(28, "No <space>")

    submit_item(project, "ann", answers(1))
    with monkeypatch.context() as patched:
        patched.setattr(schedules, "release", broken)
        assert work() == 1
        for _ in range(2):
            Job.objects.filter(kind=schedules.KIND).update(due_at=timezone.now())
            for job in Job.objects.filter(kind=schedules.KIND, state="queued"):
                runner.run(job.pk)
    mine.refresh_from_db()
    assert "No <space>" in mine.last_error
    client.force_login(mia)
    shown = client.get(reverse("manage-schedules", args=[project.slug])).content.decode()
    assert "failed: OSError: [Errno 28] No &lt;space&gt;" in shown
    assert "has not run yet" not in shown
    assert work(schedules.MAIL) == 1
    (letter,) = mail.outbox
    assert letter.to == ["mia@example.org"]
    assert "No <space>" in letter.body
    assert f"https://labels.example.org/admin/p/{project.slug}/exports/schedules/" in letter.body
    submit_item(project, "ann", answers(1))
    work()
    mine.refresh_from_db()
    assert mine.last_error == ""
    Job.objects.filter(kind=schedules.MAIL).delete()
    assert len(mail.outbox) == 1


# --- the page --------------------------------------------------------------------------------------------------------


@pytest.fixture
def page(project):
    return reverse("manage-schedules", args=[project.slug])


def test_usual_times_are_offered_and_are_times(client, mia, page):
    client.force_login(mia)
    text = client.get(page).content.decode()
    for times, words in USUAL_TIMES:
        assert f'<option value="{times}" label="{words}">' in text
        assert next_run(times, "Europe/Berlin", timezone.now()) > timezone.now()


@pytest.mark.parametrize(
    ("own", "zone", "is_filled_in"),
    [("", "UTC", True), ("America/New_York", "America/New_York", False), ("UTC", "UTC", False)],
)
def test_the_zone_is_the_persons_own_or_filled_in_by_the_page(client, mia, page, own, zone, is_filled_in):
    client.force_login(mia)
    client.post("/profile/", {"timezone": own, "email": "mia@example.org"})
    (field,) = re.findall(r'<input[^>]*name="timezone"[^>]*>', client.get(page).content.decode())
    assert f'value="{zone}"' in field
    assert ("data-browser-zone" in field) is is_filled_in


def test_a_manager_sets_pauses_resumes_runs_and_removes_one(client, mia, project, page):
    client.force_login(mia)
    given = {"format": "prm", "cron": "0 6 * * 1", "timezone": "Europe/Berlin", "keep_last": "3", "soft_labels": "on"}
    assert client.post(page, given).status_code == 302
    made = ExportSchedule.objects.get()
    assert (made.cron, made.timezone, made.keep_last, made.options["soft_labels"], made.made_by) == (
        "0 6 * * 1", "Europe/Berlin", 3, True, mia,
    )  # fmt: skip
    assert made.next_run_at > timezone.now()
    shown = client.get(page).content.decode()
    assert "0 6 * * 1" in shown
    # What is not as recommended is told beside the format, and nothing else.
    assert "soft_labels: True" in shown
    assert "split_seed:" not in shown
    for act in ("pause", "resume", "run", "remove"):
        assert client.post(page, {"act": act, "schedule": made.pk}).status_code == 302
    assert not ExportSchedule.objects.exists()
    assert Job.objects.filter(kind=schedules.KIND).count() == 1
    assert AuditEntry.objects.filter(action__startswith="export.schedule").count() == 5


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "Give times, or a number of submissions"),
        ({"cron": "0 6 * * 1", "every_n": "3"}, "Give times, or a number of submissions"),
        ({"cron": "whenever"}, "give five fields"),
        ({"cron": "0 6 * * 1", "timezone": "Mars"}, "there is no time zone"),
        ({"every_n": "0"}, "greater than or equal to 1"),
        ({"every_n": "3", "destination": "s3://other"}, "Select a valid choice"),
        ({"every_n": "3", "validation": "0.9", "test": "0.9"}, "leave nothing to train on"),
        ({"every_n": "3", "format": "nope"}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(client, mia, page, given, message):
    client.force_login(mia)
    response = client.post(page, {"format": "prm", **given})
    assert message in response.content.decode()
    assert not ExportSchedule.objects.exists()


def test_a_viewer_looks_and_changes_nothing_and_others_find_nothing(client, project, page, mia, tmp_path):
    mine = schedule(project)
    other = make_project(tmp_path / "other", name="Other", people=["zoe"])
    client.force_login(member("vera", project, "viewer"))
    assert client.get(page).status_code == 200
    assert client.post(page, {"format": "prm", "every_n": "1"}).status_code == 404
    assert client.post(page, {"act": "remove", "schedule": mine.pk}).status_code == 404
    client.force_login(member("max", other))
    assert client.get(page).status_code == 404
    foreign = reverse("manage-schedules", args=[other.slug])
    assert client.post(foreign, {"act": "remove", "schedule": mine.pk}).status_code == 404
    assert ExportSchedule.objects.filter(pk=mine.pk).exists()


# --- the page of one -------------------------------------------------------------------------------------------------


def page_of(schedule: ExportSchedule) -> str:
    return reverse("manage-schedule", args=[schedule.project.slug, schedule.pk])


def sent_back(client, address: str) -> dict[str, str | list[str]]:
    """What a browser would send of the form as it is shown."""
    form = client.get(address).context["form"]
    values = {field.name: field.value() for field in form}
    return {name: value for name, value in values.items() if value not in (None, "", False, [])}


UNUSUAL = {
    "soft_labels": True, "dedupe": False, "reward_values": {"correct": 0.9, "typo": 0.25},
    "exclude_annotators": ("ann", "bob"), "exclude_flags": ("too_fast",), "validation": 0.1, "min_agreement": 0.5,
    "submitted_since": datetime(2026, 1, 31, 18, tzinfo=UTC), "ties": "latest", "compress": "gzip",
}  # fmt: skip


def test_a_form_that_is_sent_as_it_is_shown_changes_nothing(client, mia, project):
    kept = schedule(project, cron="0 6 * * 1", timezone="Europe/Berlin", options=as_json(Options(**UNUSUAL)))
    before = ExportSchedule.objects.filter(pk=kept.pk).values().get()
    client.force_login(mia)
    response = client.post(page_of(kept), sent_back(client, page_of(kept)))
    assert response.status_code == 302, response.context["form"].errors
    assert ExportSchedule.objects.filter(pk=kept.pk).values().get() == before
    assert not AuditEntry.objects.filter(action="export.schedule.change").exists()


def test_a_manager_changes_one_and_the_history_says_what(client, mia, project):
    long_ago = timezone.now() - timedelta(hours=3)
    mine = schedule(project, next_run_at=long_ago, last_seq=7, last_run_at=long_ago, made_by=member("max", project))
    client.force_login(mia)
    given = sent_back(client, page_of(mine))
    assert client.post(page_of(mine), {**given, "cron": "30 7 * * *", "soft_labels": "on"}).status_code == 302
    changed = ExportSchedule.objects.get()
    assert (changed.pk, changed.cron, changed.options) == (
        mine.pk, "30 7 * * *", as_json(Options(soft_labels=True)),
    )  # fmt: skip
    assert changed.next_run_at == next_run("30 7 * * *", "UTC", timezone.now())
    assert (changed.last_seq, changed.last_run_at, changed.made_by) == (7, long_ago, mine.made_by)
    entry = AuditEntry.objects.get(action="export.schedule.change")
    assert (entry.user, entry.project) == (mia, project)
    assert entry.before == {"cron": "0 6 * * *", "soft_labels": False}
    assert entry.after == {"cron": "30 7 * * *", "soft_labels": True}


def test_one_that_is_due_stays_due_when_its_times_stay(client, mia, project):
    due = schedule(project, next_run_at=timezone.now() - timedelta(hours=3))
    client.force_login(mia)
    client.post(page_of(due), {**sent_back(client, page_of(due)), "keep_last": "2"})
    due.refresh_from_db()
    assert due.keep_last == 2
    assert work() == 1


def test_one_by_time_becomes_one_that_counts(client, mia, project):
    mine = schedule(project, next_run_at=timezone.now() + timedelta(hours=3))
    client.force_login(mia)
    client.post(page_of(mine), {**sent_back(client, page_of(mine)), "cron": "", "every_n": "1"})
    mine.refresh_from_db()
    assert (mine.cron, mine.every_n, mine.next_run_at) == ("", 1, None)
    submit_item(project, "ann", answers(1))
    assert work() == 1


def test_what_is_wrong_with_a_change_is_said_and_nothing_changes(client, mia, project):
    mine = schedule(project)
    client.force_login(mia)
    response = client.post(page_of(mine), {"format": "prm", "cron": "whenever"})
    assert "give five fields" in response.content.decode()
    mine.refresh_from_db()
    assert mine.cron == "0 6 * * *"


def test_only_a_manager_of_its_project_changes_one(client, project, mia, tmp_path):
    mine = schedule(project)
    other = make_project(tmp_path / "other", name="Other", people=["zoe"])
    foreign = schedule(other)
    sent = {"format": "prm", "cron": "1 1 * * *"}
    client.force_login(member("vera", project, "viewer"))
    assert client.get(page_of(mine)).status_code == 404
    assert client.post(page_of(mine), sent).status_code == 404
    client.force_login(mia)
    assert client.post(page_of(foreign), sent).status_code == 404
    # Nor one of another project below the address of an own one.
    below = reverse("manage-schedule", args=[project.slug, foreign.pk])
    assert client.post(below, sent).status_code == 404
    assert set(ExportSchedule.objects.values_list("cron", flat=True)) == {"0 6 * * *"}
