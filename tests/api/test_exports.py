"""Exports over the API: ask, wait, download whole or in part; for who may look into the project, and nobody else."""

import hashlib
import json
from pathlib import Path

import pytest

from exports.models import Export
from exports.options import Options, as_json
from potato_site import disk
from potato_site.accounts.models import AuditEntry
from potato_site.jobs import runner
from potato_site.jobs.models import Job
from tests.api.calls import caller, problem
from tests.api.people import member
from tests.factory import answers, make_project, submit_item

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])]


@pytest.fixture
def project(tmp_path):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    return project


@pytest.fixture
def call(project):
    return caller(member("mia", project))


def ask(call, project, **body):
    return call.post(f"projects/{project.slug}/exports", {"format": "prm", **body})


def work() -> None:
    for job in Job.objects.filter(state=Job.State.QUEUED, kind="exports.build"):
        assert runner.run(job.pk)


def body_of(response) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


@pytest.fixture
def file(project, call):
    """(address, content, ETag) of the labels in an export that is published."""
    ask(call, project)
    work()
    export = Export.objects.get()
    content = (Path(export.path) / "prm_labels.jsonl").read_bytes()
    address = f"projects/{project.slug}/exports/{export.pk}/files/prm_labels.jsonl"
    return address, content, f'"{hashlib.sha256(content).hexdigest()}"'


# --- asking ------------------------------------------------------------------------------------------------


def test_an_export_is_asked_for_made_and_downloaded(project, call):
    response = ask(call, project, options={"include_surplus": True})
    assert response.status_code == 202
    asked = response.json()
    assert response["Location"] == asked["url"]
    assert asked["url"].startswith(f"http://testserver/api/v1/projects/{project.slug}/")
    assert (asked["state"], asked["export"]) == ("queued", None)
    assert asked["options"] == as_json(Options(include_surplus=True))
    work()
    done = call.get(asked["url"]).json()
    assert (done["state"], done["export"]["manifest"]["counts"]["traces"]) == ("done", 1)
    labels, manifest = done["export"]["files"]
    content = body_of(call.get(labels["url"]))
    assert hashlib.sha256(content).hexdigest() == labels["sha256"]
    assert len(content) == labels["bytes"]
    assert json.loads(content.splitlines()[0])["trace_id"] == "trace_001"
    assert json.loads(body_of(call.get(manifest["url"]))) == done["export"]["manifest"]
    assert call.get(done["export"]["url"]).json() == done["export"]
    addresses = [done["export"]["url"], *(one["url"] for one in done["export"]["files"])]
    assert all(one.startswith(f"http://testserver/api/v1/projects/{project.slug}/") for one in addresses)
    assert call.get(f"projects/{project.slug}/exports").json()["results"] == [done["export"]]
    assert AuditEntry.objects.get(action="export.ask").user.username == "mia"


def test_asking_for_the_same_again_is_the_same_while_it_waits(project, call):
    first = ask(call, project).json()
    assert ask(call, project, options={"scheme": None}).json()["id"] == first["id"]
    assert ask(call, project, options={"scheme": "step_reward"}).json()["id"] != first["id"]


def test_an_unchanged_project_gives_the_export_it_has(project, call, file):
    again = ask(call, project).json()
    work()
    assert call.get(again["url"]).json()["export"]["id"] == Export.objects.get().pk


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"format": "parquet"}, "format"),
        ({"format": ""}, "format"),
        ({"options": {"colour": "red"}}, "options.colour"),
        ({"options": {"scheme": "outcome"}}, "options.scheme"),
        ({"options": {"include_surplus": "perhaps"}}, "options.include_surplus"),
        ({"options": {"since_seq": 10**25}}, "options.since_seq"),
        ({"options": {"traces": []}}, "options.traces"),
        ({"options": {"traces": "trace_001"}}, "options.traces"),
        ({"options": []}, "options"),
        ({"path": "/etc"}, "path"),
    ],
)
def test_what_cannot_be_exported_is_refused_at_once(project, call, body, field):
    document = problem(ask(call, project, **body), 422, "invalid")
    assert [error["field"] for error in document["errors"]] == [field]
    assert not Job.objects.filter(kind="exports.build").exists()


def test_a_failed_one_says_why(project, call, monkeypatch):
    asked = ask(call, project).json()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("exports.tasks.release", full)
    for _ in range(3):
        Job.objects.filter(pk=asked["id"]).update(due_at="2020-01-01T00:00Z")
        runner.run(asked["id"])
    shown = call.get(asked["url"]).json()
    assert shown["state"] == "failed"
    assert "No space left" in shown["error"]


def test_a_nearly_full_disk_makes_no_export(project, call, monkeypatch):
    monkeypatch.setattr(disk, "RESERVE_BYTES", 1 << 60)
    problem(ask(call, project), 507, "no-room")


# --- who may -----------------------------------------------------------------------------------------------


