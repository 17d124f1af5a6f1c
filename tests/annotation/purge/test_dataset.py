"""Whether a project's dataset goes with it, and what comes into one on its way out."""

from __future__ import annotations

import json
import threading
from io import BytesIO

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction

from annotation.models import Item, Membership, Project
from annotation.projects.create import create_project
from annotation.projects.load import load_file
from annotation.projects.presets import presets
from annotation.projects.revisions import current
from potato_site.accounts.models import User
from potato_site.jobs import run_now
from tests.annotation.purge.projects import Stopped, everything_of, gone, make, run, stopping_after
from tests.factory import make_trace, write_project
from traces import chunks, purges
from traces.access import datasets_of
from traces.imports import import_files
from traces.models import Chunk, Dataset, Trace
from traces.uploads import UploadRefused, receive

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])]


def test_a_dataset_that_another_project_labels_stays_for_it(theirs, tmp_path):
    boss = User.objects.get(username="boss")
    theirs.dataset.managers.add(boss)
    config = presets()["first_error"].configure("x")
    other = create_project("Other", theirs.dataset, config, [], boss)
    run_now("annotation.sync_items", {"dataset": theirs.dataset_id})
    exported, shown = everything_of(theirs, tmp_path), set(Chunk.objects.values_list("pk", flat=True))
    gone(other)
    assert Dataset.objects.get(pk=theirs.dataset_id).is_going is False
    assert everything_of(theirs, tmp_path) == exported
    assert set(Chunk.objects.values_list("pk", flat=True)) == shown
    gone(theirs)
    assert not Dataset.objects.exists()
    assert not Chunk.objects.exists()


def test_a_dataset_that_somebody_else_manages_stays_for_them(theirs):
    """Lena has uploaded traces, and made no project of them yet; a colleague has tried something with them."""
    lena, mara = User.objects.create_user("lena"), User.objects.create_user("mara")
    dataset = Dataset.objects.create(name="Lena's")
    dataset.managers.add(lena, mara)
    Trace.objects.filter(dataset=theirs.dataset).update(dataset=dataset)
    project = create_project("Try", dataset, presets()["first_error"].configure("x"), [], mara)
    run_now("annotation.sync_items", {"dataset": dataset.pk})
    # Who only labels there does not give away her dataset by that.
    Membership.objects.create(project=project, user=lena, role="annotator", source="admin")
    said = run("try", "--dry-run")
    assert """the dataset "Lena's" (managed by lena): its traces stay.""" in said
    assert "versions of traces" not in said
    with pytest.raises(Stopped):
        gone(project, progress=stopping_after(3))
    gone(project)
    assert datasets_of(lena).get() == dataset
    assert Trace.objects.filter(dataset=dataset).count() == 3
    assert not datasets_of(mara).exists()


def test_a_dataset_stays_with_who_manages_another_project_of_it(theirs):
    mara = User.objects.create_user("mara")
    for name in ("One", "Two"):
        create_project(name, theirs.dataset, presets()["first_error"].configure("x"), [], mara)
    theirs.dataset.managers.add(mara)
    gone(Project.objects.get(slug="one"))
    assert datasets_of(mara).exists()
    gone(Project.objects.get(slug="two"))
    assert not datasets_of(mara).exists()


def test_of_two_that_are_deleted_at_once_the_second_takes_the_dataset(theirs):
    boss = User.objects.get(username="boss")
    other = create_project("Other", theirs.dataset, presets()["first_error"].configure("x"), [], boss)
    theirs.dataset.managers.add(boss)
    with pytest.raises(Stopped):
        gone(theirs, progress=stopping_after(8))
    gone(other)
    assert Dataset.objects.exists()
    gone(theirs)
    assert not Dataset.objects.exists()
    assert not Trace.objects.exists()


