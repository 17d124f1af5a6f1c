"""One act on many rows: each row in a short transaction of its own, what was refused named with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.db.models import Model, QuerySet

from annotation import access
from annotation.assignments import managing
from annotation.assignments.states import Closed
from annotation.models import Assignment, Item, Membership
from annotation.projects import membership
from potato_site.accounts.models import User
from potato_site.jobs import enqueue
from potato_site.jobs.models import Job

JOB = "annotation.bulk"
# More than this is done by a job.
AT_ONCE = 100
# More than this is never one act.
LIMIT = 50_000
BATCH = 200
NAMED = 10


@dataclass(frozen=True)
class Act:
    """``do(row, by, options)`` raises Closed or Refused with a sentence. ``done`` reads: 3 assignments were …"""

    model: type[Model]
    done: str
    do: Callable[[Any, User, dict[str, Any]], object]


ACTS: dict[str, Act] = {
    "release": Act(Assignment, "released", lambda row, by, o: managing.release(row.pk, by, o.get("reason", ""))),
    "reassign": Act(Assignment, "reassigned", lambda row, by, o: managing.reassign(row.pk, by, o["to"])),
    "reopen": Act(
        Assignment,
        "reopened",
        lambda row, by, o: managing.reopen(row.pk, by, o.get("reason", ""), anew=o.get("anew", False)),
    ),
    "invalidate": Act(
        Assignment, "invalidated", lambda row, by, o: managing.invalidate(row.pk, by, o.get("reason", ""))
    ),
    "set_priority": Act(
        Item, "given this priority", lambda row, by, o: managing.set_priority(row.pk, by, o["priority"])
    ),
    "keep_for": Act(Item, "given this group", lambda row, by, o: managing.keep_for(row.pk, by, o["group"])),
    "requeue": Act(Item, "put back into the queue", lambda row, by, o: managing.requeue(row.pk, by)),
    "withdraw": Act(Item, "withdrawn", lambda row, by, o: managing.withdraw(row.pk, by)),
    "restore": Act(Item, "restored", lambda row, by, o: managing.restore(row.pk, by)),
    "calibrate": Act(Item, "put into the calibration set", lambda row, by, o: managing.calibrate(row.pk, by)),
    "end_calibration": Act(
        Item, "taken out of the calibration set", lambda row, by, o: managing.end_calibration(row.pk, by)
    ),
    "pause": Act(Membership, "paused", lambda row, by, o: membership.pause(row, by)),
    "resume": Act(Membership, "resumed", lambda row, by, o: membership.resume(row, by)),
    "set_limit": Act(Membership, "given this limit", lambda row, by, o: membership.set_limit(row, by, o["items"])),
    "set_group": Act(Membership, "given this group", lambda row, by, o: membership.set_group(row, by, o["group"])),
    "let_through": Act(Membership, "let through", lambda row, by, o: membership.let_through(row, by)),
    "screen": Act(Membership, "screened after all", lambda row, by, o: membership.let_through(row, by, False)),
    "give_try": Act(Membership, "given a try", lambda row, by, o: membership.give_try(row, by)),
    "remove": Act(Membership, "removed", lambda row, by, o: membership.deactivate(row, by)),
    "exclude": Act(Membership, "left out", lambda row, by, o: membership.exclude(row, by)),
    "include": Act(Membership, "taken in again", lambda row, by, o: membership.exclude(row, by, False)),
}


# What the name of a row needs.
RELATED: dict[type[Model], tuple[str, ...]] = {
    Assignment: ("item__trace_a", "item__trace_b", "annotator"),
    Item: ("trace_a", "trace_b"),
    Membership: ("user",),
}


@dataclass
class Outcome:
    """How many rows were changed, and why the others were not: sentence → how often, with the first few names.

    ``behind`` is the id of the last row that was come to.
    """

    done: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    named: dict[str, list[str]] = field(default_factory=dict)
    behind: int = 0

    @classmethod
    def kept(cls, found: dict[str, Any]) -> Outcome:
        """That of an act which was cut off, from its ``as_kept``; of one that begins from nothing."""
        outcome = cls(found.get("done", 0), behind=found.get("behind", 0))
        for refused in found.get("refused", ()):
            outcome.refused[refused["reason"]] = refused["count"]
            outcome.named[refused["reason"]] = refused["names"]
        return outcome

    def refuse(self, name: str, reason: str) -> None:
        self.refused[reason] += 1
        names = self.named.setdefault(reason, [])
        if len(names) < NAMED:
            names.append(name)

    def as_dict(self) -> dict[str, Any]:
        refused = [{"reason": r, "count": n, "names": self.named[r]} for r, n in self.refused.most_common()]
        return {"done": self.done, "refused": refused}

    def as_kept(self) -> dict[str, Any]:
        return {**self.as_dict(), "behind": self.behind}


def changeable(act: Act, by: User) -> QuerySet[Any]:
    """The rows this person may do it to: those of the projects they manage."""
    return act.model._default_manager.filter(project__in=access.managed(by).values("pk"))


def run(
    name: str,
    pks: Iterable[int],
    by: User,
    options: dict[str, Any],
    *,
    begun: Outcome | None = None,
    keep: Callable[[Outcome], None] = lambda outcome: None,
) -> Outcome:
    """Do it to every row of these ids that ``by`` may change, in their order; others are as if they did not exist.

    ``begun`` is the outcome of the same act that was cut off: it goes on behind it. ``keep`` is called with the outcome
    after each batch, and where an error ends one.
    """
    act, outcome = ACTS[name], begun or Outcome()
    for batch in batches(iter(sorted(pk for pk in pks if pk > outcome.behind))):
        try:
            for row in _rows(act, by).filter(pk__in=batch).order_by("pk"):
                _do(act, row, by, options, outcome)
            outcome.behind = batch[-1]
        finally:
            keep(outcome)
    return outcome


def _do(act: Act, row: Any, by: User, options: dict[str, Any], outcome: Outcome) -> None:
    try:
        act.do(row, by, options)
        outcome.done += 1
    except (Closed, membership.Refused) as refusal:
        outcome.refuse(_name(row), str(refusal))
    outcome.behind = row.pk


def start(name: str, pks: list[int], by: User, options: dict[str, Any], back: str = "") -> Job:
    """The same, by a job; its page shows how far it is, and leads to ``back``, an address of this site."""
    return enqueue(JOB, {"act": name, "pks": pks, "by": by.pk, "options": options, "back": back})


def names_of(name: str, pks: list[int]) -> list[str]:
    """What rows are called, of an act's model."""
    model = ACTS[name].model
    return [
        _name(row) for row in model._default_manager.filter(pk__in=pks).select_related(*RELATED[model]).order_by("pk")
    ]


def _rows(act: Act, by: User) -> QuerySet[Any]:
    return changeable(act, by).select_related(*RELATED[act.model])


def _name(row: Any) -> str:
    if isinstance(row, Assignment):
        return f"{row.item.called} ({row.annotator.get_username()})"
    return row.called if isinstance(row, Item) else row.user.get_username()


def batches(pks: Iterator[int]) -> Iterator[list[int]]:
    while batch := list(islice(pks, BATCH)):
        yield batch
