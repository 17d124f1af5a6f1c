"""Datasets over the API: made, filled by a stream, read, and traces withdrawn; each for its managers only."""

import base64
import gzip
import hashlib
import json
import threading

import pytest
import zstandard
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotation.models import Slot
from potato_site import disk
from potato_site.accounts.models import AuditEntry
from potato_site.jobs import runner, tick
from potato_site.jobs.models import Job
from tests.api.calls import caller, problem
from tests.api.people import member
from tests.factory import make_project, make_trace, make_traces
from tests.traces.test_uploads import AIDER
from traces.api import uploads as api_uploads
from traces.models import Dataset, Import, ImportFile, Trace

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
NDJSON = "application/x-ndjson"


@pytest.fixture(autouse=True)
def home(settings, tmp_path):
    settings.POTATO_HOME = tmp_path / "home"
    settings.POTATO_HOME.mkdir()
    return settings.POTATO_HOME


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path)


@pytest.fixture
def call(project):
    return caller(member("mia", project))


def lines(*records) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def upload(call, dataset, body, kind=NDJSON, query="", **headers):
    return call("POST", f"datasets/{dataset.pk}/traces{query}", body, kind=kind, **headers)


def work() -> None:
    while job := Job.objects.filter(state=Job.State.QUEUED).exclude(kind=tick.TICK).order_by("pk").first():
        assert runner.run(job.pk)


def kept(home) -> list[str]:
    folder = home / "uploads"
    return [path.name for path in folder.iterdir()] if folder.exists() else []


# --- datasets ----------------------------------------------------------------------------------------------


def test_a_manager_makes_a_dataset_and_fills_it(call, project):
    made = call.post("datasets", {"name": "Runs of March"})
    assert (made.status_code, made.json()["name"]) == (201, "Runs of March")
    assert made["Location"] == made.json()["url"]
    addresses = [made.json()[name] for name in ("url", "traces_url", "imports_url")]
    assert all(one.startswith("http://testserver/api/v1/datasets/") for one in addresses)
    assert AuditEntry.objects.get(action="dataset.make").user.username == "mia"
    dataset = Dataset.objects.get(name="Runs of March")
    assert [user.username for user in dataset.managers.all()] == ["mia"]
    assert upload(call, dataset, lines(make_trace("t1"))).status_code == 202
    work()
    (shown,) = call.get(made.json()["traces_url"]).json()["results"]
    assert (shown["external_id"], shown["version"]["steps"], shown["is_withdrawn"]) == ("t1", 5, False)
    document = call.get(shown["document_url"])
    assert document.json()["structured_turns"][0]["content"] == "I should read the file first."
    assert hashlib.sha256(document.content).hexdigest() == shown["version"]["sha256"]
    assert document["ETag"] == f'"{shown["version"]["sha256"]}"'


def test_who_manages_nothing_makes_no_dataset(project):
    problem(caller("ann").post("datasets", {"name": "Mine"}), 403, "forbidden")
    problem(caller(member("vera", project, "viewer")).post("datasets", {"name": "Mine"}), 403, "forbidden")
    assert not Dataset.objects.filter(name="Mine").exists()


@pytest.mark.parametrize(
    "body", [{}, {"name": ""}, {"name": "x" * 201}, {"name": "x", "managers": [1]}, [], {"name": "\x00"}]
)
def test_a_dataset_needs_a_name_and_nothing_else(call, body):
    problem(call.post("datasets", body), 422, "invalid")


def test_only_its_managers_reach_a_dataset(project, call, tmp_path):
    other = make_project(tmp_path / "other", name="Other", people=["zoe"])
    stranger = member("sam", other)
    trace = project.dataset.traces.first()
    batch = project.dataset.imports.first()
    own = f"datasets/{project.dataset_id}"
    reads = [own, f"{own}/traces", f"{own}/traces/{trace.pk}", f"{own}/traces/{trace.pk}/document", f"{own}/imports"]
    reads += [f"{own}/imports/{batch.pk}", f"{own}/imports/{batch.pk}/files"]
    for path in reads:
        assert call.get(path).status_code == 200, path
        for foreign in (caller(stranger), caller("ann"), caller(stranger, "read")):
            problem(foreign.get(path), 404, "not-found")
    for path in (f"{own}/traces", f"{own}/traces/{trace.pk}/withdraw", f"{own}/traces/{trace.pk}/restore"):
        problem(caller(stranger)("POST", path, lines(make_trace()), kind=NDJSON), 404, "not-found")
        problem(caller("mia", "read", "manage")("POST", path, b"{}", kind=NDJSON), 403, "forbidden")
    assert [row["id"] for row in caller(stranger).get("datasets").json()["results"]] == [other.dataset_id]


