"""Exports copied to a bucket, against a server that speaks S3."""

import json
import threading
from pathlib import Path

import pytest

from exports import destinations
from exports.destinations import CannotDeliver, deliver
from exports.models import Export
from potato_site.jobs import LostJob, run_now
from tests.exports.conftest import ADDRESS
from tests.factory import answers, make_project, submit_item

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])]


@pytest.fixture
def export(tmp_path):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    result = run_now("exports.build", {"project": project.pk, "format": "prm", "options": {}})
    return Export.objects.select_related("project").get(pk=result["export"])


def test_every_file_arrives_the_manifest_last(bucket, export, monkeypatch):
    order = []
    copy = destinations._copy

    def watched(storage, path, *rest):
        order.append(path.name)
        copy(storage, path, *rest)

    monkeypatch.setattr(destinations, "_copy", watched)
    sent = deliver(export, ADDRESS)
    folder = Path(export.path)
    assert order == ["prm_labels.jsonl", "manifest.json"]
    assert sent[0] == f"{ADDRESS}/{export.project.slug}/{folder.name}/prm_labels.jsonl"
    found = {item.key: item.get()["Body"].read() for item in bucket.objects.all()}
    prefix = f"labels/{export.project.slug}/{folder.name}"
    assert found[f"{prefix}/prm_labels.jsonl"] == (folder / "prm_labels.jsonl").read_bytes()
    assert json.loads(found[f"{prefix}/manifest.json"]) == export.manifest
    # It does not change any more: nothing is sent twice.
    assert deliver(export, ADDRESS) == []


def test_what_lies_there_under_the_name_of_another_export_is_not_taken_for_this_one(bucket, export, monkeypatch):
    """A project that was deleted and made anew, or went back to a backup: its manifest is as long as the one before."""
    deliver(export, ADDRESS)
    prefix = f"labels/{export.project.slug}/{Path(export.path).name}"
    of_before = {}
    for name in ("prm_labels.jsonl", "manifest.json"):
        of_before[name] = bytes(reversed((Path(export.path) / name).read_bytes()))
        bucket.put_object(Key=f"{prefix}/{name}", Body=of_before[name])
    seen = []
    copy = destinations._copy

    def watched(storage, path, *rest):
        seen.append(storage.exists(f"{export.project.slug}/{Path(export.path).name}/manifest.json"))
        copy(storage, path, *rest)

    monkeypatch.setattr(destinations, "_copy", watched)
    assert len(deliver(export, ADDRESS)) == 2
    assert seen == [False, False], "who finds a manifest finds the files it names"
    for name in of_before:
        stands = bucket.Object(f"{prefix}/{name}").get()["Body"].read()
        assert stands == (Path(export.path) / name).read_bytes()


def test_a_manifest_of_another_export_that_may_not_be_removed_is_said(bucket, export, monkeypatch):
    from botocore.exceptions import ClientError
    from storages.backends.s3 import S3Storage

    deliver(export, ADDRESS)
    prefix = f"labels/{export.project.slug}/{Path(export.path).name}"
    bucket.put_object(Key=f"{prefix}/manifest.json", Body=b"{}")

    def refused(*_):
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DeleteObject")

    monkeypatch.setattr(S3Storage, "delete", refused)
    with pytest.raises(CannotDeliver, match=r"is of another export, and stays: ClientError: .*AccessDenied"):
        deliver(export, ADDRESS)
    assert bucket.Object(f"{prefix}/manifest.json").get()["Body"].read() == b"{}"


def test_what_broke_off_is_sent_again(bucket, export, monkeypatch):
    def lost() -> None:
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        deliver(export, ADDRESS, lost)
    assert not [item for item in bucket.objects.all() if item.key.endswith("manifest.json")]
    assert len(deliver(export, ADDRESS)) == 2


@pytest.fixture
def large(export):
    """The export with a file that goes to a bucket in three parts; nobody looks at its checksum."""
    folder = Path(export.path)
    (folder / "prm_labels.jsonl").write_bytes(bytes(20_000_000))
    return export


def test_while_a_large_file_is_read_the_job_is_asked_for_again_and_again(bucket, large):
    threads = []
    deliver(large, ADDRESS, lambda: threads.append(threading.get_ident()))
    assert set(threads) == {threading.get_ident()}, "a lease is renewed over the database connection of its thread"
    # A part is 8 MB: besides the last one and the manifest, and before anything else is sent.
    assert len(threads) >= 4
    sizes = {Path(item.key).name: item.size for item in bucket.objects.all()}
    assert sizes["prm_labels.jsonl"] == 20_000_000


def test_who_is_cancelled_stops_in_the_middle_of_a_file(bucket, large):
    asked = []

    def cancelled() -> None:
        asked.append(1)
        if len(asked) == 2:
            raise LostJob("cancelled")

    with pytest.raises(LostJob):
        deliver(large, ADDRESS, cancelled)
    assert len(asked) == 2
    assert not list(bucket.objects.all())


def test_a_bucket_that_is_not_there_is_said_without_a_key(bucket, export):
    with pytest.raises(CannotDeliver) as caught:
        deliver(export, "s3://missing")
    assert "s3://missing" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_an_unreachable_server_is_said(bucket, export, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(CannotDeliver, match="Could not connect"):
        deliver(export, ADDRESS)


def test_a_bucket_the_server_does_not_name_is_refused(bucket, export):
    with pytest.raises(CannotDeliver, match="not among the buckets"):
        deliver(export, "s3://lab/elsewhere")


@pytest.mark.parametrize("text", ["", "lab", "file:///etc", "s3://", "https://lab/x"])
def test_what_is_no_address_of_a_bucket_is_refused(text):
    with pytest.raises(CannotDeliver):
        destinations.parse(text)


def test_an_address_that_is_none_is_no_destination_and_takes_no_other_with_it(settings):
    settings.POTATO_EXPORT_BUCKETS = ["lab-exports", ADDRESS]
    assert destinations.known() == [ADDRESS]
