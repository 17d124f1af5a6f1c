"""What is going on in a project this minute. Every question is answered by an index, whatever the project's size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, Max, Q, QuerySet

from annotation.models import Assignment, Item, Project, Submission, Visit
from potato_site.jobs.models import Job
from potato_site.jobs.registry import title_of

State = Assignment.State
SHOWN, RECENT, JOBS_LOOKED_AT, JOBS_SHOWN = 30, 8, 300, 8
# Submissions since a count are counted up to here.
COUNTED = 1000
# No sign from the page for so long: the person has gone away with the item.
AWAY = timedelta(minutes=10)
# A worker that is there takes a job sooner.
TAKEN_WITHIN = timedelta(seconds=20)
FAILURES_FOR = timedelta(days=7)


@dataclass(frozen=True)
class AtWork:
    """Somebody with an item. ``condition`` is "overdue" (the lease ran out), "away" or ""."""

    annotator: str
    trace: str
    title: str
    state: str
    since: datetime | None
    lease_until: datetime | None
    last_seen_at: datetime | None
    condition: str


@dataclass(frozen=True)
class Waiting:
    """What lies with somebody who need not be there: items to be changed, and one that is kept for them. ``until`` the
    last lease ends."""

    user: int
    annotator: str
    reopened: int
    reserved: int
    until: datetime


@dataclass(frozen=True)
class Work:
    """A job of the project: "running", "queued", "waiting" (no worker took it), "retrying" or "failed"."""

    name: str
    state: str
    done: int
    total: int | None
    message: str
    error: str
    at: datetime
    count: int = 1


@dataclass(frozen=True)
class Live:
    at: datetime
    people: list[AtWork]
    more_people: bool
    waiting: list[Waiting]
    more_waiting: bool
    overdue: int
    jobs: list[Work]
    failed: int
    is_waiting: bool
    recent: list[Submission]
    # People from a crowd platform who labeled something, were told that there is no more, and got no code.
    stranded: int


def live(project: Project, now: datetime, shown: Callable[[str], Q] = lambda path: Q()) -> Live:
    """``shown``: which assignments are told of, by the path that leads to them (``access.work``)."""
    held = Assignment.objects.filter(shown(""), project=project, state__in=[State.RESERVED, State.OPEN, State.REOPENED])
    people = _at_work(held, now)
    waiting = _waiting(held, now)
    jobs = _jobs(project, now)
    return Live(
        at=now,
        people=people[:SHOWN],
        more_people=len(people) > SHOWN,
        waiting=waiting[:SHOWN],
        more_waiting=len(waiting) > SHOWN,
        overdue=_overdue(held, now),
        jobs=jobs[:JOBS_SHOWN],
        failed=sum(job.count for job in jobs if job.state == "failed"),
        is_waiting=any(job.state == "waiting" for job in jobs),
        recent=_recent(project, shown("assignment__")),
        stranded=Visit.objects.waiting().filter(recruit__project=project).count(),
    )


def submissions_since(project: Project, seq: int) -> int:
    """How many submissions came after a change counter; COUNTED stands for that many or more."""
    return len(Submission.objects.filter(project=project, seq__gt=seq).values_list("pk")[:COUNTED])


def _overdue(held: QuerySet[Assignment], now: datetime) -> int:
    return len(held.filter(lease_until__lt=now).values_list("pk")[:COUNTED])


def _at_work(held: QuerySet[Assignment], now: datetime) -> list[AtWork]:
    """Whose lease ends first stands first. One more than is shown, to tell whether there are more."""
    rows = held.filter(~Q(state=State.RESERVED), Q(state=State.OPEN) | _is_changed_now(now))
    rows = rows.order_by(F("lease_until").asc(nulls_last=True), "pk")
    rows = rows.annotate(name=F("annotator__username"), seen_at=F("presence__last_seen_at")).select_related(
        "item__trace_a", "item__trace_b", "item__a"
    )
    return [
        AtWork(
            row.name, row.item.called, row.item.title, row.state, row.opened_at, row.lease_until, row.seen_at,
            _condition(row, now),
        )
        for row in rows[: SHOWN + 1]
    ]  # fmt: skip


def _is_changed_now(now: datetime) -> Q:
    return Q(state=State.REOPENED, presence__last_seen_at__gte=now - AWAY)


def _waiting(held: QuerySet[Assignment], now: datetime) -> list[Waiting]:
    """A row for each person, the soonest end first; one more than is shown."""
    rows = held.filter(state__in=[State.REOPENED, State.RESERVED])
    counted = rows.exclude(_is_changed_now(now)).order_by().values_list("annotator", "annotator__username")
    found = counted.annotate(
        reopened=Count("pk", filter=Q(state=State.REOPENED)),
        reserved=Count("pk", filter=Q(state=State.RESERVED)),
        until=Max("lease_until"),
    )
    return [Waiting(*row) for row in found.order_by("until", "annotator__username")[: SHOWN + 1]]


def _condition(row: Any, now: datetime) -> str:
    if row.lease_until is not None and row.lease_until < now:
        return "overdue"
    return "away" if row.seen_at is None or row.seen_at < now - AWAY else ""


def _recent(project: Project, shown: Q) -> list[Submission]:
    current = Submission.objects.filter(shown, project=project, is_current=True).select_related(
        "assignment__item__trace_a", "assignment__item__trace_b", "assignment__item__a"
    )
    return list(current.annotate(name=F("assignment__annotator__username")).order_by("-seq")[:RECENT])


def _jobs(project: Project, now: datetime) -> list[Work]:
    """Live jobs, then the latest failures; the same work several times is one line."""
    jobs = Job.objects.filter(Q(project_id=project.pk) | Q(project_id=None)).order_by("-due_at")
    alive = jobs.filter(state__in=Job.LIVE)
    failed = jobs.filter(state=Job.State.FAILED, due_at__gte=now - FAILURES_FOR)
    found = [*alive[:JOBS_LOOKED_AT], *failed[:JOBS_LOOKED_AT]]
    versions = _versions(project, found)
    grouped: dict[tuple[str, str], Work] = {}
    for job in found:
        if not _is_of(job, project, versions):
            continue
        work = _work(job, now)
        before = grouped.get((work.name, work.state))
        if before is None:
            grouped[work.name, work.state] = work
        elif work.state != "running":
            grouped[work.name, work.state] = Work(**{**vars(before), "count": before.count + 1})
        else:
            grouped[work.name, f"{work.state} {job.pk}"] = work
    order = ("failed", "waiting", "retrying", "running", "queued")
    return sorted(grouped.values(), key=lambda work: order.index(work.state))


def _is_of(job: Job, project: Project, versions: set[int]) -> bool:
    if job.project_id is not None:
        return job.project_id == project.pk
    return job.params.get("dataset") == project.dataset_id or job.params.get("version") in versions


def _versions(project: Project, jobs: list[Job]) -> set[int]:
    """Of the trace versions that jobs name, those that are items of this project."""
    named = {job.params["version"] for job in jobs if isinstance(job.params.get("version"), int)}
    items = Item.objects.filter(Q(a__in=named) | Q(b__in=named), project=project)
    return {version for pair in items.values_list("a", "b") for version in pair if version} if named else set()


def _work(job: Job, now: datetime) -> Work:
    progress = job.progress
    return Work(
        name=title_of(job.kind),
        state=_state(job, now),
        done=progress.get("done") or 0,
        total=progress.get("total"),
        message=progress.get("message") or "",
        error=job.error.strip().splitlines()[0] if job.error.strip() else "",
        at=job.finished_at or job.created_at,
    )


def _state(job: Job, now: datetime) -> str:
    if job.state == Job.State.FAILED:
        return "failed"
    if job.state == Job.State.RUNNING:
        # Its worker was lost; the tick finds another one, if there is one.
        return "running" if job.lease_until is None or job.lease_until >= now else "waiting"
    if job.failures:
        return "retrying"
    return "waiting" if job.due_at < now - TAKEN_WITHIN else "queued"