def test_the_rows_of_one_dataset_are_not_found_under_another(project, call, tmp_path):
    other = make_project(tmp_path / "other", name="Other", people=["zoe"])
    member("mia", other)
    trace, batch = other.dataset.traces.first(), other.dataset.imports.first()
    for path in (
        f"traces/{trace.pk}",
        f"traces/{trace.pk}/document",
        f"imports/{batch.pk}",
        f"imports/{batch.pk}/files",
    ):
        problem(call.get(f"datasets/{project.dataset_id}/{path}"), 404, "not-found")


def test_a_token_of_a_project_reaches_that_projects_dataset_only(project, tmp_path):
    other = make_project(tmp_path / "other", name="Other", people=["zoe"])
    user = member("mia", project)
    other.dataset.managers.add(user)
    call = caller(user, project=project)
    assert [row["id"] for row in call.get("datasets").json()["results"]] == [project.dataset_id]
    problem(call.get(f"datasets/{other.dataset_id}"), 404, "not-found")
    problem(call.post("datasets", {"name": "New"}), 403, "forbidden")
    trace = project.dataset.traces.first()
    problem(call.post(f"datasets/{project.dataset_id}/traces/{trace.pk}/withdraw"), 403, "forbidden")


def test_lists_cost_the_same_however_long_they_are(project, call):
    def queries(path):
        with CaptureQueriesContext(
            connection,
        ) as found:
            assert call.get(path).status_code == 200
        return len(found)

    paths = ["datasets", f"datasets/{project.dataset_id}/traces", f"datasets/{project.dataset_id}/imports"]
    few = [queries(path) for path in paths]
    for number in range(12):
        Dataset.objects.create(name=str(number)).managers.add(project.dataset.managers.get(username="mia"))
        upload(call, project.dataset, lines(make_trace(f"more{number}")))
    work()
    assert [queries(path) for path in paths] == few


def test_imports_are_listed_without_a_look_at_their_files(project, call):
    path = f"datasets/{project.dataset_id}/imports"
    (before,) = call.get(path).json()["results"]
    assert (before["counts"]["new"], before["file"].endswith("traces.jsonl")) == (3, True)
    batch = project.dataset.imports.get()
    ImportFile.objects.bulk_create(ImportFile(batch=batch, file=f"{number}.jsonl") for number in range(300))
    with CaptureQueriesContext(connection) as found:
        assert call.get(path).json()["results"] == [before]
    assert not [query for query in found if ImportFile._meta.db_table in query["sql"]]


def test_traces_come_in_pages_and_by_their_id(project, call):
    first = call.get(f"datasets/{project.dataset_id}/traces?limit=2").json()
    second = call.get(first["next"]).json()
    assert [row["external_id"] for row in first["results"] + second["results"]] == [f"trace_00{n}" for n in (1, 2, 3)]
    (found,) = call.get(f"datasets/{project.dataset_id}/traces?external_id=trace_002").json()["results"]
    assert found["external_id"] == "trace_002"


def test_an_earlier_version_of_a_document_can_be_read(project, call):
    upload(call, project.dataset, lines(make_trace("trace_001", 2)))
    work()
    trace = Trace.objects.get(external_id="trace_001")
    path = f"datasets/{project.dataset_id}/traces/{trace.pk}/document"
    assert len(call.get(path).json()["structured_turns"]) == 2
    assert len(call.get(f"{path}?version=1").json()["structured_turns"]) == 5
    problem(call.get(f"{path}?version=3"), 404, "not-found")
    problem(call.get(f"{path}?version=x"), 400, "malformed")


def test_withdrawing_takes_a_trace_from_the_queue_and_restoring_brings_it_back(project, call):
    trace = project.dataset.traces.first()
    own = f"datasets/{project.dataset_id}/traces/{trace.pk}"
    assert call.post(f"{own}/withdraw").json()["is_withdrawn"] is True
    work()
    assert not Slot.objects.filter(item__trace_a=trace).exists()
    assert call.post(f"{own}/restore").json()["is_withdrawn"] is False
    work()
    assert Slot.objects.filter(item__trace_a=trace).exists()


# --- uploads -----------------------------------------------------------------------------------------------


def test_an_upload_is_accepted_and_its_import_says_what_became_of_it(project, call):
    response = upload(call, project.dataset, lines(make_trace("new")) + b"not json\n", query="?name=march.jsonl")
    assert response.status_code == 202
    shown = response.json()
    assert (shown["state"], shown["is_new"], shown["file"], shown["made_by"]) == ("queued", True, "march.jsonl", "mia")
    assert response["Location"] == shown["url"]
    work()
    shown = call.get(shown["url"]).json()
    assert (shown["state"], shown["counts"]) == (
        "done",
        {"new": 1, "changed": 0, "unchanged": 0, "problems": 1, "warnings": 0},
    )
    (file,) = call.get(shown["files_url"]).json()["results"]
    assert [(row["file"], row["line"]) for row in file["problems"]] == [("march.jsonl", 2)]


