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
    "reopen": Act(Assignment, "reopened", lambda row, by, o: managing.reopen(row.pk, by)),
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


@dataclass
class Outcome:
    """How many rows were changed, and why the others were not: sentence → how often, with the first few names."""

    done: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    named: dict[str, list[str]] = field(default_factory=dict)

    def refuse(self, name: str, reason: str) -> None:
        self.refused[reason] += 1
        names = self.named.setdefault(reason, [])
        if len(names) < NAMED:
            names.append(name)

    def as_dict(self) -> dict[str, Any]:
        refused = [{"reason": r, "count": n, "names": self.named[r]} for r, n in self.refused.most_common()]
        return {"done": self.done, "refused": refused}


def changeable(act: Act, by: User) -> QuerySet[Any]:
    """The rows this person may do it to: those of the projects they manage."""
    return act.model._default_manager.filter(project__in=access.managed(by).values("pk"))


def run(
    name: str,
    pks: Iterable[int],
    by: User,
    options: dict[str, Any],
    progress: Callable[[int], None] = lambda done: None,
) -> Outcome:
    """Do it to every row of these ids that ``by`` may change; others are as if they did not exist."""
    act, outcome, seen = ACTS[name], Outcome(), 0
    for batch in batches(iter(pks)):
        for row in _rows(act, by).filter(pk__in=batch).order_by("pk"):
            try:
                act.do(row, by, options)
                outcome.done += 1
            except (Closed, membership.Refused) as refusal:
                outcome.refuse(_name(row), str(refusal))
        seen += len(batch)
        progress(seen)
    return outcome


def start(name: str, pks: list[int], by: User, options: dict[str, Any]) -> Job:
    """The same, by a job; its page shows how far it is."""
    return enqueue(JOB, {"act": name, "pks": pks, "by": by.pk, "options": options})


def _rows(act: Act, by: User) -> QuerySet[Any]:
    related = {
        Assignment: ("item__trace_a", "item__trace_b", "annotator"),
        Item: ("trace_a", "trace_b"),
        Membership: ("user",),
    }[act.model]
    return changeable(act, by).select_related(*related)


def _name(row: Any) -> str:
    if isinstance(row, Assignment):
        return f"{row.item.called} ({row.annotator.get_username()})"
    return row.called if isinstance(row, Item) else row.user.get_username()


def batches(pks: Iterator[int]) -> Iterator[list[int]]:
    while batch := list(islice(pks, BATCH)):
        yield batch
