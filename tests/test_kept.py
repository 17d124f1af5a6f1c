"""What is kept of a project is the project: the same rows and files, and only where a test has nothing else yet."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import transaction

from annotation.models import Assignment, Project
from annotation.projects.revisions import current
from potato_site.accounts.models import User
from potato_site.jobs import enqueue
from tests import factory, kept

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_kept():
    """Neither of other tests here, nor of these for others."""
    before = dict(kept._kept)
    kept._kept.clear()
    yield
    kept._kept.clear()
    kept._kept.update(before)


def undone(root: Path, make):
    """What this returns of a project that is gone afterwards, with its files."""
    with transaction.atomic():
        result = make()
        transaction.set_rollback(True)
    shutil.rmtree(root)
    return result


def everything(root: Path) -> tuple[dict, dict]:
    return dict(kept._rows()), dict(kept._files(root))


def labeled(root: Path, **options) -> Project:
    """With something in most tables, and in columns of every kind."""

    def make() -> Project:
        project = factory.make_project(root / "labeled", **options)
        factory.submit_item(project, "ann", factory.answers(1, "partial", "It's \"50 %\" \\ {}\n'ü'"))
        return project

    return kept.again(["labeled", options], root, make)


def still(rows: dict) -> dict:
    """Without times."""
    return {table: [[v for v in row if not isinstance(v, datetime)] for row in found] for table, found in rows.items()}


def times(rows: dict) -> list[datetime]:
    return [value for found in rows.values() for row in found for value in row if isinstance(value, datetime)]


def test_what_is_put_back_is_what_was_made(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    rows, files = undone(first, lambda: (labeled(first), everything(first))[1])
    assert not Project.objects.exists()
    project = labeled(second)
    again, files_again = everything(second)
    told = repr(still(again)).replace(str(second), str(first))
    assert told == repr(still(rows))
    assert str(second) in repr(again), "there is nothing that names the folder"
    assert files_again == files
    moved = {later - earlier for earlier, later in zip(times(rows), times(again), strict=True)}
    assert timedelta() < min(moved)
    assert max(moved) < timedelta(minutes=1)
    assert project == Project.objects.get()
    assert project.output_path.startswith(str(second))


def test_work_goes_on_with_what_was_put_back(tmp_path):
    undone(tmp_path / "a", lambda: labeled(tmp_path / "a"))
    project = labeled(tmp_path / "b")
    factory.submit_item(project, "ann", factory.answers(2))
    factory.submit_item(project, "bob", factory.answers(2))
    assert Assignment.objects.filter(state=Assignment.State.SUBMITTED).count() == 3


def test_every_test_gets_objects_of_its_own(tmp_path):
    undone(tmp_path / "a", lambda: labeled(tmp_path / "a"))
    changed = undone(tmp_path / "b", lambda: labeled(tmp_path / "b"))
    changed.name = "changed"
    assert labeled(tmp_path / "c").name == "Test project"


# --- When it is made anew ---------------------------------------------------------------------------------


@pytest.fixture
def made(tmp_path):
    """``made(folder, key)``: how often something was made by then, of which a first one was kept and is gone."""
    calls = []

    def make() -> User:
        calls.append(1)
        return User.objects.create_user("ann")

    def ask(root: Path = tmp_path / "b", key: object = "key") -> int:
        kept.again(key, root, make)
        return len(calls)

    (tmp_path / "a").mkdir()
    undone(tmp_path / "a", lambda: ask(tmp_path / "a"))
    return ask


def test_it_is_not_where_nothing_was_changed(made, tmp_path):
    (tmp_path / "b" / "empty").mkdir(parents=True)
    assert made() == 1
    assert User.objects.get().username == "ann"


def test_it_is_for_another_key(made):
    assert made(key="another") == 2


def test_it_is_for_a_key_that_is_no_json(made):
    assert made(key=iter("key")) == 2


def test_it_is_where_there_are_rows(made):
    User.objects.create_user("bob")
    assert made() == 2


def test_it_is_where_there_are_files(made, tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "file").touch()
    assert made() == 2


def test_it_is_with_other_settings(made, settings):
    settings.JOB_LEASE_SECONDS = 1
    assert made() == 2


def test_it_is_where_something_is_patched(made, monkeypatch):
    monkeypatch.setattr(User, "patched", True, raising=False)
    assert made() == 2


def test_it_is_in_another_environment(made, monkeypatch):
    monkeypatch.setenv("POTATO_URL", "https://labels.example.org")
    assert made() == 2


def test_it_is_where_a_file_names_its_folder(tmp_path):
    calls = []

    def make(root: Path) -> User:
        calls.append(root)
        root.mkdir()
        (root / "note").write_text(f"in {root}")
        return User.objects.create_user("ann")

    for name in ("a", "b"):
        root = tmp_path / name
        undone(root, lambda root=root: kept.again("note", root, lambda: make(root)))
    assert len(calls) == 2


def test_workers_hear_of_jobs_that_wait(tmp_path, django_capture_on_commit_callbacks):
    def make() -> User:
        enqueue("accounts.mail", {"email": "ann@example.org"})
        return User.objects.create_user("ann")

    (tmp_path / "a").mkdir()
    undone(tmp_path / "a", lambda: kept.again("job", tmp_path / "a", make))
    with django_capture_on_commit_callbacks() as heard:
        kept.again("job", tmp_path / "b", make)
    assert len(heard) == 1


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
def test_it_has_its_own_questions_where_another_project_had_its_revision_number(tmp_path):
    """SQLite gives the number of a row that was rolled back to the next one."""

    def ask(root: Path, *schemes) -> Project:
        return factory.make_project(root, schemes=list(schemes))

    undone(tmp_path / "a", lambda: ask(tmp_path / "a", factory.OUTCOME))
    other = ask(tmp_path / "b", factory.FIRST_ERROR)
    assert [scheme.name for scheme in current(other).annotation_schemes] == ["step_reward"]
    call_command("flush", verbosity=0, interactive=False, inhibit_post_migrate=True)
    project = ask(tmp_path / "c", factory.OUTCOME)
    assert [scheme.name for scheme in current(project).annotation_schemes] == ["outcome"]