@pytest.mark.parametrize(
    "kind", ["application/x-ndjson", "application/jsonl; charset=utf-8", "application/json", "application/octet-stream"]
)
def test_the_usual_kinds_of_body_are_taken(project, call, kind):
    assert upload(call, project.dataset, lines(make_trace()), kind).status_code == 202


@pytest.mark.parametrize(
    "kind", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "text/html", ""]
)
def test_another_kind_of_body_is_told_what_was_expected(project, call, kind, home):
    document = problem(upload(call, project.dataset, lines(make_trace()), kind), 415, "media-type")
    assert "JSON lines" in document["detail"]
    assert kept(home) == []


@pytest.mark.parametrize(("compress", "kind"), [(gzip.compress, "gzip"), (zstandard.compress, "zstd")])
def test_what_is_packed_is_taken(project, call, compress, kind):
    upload(call, project.dataset, compress(lines(make_trace("packed"))), f"application/{kind}")
    work()
    assert Trace.objects.filter(external_id="packed").exists()


def test_the_same_upload_again_is_the_same_import(project, call):
    body = lines(make_trace("new"))
    first = upload(call, project.dataset, body).json()
    work()
    again = upload(call, project.dataset, body, Idempotency_Key="one").json()
    assert (again["id"], again["is_new"], again["state"]) == (first["id"], False, "done")


@pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])
def test_two_same_uploads_at_once_are_one_import(project, call):
    body, found, both = lines(*make_traces(20)), [], threading.Barrier(2)

    def send() -> None:
        other = caller("mia")
        both.wait()
        found.append(upload(other, project.dataset, body).json())
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({answer["id"] for answer in found}) == 1
    assert sorted(answer["is_new"] for answer in found) == [False, True]


def test_a_body_is_compared_with_what_was_announced(project, call, home):
    body = lines(make_trace("new"))
    right = hashlib.sha256(body)
    wrong = hashlib.sha256(b"something else")
    in_base64 = {name: base64.b64encode(found.digest()).decode() for name, found in (("r", right), ("w", wrong))}
    for headers in ({"X_Content_SHA256": wrong.hexdigest()}, {"Content_Digest": f"sha-256=:{in_base64['w']}:"}):
        assert "damaged" in problem(upload(call, project.dataset, body, **headers), 400, "malformed")["detail"]
    problem(upload(call, project.dataset, body, X_Content_SHA256="abc"), 400, "malformed")
    assert kept(home) == []
    for headers in ({"X_Content_SHA256": right.hexdigest().upper()}, {"Digest": f"SHA-256={in_base64['r']}"}):
        assert upload(call, project.dataset, body, **headers).status_code == 202


@pytest.mark.parametrize("body", [b"7z\xbc\xaf\x27\x1c", b"<html>", b"a,b\n1,2\n", b"\x00\x01"])
def test_the_wrong_kind_of_file_is_a_problem_that_names_it(project, call, home, body):
    document = problem(upload(call, project.dataset, body), 422, "invalid")
    assert "JSON lines" in document["detail"]
    assert kept(home) == []


def test_one_byte_more_than_two_gigabytes_is_refused_before_a_byte_is_read(project, call):
    class Untouchable:
        def read(self, *_):
            raise AssertionError("was read")

        readline = read

    response = call.client.generic(
        "POST", f"/api/v1/datasets/{project.dataset_id}/traces", b"", content_type=NDJSON,
        headers={"Authorization": f"Bearer {call.secret}"}, CONTENT_TYPE=NDJSON, CONTENT_LENGTH=str(2 * 1000**3 + 1),
        **{"wsgi.input": Untouchable()},
    )  # fmt: skip
    assert "2,000 MB" in problem(response, 413, "too-large")["detail"]


def test_a_nearly_full_disk_is_507(project, call, monkeypatch, home):
    monkeypatch.setattr(disk, "RESERVE_BYTES", 1 << 60)
    problem(upload(call, project.dataset, lines(make_trace())), 507, "no-room")
    assert kept(home) == []


def test_a_chunked_body_without_a_checksum_is_refused(project, call):
    headers = {"Authorization": f"Bearer {call.secret}", "Transfer-Encoding": "chunked"}
    response = call.client.generic(
        "POST", f"/api/v1/datasets/{project.dataset_id}/traces", lines(make_trace()), content_type=NDJSON,
        headers=headers, CONTENT_LENGTH="",
    )  # fmt: skip
    problem(response, 411, "length-needed")


def test_more_uploads_than_may_arrive_at_once_wait_their_turn(project, call):
    for _ in range(api_uploads.AT_ONCE):
        assert api_uploads._places.acquire(blocking=False)
    try:
        response = upload(call, project.dataset, lines(make_trace()))
        problem(response, 503, "busy")
        assert response["Retry-After"] == "5"
    finally:
        for _ in range(api_uploads.AT_ONCE):
            api_uploads._places.release()
    assert upload(call, project.dataset, lines(make_trace())).status_code == 202


