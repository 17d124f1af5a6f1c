"""Between tests that commit, the tables are emptied: by the quick way of tests/emptying.py on Postgres."""

import threading

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection, transaction

from annotation.models import AnswerEvent, Project
from potato_site.accounts.models import User
from tests import factory

pytestmark = pytest.mark.django_db(transaction=True)


def empty() -> None:
    """As Django does it after a test."""
    call_command("flush", verbosity=0, interactive=False, reset_sequences=False, inhibit_post_migrate=False)


def rows() -> dict[str, int]:
    """Table → number of rows, where there are any."""
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    with connection.cursor() as cursor:
        counts = {name: cursor.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}
    return {name: count for name, count in counts.items() if count}


def test_nothing_is_left_but_the_types_of_content(tmp_path):
    project = factory.make_project(tmp_path)
    factory.submit_item(project, "ann", factory.answers(2))
    assert AnswerEvent.objects.exists()
    empty()
    assert list(rows()) == ["django_content_type"]
    assert ContentType.objects.get_for_model(Project).model_class() is Project


def test_what_another_connection_is_about_to_commit_goes_too(tmp_path):
    """A thread that a test forgot, or what a killed process still had running."""
    started, done = threading.Event(), threading.Event()

    def forgotten() -> None:
        with transaction.atomic():
            User.objects.create_user("late")
            started.set()
            done.wait(1)
        connection.close()

    thread = threading.Thread(target=forgotten)
    thread.start()
    started.wait(30)
    empty()
    done.set()
    thread.join()
    assert not User.objects.exists()
