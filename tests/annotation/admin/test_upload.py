"""The traces page of a project: what arrives, what is wrong with it, and what is never kept."""

import gzip
import io
import json
import os
import resource
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.uploadhandler import StopUpload
from django.db.models.signals import post_init
from django.test import Client
from django.utils import timezone

from annotation.admin import shown_imports
from annotation.models import Item, Membership
from potato_site.accounts.models import User
from potato_site.jobs import runner
from potato_site.jobs.models import Job
from tests.factory import make_project, make_trace, make_traces
from tests.traces.test_uploads import AIDER
from traces.arriving_files import ArrivingFile, ArrivingFiles
from traces.imports import ARCHIVE, COUNTED
from traces.jsonl import WARNING
from traces.models import Import, ImportFile

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
SCRIPT = {"Accept": "application/json"}
SDK_FOLDER = Path(__file__).parents[2] / "golden/converters/openhands/synthetic_sdk_folder/input"
PICTURE = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(autouse=True)
def home(settings, tmp_path):
    settings.POTATO_HOME = tmp_path / "home"
    settings.POTATO_HOME.mkdir()
    return settings.POTATO_HOME


@pytest.fixture
def project(tmp_path):
    """Labeled by ann; mara manages it and its dataset, peter only the project, vic looks."""
    made = make_project(tmp_path / "project")
    for name, role in (("mara", "manager"), ("peter", "manager"), ("vic", "viewer")):
        Membership.objects.create(project=made, user=User.objects.create_user(name), role=role, source="admin")
    made.dataset.managers.add(User.objects.get(username="mara"))
    return made


@pytest.fixture
def page(client, project):
    client.force_login(User.objects.get(username="mara"))
    return client


def url(project):
    return f"/admin/p/{project.slug}/traces/"


def file_of(*records, name="runs.jsonl", raw=None):
    lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
    file = io.BytesIO(raw if raw is not None else "\n".join(lines).encode())
    file.name = name
    return file


def work() -> None:
    while job := Job.objects.filter(state="queued", kind__in=["traces.import", "annotation.sync_items"]).first():
        runner.run(job.pk)


def uploaded(project):
    return Import.objects.filter(dataset=project.dataset, job__kind="traces.import").exclude(files=None)


def kept(home):
    folder = home / "uploads"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_traces_of_several_files_become_items_and_are_counted(page, project):
    files = [file_of(make_trace("new_1"), make_trace("trace_001")), file_of(make_trace("new_2"), name="more.jsonl")]
    assert page.post(url(project), {"file": files})["Location"] == url(project)
    work()
    assert Item.objects.filter(project=project).count() == 5
    content = page.get(url(project)).content.decode()
    assert "more.jsonl" in content
    assert "5 items to label" in content
    assert "every 2s" not in content


def test_problems_are_listed_by_file_line_and_field_and_good_lines_kept(page, project):
    bad = {"id": "x", "issue_description": "x", "structured_turns": [{"step_idx": 0, "type": 7}]}
    page.post(url(project), {"file": file_of(make_trace("good_1"), "{not json", bad, make_trace("good_2"))})
    work()
    shown = page.get(url(project)).context["imports"][0]
    assert (shown.counts["new"], shown.counts["problems"]) == (2, 2)
    assert [problem["line"] for problem in shown.problems] == [2, 3]
    content = page.get(url(project)).content.decode()
    assert "<td>2</td>" in content
    assert "structured_turns" in content


def test_the_true_number_of_problems_stands_over_the_first_hundred(page, project):
    page.post(url(project), {"file": file_of(make_trace("good"), *["{not json"] * 130)})
    work()
    content = page.get(url(project)).content.decode()
    assert "The first 100 of 130 problems" in content
    # What traces warn of stands in the same list, behind them.
    row = next(one for one in ImportFile.objects.all() if one.counts.get("problems") == 130)
    warning = {"file": row.file, "line": None, "path": "", "message": "Not shown.", "severity": WARNING}
    row.problems = [*row.problems[:60], *[warning] * 40]
    row.save(update_fields=["problems"])
    assert "The first 60 of 130 problems" in page.get(url(project)).content.decode()
    assert content.count("not JSON") == 100


