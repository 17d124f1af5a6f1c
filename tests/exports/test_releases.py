"""Published exports: complete, immutable, one per state."""

import errno
import gzip
import hashlib
import json
import shutil
from pathlib import Path

import pytest
from django.urls import reverse

from annotation.assignments.items import sync_items
from exports.carried import PublishedExports
from exports.models import Export
from exports.options import Options, WrongOptions, as_json
from exports.releases import MANIFEST
from exports.schedules import take_away
from potato_site import disk
from potato_site.jobs import LostJob, run_now
from potato_site.jobs.handle import JobHandle
from tests.api.people import member
from tests.factory import answers, make_project, make_trace, submit_item
from traces.imports import import_files

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])


def publish(project, **options) -> Export:
    result = run_now("exports.build", {"project": project.pk, "format": "prm", "options": options})
    return Export.objects.get(pk=result["export"])


def published(project) -> list[str]:
    return sorted(path.name for path in (Path(project.output_path) / "exports").iterdir())


def test_an_export_is_a_folder_with_a_manifest_that_fits(tmp_path):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    export = publish(project)
    folder = Path(export.path)
    assert folder.name == f"prm-{export.seq}"
    manifest = json.loads((folder / MANIFEST).read_bytes())
    content = (folder / "prm_labels.jsonl").read_bytes()
    assert manifest["files"] == [
        {"name": "prm_labels.jsonl", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    ]
    assert export.sha256 == hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    assert (export.manifest, manifest["seq"], manifest["counts"]["traces"]) == (manifest, export.seq, 1)


def test_the_same_state_is_published_once(tmp_path):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    assert publish(project) == publish(project)
    assert published(project) == [f"prm-{Export.objects.get().seq}"]


def test_a_later_state_is_another_export_and_the_first_stays(tmp_path):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    first = publish(project)
    before = (Path(first.path) / "prm_labels.jsonl").read_bytes()
    submit_item(project, "ann", answers(2))
    second = publish(project)
    assert second.seq > first.seq
    assert (Path(first.path) / "prm_labels.jsonl").read_bytes() == before
    assert len((Path(second.path) / "prm_labels.jsonl").read_bytes().splitlines()) == 2


def test_traces_that_arrived_make_another_state(tmp_path):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    first = publish(project)
    (tmp_path / "more.jsonl").write_text(json.dumps(make_trace("more")))
    import_files(project.dataset, [tmp_path / "more.jsonl"])
    assert sync_items(project) == 1
    second = publish(project)
    assert second.manifest["counts"]["unlabeled"] == first.manifest["counts"]["unlabeled"] + 1
    assert sync_items(project) == 0
    assert publish(project) == second


def test_other_options_get_a_folder_of_their_own(tmp_path):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    plain, surplus = publish(project), publish(project, include_surplus=True)
    assert published(project) == [f"prm-{plain.seq}", f"prm-{plain.seq}.2"]
    assert surplus.path.endswith(".2")


def test_a_folder_left_by_a_crash_before_its_row_is_adopted(tmp_path):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    path = publish(project).path
    Export.objects.all().delete()
    assert publish(project).path == path
    assert len(published(project)) == 1


def contents(export) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(export.path).iterdir()}


@pytest.mark.parametrize("gone", ["folder", "manifest.json", "prm_labels.jsonl"])
def test_what_somebody_removed_is_published_again_as_it_was(tmp_path, gone):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    export = publish(project)
    before = contents(export)
    if gone == "folder":
        shutil.rmtree(export.path)
    else:
        Path(export.path, gone).unlink()
    again = publish(project)
    assert again.pk == export.pk
    assert contents(again) == before
    # What lies in a folder without a manifest may be anybody's.
    assert again.path == (f"{export.path}.2" if gone == MANIFEST else export.path)
    assert publish(project) == again


def test_a_file_that_was_cut_is_published_again(tmp_path):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    export = publish(project)
    before = contents(export)
    Path(export.path, "prm_labels.jsonl").write_bytes(b"")
    assert contents(publish(project)) == before
    assert published(project) == [f"prm-{export.seq}"]


def test_what_cannot_be_removed_is_logged_and_stops_no_export(tmp_path, monkeypatch, caplog):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    export, remove = publish(project), shutil.rmtree

    def refused(folder, ignore_errors=False):
        """As of a folder that is read-only."""
        if "prm-" not in Path(folder).name:
            remove(folder, ignore_errors=ignore_errors)
        elif not ignore_errors:
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))

    monkeypatch.setattr(shutil, "rmtree", refused)
    for _ in range(2):
        Path(export.path, "prm_labels.jsonl").unlink()
        assert publish(project) == export
        assert Path(export.path, "prm_labels.jsonl").stat().st_size
    left = published(project)[:-1]
    assert [name.rpartition("-")[0] for name in left] == [f".unfinished-prm-{export.seq}"] * 2
    assert f"/{left[0]} cannot be removed, and stays" in caplog.text
    take_away(export)
    assert len(published(project)) == 3
    monkeypatch.undo()
    publish(project)
    assert published(project) == [f"prm-{export.seq}"]


def test_a_link_that_was_left_is_removed_and_what_it_leads_to_stays(tmp_path):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    folder = Path(project.output_path) / "exports"
    folder.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (folder / ".unfinished-prm-1").symlink_to(tmp_path / "elsewhere")
    (folder / ".unfinished-prm-2").symlink_to(tmp_path / "nowhere")
    export = publish(project)
    assert published(project) == [Path(export.path).name]
    assert (tmp_path / "elsewhere").is_dir()