def test_no_import_puts_more_into_a_dataset_on_its_way_out(theirs, tmp_path):
    with pytest.raises(Stopped):
        gone(theirs, progress=stopping_after(0))
    more = tmp_path / "more.jsonl"
    more.write_text(json.dumps(make_trace("late")))
    with pytest.raises(Dataset.DoesNotExist):
        import_files(theirs.dataset, [more])
    gone(theirs)
    assert not Dataset.objects.exists()


def test_a_chunk_that_another_dataset_shows_stays(tmp_path, home):
    """Equal steps are stored once."""
    same = [make_trace("same", 30)]
    reports = [load_file(write_project(tmp_path / name, name=name, traces=same), home) for name in ("One", "Two")]
    for report in reports:
        item = Item.objects.get(project=report.project)
        chunks.render_version(item.a_id, current(report.project).render_options())
    shown = set(Chunk.objects.values_list("pk", flat=True))
    gone(reports[0].project)
    assert shown
    assert set(Chunk.objects.values_list("pk", flat=True)) == shown


def test_of_a_dataset_on_its_way_out_no_project_is_made_and_nothing_goes_into_it(theirs):
    dataset = theirs.dataset
    with pytest.raises(Stopped):
        gone(theirs, progress=stopping_after(0))
    with pytest.raises(ValidationError, match="being deleted"):
        make("Late", dataset)
    with pytest.raises(UploadRefused, match="being deleted"):
        receive(dataset, BytesIO(json.dumps(make_trace("late")).encode()), name="late.jsonl", user=None)


@pytest.mark.services
def test_a_project_made_just_before_keeps_the_traces(theirs):
    ended = []

    def purging():
        ended.append(gone(theirs))
        connection.close()

    thread = threading.Thread(target=purging)
    with transaction.atomic():
        make("Just before", theirs.dataset)
        thread.start()
        thread.join(2)
        assert not ended
    thread.join(30)
    assert ended
    assert Trace.objects.filter(dataset__projects__slug="just-before").count() == 3


def test_a_chunk_that_is_shown_since_it_was_looked_for_stays(tmp_path, home):
    same = [make_trace("same", 30)]
    one, two = (
        load_file(write_project(tmp_path / name, name=name, traces=same), home).project for name in ("1a", "2b")
    )
    item, other = Item.objects.get(project=one), Item.objects.get(project=two)
    options = current(one).render_options()
    chunks.render_version(item.a_id, options)

    looked = purges._Elsewhere.look

    def look(self, *args):
        looked(self, *args)
        if args:
            chunks.render_version(other.a_id, options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(purges._Elsewhere, "look", look)
        gone(one)
    keys = chunks.rendering_of(other.a_id, options).chunk_keys
    assert keys
    assert Chunk.objects.filter(pk__in=keys).count() == len(keys)


def test_a_dataset_that_another_project_has_let_go_of_meanwhile_is_out_of_use_before_it_is_emptied(theirs):
    """Of two that are deleted at once, the second finds itself alone only later; from then on no import goes on."""
    other = make("Other", theirs.dataset)
    theirs.dataset.managers.add(User.objects.get(username="boss"))
    states = []

    def progress(done, total, what):
        if what == "revisions" and Project.objects.filter(pk=other.pk).exists():
            gone(other)
        if what in ("imports", "traces"):
            states.append(Dataset.objects.get(pk=theirs.dataset_id).is_going)

    gone(theirs, progress=progress)
    assert states
    assert all(states)
    assert not Dataset.objects.exists()


def test_a_dataset_that_a_project_has_come_to_use_after_all_is_in_use_again(theirs):
    """By whatever way it came: the row of that project is there when the last row goes."""
    boss = User.objects.get(username="boss")

    def progress(done, total, what):
        if what == "statistics" and not Project.objects.filter(slug="late").exists():
            Project.objects.create(slug="late", name="Late", dataset=theirs.dataset)
            theirs.dataset.managers.add(boss)

    gone(theirs, progress=progress)
    assert Dataset.objects.get().is_going is False
    assert datasets_of(boss).exists()