def test_while_it_runs_the_page_follows_it(page, project):
    page.post(url(project), {"file": file_of(make_trace("new_1"))})
    assert "every 2s" in page.get(url(project)).content.decode()
    Job.objects.filter(kind="traces.import").update(
        state="running", progress={"done": 50, "total": 200, "message": "12 traces"}
    )
    part = page.get(url(project), headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith('<div id="imports"')
    assert "Importing: 12 traces" in part
    assert 'value="50"' in part


def test_without_a_worker_the_page_says_what_it_waits_for(page, project):
    page.post(url(project), {"file": file_of(make_trace("new_1"))})
    Job.objects.filter(kind="traces.import").update(due_at=timezone.now() - timedelta(minutes=1))
    assert "Waiting for a worker" in page.get(url(project)).content.decode()


def test_an_import_that_was_cancelled_says_how_far_it_came_and_counts_no_zeros(page, project):
    page.post(url(project), {"file": file_of(make_trace("new_1"))})
    Job.objects.filter(kind="traces.import").update(state="cancelled", progress={"message": "3200 traces"})
    content = page.get(url(project)).content.decode()
    assert "Cancelled after 3200 traces or more: what was read is kept." in content
    assert "<strong>0</strong> new" not in content


def test_an_import_that_failed_says_so(page, project):
    page.post(url(project), {"file": file_of(make_trace("new_1"))})
    Job.objects.filter(kind="traces.import").update(state="failed", error="Traceback: secret/path")
    content = page.get(url(project)).content.decode()
    assert "The import ended early" in content
    assert "secret/path" not in content


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        (b"7z\xbc\xaf\x27\x1c...", "7-Zip"),
        (b"", "empty"),
        (b"<html><body>no</body></html>", "expected"),
    ],
)
def test_another_kind_of_file_is_named_and_not_kept(page, project, home, raw, part):
    before = uploaded(project).count()
    response = page.post(url(project), {"file": file_of(raw=raw, name="runs.xlsx")})
    assert response.status_code == 200
    assert part in response.context["errors"][0]
    assert "runs.xlsx" in response.context["errors"][0]
    assert (kept(home), uploaded(project).count()) == ([], before)
    answer = page.post(url(project), {"file": file_of(raw=raw, name="runs.xlsx")}, headers=SCRIPT)
    assert answer.status_code == 422
    assert part in answer.json()["message"]


def test_one_bad_file_does_not_lose_the_good_one(page, project):
    files = [file_of(raw=b"%PDF-1.7"), file_of(make_trace("new_1"), name="good.jsonl")]
    response = page.post(url(project), {"file": files})
    assert len(response.context["errors"]) == 1
    work()
    assert Item.objects.filter(project=project, trace_a__external_id="new_1").exists()


def test_a_script_gets_a_line_for_each_file_that_is_refused(page, project):
    files = [file_of(raw=b"%PDF-1.7", name="a.jsonl"), file_of(raw=b"", name="b.jsonl")]
    lines = page.post(url(project), {"file": files}, headers=SCRIPT).json()["message"].split("\n")
    assert [line.split(": ")[:2] for line in lines] == [
        ["a.jsonl", "this is a PDF"],
        ["b.jsonl", "this is an empty file"],
    ]


def test_a_script_is_told_at_once_that_a_file_is_there_already(page, project):
    for said in ("", "runs.jsonl was imported already: nothing to do."):
        answer = page.post(url(project), {"file": file_of(make_trace("new_1"))}, headers=SCRIPT)
        assert (answer.status_code, answer.json()["message"]) == (202, said)
        work()
    assert "imported already" not in page.get(url(project)).content.decode()


