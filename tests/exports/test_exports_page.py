"""The page of exports: asking, watching, downloading, and who may."""

import shutil
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from annotation.models import Assignment, Item, Submission
from exports.formats import about, formats
from exports.forms import ExportForm
from exports.models import Export
from exports.options import Options, options_of
from potato_site import disk
from potato_site.jobs import runner
from potato_site.jobs.models import Job
from tests.api.people import member
from tests.factory import FIRST_ERROR, OUTCOME, PER_STEP, answers, make_project, submit_item

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])]


@pytest.fixture
def project(tmp_path):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    return project


@pytest.fixture
def page(project):
    return reverse("manage-exports", args=[project.slug])


@pytest.fixture
def mia(client, project):
    client.force_login(member("mia", project))
    return client


def work() -> None:
    for job in Job.objects.filter(state=Job.State.QUEUED, kind="exports.build"):
        assert runner.run(job.pk)


def text(response) -> str:
    return " ".join(response.content.decode().split())


def test_the_menu_of_formats_says_what_each_is_for(mia, page):
    shown = text(mia.get(page))
    for name, writer in formats.items():
        assert about(writer), name
        assert escape(f"{name} – {about(writer)}") in shown


def test_the_page_says_how_many_schedules_there_are_and_leads_to_them_and_to_oneself(mia, page):
    shown = text(mia.get(page))
    assert ">Schedules</a>: none set" in shown
    assert '<a class="who" href="/profile/">mia</a>' in shown


def test_an_export_is_asked_for_watched_and_downloaded(mia, page):
    assert "Nothing has been exported yet" in text(mia.get(page))
    response = mia.post(page, {"format": "prm"})
    assert response.url == page
    waiting = text(mia.get(page, headers={"HX-Request": "true", "HX-Target": "published"}))
    assert "waits for a worker" in waiting
    assert 'hx-trigger="every 2s"' in waiting
    assert "<html" not in waiting
    work()
    done = mia.get(page)
    assert "every 2s" not in text(done)
    assert "up to date" in text(done)
    export = Export.objects.get()
    address = reverse("manage-export-file", args=[export.pk and export.project.slug, export.pk, "prm_labels.jsonl"])
    assert address in text(done)
    downloaded = mia.get(address)
    assert b"".join(downloaded.streaming_content) == (Path(export.path) / "prm_labels.jsonl").read_bytes()
    assert mia.get(address, headers={"Range": "bytes=0-3"}).status_code == 206


def test_the_form_offers_exactly_the_options_that_an_export_has(tmp_path):
    project = make_project(tmp_path, schemes=[FIRST_ERROR, {**PER_STEP, "name": "again"}])
    form = ExportForm(project, {"format": "prm", "dedupe": "on"})
    assert form.is_valid()
    assert {*form.fields, "traces"} - {"format"} == set(Options.model_fields)
    assert options_of(form.options()) == Options()


def test_where_there_is_one_set_of_step_labels_nobody_is_asked_which(project):
    assert "scheme" not in ExportForm(project).fields


@pytest.mark.parametrize(
    ("schemes", "usual"),
    [
        ([OUTCOME], "annotations"),
        ([OUTCOME, FIRST_ERROR], "prm"),
        ([{"annotation_type": "pairwise", "name": "which"}], "preference_pairs"),
        ([{"annotation_type": "code_review", "name": "review"}], "code_review"),
    ],
)
def test_the_format_offered_first_is_what_such_questions_are_asked_for(tmp_path, schemes, usual):
    assert ExportForm(make_project(tmp_path, schemes=schemes))["format"].value() == usual


@pytest.mark.parametrize("list_name", ["item", "assignment", "submission"])
def test_rows_chosen_in_a_list_are_exported_alone(mia, page, project, list_name):
    submit_item(project, "ann", answers(1))
    model = {"item": Item, "assignment": Assignment, "submission": Submission}[list_name]
    second = model.objects.order_by("-pk")[0] if list_name != "item" else Item.objects.get(position=1)
    chosen = mia.post(
        reverse(f"admin:annotation_{list_name}_changelist"),
        {"action": "export", "_selected_action": [second.pk], "index": 0},
    )
    assert chosen.url == page
    assert "Only the chosen trace" in text(mia.get(page))
    mia.post(page, {"format": "prm", "chosen": "on"})
    work()
    assert "of 1 chosen trace" in text(mia.get(page))
    export = Export.objects.get()
    assert export.manifest["counts"]["traces"] == 1
    assert export.manifest["counts"]["items"] == 1
    assert export.options["traces"] == [Item.objects.get(position=1).trace_a.external_id]
    # Asked for once: the next export is of all again.
    assert "chosen trace" not in text(mia.get(page)).split("Exports</h2>")[0]


def test_rows_of_several_projects_are_no_export(mia, project, tmp_path):
    other = make_project(tmp_path / "other", name="Other")
    member("mia", other)
    response = mia.post(
        reverse("admin:annotation_item_changelist"),
        {"action": "export", "_selected_action": list(Item.objects.values_list("pk", flat=True)), "index": 0},
        follow=True,
    )
    assert "Choose rows of one project" in text(response)


def test_a_choice_that_is_none_is_an_error_at_its_field(mia, page):
    response = mia.post(page, {"format": "parquet"})
    assert "parquet is not one of the available choices" in text(response)
    assert not Job.objects.filter(kind="exports.build").exists()


