"""Revisions and the change counter: immutable, cached, in order."""

import threading

import pytest
from django.db import connection, transaction

from annotation.models import Project, Revision
from annotation.projects.config import ProjectConfig
from annotation.projects.counter import bump
from annotation.projects.revisions import config_of, current, set_config
from tests.factory import make_project


def changed(config, minutes):
    plain = config.plain()
    plain["quality_control"]["minimum_time_per_instance"] = minutes * 60.0
    return ProjectConfig.from_plain(plain)


def test_the_same_configuration_is_the_same_revision(db, tmp_path):
    project = make_project(tmp_path)
    revision = set_config(project, current(project), None)
    assert revision.number == 1
    assert Revision.objects.count() == 1


def test_a_new_revision_is_the_projects_at_once(db, tmp_path):
    project = make_project(tmp_path)
    revision = set_config(project, changed(current(project), 2), None)
    assert (revision.number, project.revision_id) == (2, revision.pk)
    assert current(Project.objects.get()).quality_control.minimum_time_per_instance == 120


def test_an_unknown_revision_is_an_error(db):
    with pytest.raises(Revision.DoesNotExist):
        config_of(10**9)


@pytest.mark.django_db(transaction=True)
def test_a_committed_revision_is_read_once(tmp_path, django_assert_num_queries):
    project = make_project(tmp_path)
    revision = set_config(project, changed(current(project), 7), None)
    config_of(revision.pk)
    with django_assert_num_queries(0):
        assert config_of(revision.pk).quality_control.minimum_time_per_instance == 420


@pytest.mark.django_db(transaction=True)
def test_a_revision_that_was_rolled_back_is_never_remembered(tmp_path):
    """SQLite gives the id of a row that was rolled back to the next one."""
    project = make_project(tmp_path)
    config = current(project)
    with transaction.atomic():
        gone = set_config(project, changed(config, 1), None).pk
        assert config_of(gone).quality_control.minimum_time_per_instance == 60
        transaction.set_rollback(True)
    project.refresh_from_db()
    kept = set_config(project, changed(config, 2), None)
    assert config_of(kept.pk).quality_control.minimum_time_per_instance == 120
    if connection.vendor == "sqlite":
        assert kept.pk == gone


def test_the_counter_rises_by_one(db, tmp_path):
    project = make_project(tmp_path)
    before = project.seq
    assert [bump(project.pk), bump(project.pk)] == [before + 1, before + 2]
    project.refresh_from_db()
    assert project.seq == before + 2


def test_the_counter_of_no_project_is_an_error(db):
    with pytest.raises(Project.DoesNotExist):
        bump(10**9)


@pytest.mark.django_db(transaction=True)
def test_sixteen_threads_never_get_the_same_number(tmp_path):
    project = make_project(tmp_path)
    before, numbers = project.seq, []

    def work():
        try:
            numbers.extend(bump(project.pk) for _ in range(5))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(before + 1, before + 81))
