"""Every 30 s, in one worker at a time: ring for jobs nobody runs, forget old rows, and what the apps ask for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db.models import Exists, ManyToOneRel, OuterRef, Q, QuerySet
from django.utils import timezone

from potato_site.jobs import bell
from potato_site.jobs.handle import lease_end
from potato_site.jobs.models import Job
from potato_site.jobs.registry import ticks

logger = logging.getLogger(__name__)

TICK = "jobs.tick"
# A ring this old was lost. Jobs rung for at one tick: more would bury a slow worker under messages.
RING_AGAIN_SECONDS = 30
RINGS_PER_TICK = 200
KEEP_DAYS = 30
PRUNED_PER_TICK = 1000


def tick() -> bool:
    """Run everything once. False: another worker is doing so, or does the rest, as this one took too long."""
    turn = _take_turn()
    if turn is None:
        return False
    try:
        for name, function in {"ring_again": ring_again, "forget": forget, **ticks}.items():
            if not _renew(turn):
                logger.warning("The tick stops before %s: one of its functions took longer than a lease", name)
                return False
            _guarded(name, function)
    finally:
        _tick_row().filter(attempt=turn).update(state=Job.State.QUEUED, lease_until=None)
    return True


def ring_again() -> int:
    """Ring for due jobs nobody heard of, and for those whose runner let the lease lapse. How many."""
    now = timezone.now()
    forgotten = Q(state=Job.State.QUEUED, due_at__lte=now) | Q(state=Job.State.RUNNING, lease_until__lt=now)
    unheard = Q(rung_at=None) | Q(rung_at__lt=now - timedelta(seconds=RING_AGAIN_SECONDS))
    jobs = Job.objects.filter(forgotten, unheard).exclude(kind=TICK).order_by("due_at", "id")
    rung = []
    for pk, queue in jobs.values_list("pk", "queue")[:RINGS_PER_TICK]:
        if not bell.ring(pk, queue):
            break
        rung.append(pk)
    return Job.objects.filter(pk__in=rung).update(rung_at=now) if rung else 0


def forget() -> None:
    """Delete some of the rows of finished work that nobody will look at any more."""
    before = timezone.now() - timedelta(days=KEEP_DAYS)
    # A job is due before it ends, and by the time it was due an index finds it. One that was cancelled while it waited
    # is kept until it would have been due.
    old = Job.objects.filter(due_at__lt=before, finished_at__lt=before)
    failed = old.filter(state=Job.State.FAILED)
    # What failed is told by the row it was for, as long as there is one.
    for one in _rows_of_a_job():
        failed = failed.exclude(Exists(one.model._base_manager.filter(**{one.name: OuterRef("pk")})))
    for over in (old.filter(state__in=[Job.State.DONE, Job.State.CANCELLED]), failed):
        Job.objects.filter(pk__in=list(over.values_list("pk", flat=True)[:PRUNED_PER_TICK])).delete()


def _rows_of_a_job() -> list[Any]:
    """The foreign keys to a job, of other apps."""
    return [one.field for one in Job._meta.get_fields(include_hidden=True) if isinstance(one, ManyToOneRel)]


def _guarded(name: str, function: Callable[[], object]) -> None:
    try:
        function()
    except Exception:
        # One app's mistake must not stop the others' ticks.
        logger.exception("The tick %s failed", name)


def _take_turn() -> int | None:
    """The attempt number of this tick, or None. The turn is a job row that is never over, taken by a guarded update.

    Its ``rung_at`` says when the last tick began: potato_site.health tells its age.
    """
    now = timezone.now()
    row, _ = Job.objects.get_or_create(
        dedupe_key=TICK,
        state__in=Job.LIVE,
        defaults={"kind": TICK, "queue": Job.Queue.FAST, "due_at": now, "state": Job.State.QUEUED},
    )
    free = Q(state=Job.State.QUEUED) | Q(state=Job.State.RUNNING, lease_until__lt=now)
    taken = (
        _tick_row()
        .filter(free, attempt=row.attempt)
        .update(state=Job.State.RUNNING, attempt=row.attempt + 1, lease_until=lease_end(now), rung_at=now)
    )
    return row.attempt + 1 if taken else None


def _renew(turn: int) -> bool:
    """Whether the turn is still this tick's, for another lease."""
    mine = _tick_row().filter(attempt=turn, state=Job.State.RUNNING)
    return bool(mine.update(lease_until=lease_end(timezone.now())))


def _tick_row() -> QuerySet[Job]:
    return Job.objects.filter(dedupe_key=TICK, state__in=Job.LIVE)
