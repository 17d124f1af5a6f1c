"""Moving to another database takes everything along, or does not happen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import connection, connections

from annotation.answers.ops import apply_ops
from annotation.models import AnswerEvent, Assignment
from potato_site.accounts.models import User
from potato_site.operations import tables
from potato_site.operations.another import another_database
from tests.deploy.services import database
from tests.factory import op, person
from tests.faults.server import database_url
from tests.migrated import put_migrated
from tests.potato_site import archives
from tests.potato_site.tables_known import rows_known

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "snapshot"]),
    pytest.mark.usefixtures("second_database"),
    pytest.mark.faults,
]
CLONE = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of the installation to be moved, whose database is that of the test."""
    archives.installation(tmp_path)
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / ".gitignore").write_text("*\n")
    return folder


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.services)])
def target(request, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database."""
    if request.param == "sqlite":
        put_migrated(tmp_path / "target.sqlite3")
        yield f"sqlite:///{tmp_path / 'target.sqlite3'}"
        return
    with database(f"{connection.settings_dict['NAME']}_target") as url:
        yield url


def potato(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as somebody runs it who has stopped everything else."""
    url = database_url()
    connections.close_all()
    own = os.environ | {"DATABASE_URL": url, "POTATO_HOME": str(home)} | environment
    command = [sys.executable, "-c", "from potato_site.cli import main; main()", *arguments]
    own = {key: value for key, value in own.items() if value}
    return subprocess.run(command, env=own, cwd=CLONE, capture_output=True, text=True, timeout=240)


def digests(using: str) -> dict[str, tuple[int, str]]:
    found = {tables.label_of(model): tables.digest_of(model, using) for model in tables.tables()}
    return {label: (digest.rows, digest.sha256) for label, digest in found.items()}


def test_everything_arrives_and_people_go_on_there(home: Path, target: str):
    before = digests("default")
    done = potato(home, "move-database", "env:TARGET", TARGET=target)
    assert done.returncode == 0, done.stderr
    assert "DATABASE_URL=" in done.stdout.splitlines()[-1]
    with another_database(target, "moved") as alias:
        assert digests(alias) == before
        assert before["annotation.AnswerEvent"][0] == 5
        newcomer = User.objects.db_manager(alias).create_user("newcomer")
        assert newcomer.pk > User.objects.using(alias).get(username="bob").pk
        with connections[alias].cursor() as cursor, pytest.raises(Exception, match="append-only"):
            cursor.execute("UPDATE annotation_answerevent SET scheme = 'x'")
        if connections[alias].vendor == "postgresql":
            for table in (Assignment, AnswerEvent, User):
                assert rows_known(table, alias) >= before[tables.label_of(table)][0] > 0


def test_back_again_it_is_the_same(home: Path, target: str, tmp_path: Path):
    before = digests("default")
    assert potato(home, "move-database", target).returncode == 0
    back = tmp_path / "back.sqlite3"
    done = potato(home, "move-database", f"sqlite:///{back}", DATABASE_URL=target)
    assert done.returncode == 0, done.stderr
    with another_database(f"sqlite:///{back}", "back") as alias:
        assert digests(alias) == before


def test_a_target_with_something_in_it_is_refused(home: Path, target: str):
    assert potato(home, "move-database", target).returncode == 0
    again = potato(home, "move-database", target)
    assert again.returncode == 1
    assert "the target is not empty" in again.stderr


def test_the_database_in_use_is_no_target(home: Path):
    done = potato(home, "move-database", database_url())
    assert (done.returncode, "database in use" in done.stderr) == (1, True)


def test_it_waits_for_nobody_while_the_home_is_served(home: Path, target: str):
    program = (
        "import pathlib\n"
        "from potato_site.supervise import hold_for_exec\n"
        f"hold_for_exec(pathlib.Path({str(home)!r}))\n"
        "print('held', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=CLONE, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as served:
        assert served.stdout is not None
        assert served.stdout.readline() == b"held\n"
        done = potato(home, "move-database", target)
        served.terminate()
    assert done.returncode == 1
    assert "is in use" in done.stderr
    assert "Nothing was moved" in done.stderr


@pytest.mark.services
def test_other_programs_on_the_source_stop_it(home: Path, tmp_path: Path):
    url = database_url()
    connections.close_all()
    with psycopg.connect(url):
        done = potato(home, "move-database", f"sqlite:///{tmp_path / 'x.sqlite3'}")
    assert done.returncode == 1
    assert "1 other connection is open to the source" in done.stderr


def test_nothing_can_be_saved_while_it_moves_and_all_can_afterwards(home: Path, tmp_path: Path):
    """The copy must not miss what is saved meanwhile: so nothing is."""
    from potato_site.operations.move import move

    assignment = Assignment.objects.get(annotator=person("ann"))
    Assignment.objects.filter(pk=assignment.pk).update(state="reopened")
    tried = []

    def meanwhile(what: str) -> None:
        if what == "annotation.AnswerEvent":
            program = (
                "import django; django.setup()\n"
                "from django.db import connection\n"
                "c = connection.cursor()\n"
                "c.execute(\"SET lock_timeout = '300ms'\" if connection.vendor == 'postgresql' "
                "else 'PRAGMA busy_timeout = 300')\n"
                'c.execute("UPDATE annotation_answer SET version = 99")\n'
            )
            own = os.environ | {"DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "potato_site.settings"}
            tried.append(subprocess.run([sys.executable, "-c", program], env=own, cwd=CLONE, capture_output=True))

    connections["snapshot"].close()
    with archives.empty(tmp_path) as (alias, _):
        move("default", alias, meanwhile)
    assert [run.returncode for run in tried] == [1]
    assert b"lock" in tried[0].stderr
    apply_ops(assignment.public_id, person("ann"), [op("outcome", {"": "resolved"}, base=assignment.version)])
    assert AnswerEvent.objects.filter(assignment=assignment).count() == assignment.version + 1


def test_a_move_that_is_killed_leaves_the_target_empty_and_can_be_done_again(home: Path, target: str):
    program = (
        "import os, django; django.setup()\n"
        "from django.core.management import call_command\n"
        "from potato_site.operations.another import another_database\n"
        "from potato_site.operations.move import move\n"
        "die = lambda what: os.kill(os.getpid(), 9) if what == 'traces.Trace' else None\n"
        f"with another_database({target!r}, 'target') as alias:\n"
        "    call_command('migrate', database=alias, interactive=False, verbosity=0)\n"
        "    move('default', alias, die)\n"
    )
    own = os.environ | {"DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "potato_site.settings"}
    connections.close_all()
    killed = subprocess.run([sys.executable, "-c", program], env=own, cwd=CLONE, timeout=120, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    with another_database(target, "half") as alias:
        assert not User.objects.using(alias).exists()
    assert potato(home, "move-database", target).returncode == 0


def test_nobody_goes_on_in_the_old_database_by_mistake(home: Path, tmp_path: Path):
    put_migrated(home / "db.sqlite3")
    url = f"sqlite:///{tmp_path / 'new.sqlite3'}"
    assert potato(home, "move-database", url, DATABASE_URL="").returncode == 0
    done = potato(home, "verify-audit", DATABASE_URL="")
    assert done.returncode == 1
    assert f"was moved to {url}: set DATABASE_URL" in done.stderr
    assert potato(home, "verify-audit", DATABASE_URL=url).returncode == 0


@pytest.mark.services
@pytest.mark.parametrize("target", ["postgres"], indirect=True)
def test_the_password_of_the_target_is_not_printed(home: Path, target: str):
    done = potato(home, "move-database", "env:TARGET", TARGET=target.replace(":@", ":hunter2@"))
    assert ":***@" in done.stdout.splitlines()[-1]
    assert "hunter2" not in done.stdout + done.stderr