def test_what_is_too_large_is_refused_before_it_is_read(page, project, home, settings):
    settings.POTATO_MAX_UPLOAD_BYTES = 1000
    response = page.post(url(project), {"file": file_of(*make_traces(20))}, headers=SCRIPT)
    assert response.status_code == 413
    assert "too large" in response.json()["message"]
    assert kept(home) == []
    assert page.post(url(project), {"file": file_of(*make_traces(20))}).status_code == 413


def test_a_full_disk_is_said_before_it_is_read(page, project, home, monkeypatch):
    monkeypatch.setattr("potato_site.disk.RESERVE_BYTES", 10**18)
    response = page.post(url(project), {"file": file_of(make_trace("new_1"))}, headers=SCRIPT)
    assert response.status_code == 507
    assert "nearly full" in response.json()["message"]
    assert kept(home) == []


def test_a_body_cut_off_in_the_middle_leaves_nothing(page, project, home):
    body = (
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="runs.jsonl"\r\n\r\n'
        + json.dumps(make_trace("new_1", steps=500)).encode()[:20_000]
    )
    response = page.post(url(project), body, content_type="multipart/form-data; boundary=B", headers=SCRIPT)
    assert response.status_code in (400, 422)
    assert kept(home) == []
    assert not Job.objects.filter(kind="traces.import", state="queued").exists()


def test_files_arrive_in_the_private_folder_and_leave_it(page, project, home, monkeypatch):
    seen = []

    def look(self, *args, **options):
        seen.append(kept(home))
        raise StopUpload(connection_reset=True)

    monkeypatch.setattr(ArrivingFiles, "receive_data_chunk", look)
    page.post(url(project), {"file": file_of(make_trace("new_1"))})
    assert [len(names) for names in seen] == [1]
    assert kept(home) == []
    assert ArrivingFile("x", "text/plain", None, None).temporary_file_path().startswith(str(home / "uploads"))


def test_compressed_files_are_taken_too(page, project):
    content = gzip.compress(json.dumps(make_trace("new_1")).encode())
    page.post(url(project), {"file": file_of(raw=content, name="runs.jsonl.gz")})
    work()
    assert Item.objects.filter(project=project).count() == 4


def test_the_same_file_again_is_no_second_import(page, project):
    for _ in range(2):
        page.post(url(project), {"file": file_of(make_trace("new_1"))})
        work()
    assert project.dataset.imports.filter(files__file="runs.jsonl").count() == 1
    assert "was imported already" in page.get(url(project)).content.decode()


def test_no_file_is_a_mistake(page, project):
    assert page.post(url(project)).context["errors"] == ["Choose a file first."]


def test_names_of_files_are_text(page, project):
    page.post(url(project), {"file": file_of(make_trace("new_1"), name="<script>alert(1)</script>.jsonl")})
    content = page.get(url(project)).content.decode()
    assert "<script>alert" not in content


@pytest.mark.parametrize(("name", "get", "post"), [("peter", 200, 404), ("vic", 200, 404), ("ann", 404, 404)])
def test_only_managers_of_the_dataset_add_to_it(client, project, home, name, get, post):
    client.force_login(User.objects.get(username=name))
    response = client.get(url(project))
    assert response.status_code == get
    assert b'type="file"' not in response.content
    assert client.post(url(project), {"file": file_of(make_trace("new_1"))}).status_code == post
    assert kept(home) == []


def test_a_large_form_from_anybody_else_is_refused_unread(project, home):
    client = Client(enforce_csrf_checks=True)
    client.get("/login/")  # with its cookie, so that the token is looked for in the body
    for address in (url(project), "/login/"):
        large = file_of(raw=b"x" * 11 * 1024 * 1024)
        assert client.post(address, {"file": large}).status_code == 400
    assert kept(home) == []


def test_without_the_token_nothing_is_kept(project, home):
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="mara"))
    assert client.post(url(project), {"file": file_of(make_trace("new_1"))}).status_code == 403
    assert kept(home) == []


