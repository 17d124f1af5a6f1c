"""Which files go with a project, and which stay: what another one has, what lies elsewhere, what somebody made."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from annotation.models import Project
from annotation.projects.create import create_project
from annotation.projects.presets import presets
from exports.current import place_of
from exports.models import Export
from potato_site.accounts.models import User
from potato_site.jobs import run_now
from tests.annotation.purge.projects import SECRET, files_in, gone, load, make, run
from tests.factory import answers, submit_item
from traces.models import Import

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])]


def test_no_file_of_it_is_left_in_the_home(settings, home, tmp_path):
    boss = User.objects.create_superuser("boss")
    project = create_project("Made here", "Runs", presets()["first_error"].configure("x"), [], boss)
    folder = Path(project.output_path)
    (folder / "ann").mkdir()
    (folder / "ann" / "annotations.jsonl").write_text(SECRET)
    (folder / "exports" / "prm-1").mkdir(parents=True)
    Export.objects.create(
        project=project, format="prm", options_digest="0" * 64, seq=1, path=str(folder / "exports" / "prm-1"),
        manifest={"files": []}, sha256="0" * 64,
    )  # fmt: skip
    upload = home / "uploads" / str(Import.objects.create(dataset=project.dataset).pk)
    upload.mkdir(parents=True)
    (upload / "1").write_text(SECRET)
    gone(project)
    assert not folder.exists()
    assert not upload.exists()


def test_an_output_folder_outside_the_home_stays_unless_asked_for(theirs, tmp_path):
    output = Path(theirs.output_path)
    notes = output / "ann" / "notes.txt"
    notes.write_text("mine")
    assert gone(theirs).output == str(output)
    assert (output / "ann" / "annotations.jsonl").exists()
    assert list((output / "exports").glob("prm-*/prm_labels.jsonl"))


def test_with_it_what_was_delivered_goes_and_what_is_somebody_elses_stays(theirs):
    output = Path(theirs.output_path)
    notes = output / "ann" / "notes.txt"
    notes.write_text("mine")
    assert gone(theirs, with_output=True).output == ""
    left = sorted(str(path.relative_to(output)) for path in output.rglob("*") if path.is_file())
    assert left == [".potato/.gitignore", "ann/notes.txt"]


@pytest.mark.parametrize("place", ["other", "other/inside", "."])
def test_a_folder_that_another_project_delivers_to_stays_and_is_named(place, home, tmp_path):
    """The folder itself, one inside, and one around it."""
    project = make("Other")
    theirs = load(tmp_path / "t", home, "Theirs")
    Project.objects.filter(pk=theirs.pk).update(output_path=str(home / "projects" / place))
    label = home / "projects" / place / "ann" / "annotations.jsonl"
    label.parent.mkdir(parents=True)
    label.write_text("theirs")
    said = run("other", "--yes")
    assert "other stays: the project theirs has it, too" in said
    assert label.read_text() == "theirs"
    assert not Project.objects.filter(pk=project.pk).exists()


def test_so_does_one_by_another_name_and_one_with_an_export_of_another(home, tmp_path):
    big = tmp_path / "big"
    big.mkdir()
    (home / "projects").symlink_to(big)
    first, second, theirs = make("First"), make("Second"), load(tmp_path / "t", home, "Theirs")
    Project.objects.filter(pk=theirs.pk).update(output_path=str(big / "first" / "nested"))
    Export.objects.create(
        project=theirs, format="prm", options_digest="0" * 64, seq=1, path=str(big / "second" / "exports" / "prm-1"),
        manifest={"files": []}, sha256="0" * 64,
    )  # fmt: skip
    assert "first stays: the project theirs" in gone(first).spared[0]
    assert "second stays: an export of the project theirs" in gone(second).spared[0]
    assert sorted(path.name for path in big.iterdir()) == ["first", "second"]


def test_the_folder_of_all_projects_stays(home, tmp_path):
    project = load(tmp_path / "t", home, "Theirs", output={"path": str(home / "projects"), "format": "jsonl"})
    (home / "projects" / "kept").write_text("x")
    gone(project)
    assert (home / "projects" / "kept").exists()


def test_a_folder_that_is_a_link_is_unlinked_and_where_it_led_is_said(home, tmp_path):
    project = make("Made here")
    folder, big = Path(project.output_path), tmp_path / "big"
    folder.rename(big)
    folder.symlink_to(big)
    (big / "notes").write_text("x")
    assert f"made-here was a link to {big}: what lies there stays" in run("made-here", "--yes")
    assert not folder.is_symlink()
    assert (big / "notes").exists()
    assert not Project.objects.exists()


def test_a_new_project_takes_no_folder_that_another_delivers_to(home, tmp_path):
    load(tmp_path / "a", home, "A", output={"path": str(home / "projects" / "other"), "format": "jsonl"})
    load(tmp_path / "b", home, "B", output={"path": str(home / "projects" / "other-2" / "in"), "format": "jsonl"})
    assert make("Other").slug == "other-3"


@pytest.mark.parametrize("form", ["dpo", "swe_bench", "prm", "huggingface"])
def test_with_output_no_file_that_was_kept_current_stays_but_somebody_elses(form, home, tmp_path):
    kept = {"path": "./output/", "format": "jsonl", "export_formats": [form]}
    project = load(tmp_path / "p", home, "Ours", output=kept)
    submit_item(project, "ann", answers(1))
    submit_item(project, "bob", answers())
    with suppress(ImportError):
        run_now("exports.current", {"project": project.pk, "format": form})
    notes = place_of(project.output_path, form)
    notes = (notes.parent if notes.suffix else notes) / "my_notes.md"
    notes.parent.mkdir(exist_ok=True, parents=True)
    notes.write_text("mine")
    # What the configuration asks for now says nothing about what was written.
    Project.objects.filter(pk=project.pk).update(revision=None)
    gone(Project.objects.get(pk=project.pk), with_output=True)
    assert files_in(project.output_path) == [str(notes.relative_to(project.output_path))]