def test_a_full_disk_is_said_on_the_page(mia, page, monkeypatch):
    monkeypatch.setattr(disk, "RESERVE_BYTES", 1 << 60)
    assert "nearly full" in text(mia.post(page, {"format": "prm"}))


def test_one_that_failed_is_shown_with_its_reason_until_one_is_made(mia, page, project):
    mia.post(page, {"format": "prm"})
    Job.objects.filter(kind="exports.build").update(
        state="failed", error="disk <full>", finished_at="2199-01-01T00:00Z"
    )
    assert "failed: disk &lt;full&gt;" in text(mia.get(page))
    mia.post(page, {"format": "prm"})
    work()
    assert "failed:" not in text(mia.get(page))


def test_one_that_failed_is_shown_however_many_others_were_made_since(mia, page, project):
    mia.post(page, {"format": "prm", "include_surplus": "on"})
    Job.objects.filter(kind="exports.build").update(state="failed", error="no room", finished_at="2199-01-01T00:00Z")
    other = f"exports.build:{project.pk}:prm:other"
    Job.objects.bulk_create(
        Job(kind="exports.build", queue="bulk", dedupe_key=other, state="done", due_at=timezone.now())
        for _ in range(60)
    )
    assert "failed: no room" in text(mia.get(page))


def test_asking_for_what_is_there_says_so_until_something_changes(mia, page, project):
    mia.post(page, {"format": "prm"})
    work()
    assert "use that one" in text(mia.post(page, {"format": "prm"}, follow=True))
    assert not Job.objects.filter(kind="exports.build", state="queued").exists()
    submit_item(project, "bob", answers(2))
    assert "waits for a worker" in text(mia.post(page, {"format": "prm"}, follow=True))


def test_an_export_whose_files_are_gone_says_so_and_can_be_made_again(mia, page, project):
    mia.post(page, {"format": "prm"})
    work()
    shutil.rmtree(Export.objects.get().path)
    shown = text(mia.get(page))
    address = reverse("manage-export-file", args=[project.slug, Export.objects.get().pk, "prm_labels.jsonl"])
    assert "its files are gone" in shown
    assert address not in shown
    assert "waits for a worker" in text(mia.post(page, {"format": "prm"}, follow=True))
    work()
    shown = text(mia.get(page))
    assert "its files are gone" not in shown
    assert address in shown
    assert mia.get(address).status_code == 200


def test_a_counter_the_project_has_not_reached_is_refused_at_its_field(mia, page, project):
    project.refresh_from_db()
    for more in ({}, {"preview": "1"}):
        shown = mia.post(page, {"format": "prm", "since_seq": project.seq + 1, **more})
        assert shown.context["form"].errors == {"since_seq": [f"the project's change counter is at {project.seq}"]}
    assert not Job.objects.filter(kind="exports.build").exists()


def test_one_that_waits_too_long_says_what_may_be_wrong(mia, page):
    mia.post(page, {"format": "prm"})
    Job.objects.filter(kind="exports.build").update(due_at="2020-01-01T00:00Z")
    assert "whether the workers are running" in text(mia.get(page))


def test_a_format_of_step_labels_needs_a_question_about_steps(client, tmp_path):
    project = make_project(tmp_path, schemes=[OUTCOME])
    client.force_login(member("mia", project))
    page = reverse("manage-exports", args=[project.slug])
    assert "no process_reward scheme to export" in text(client.post(page, {"format": "prm"}))
    assert client.post(page, {"format": "csv"}).status_code == 302


def test_viewers_may_and_annotators_and_strangers_find_nothing(client, project, page, mia, tmp_path):
    mia.post(page, {"format": "prm"})
    work()
    file = reverse("manage-export-file", args=[project.slug, Export.objects.get().pk, "manifest.json"])
    other = make_project(tmp_path / "other", name="Other", people=["zoe"])
    statuses = {}
    for user in (
        member("vera", project, "viewer"),
        member("sam", other),
        project.memberships.get(user__username="ann").user,
    ):
        client.force_login(user)
        statuses[user.username] = [
            client.get(page).status_code,
            client.post(page).status_code,
            client.get(file).status_code,
        ]
    assert statuses == {"vera": [200, 200, 200], "sam": [404] * 3, "ann": [404] * 3}
    client.force_login(member("max", other))
    foreign = reverse("manage-export-file", args=[other.slug, Export.objects.get().pk, "manifest.json"])
    assert client.get(foreign).status_code == 404


def test_the_list_is_in_pages_and_costs_the_same_however_long_it_is(mia, page, project):
    def queries(query=""):
        with CaptureQueriesContext(connection) as found:
            mia.get(page + query)
        return len(found)

    mia.post(page, {"format": "prm"})
    work()
    few = queries()
    one = Export.objects.values().get()
    for number in range(60):
        Export.objects.create(**{**one, "id": None, "seq": 1000 + number})
    assert queries() == few
    first = mia.get(page)
    assert len(first.context["exports"]) == 25
    older = mia.get(f"{page}?before={first.context['older']}")
    assert older.context["exports"][0]["export"].seq == 1034
    assert mia.get(f"{page}?before=nonsense").status_code == 200