def test_the_page_costs_the_same_for_many_imports(page, project, django_assert_max_num_queries):
    def queries() -> int:
        with django_assert_max_num_queries(60) as found:
            page.get(url(project))
        return len(found)

    page.get(url(project))
    few = queries()
    for number in range(15):
        page.post(url(project), {"file": file_of(make_trace(f"new_{number}"))})
    work()
    page.get(url(project))
    assert queries() == few


def many_files(project) -> Import:
    """An import of loose files and two archives, which name themselves last; the last files say most."""
    batch = Import.objects.create(dataset=project.dataset)
    names = [
        f"{folder}{number}.jsonl" for folder in ("runs.zip/", "", "RUNS.ZIP/", "b/é_%.tar/") for number in range(90)
    ]
    rows = [ImportFile(batch=batch, file=name, format="native") for name in names]
    for number, row in enumerate(rows):
        row.counts = {
            "new": number,
            "changed": 1,
            "unchanged": 2,
            "problems": number // 300,
            "warnings": int(number % 40 == 39),
        }
        row.problems = [{"file": row.file, "line": number, "field": "", "message": "is odd", "severity": "error"}]
    rows[5].counts = {}
    rows += [ImportFile(batch=batch, file=name, format=ARCHIVE) for name in ("runs.zip", "b/é_%.tar")]
    ImportFile.objects.bulk_create(rows)
    batch.counts = {key: sum(row.counts.get(key, 0) for row in rows) for key in COUNTED}
    batch.save(update_fields=["counts"])
    return batch


def test_of_an_import_of_many_files_those_shown_are_read_and_the_others_counted(page, project, monkeypatch):
    many_files(project)
    monkeypatch.setattr(shown_imports, "SHOWN_FILES", 1000)
    whole = page.get(url(project)).context["imports"]
    monkeypatch.setattr(shown_imports, "SHOWN_FILES", 200)
    read: list[str] = []
    post_init.connect(on_init := lambda instance, **_: read.append(instance.file), sender=ImportFile)
    try:
        response = page.get(url(project))
    finally:
        post_init.disconnect(on_init, sender=ImportFile)
    shown, *others = response.context["imports"]
    assert len(read) <= 200 + sum(one.n_files for one in others)
    assert shown == replace(whole[0], files=whole[0].files[:200])
    assert others == whole[1:]
    assert (shown.n_files, shown.n_inside, shown.n_more) == (362, 180, 179)
    assert shown.names == ["0.jsonl", "1.jsonl", "2.jsonl"]
    assert shown.counts == {"new": sum(range(360)) - 5, "changed": 359, "unchanged": 718, "problems": 60, "warnings": 9}
    assert "The first 200 of 362 files" in " ".join(response.text.split())


# --- cancel, retry, options, watched folder ----------------------------------------------------------------


def test_several_files_are_one_import_with_a_row_for_each(page, project):
    before = uploaded(project).count()
    files = [file_of(make_trace("new_1")), file_of(raw=AIDER, name="history.md")]
    page.post(url(project), {"file": files})
    work()
    assert uploaded(project).count() == before + 1
    shown = page.get(url(project)).context["imports"][0]
    assert [(file.file, file.format) for file in shown.files] == [("runs.jsonl", "native"), ("history.md", "aider")]


def test_more_files_are_one_import_than_a_process_may_have_open(page, project, home):
    """Somebody chooses all sessions of a folder."""
    n = 300
    files = [file_of(make_trace(f"new_{number}", steps=1), name=f"{number}.jsonl") for number in range(n)]
    files += [file_of(raw=PICTURE + bytes(100_000), name=f"{number}.png") for number in range(60)]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 50, hard))
    try:
        response = page.post(url(project), {"file": files}, headers=SCRIPT)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert response.json()["message"].count("this is a picture") == 60
    batch = uploaded(project).latest("pk")
    assert batch.files.count() == n
    assert kept(home) == [str(batch.pk)]
    work()
    assert Item.objects.filter(project=project, trace_a__external_id__startswith="new_").count() == n


