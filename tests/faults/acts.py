"""What people do to a project: acts that can be taken in any order, and at once (test_any_order).

Whom and what an act is about is told by numbers, so that a list of them tells a whole walk.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import yaml
from django.db.models import Count

from annotation.answers.context import asked_of
from annotation.answers.ops import apply_ops
from annotation.answers.submission import submit
from annotation.assignments import adjudication, leaving, managing, planning, states
from annotation.assignments.handout import hand_out
from annotation.models import Assignment, Gold, Item, Membership, Submission
from annotation.projects import membership
from annotation.projects.apply import apply_text
from annotation.projects.dump import to_yaml
from annotation.projects.revisions import config_of, current
from annotation.projects.withdrawal import set_withdrawn
from annotation.quality.disagreement import n_answers
from annotation.quality.gold import delete_gold, keep_submission, set_gold
from potato_site.accounts.models import User
from tests.factory import OUTCOME, make_trace, op
from tests.faults import crowd
from tests.faults.stage import OUTCOMES, Act, Stage, State, one_of, rules
from traces.imports import import_files
from traces.models import Trace

LABELS = ("correct", "incorrect", "neutral", "partially_correct")


def said(assignment: Assignment, how: int) -> Mapping[str, dict[str, Any]]:
    """An answer to every question that the assignment asks."""
    chance = random.Random(how)
    steps = Item.objects.select_related("a").get(pk=assignment.item_id).a.n_steps
    return {
        scheme.name: {
            "step_reward": {"first_error": {"step": chance.choice([None, *range(steps)])}},
            "per_step": {str(step): {"label": chance.choice(LABELS)} for step in range(steps)},
            # Most often what is known of it: who never passes a screening does nothing else.
            "outcome": {"": chance.choice([OUTCOMES[0]] * 5 + [*OUTCOMES])},
            "better": {"choice": {"side": chance.choice(["a", "b", "tie"])}},
        }[scheme.name]
        for scheme in asked_of(config_of(assignment.revision_id), assignment.item_id)
    }


# --- annotators and adjudicators -----------------------------------------------------------------------------


def ask(stage: Stage, who: int, what: int, how: int) -> None:
    hand_out(stage.fresh(), stage.worker(who, how), stage.now)


def work(stage: Stage, who: int, what: int, how: int) -> None:
    person = stage.worker(who, how)
    found = hand_out(stage.fresh(), person, stage.now).assignment
    if found is not None:
        hand_in(stage, found, person, how)


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


ACTS: dict[str, Act] = {
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
    name = stage.trace(what).external_id if who % 3 == 0 or count > 15 else f"new{count}"
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
    if how % 2:
        membership.exclude(stage.member_of(stage.assignment(what, State.SUBMITTED).annotator), stage.boss)
    left_out = Assignment.objects.left_out().delivered().filter(project=stage.project, slot__isnull=False)
    managing.requeue(one_of(left_out, what).item_id, stage.boss)


def give_to_somebody(stage: Stage, who: int, what: int, how: int) -> None:
    """Most of the time somebody who works here, and has not had the item."""
    one = stage.assignment(what, *(IN_HAND if how % 2 else ()))
    had = Assignment.objects.filter(item=one.item_id).values("annotator")
    to = one_of(stage.at_work().exclude(user__in=had), who) if how % 4 else stage.member(who)
    if how % 4 in (1, 2):
        membership.let_through(to, stage.boss)
    managing.reassign(one.pk, stage.boss, to.user_id, stage.now)


def expire(stage: Stage, who: int, what: int, how: int) -> None:
    """What ran out, or will have soon."""
    states.expire_overdue(stage.now + timedelta(minutes=31 * (how % 2)), stage.project)


def pass_time(stage: Stage, who: int, what: int, how: int) -> None:
    """A lease is half an hour, what was submitted is reopened for a day."""
    stage.ahead += timedelta(minutes=(5, 20, 31, 25 * 60)[how % 4])


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
# Whom or what an act undoes something of; now and then it is taken where there is nothing to undo.
UNDOES: dict[str, dict[str, Any]] = {
    "resume": {"stage": "paused"},
    "take in again": {"is_excluded": True},
    "let back": {"state": "inactive"},
    "restore": {"is_withdrawn": True},
    "end calibration": {"in_calibration": True},
}


def to_a_member(name: str) -> Act:
    def act(stage: Stage, who: int, what: int, how: int) -> None:
        which = UNDOES.get(name, {}) if how % 5 else {}
        MEMBERS[name](one_of(stage.members().filter(**which), who), stage.boss, how)

    return act


def to_an_item(name: str) -> Act:
    def act(stage: Stage, who: int, what: int, how: int) -> None:
        which = UNDOES.get(name, {}) if how % 5 else {}
        ITEMS[name](stage.item(what, **which).pk, stage.boss, how)

    return act


ACTS |= {name: to_a_member(name) for name in MEMBERS} | {name: to_an_item(name) for name in ITEMS}
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
    "give to somebody": give_to_somebody,
    "let change": lambda stage, who, what, how: managing.reopen(
        stage.assignment(what, State.SUBMITTED).pk, stage.boss, now=stage.now, anew=how % 2 == 0
    ),
    "invalidate": lambda stage, who, what, how: managing.invalidate(
        stage.assignment(what, State.SUBMITTED, State.REOPENED).pk, stage.boss
    ),
    "withdraw a trace": lambda stage, who, what, how: set_withdrawn(stage.trace(what), how % 2 == 0, stage.boss),
    "expire": expire,
    "time": pass_time,
}
ACTS |= crowd.ACTS
# Most of all people come and label, and what was taken away from them comes back.
BACK = ("resume", "take in again", "let back", "restore", "let through")
OFTEN = (
    *ACTS, *["work"] * 8, *["ask"] * 4, *["come", "ask for more", "import", "join"] * 2, "decide", "hand in", *BACK * 2
)  # fmt: skip


def take(stage: Stage, name: str, who: int, what: int, how: int) -> None:
    stage.act(name, ACTS[name], who, what, how)