@pytest.mark.parametrize("query", ["?id_key=", "?text_key=%00", "?id_key=" + "x" * 256])
def test_keys_that_are_none_are_refused(project, call, query):
    problem(upload(call, project.dataset, lines(make_trace()), query=query), 400, "malformed")
    assert Import.objects.filter(dataset=project.dataset, made_by__username="mia").count() == 0


# --- imports of several files, cancelled and tried again ---------------------------------------------------


def form(**files) -> tuple[bytes, str]:
    """(body, content type) of a form with these files."""
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode() + content + b"\r\n"
        for name, content in files.items()
    ]
    return b"".join(parts) + b"--x--\r\n", "multipart/form-data; boundary=x"


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_form_brings_several_files_as_one_import(project, call, slash):
    body, kind = form(**{"a.jsonl": lines(make_trace("a")), "b.md": AIDER, "c.pdf": b"%PDF-1.7"})
    response = call("POST", f"datasets/{project.dataset.pk}/imports{slash}", body, kind=kind)
    assert response.status_code == 202
    (refused,) = response.json()["refused"]
    assert (refused["file"], "a PDF" in refused["message"]) == ("c.pdf", True)
    work()
    shown = call.get(response.json()["url"]).json()
    assert (shown["state"], shown["counts"]["new"]) == ("done", 2)
    files = call.get(shown["files_url"]).json()["results"]
    assert [(file["file"], file["format"]) for file in files] == [("a.jsonl", "native"), ("b.md", "aider")]


def test_a_form_of_nothing_usable_is_refused(project, call, home):
    body, kind = form(**{"c.pdf": b"%PDF-1.7"})
    document = problem(call("POST", f"datasets/{project.dataset.pk}/imports/", body, kind=kind), 422, "invalid")
    assert document["errors"][0]["field"] == "c.pdf"
    for broken in (b"--x--\r\n", b"no form"):
        problem(call("POST", f"datasets/{project.dataset.pk}/imports/", broken, kind=kind), 400, "malformed")
    assert kept(home) == []


def test_a_body_is_imported_in_the_chosen_format(project, call):
    path = f"datasets/{project.dataset.pk}/imports/?name=h.md&format=aider&redact=true&issue_id=i"
    assert call("POST", path, AIDER, kind="text/markdown").status_code == 202
    work()
    assert Trace.objects.filter(current__converter="aider", issue_key="i").count() == 1


@pytest.mark.parametrize(
    "query",
    ["format=word", "redact=yes", "max_steps=0", "max_output=x", "issue_id=", "issue_id=%20", "issue_id=a%0Ab"],
)
def test_an_option_that_cannot_be_is_named(project, call, home, query):
    response = call("POST", f"datasets/{project.dataset.pk}/imports/?{query}", b"{}", kind=NDJSON)
    problem(response, 400, "malformed")
    assert kept(home) == []


def test_an_import_is_cancelled_and_tried_again(project, call):
    shown = upload(call, project.dataset, lines(make_trace("new"))).json()
    assert call.post(f"{shown['url']}/cancel").json()["state"] == "cancelled"
    problem(call.post(f"{shown['url']}/cancel"), 409, "conflict")
    assert call.post(f"{shown['url']}/retry").json()["state"] == "queued"
    problem(call.post(f"{shown['url']}/retry"), 409, "conflict")
    work()
    assert Trace.objects.filter(external_id="new").exists()


def test_somebody_elses_import_can_neither_be_cancelled_nor_tried_again(project, call, tmp_path):
    shown = upload(call, project.dataset, lines(make_trace("new"))).json()
    other = caller(member("otto", make_project(tmp_path / "other", name="Other")))
    for act in ("cancel", "retry"):
        assert other.post(f"{shown['url']}/{act}").status_code == 404


def test_results_sent_later_reach_the_traces_that_are_there(project, call):
    upload(call, project.dataset, lines(make_trace("t1", instance_id="acme-1")))
    work()
    result = {"instance_id": "acme-1", "model_name_or_path": "m", "model_patch": "diff\n"}
    body, kind = form(**{"preds.jsonl": lines(result)})
    shown = call.get(call("POST", f"datasets/{project.dataset.pk}/imports/", body, kind=kind).json()["url"]).json()
    work()
    assert call.get(shown["url"]).json()["counts"]["changed"] == 1
    trace = next(
        one for one in call.get(f"datasets/{project.dataset.pk}/traces").json()["results"] if one["external_id"] == "t1"
    )
    assert (trace["version"]["number"], call.get(trace["document_url"]).json()["final_patch"]) == (2, "diff\n")
