"""Random walks through what people may do: in any order, and at once. What must hold then stands in ``always``.

``WALKS=200 pytest -s tests/faults/test_any_order.py`` takes more of them, and tells what the acts came to.
"""

from __future__ import annotations

import os
import random
import threading
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from annotation.assignments import states
from potato_site.jobs.models import Job
from tests.faults import always
from tests.faults.acts import ACTS, BACK, OFTEN, take
from tests.faults.stage import Stage

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True, databases=["default", "snapshot"])]
WALKS = range(int(os.environ.get("WALKS", "2")))
ACTS_OF_A_WALK, LOOK_EVERY = 60, 15
AT_ONCE, ACTS_OF_EACH = 6, 25
# Time goes on for all of them.
ALONE = {"time"}
# A seed by which every act soon comes to something, and after how many acts it is said that some never do.
EVERY, MOST_ACTS = 7, 1500


def drawn(chance: random.Random, names: tuple[str, ...]) -> tuple[str, int, int, int]:
    return chance.choice(names), chance.randrange(1000), chance.randrange(1000), chance.randrange(1000)


@pytest.fixture
def make_stage(tmp_path, monkeypatch) -> Callable[..., Stage]:
    """A stage whose time is the time."""

    def make(seed: int, **options: Any) -> Stage:
        stage = Stage(tmp_path, seed, **options)
        monkeypatch.setattr(timezone, "now", lambda: stage.now)
        return stage

    return make


def test_every_act_comes_to_something(make_stage):
    """Acts that are refused again and again look into nothing."""
    stage, chance = make_stage(EVERY, has_all=True), random.Random(EVERY)
    left = set(ACTS)
    for number in range(1, MOST_ACTS + 1):
        # Those that come to something by others before them have their turn between these.
        take(stage, *drawn(chance, (*OFTEN, *sorted(left) * 8)))
        left = {name for name in ACTS if not stage.tally.get(name, {}).get("something")}
        if not left:
            break
        if number % 100 == 0:
            begin_again(stage)
    assert not left, stage.told()


def begin_again(stage: Stage) -> None:
    """There are people and items to do something with, whatever was taken away."""
    for number in range(8):
        for name in (*BACK, "end calibration", "import", "join"):
            take(stage, name, number, number, 2 * number + 1)


@pytest.mark.parametrize("seed", WALKS)
def test_whatever_people_do_in_any_order(tmp_path, client, make_stage, seed):
    stage, chance, exported = make_stage(seed), random.Random(seed), always.Exported(tmp_path)
    done: list[tuple[str, int, int, int]] = []
    try:
        for number in range(1, ACTS_OF_A_WALK + 1):
            done.append(drawn(chance, OFTEN))
            take(stage, *done[-1])
            always.answers_are_what_was_done(stage)
            always.places_are_well_filled(stage)
            always.shares_are_paid_once(stage)
            if number % LOOK_EVERY == 0:
                rest(stage)
                exported.goes_on(stage)
        always.pages_are_shown(stage, client)
    except BaseException as error:
        error.add_note(f"after {done}")
        raise
    print(stage.told())


def rest(stage: Stage) -> None:
    """Nobody does anything, and the jobs are done."""
    stage.plan()
    always.answers_are_what_was_done(stage)
    always.places_are_well_filled(stage)
    always.items_have_their_places(stage)
    always.who_could_work_gets_something(stage)
    always.nobody_labels_before_they_passed(stage)
    always.shares_are_paid_once(stage)
    always.numbers_agree(stage)


@pytest.mark.services
@pytest.mark.parametrize("seed", WALKS)
def test_whatever_people_do_at_once(make_stage, seed):
    """Nothing deadlocks, nothing fails, and afterwards all is as if they had done it one after the other."""
    stage, names = make_stage(seed), tuple(name for name in OFTEN if name not in ALONE)
    for number in range(12):
        take(stage, "work", number, 0, number)
    errors: list[str] = []
    over = threading.Event()

    def walk(number: int) -> None:
        chance = random.Random(seed * 1000 + number)
        for _ in range(ACTS_OF_EACH):
            act = drawn(chance, names)
            attempt(lambda act=act: take(mine[number], *act), str(act))
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
    rest(stage)
    print(stage.told())
