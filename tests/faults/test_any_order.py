"""Random walks through what people may do: in any order, and at once. What must hold then stands in ``always``.

``WALKS=200 pytest tests/faults/test_any_order.py`` takes more of them.
"""

from __future__ import annotations

import os
import random
import threading
import traceback

import pytest
from django.db import connections

from annotation.assignments import states
from annotation.models import Project
from potato_site.jobs.models import Job
from tests.faults import always
from tests.faults.acts import OFTEN, Stage

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])]
WALKS = range(int(os.environ.get("WALKS", "2")))
ACTS_OF_A_WALK, LOOK_EVERY = 60, 15
AT_ONCE, ACTS_OF_EACH = 6, 25
# Two imports of a file at once are a matter of their own (tests/traces), and so is time.
ALONE = {"import", "time"}


def drawn(chance: random.Random, names: tuple[str, ...]) -> tuple[str, int, int, int]:
    return chance.choice(names), chance.randrange(1000), chance.randrange(1000), chance.randrange(1000)


@pytest.mark.parametrize("seed", WALKS)
def test_whatever_people_do_in_any_order(tmp_path, client, seed):
    stage, chance, exported = Stage(tmp_path, seed), random.Random(seed), always.Exported(tmp_path)
    done: list[tuple[str, int, int, int]] = []
    try:
        for number in range(1, ACTS_OF_A_WALK + 1):
            done.append(drawn(chance, OFTEN))
            stage.act(*done[-1])
            always.answers_are_what_was_done(stage)
            always.places_are_well_filled(stage)
            if number % LOOK_EVERY == 0:
                rest(stage)
                exported.goes_on(stage)
        always.pages_are_shown(stage, client)
    except BaseException as error:
        error.add_note(f"after {done}")
        raise


def rest(stage: Stage) -> None:
    """Nobody does anything, and the jobs are done."""
    stage.plan()
    always.answers_are_what_was_done(stage)
    always.places_are_well_filled(stage)
    always.items_have_their_places(stage)
    always.who_could_work_gets_something(stage)
    always.numbers_agree(stage)


@pytest.mark.services
@pytest.mark.parametrize("seed", WALKS)
def test_whatever_people_do_at_once(tmp_path, seed):
    """Nothing deadlocks, nothing fails, and afterwards all is as if they had done it one after the other."""
    stage, names = Stage(tmp_path, seed), tuple(name for name in OFTEN if name not in ALONE)
    for number in range(12):
        stage.act("work", number, 0, number)
    errors: list[str] = []
    over = threading.Event()

    def walk(number: int) -> None:
        chance = random.Random(seed * 1000 + number)
        for _ in range(ACTS_OF_EACH):
            act = drawn(chance, names)
            attempt(lambda act=act: mine[number].act(*act), str(act))
        connections.close_all()

    def keep_house() -> None:
        while not over.wait(0.02):
            attempt(mine[-1].plan, "plan")
            attempt(lambda: states.expire_overdue(stage.now, stage.project), "expire")
        connections.close_all()

    def attempt(what, told: str) -> None:
        try:
            what()
        except Exception:
            errors.append(f"{told}\n{traceback.format_exc()}")

    # Each has the project's row as read by themselves.
    mine = [stage.seen_by_another() for _ in range(AT_ONCE + 1)]
    house = threading.Thread(target=keep_house)
    people = [threading.Thread(target=walk, args=(number,)) for number in range(AT_ONCE)]
    for thread in (house, *people):
        thread.start()
    for thread in people:
        thread.join()
    over.set()
    house.join()
    assert not errors, "\n".join(errors)
    assert not Job.objects.filter(state=Job.State.FAILED).exists()
    assert Project.objects.get(pk=stage.project.pk).seq >= 12
    rest(stage)