def test_files_of_a_folder_keep_their_places(page, project):
    files = [file_of(make_trace(f"new_{number}"), name="run.jsonl") for number in range(3)]
    folders = json.dumps(["a", "../b\\c", "x" * 300])
    page.post(url(project), {"file": files, "folders": folders}, headers=SCRIPT)
    names = uploaded(project).latest("pk").files.order_by("pk").values_list("file", flat=True)
    assert list(names) == ["a/run.jsonl", "b/c/run.jsonl", "run.jsonl"]


def test_a_run_that_lies_in_a_folder_is_one_trace(page, project):
    paths = sorted(path for path in SDK_FOLDER.rglob("*.json"))
    folders = [path.parent.relative_to(SDK_FOLDER).as_posix() for path in paths]
    files = [file_of(raw=path.read_bytes(), name=path.name) for path in paths]
    page.post(url(project), {"file": files, "folders": json.dumps(folders)}, headers=SCRIPT)
    work()
    shown = page.get(url(project)).context["imports"][0]
    assert (shown.counts["new"], shown.counts["problems"]) == (1, 0)


@pytest.mark.parametrize("folders", ["", "[", "{}", '["a"]', "[1, 2]", "null"])
def test_folders_that_fit_no_files_are_none(page, project, folders):
    files = [file_of(make_trace(f"new_{number}"), name=f"{number}.jsonl") for number in range(2)]
    page.post(url(project), {"file": files, "folders": folders}, headers=SCRIPT)
    names = uploaded(project).latest("pk").files.order_by("pk").values_list("file", flat=True)
    assert list(names) == ["0.jsonl", "1.jsonl"]


def an_archive(*names: str):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(f"{name}.jsonl", json.dumps(make_trace(name)))
    return file_of(raw=packed.getvalue(), name="runs.zip")


def heading_of(page, project) -> str:
    html = page.get(url(project)).content.decode()
    return " ".join(html.split("<h3", 1)[1].split("</h3>")[0].split(">", 1)[1].split())


def test_an_archive_names_its_import_and_its_members_are_counted(page, project):
    page.post(url(project), {"file": an_archive("a", "b")})
    work()
    assert heading_of(page, project) == "runs.zip (2 files inside)"


def test_what_was_sent_beside_an_archive_is_named_and_its_members_are_not(page, project):
    loose = [file_of(make_trace(f"new_{number}"), name=f"{number}.jsonl") for number in range(4)]
    page.post(url(project), {"file": [an_archive("a"), *loose]})
    work()
    assert heading_of(page, project) == "runs.zip, 0.jsonl, 1.jsonl and 2 more (1 file inside)"


def test_options_of_the_form_reach_the_import(page, project):
    data = {"format": "native", "redact": "on", "max_steps": "2", "issue_id": " i 1 "}
    page.post(url(project), data | {"file": file_of(make_trace("new_1", 5))})
    params = Import.objects.latest("pk").job.params
    assert (params["format"], params["shaping"]["redact"], params["shaping"]["max_steps"]) == ("native", True, 2)
    assert params["shaping"]["issue_id"] == "i 1"


@pytest.mark.parametrize(
    ("option", "named"),
    [({"max_steps": "0"}, "Split traces of more steps than"), ({"issue_id": "a\tb"}, "Issue of all traces")],
)
def test_an_option_that_cannot_be_is_named_and_nothing_kept(page, project, home, option, named):
    response = page.post(url(project), {"file": file_of(make_trace("new_1"))} | option)
    assert named in response.context["errors"][0]
    assert kept(home) == []


def test_an_import_is_cancelled_and_tried_again(page, project):
    page.post(url(project), {"file": file_of(make_trace("new_1"))})
    address = f"{url(project)}{Import.objects.latest('pk').pk}"
    page.post(f"{address}/cancel/")
    shown = page.get(url(project)).context["imports"][0]
    assert (shown.state, shown.may_retry) == ("cancelled", True)
    page.post(f"{address}/retry/")
    work()
    assert Item.objects.filter(project=project, trace_a__external_id="new_1").exists()
    assert not page.get(url(project)).context["imports"][0].may_retry


