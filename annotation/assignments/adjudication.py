"""Deciding where annotators differ: an assignment of its own, whose submission is the item's final answer.

Who may decide in the project is the caller's look-up. That nobody decides on their own label, and that one person
decides on an item at a time, is guarded by constraints: unique (item, annotator), one adjudication of an item.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.formats import date_format

from annotation.assignments import states, timing
from annotation.models import Assignment, Item, Membership

State = Assignment.State
# Whoever decided, or began to, may do so again from these.
AGAIN = (*states.RESUMABLE, State.SKIPPED, State.VOID)
LEAST_ANSWERS = 2


def open_item(item: Item, user: Any, n_answers: int, now: datetime | None = None) -> Assignment:
    """The person's adjudication of an item that ``n_answers`` people answered: opened, or opened again.

    What they were deciding before goes back with its answers: one at a time. Raises states.Closed with a sentence.
    """
    now = now or timezone.now()
    if n_answers < LEAST_ANSWERS or item.is_gone:
        raise states.Closed("There is nothing to decide here: fewer than two answers to this item count.")
    # Apart, because it stays whatever becomes of the rest.
    _end_overdue(item, now)
    try:
        with transaction.atomic():
            # Two requests of one person wait for each other here, as where items are handed out.
            list(Membership.objects.select_for_update().filter(project=item.project_id, user=user).order_by("pk"))
            return _open(item, user, now)
    except IntegrityError:
        raise states.Closed(_who_decides(item) or "Somebody opened this item just now. Try again.") from None


def _end_overdue(item: Item, now: datetime) -> None:
    """Somebody who went away in the midst keeps nobody waiting."""
    for pk in Assignment.objects.deciding().filter(item=item, lease_until__lt=now).values_list("pk", flat=True):
        states.expire(pk, now)


def _open(item: Item, user: Any, now: datetime) -> Assignment:
    locked = Assignment.objects.select_for_update(of=("self",)).filter(annotator=user, project=item.project_id)
    mine = locked.filter(item=item).first()
    if mine is not None and not mine.is_adjudication:
        raise states.Closed("You had this item as an annotator: somebody else has to decide it.")
    if mine is not None and mine.state in states.LABELING:
        states.renew_lease(mine, now)
        return mine
    if taken := _who_decides(item, besides=user):
        raise states.Closed(taken)
    _give_back_other(locked.filter(state=State.OPEN).first())
    if mine is None:
        return _create(item, user, now)
    if mine.state == State.SUBMITTED:
        states.reopen_for(mine, now, states.LEASE)
    else:
        states.resume(mine, now)
    return mine


def _give_back_other(current: Assignment | None) -> None:
    if current is None:
        return
    if not current.is_adjudication:
        raise states.Closed("You have another item of this project open. Finish it, or skip it, first.")
    states.give_back(current)


def _create(item: Item, user: Any, now: datetime) -> Assignment:
    assignment = Assignment.objects.create(
        item=item,
        project_id=item.project_id,
        annotator=user,
        purpose=Assignment.Purpose.ADJUDICATION,
        state=State.OPEN,
        revision_id=item.project.revision_id,
        # Of a pair the first trace stands on the left: so do the answers beside it speak of it.
        swapped=False,
        opened_at=now,
        lease_until=now + states.LEASE,
    )
    timing.start_clock(assignment, now)
    return assignment


def _who_decides(item: Item, besides: Any = None) -> str:
    """Why nobody else can decide now; empty when somebody can."""
    found = Assignment.objects.deciding().filter(item=item).select_related("annotator")
    if besides is not None:
        found = found.exclude(annotator=besides)
    other = found.first()
    if other is None:
        return ""
    name = other.annotator.get_username()
    if other.state == State.SUBMITTED:
        latest = other.submissions.filter(is_current=True).first()
        on = f" on {date_format(timezone.localtime(latest.submitted_at), 'j M Y')}" if latest else ""
        return f"{name} decided this item{on}. A manager can invalidate that answer; then it can be decided anew."
    return f"{name} is deciding this item now."
