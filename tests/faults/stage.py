"""A project of some kind with its people, to whom anything may happen (``acts``), and what came of what was done."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import connection
from django.http import Http404
from django.utils import timezone

from annotation.answers.submission import NotYet
from annotation.assignments import states
from annotation.models import Assignment, Item, Membership, Project, Recruit, Visit
from annotation.projects import forgetting, membership
from annotation.quality.gold import NotGold, set_gold
from potato_site.accounts.models import User
from potato_site.jobs import runner
from potato_site.jobs.models import Job
from tests.factory import FIRST_ERROR, OUTCOME, PER_STEP, make_project, make_trace, person
from traces.models import Trace

State = Assignment.State
REFUSALS = (states.Closed, NotGold, NotYet, membership.Refused, forgetting.CannotForget, Http404)
OUTCOMES = ("resolved", "partial", "not_resolved")
PLANNED = ("annotation.sync_items", "annotation.issues_changed")
REAL_NOW = timezone.now
Act = Callable[["Stage", int, int, int], Any]


class Stage:
    """``has_all``: people come from a platform and are screened, and what is asked leaves no act without an object."""

    def __init__(self, folder: Path, seed: int, *, has_all: bool = False) -> None:
        chance = random.Random(seed)
        self.folder, self.ahead = folder, timedelta()
        # Act → how often it changed something, nothing, was refused.
        self.tally: dict[str, Counter[str]] = {}
        names = ["ann", "bob", "cid", "dan"][: 4 if has_all else chance.randint(2, 4)]
        traces = [make_trace(f"t{n}", chance.choice([1, 3, 5]), issue_id=f"org__repo-{n // 2}") for n in range(6)]
        pairs = [{"annotation_type": "pairwise", "name": "better"}]
        schemes = chance.choice([[FIRST_ERROR, OUTCOME], [PER_STEP, OUTCOME], [FIRST_ERROR, OUTCOME, *pairs]])
        quality = rules(chance) | ({"overlap_percentage": 100} if has_all else {})
        is_screened, recruits = has_all or chance.random() < 0.3, has_all or chance.random() < 0.5
        if is_screened:
            quality["screening"] = {"enabled": True, "items": 1, "retries": chance.choice([0, 1])}
        come = {"platform": "prolific", "completion_code": "C1", "items_per_visit": chance.choice([1, 2, 3])}
        self.project = make_project(
            folder,
            traces=traces,
            schemes=schemes,
            people=names,
            quality_control=quality,
            recruitment=come if recruits else {},
        )
        self.boss = User.objects.create_superuser("boss")
        self.judge = User.objects.create_user("judge")
        Membership.objects.create(project=self.project, user=self.judge, role="adjudicator", source="admin")
        # Who was let through can say what is known.
        for name in names if has_all else names[:1]:
            membership.let_through(self.member_of(person(name)), self.boss)
        for item in Item.objects.filter(project=self.project, kind="trace")[: 4 if is_screened else 0]:
            set_gold(self.project, item, "outcome", {"": OUTCOMES[0]}, user=self.boss)
        self.plan()

    @property
    def now(self) -> datetime:
        return REAL_NOW() + self.ahead

    def act(self, name: str, act: Act, who: int, what: int, how: int) -> None:
        """What is refused is done as well: a sentence says why nothing came of it."""
        ahead, came_to = self.ahead, "nothing"
        try:
            with written() as rows:
                act(self, who, what, how)
            came_to = "something" if rows or self.ahead != ahead else "nothing"
        except REFUSALS as refusal:
            came_to = f"refused: {refusal}"
        self.tally.setdefault(name, Counter())[came_to] += 1

    def told(self) -> str:
        """How often each act came to what."""
        rows = [
            f"  {name}: " + ", ".join(f"{n} {came_to}" for came_to, n in counted.most_common())
            for name, counted in sorted(self.tally.items())
        ]
        return "\n".join(["What the acts came to:", *rows])

    def seen_by_another(self) -> Stage:
        """The same, with a row of the project of its own."""
        other = copy(self)
        other.project = Project.objects.get(pk=self.project.pk)
        return other

    def plan(self) -> None:
        """The jobs that plan items and places are done."""
        while jobs := list(Job.objects.filter(state=Job.State.QUEUED, kind__in=PLANNED)):
            for job in jobs:
                assert runner.run(job.pk)
                job.refresh_from_db()
                assert job.state != Job.State.FAILED, job.error

    def person(self, number: int) -> User:
        """One of those who label here, or did."""
        return self.member(number).user

    def worker(self, number: int, how: int) -> User:
        """Most of the time one of those whom nobody keeps from it."""
        return one_of(self.at_work(), number).user if how % 5 else self.person(number)

    def at_work(self) -> Any:
        return self.members().filter(state="active", stage="production", is_excluded=False)

    def member(self, number: int) -> Membership:
        return one_of(self.members(), number)

    def members(self) -> Any:
        rows = Membership.objects.select_related("project", "user")
        return rows.filter(project=self.project, role="annotator")

    def member_of(self, user: User) -> Membership:
        """Raises Http404 where they do not label here."""
        return one_of(self.members().filter(user=user), 0)

    def recruit(self, number: int) -> Recruit:
        """Raises Http404 where nobody came from a platform."""
        return one_of(Recruit.objects.select_related("user", "project").filter(project=self.project), number)

    def visit(self, number: int, **which: Any) -> Visit:
        return one_of(Visit.objects.select_related("recruit").filter(recruit__project=self.project, **which), number)

    def assignment(self, number: int, *states: str) -> Assignment:
        """Raises Http404 where nobody has one in these states."""
        return one_of(Assignment.objects.filter(project=self.project, state__in=states or State.values), number)

    def work(self, number: int, *states: str) -> tuple[uuid.UUID, User]:
        """Such a one and whose it is."""
        one = self.assignment(number, *states)
        return one.public_id, one.annotator

    def item(self, number: int, **which: Any) -> Item:
        return one_of(Item.objects.filter(project=self.project, **which), number)

    def trace(self, number: int) -> Trace:
        return one_of(Trace.objects.filter(dataset=self.project.dataset_id), number)

    def fresh(self) -> Any:
        self.project.refresh_from_db()
        return self.project


@contextmanager
def written() -> Iterator[list[str]]:
    """The statements of this connection that changed rows."""
    found: list[str] = []

    def look(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        # How many rows an INSERT made that returns them is not known yet.
        if sql.startswith("INSERT") or (sql.startswith(("UPDATE", "DELETE")) and context["cursor"].rowcount > 0):
            found.append(sql)
        return result

    with connection.execute_wrapper(look):
        yield found


def rules(chance: random.Random) -> dict[str, Any]:
    return {
        "overlap_percentage": chance.choice([0, 50, 100]),
        "overlap_depth": chance.choice([2, 3]),
        "tie_breakers": chance.choice([0, 1, 2]),
        "known_answers_percentage": chance.choice([0, 0, 30]),
        "minimum_time_per_instance": 0,
    }


def one_of(rows: Any, number: int) -> Any:
    """One of the rows. Raises Http404 where there is none."""
    found = list(rows.order_by("pk"))
    if not found:
        raise Http404
    return found[number % len(found)]
