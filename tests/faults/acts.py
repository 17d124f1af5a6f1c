"""What people do to a project: acts that can be taken in any order, and at once (test_any_order).

Whom and what an act is about is told by numbers, so that a list of them tells a whole walk.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable, Mapping
from copy import copy
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from django.db.models import Count
from django.http import Http404
from django.utils import timezone

from annotation.answers.context import asked_of
from annotation.answers.ops import apply_ops
from annotation.answers.submission import NotYet, submit
from annotation.assignments import adjudication, leaving, managing, planning, states
from annotation.assignments.handout import hand_out
from annotation.models import Assignment, Gold, Item, Membership, Project, Submission
from annotation.projects import membership
from annotation.projects.apply import apply_text
from annotation.projects.dump import to_yaml
from annotation.projects.revisions import config_of, current
from annotation.projects.withdrawal import set_withdrawn
from annotation.quality.disagreement import n_answers
from annotation.quality.gold import NotGold, delete_gold, keep_submission, set_gold
from potato_site.accounts.models import User
from potato_site.jobs import runner
from potato_site.jobs.models import Job
from tests.factory import FIRST_ERROR, OUTCOME, PER_STEP, make_project, make_trace, op, person
from traces.imports import import_files
from traces.models import Trace

State = Assignment.State
REFUSALS = (states.Closed, NotGold, NotYet, membership.Refused, Http404)
OUTCOMES = ("resolved", "partial", "not_resolved")
PLANNED = ("annotation.sync_items", "annotation.issues_changed")
LABELS = ("correct", "incorrect", "neutral", "partially_correct")


class Stage:
    """A project of some kind with its people, and the time it is there."""

    def __init__(self, folder: Path, seed: int) -> None:
        chance = random.Random(seed)
        self.folder, self.now = folder, timezone.now()
        names = ["ann", "bob", "cid", "dan"][: chance.randint(2, 4)]
        traces = [make_trace(f"t{n}", chance.choice([1, 3, 5]), issue_id=f"org__repo-{n // 2}") for n in range(5)]
        pairs = [{"annotation_type": "pairwise", "name": "better"}]
        schemes = chance.choice([[FIRST_ERROR, OUTCOME], [PER_STEP, OUTCOME], [FIRST_ERROR, OUTCOME, *pairs]])
        self.project = make_project(folder, traces=traces, schemes=schemes, people=names, quality_control=rules(chance))
        self.people = [person(name) for name in names]
        self.boss = User.objects.create_superuser("boss")
        self.judge = User.objects.create_user("judge")
        Membership.objects.create(project=self.project, user=self.judge, role="adjudicator", source="admin")
        self.plan()

    def act(self, name: str, who: int, what: int, how: int) -> None:
        """What is refused is done as well: a sentence says why nothing came of it."""
        try:
            ACTS[name](self, who, what, how)
        except REFUSALS:
            pass

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
        return self.people[number % len(self.people)]

    def member(self, number: int) -> Membership:
        rows = Membership.objects.select_related("project", "user")
        return rows.get(project=self.project, user=self.person(number), role="annotator")

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


def said(assignment: Assignment, how: int) -> Mapping[str, dict[str, Any]]:
    """An answer to every question that the assignment asks."""
    chance = random.Random(how)
    steps = Item.objects.select_related("a").get(pk=assignment.item_id).a.n_steps
    return {
        scheme.name: {
            "step_reward": {"first_error": {"step": chance.choice([None, *range(steps)])}},
            "per_step": {str(step): {"label": chance.choice(LABELS)} for step in range(steps)},
            "outcome": {"": chance.choice(OUTCOMES)},
            "better": {"choice": {"side": chance.choice(["a", "b", "tie"])}},
        }[scheme.name]
        for scheme in asked_of(config_of(assignment.revision_id), assignment.item_id)
    }


# --- annotators and adjudicators -----------------------------------------------------------------------------


def ask(stage: Stage, who: int, what: int, how: int) -> None:
    hand_out(stage.fresh(), stage.person(who), stage.now)


def work(stage: Stage, who: int, what: int, how: int) -> None:
    found = hand_out(stage.fresh(), stage.person(who), stage.now).assignment
    if found is not None:
        hand_in(stage, found, stage.person(who), how)


def hand_in(stage: Stage, assignment: Assignment, by: User, how: int) -> None:
    assignment = Assignment.objects.filter(pk=assignment.pk).first() or assignment
    version = assignment.version
    ops = [op(name, changes, base=version) for name, changes in said(assignment, how).items()]
    submit(
        assignment.public_id, by, {"op_id": uuid.uuid4().hex, "tab": "tab", "version": version, "ops": ops}, stage.now
    )


def hand_in_something(stage: Stage, who: int, what: int, how: int) -> None:
    one = stage.assignment(what, State.OPEN, State.REOPENED, State.EXPIRED, State.RELEASED)
    hand_in(stage, one, one.annotator, how)


def answer(stage: Stage, who: int, what: int, how: int) -> None:
    one = stage.assignment(what, State.OPEN, State.REOPENED, State.EXPIRED, State.VOID)
    name, changes = next(iter(said(one, how).items()))
    apply_ops(one.public_id, one.annotator, [op(name, changes, base=one.version, tab=f"tab{how % 3}")], stage.now)


def decide(stage: Stage, who: int, what: int, how: int) -> None:
    given = Assignment.objects.delivered().filter(project=stage.project, purpose=Assignment.Purpose.PRODUCTION)
    several = given.order_by().values("item").annotate(n=Count("pk")).filter(n__gt=1)
    item = stage.item(what, pk__in=several.values("item"))
    mine = adjudication.open_item(item, stage.judge, n_answers(stage.fresh(), item), stage.now)
    if how % 2:
        hand_in(stage, mine, stage.judge, how)


ACTS: dict[str, Callable[[Stage, int, int, int], Any]] = {
    "ask": ask,
    "work": work,
    "hand in": hand_in_something,
    "answer": answer,
    "decide": decide,
    "skip": lambda stage, who, what, how: states.skip(*stage.work(what, State.OPEN)),
    "give back": lambda stage, who, what, how: states.release(*stage.work(what, State.OPEN)),
    "reopen": lambda stage, who, what, how: states.reopen(*stage.work(what, State.SUBMITTED), stage.now),
    "leave as it was": lambda stage, who, what, how: leaving.leave_as_it_was(
        *stage.work(what, State.REOPENED), now=stage.now
    ),
}


# --- managers ------------------------------------------------------------------------------------------------


def change_the_rules(stage: Stage, who: int, what: int, how: int) -> None:
    config = yaml.safe_load(to_yaml(current(stage.fresh())))
    key = ("overlap_percentage", "overlap_depth", "tie_breakers", "known_answers_percentage")[what % 4]
    config.setdefault("quality_control", {})[key] = rules(random.Random(how))[key]
    apply_text(stage.project, yaml.safe_dump(config), stage.boss)


def change_a_question(stage: Stage, who: int, what: int, how: int) -> None:
    config = yaml.safe_load(to_yaml(current(stage.fresh())))
    outcome = next(one for one in config["annotation_schemes"] if one["name"] == "outcome")
    # Another meaning, or other words alone.
    outcome["options"] = OUTCOME["options"] + ([{"value": "unclear", "text": "Unclear"}] if how % 2 else [])
    outcome["label"] = f"Wording {what % 3}"
    apply_text(stage.project, yaml.safe_dump(config), stage.boss)


def import_more(stage: Stage, who: int, what: int, how: int) -> None:
    """A new trace, or one that is there in another version."""
    count = Trace.objects.filter(dataset=stage.project.dataset_id).count()
    name = stage.trace(what).external_id if who % 2 or count > 8 else f"new{count}"
    file = stage.folder / f"{uuid.uuid4().hex}.jsonl"
    file.write_text(json.dumps(make_trace(name, 1 + how % 6, issue_id="org__repo-1", title=f"{how}")))
    import_files(stage.project.dataset, [file])
    planning.request(stage.project.dataset_id)


def know(stage: Stage, who: int, what: int, how: int) -> None:
    set_gold(stage.fresh(), stage.item(what, kind="trace"), "outcome", {"": OUTCOMES[how % 3]}, user=stage.boss)


def keep_as_known(stage: Stage, who: int, what: int, how: int) -> None:
    current_ones = Submission.objects.filter(project=stage.project, is_current=True)
    keep_submission(stage.fresh(), one_of(current_ones.select_related("assignment__item"), what), stage.boss)


def queue_again(stage: Stage, who: int, what: int, how: int) -> None:
    left_out = Assignment.objects.left_out().delivered().filter(project=stage.project, slot__isnull=False)
    managing.requeue(one_of(left_out, what).item_id, stage.boss)


def pass_time(stage: Stage, who: int, what: int, how: int) -> None:
    """A lease is half an hour, what was submitted is reopened for a day."""
    stage.now += timedelta(minutes=(5, 20, 31, 25 * 60)[how % 4])


IN_HAND = (State.OPEN, State.RESERVED)
MEMBERS: dict[str, Callable[[Membership, User, int], Any]] = {
    "pause": lambda member, by, how: membership.pause(member, by),
    "resume": lambda member, by, how: membership.resume(member, by),
    "leave out": lambda member, by, how: membership.exclude(member, by, True),
    "take in again": lambda member, by, how: membership.exclude(member, by, False),
    "remove": lambda member, by, how: membership.deactivate(member, by),
    "let back": lambda member, by, how: membership.activate(member, by),
    "limit": lambda member, by, how: membership.set_limit(member, by, (None, 1, 2, 3)[how % 4]),
    "group": lambda member, by, how: membership.set_group(member, by, ("", "senior")[how % 2]),
}
ITEMS: dict[str, Callable[[int, User, int], Any]] = {
    "put first": lambda item, by, how: managing.set_priority(item, by, how % 5 - 2),
    "keep for a group": lambda item, by, how: managing.keep_for(item, by, ("", "senior")[how % 2]),
    "withdraw": lambda item, by, how: managing.withdraw(item, by),
    "restore": lambda item, by, how: managing.restore(item, by),
    "calibrate": lambda item, by, how: managing.calibrate(item, by),
    "end calibration": lambda item, by, how: managing.end_calibration(item, by),
}
ACTS |= {
    name: lambda stage, who, what, how, act=act: act(stage.member(who), stage.boss, how)
    for name, act in MEMBERS.items()
}  # fmt: skip
ACTS |= {
    name: lambda stage, who, what, how, act=act: act(stage.item(what).pk, stage.boss, how)
    for name, act in ITEMS.items()
}  # fmt: skip
ACTS |= {
    "change the rules": change_the_rules,
    "change a question": change_a_question,
    "import": import_more,
    "know": know,
    "keep as known": keep_as_known,
    "queue again": queue_again,
    "forget what is known": lambda stage, who, what, how: delete_gold(
        stage.fresh(), one_of(Gold.objects.filter(item__project=stage.project), what), stage.boss
    ),
    "take back": lambda stage, who, what, how: managing.release(stage.assignment(what, *IN_HAND).pk, stage.boss),
    "give to somebody": lambda stage, who, what, how: managing.reassign(
        stage.assignment(what).pk, stage.boss, stage.person(who).pk, stage.now
    ),
    "let change": lambda stage, who, what, how: managing.reopen(
        stage.assignment(what, State.SUBMITTED).pk, stage.boss, now=stage.now, anew=how % 2 == 0
    ),
    "invalidate": lambda stage, who, what, how: managing.invalidate(
        stage.assignment(what, State.SUBMITTED, State.REOPENED).pk, stage.boss
    ),
    "withdraw a trace": lambda stage, who, what, how: set_withdrawn(stage.trace(what), how % 2 == 0, stage.boss),
    "expire": lambda stage, who, what, how: states.expire_overdue(stage.now, stage.project),
    "time": pass_time,
}
# Most of all people label, and what was taken away from them comes back.
OFTEN = (*ACTS, *["work"] * 8, *["ask"] * 4, "decide", "resume", "take in again", "let back", "restore", "hand in")