def test_nothing_else_gets_the_name_of_files_that_are_gone(tmp_path):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    plain, surplus = publish(project), publish(project, include_surplus=True)
    for export in (plain, surplus):
        shutil.rmtree(export.path)
    other = publish(project, exclude_annotators=["bob"])
    assert other.path == f"{plain.path}.3"
    assert publish(project, include_surplus=True).path == surplus.path
    assert publish(project).path == plain.path


def test_a_runner_that_lost_its_job_publishes_nothing(tmp_path, monkeypatch):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))

    def lost(self):
        raise LostJob("another attempt owns it")

    monkeypatch.setattr(JobHandle, "check", lost)
    with pytest.raises(LostJob):
        publish(project)
    assert published(project) == []
    assert not Export.objects.exists()


def test_a_nearly_full_disk_keeps_its_room_for_labels(tmp_path, monkeypatch):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    monkeypatch.setattr(disk, "RESERVE_BYTES", 1 << 60)
    with pytest.raises(disk.NoRoom):
        publish(project)
    assert published(project) == []


def test_an_unknown_option_is_refused(tmp_path):
    project = make_project(tmp_path)
    with pytest.raises(WrongOptions, match="colour"):
        publish(project, colour="red")


def test_a_format_that_is_a_folder_is_published_shown_downloaded_and_carried(tmp_path, client):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    result = run_now("exports.build", {"project": project.pk, "format": "huggingface", "options": {"compress": "gzip"}})
    export = Export.objects.get(pk=result["export"])
    names = [file["name"] for file in export.manifest["files"]]
    assert names == ["README.md", "prm/train-00000-of-00001.parquet"]
    client.force_login(member("mia", project))
    assert names[1] in client.get(reverse("manage-exports", args=[project.slug])).content.decode()
    shard = client.get(reverse("manage-export-file", args=[project.slug, export.pk, names[1]]))
    content = (Path(export.path) / names[1]).read_bytes()
    assert b"".join(shard.streaming_content) == content
    assert f'filename="huggingface-{export.seq}-prm-train-00000-of-00001.parquet"' in shard["Content-Disposition"]
    assert (
        client.get(reverse("manage-export-file", args=[project.slug, export.pk, "../manifest.json"])).status_code == 404
    )
    carried = PublishedExports()
    places = dict(carried.files("default"))
    assert places[f"{export.pk}/{names[1]}"] == Path(export.path) / names[1]
    home = Path(project.output_path)
    assert carried.place(f"{export.pk}/{names[1]}", "default", home, home) == Path(export.path) / names[1]


def test_a_link_in_place_of_a_folder_of_an_export_is_not_followed(tmp_path, client):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    result = run_now("exports.build", {"project": project.pk, "format": "huggingface", "options": {}})
    export = Export.objects.get(pk=result["export"])
    name = "prm/train-00000-of-00001.parquet"
    (Path(export.path) / "prm").rename(tmp_path / "elsewhere")
    (Path(export.path) / "prm").symlink_to(tmp_path / "elsewhere")
    client.force_login(member("mia", project))
    assert client.get(reverse("manage-export-file", args=[project.slug, export.pk, name])).status_code == 404


def test_a_manifest_states_every_option_the_labels_and_the_agreement(tmp_path):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    submit_item(project, "bob", answers(1))
    manifest = publish(project, post_error="mask").manifest
    assert manifest["options"] == as_json(Options(post_error="mask"))
    assert [label["reward"] for label in manifest["labels"]] == [1.0, 0.0]
    assert {one["scheme"] for one in manifest["agreement"]} == {"step_reward", "outcome"}
    (asked, *_) = manifest["configuration"]["annotation_schemes"]
    assert (asked["name"], asked["mode"]) == ("step_reward", "first_error")
    assert list(asked["labels"]) == ["correct", "incorrect"]
    assert manifest["counts"]["hard_labels"] == {"masked": 3, "negative": 1, "positive": 1}
    assert manifest["counts"]["changed"] == {"steps masked": 3}
    assert "pw_ann" not in json.dumps(manifest)


def test_a_compressed_export_is_the_same_labels(tmp_path):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1))
    plain, packed = publish(project), publish(project, compress="gzip")
    content = (Path(packed.path) / "prm_labels.jsonl.gz").read_bytes()
    assert gzip.decompress(content) == (Path(plain.path) / "prm_labels.jsonl").read_bytes()
    assert packed.manifest["files"][0]["sha256"] == hashlib.sha256(content).hexdigest()


def test_a_file_that_names_others_names_them_as_they_are_published(tmp_path):
    ids = [{"instance_id": f"lab__thing-{n}", "model": f"model-{n}", "final_patch": "x"} for n in (1, 2)]
    project = make_project(tmp_path, traces=[make_trace(f"t{n}", 3, **keys) for n, keys in enumerate(ids)], overlap=0)
    for _ in ids:
        submit_item(project, "ann", answers(1))
    made = run_now("exports.build", {"project": project.pk, "format": "swe_bench", "options": {"compress": "gzip"}})
    export = Export.objects.get(pk=made["export"])
    index = json.loads(gzip.decompress((Path(export.path) / "swe_bench_results.json.gz").read_bytes()))
    named = {run[key] for run in index["runs"] for key in ("report", "predictions")}
    assert len(named) == 4
    assert named < {file["name"] for file in export.manifest["files"]}