def test_a_warning_is_shown_as_one(page, project):
    page.post(
        url(project), {"file": file_of(raw=b"\n# aider chat started at 2025-05-01 10:00:00\n\n> Aider v0.82.0\n")}
    )
    work()
    shown = page.get(url(project)).context["imports"][0]
    assert (shown.counts["problems"], shown.counts["warnings"]) == (0, 1)
    assert "Warning:" in page.get(url(project)).content.decode()


def test_what_traces_warn_of_is_told_behind_what_is_wrong(page, project):
    warned = make_trace("w1", source={"warnings": ["3 × image left out", "odd"]})
    again = make_trace("w2", source={"warnings": ["2 × image left out"]})
    page.post(url(project), {"file": file_of(warned, again, "{")})
    work()
    shown = page.get(url(project)).context["imports"][0]
    assert (shown.counts["problems"], shown.counts["warnings"]) == (1, 3)
    told = [(one["severity"], one["line"], one["message"]) for one in shown.problems]
    assert told[0][:2] == ("error", 3)
    assert told[1:] == [("warning", None, "5 × image left out"), ("warning", None, "odd")]
    text = " ".join(page.get(url(project)).content.decode().split())
    assert "Warning: 5 × image left out" in text


@pytest.mark.parametrize("shown_files", [200, 10])
def test_files_with_mere_warnings_hide_none_with_a_problem(page, project, monkeypatch, shown_files):
    monkeypatch.setattr(shown_imports, "SHOWN_FILES", shown_files)
    batch = Import.objects.create(dataset=project.dataset)
    rows = [ImportFile(batch=batch, file=f"{number}.jsonl", format="native") for number in range(30)]
    for number, row in enumerate(rows):
        severity = "error" if number == 29 else "warning"
        row.counts = {"new": 1, "problems": int(number == 29), "warnings": int(number != 29)}
        row.problems = [{"file": row.file, "line": 1, "field": "", "message": "is odd", "severity": severity}]
    ImportFile.objects.bulk_create(rows)
    batch.counts = {"new": 30, "problems": 1, "warnings": 29}
    batch.save(update_fields=["counts"])
    shown = page.get(url(project)).context["imports"][0]
    assert [one["file"] for one in shown.problems][:2] == ["29.jsonl", "0.jsonl"]


def test_a_superuser_chooses_a_watched_folder_among_those_of_the_settings(page, client, project, settings, tmp_path):
    (tmp_path / "watched").mkdir()
    settings.POTATO_WATCHED_FOLDERS = [str(tmp_path / "watched")]
    address = f"{url(project)}watch/"
    assert "Watched folder" not in page.get(url(project)).content.decode()
    assert page.post(address, {"folder": str(tmp_path / "watched")}).status_code == 404
    client.force_login(User.objects.create_superuser("root"))
    assert "Watched folder" in client.get(url(project)).content.decode()
    client.post(address, {"folder": "/etc"})
    project.dataset.refresh_from_db()
    assert project.dataset.watched_folder == ""
    client.post(address, {"folder": str(tmp_path / "watched")})
    project.dataset.refresh_from_db()
    assert project.dataset.watched_folder == str(tmp_path / "watched")


def test_results_sent_later_reach_the_traces_that_are_there(page, project):
    page.post(url(project), {"file": file_of(make_trace("t1", instance_id="acme-1"))})
    work()
    result = {"submitted_ids": [], "resolved_ids": ["acme-1"], "unresolved_ids": []}
    page.post(url(project), {"file": file_of(result, name="report.json")})
    work()
    item = Item.objects.get(project=project, trace_a__external_id="t1")
    assert (item.a.number, item.a.outcome) == (2, "resolved")
    assert "swebench" in page.get(url(project)).content.decode()
