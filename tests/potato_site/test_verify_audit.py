"""Whoever changes an answer by SQL is found."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from annotation.models import Answer, AnswerEvent, Assignment
from tests.factory import answers, make_project, submit_item

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])


def without_trigger(statement: str) -> None:
    """As somebody would who owns the database."""
    is_sqlite = connection.vendor == "sqlite"
    table = AnswerEvent._meta.db_table
    with connection.cursor() as cursor:
        if is_sqlite:
            cursor.execute("SELECT sql FROM sqlite_master WHERE name = 'answer_event_append_only'")
            (trigger,) = cursor.fetchone()
            cursor.execute("DROP TRIGGER answer_event_append_only")
            cursor.execute(statement)
            cursor.execute(trigger)
        else:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            cursor.execute(statement)
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def alter_event() -> None:
    without_trigger("UPDATE annotation_answerevent SET scheme = 'other' WHERE version = 1")


def remove_last_event() -> None:
    AnswerEvent.objects.filter(pk=AnswerEvent.objects.latest("pk").pk).delete()


def remove_first_event() -> None:
    AnswerEvent.objects.filter(pk=AnswerEvent.objects.earliest("pk").pk).delete()


def alter_answer() -> None:
    Answer.objects.filter(scheme="outcome").update(value={"": "not_resolved"})


def alter_head() -> None:
    Assignment.objects.update(head="f" * 64)


@pytest.mark.parametrize("tamper", [alter_event, remove_last_event, remove_first_event, alter_answer, alter_head])
def test_every_way_of_tampering_is_found(tmp_path, tamper: Callable[[], None], capsys):
    project = make_project(tmp_path)
    submit_item(project, "ann", answers(1, "partial"))
    call_command("verify_audit")
    assert capsys.readouterr().out.strip().endswith("nothing wrong")
    tamper()
    with pytest.raises(CommandError, match="another way"):
        call_command("verify_audit")
    assert f"assignment {Assignment.objects.get().pk}" in capsys.readouterr().err