def test_only_who_looks_into_the_project_as_a_whole_gets_at_its_exports(project, call, file, tmp_path):
    other = make_project(tmp_path / "other", name="Other", people=["zoe"])
    viewer, stranger = member("vera", project, "viewer"), member("sam", other)
    export, job = Export.objects.get(), Job.objects.filter(kind="exports.build").get()
    own = f"projects/{project.slug}/exports"
    reads = [own, f"{own}/{export.pk}", f"{own}/requests/{job.pk}", file[0], f"{own}/{export.pk}/files/manifest.json"]
    for path in reads:
        assert caller(viewer).get(path).status_code == 200, path
        for nobody in (caller("ann"), caller(stranger), caller("mia", project=other)):
            problem(nobody.get(path), 404, "not-found")
        problem(caller("mia", "read", "manage").get(path), 403, "forbidden")
    problem(ask(caller("ann"), project), 404, "not-found")
    problem(ask(caller(stranger), project), 404, "not-found")
    # The export of one project under the address of another.
    foreign = f"projects/{other.slug}/exports"
    for path in (
        f"{foreign}/{export.pk}",
        f"{foreign}/requests/{job.pk}",
        f"{foreign}/{export.pk}/files/manifest.json",
    ):
        problem(caller(stranger).get(path), 404, "not-found")


def test_other_jobs_are_no_requests_for_exports(project, call):
    mirror = Job.objects.exclude(kind="exports.build").first()
    assert mirror is not None
    problem(call.get(f"projects/{project.slug}/exports/requests/{mirror.pk}"), 404, "not-found")


# --- files -------------------------------------------------------------------------------------------------


def test_a_whole_file_is_an_attachment_with_its_checksum(call, file):
    address, content, etag = file
    response = call.get(address)
    assert (response.status_code, body_of(response)) == (200, content)
    assert response["Content-Length"] == str(len(content))
    assert (response["ETag"], response["Accept-Ranges"]) == (etag, "bytes")
    assert response["Content-Disposition"].startswith('attachment; filename="prm-')
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Type"] == "application/x-ndjson"


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-9", 0, 9),
        ("bytes=10-", 10, None),
        ("bytes=-7", -7, None),
        ("bytes=5-5", 5, 5),
        ("bytes=3-99999999", 3, None),
    ],
)
def test_a_range_is_a_part(call, file, asked, first, last):
    address, content, _ = file
    size = len(content)
    start, end = first if first >= 0 else size + first, size - 1 if last is None else last
    response = call.get(address, Range=asked)
    assert (response.status_code, body_of(response)) == (206, content[start : end + 1])
    assert response["Content-Range"] == f"bytes {start}-{end}/{size}"
    assert response["Content-Length"] == str(end - start + 1)


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,3-4", "lines=1-2", "bytes=-", "bytes=9-3", "bytes=a-b", "bytes=" + "9" * 30]
)
def test_what_is_no_range_is_the_whole_file(call, file, asked):
    address, content, _ = file
    response = call.get(address, Range=asked)
    assert (response.status_code, body_of(response)) == (200, content)


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=-0"])
def test_a_range_behind_the_end_is_416(call, file, asked):
    address, content, _ = file
    response = call.get(address, Range=asked)
    assert (response.status_code, response["Content-Range"]) == (416, f"bytes */{len(content)}")


def test_a_download_is_only_continued_when_the_file_is_the_same(call, file):
    address, content, etag = file
    assert call.get(address, Range="bytes=10-", If_Range=etag).status_code == 206
    response = call.get(address, Range="bytes=10-", If_Range='"another"')
    assert (response.status_code, body_of(response)) == (200, content)
    for known in (etag, f"W/{etag}", "*"):
        assert call.get(address, If_None_Match=known).status_code == 304


def test_parts_joined_are_the_file(call, file):
    address, content, _ = file
    step = len(content) // 3 + 1
    parts = [body_of(call.get(address, Range=f"bytes={at}-{at + step - 1}")) for at in range(0, len(content), step)]
    assert b"".join(parts) == content


@pytest.mark.parametrize(
    "name", ["..%2f..%2fdb.sqlite3", "..", "%2e%2e%2fmanifest.json", "other.jsonl", "prm_labels.jsonl%00"]
)
def test_only_the_files_of_the_manifest_are_there(call, file, name):
    assert call.get(file[0].replace("prm_labels.jsonl", name)).status_code == 404


def test_a_file_that_was_replaced_by_a_link_or_cut_is_gone(call, file, tmp_path):
    path = Path(Export.objects.get().path) / "prm_labels.jsonl"
    path.unlink()
    problem(call.get(file[0]), 404, "not-found")
    (tmp_path / "secret").write_bytes(file[1])
    path.symlink_to(tmp_path / "secret")
    problem(call.get(file[0]), 404, "not-found")
    path.unlink()
    path.write_bytes(file[1][:-1])
    assert "not what was published" in problem(call.get(file[0]), 404, "not-found")["detail"]


def test_the_proxy_sends_files_below_the_home_where_it_is_told_to(call, file, settings):
    address, _, _ = file
    settings.POTATO_ACCEL_PREFIX = "/published/"
    assert call.get(address).has_header("X-Accel-Redirect") is False
    export = Export.objects.get()
    settings.POTATO_HOME = Path(export.path).parents[2]
    folder = Path(settings.POTATO_HOME) / "projects" / "a b" / "exports" / "prm-1"
    folder.parent.mkdir(parents=True)
    Path(export.path).rename(folder)
    Export.objects.update(path=str(folder))
    response = call.get(address)
    assert (response["X-Accel-Redirect"], response.content) == ("/published/a%20b/exports/prm-1/prm_labels.jsonl", b"")
    assert response["Content-Disposition"].startswith("attachment")
    # What is not the published file is gone, whoever would send it.
    (folder / "prm_labels.jsonl").write_bytes(b"cut")
    assert "not what was published" in problem(call.get(address), 404, "not-found")["detail"]
