"""The numbers of a project that a page shows without counting: kept in Statistic rows, with their age.

A job counts them when the project's change counter has moved on; ``request`` asks for it. Nothing here is counted in a
request: :func:`read` fetches a handful of small rows whatever the size of the project.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Count, F, OuterRef, QuerySet, Subquery
from django.utils import timezone

from annotation.assignments import groups, tie_breakers
from annotation.assignments.reach import out_of_reach
from annotation.assignments.stepless import in_vain, left_out
from annotation.models import Assignment, Gold, Item, Project, Statistic
from annotation.models.querysets import NOT_WORK
from annotation.quality.agreement import agreement_of
from annotation.quality.checked import Checked, checked_people
from annotation.quality.disagreement import Dispute, disputes_of
from annotation.quality.gold import in_use
from annotation.quality.ratings import Ratings, ratings_of
from annotation.quality.status import PersonStatus, status
from annotation.quality.straight import Straight, straight_people
from potato_site.jobs import enqueue
from potato_site.jobs.again import askable, rest_of
from potato_site.jobs.models import Job

if TYPE_CHECKING:
    # Elsewhere imported where it counts: NumPy is a sixth of the time that every command would take to start.
    from annotation.quality.pace import PersonPace
    from annotation.quality.pairs import Pair

JOB = "annotation.statistics"
DELAY_SECONDS = 2
# Not more often than this, nor before it has rested (potato_site.jobs.again).
EVERY = timedelta(minutes=1)
# People kept by name: those who were here last.
PEOPLE = 100

PROGRESS, PACE, AGREEMENT, PERCENT, COUNT = "progress", "pace", "agreement", "percent", "count"
SUBMITTED = "submitted"
# What there is to adjudicate: how much of it, and which items (a list that only its own page reads).
ADJUDICATION, DISPUTES = "adjudication", "disputes"
# Where the report of each metric of agreement is kept.
KIND_OF = {"krippendorff_alpha": AGREEMENT, "percent_agreement": PERCENT}


@dataclass(frozen=True)
class Stat:
    """Numbers as they were at change ``seq`` of the project. ``is_current``: nothing has changed since."""

    payload: dict[str, Any]
    seq: int
    computed_at: datetime
    is_current: bool


def read(project: Project) -> dict[str, Stat]:
    """Kind (``PROGRESS``, ``PACE``, …) → numbers. A kind that was never counted is not there."""
    rows = Statistic.objects.filter(project=project).exclude(kind=DISPUTES)
    return {row.kind: Stat(row.payload, row.seq, row.computed_at, row.seq == project.seq) for row in rows}


def disputes(project: Project) -> tuple[list[Dispute], set[int]]:
    """The items whose answers differ so far that somebody should decide, in item order, and those that an annotator is
    asked about once more before that; as last counted."""
    kept = Statistic.objects.filter(project=project, kind=DISPUTES).first()
    if kept is None:
        return [], set()
    # Of a project that is not open nobody is given anything.
    waiting = kept.payload.get("waiting", ()) if project.state == Project.State.OPEN else ()
    return [Dispute(*row) for row in kept.payload["items"]], set(waiting)


def finished(projects: Iterable[Project]) -> dict[int, dict[str, int]]:
    """Project → ``{"finished", "total"}`` items as last counted; a project that was never counted is not there."""
    rows = Statistic.objects.filter(project__in=[project.pk for project in projects], kind=PROGRESS)
    return {row.project_id: {key: row.payload["items"][key] for key in ("finished", "total")} for row in rows}


def request(project_id: int, delay_seconds: float = DELAY_SECONDS) -> Job:
    """Have it counted soon, once for many changes: a job row in the caller's transaction."""
    return enqueue(JOB, {"project": project_id}, dedupe_key=_key(project_id), delay_seconds=delay_seconds)


def request_after_commit(project_id: int) -> None:
    """As ``request``, once the caller's transaction is committed, so that nobody waits for the job's row who holds what
    this one is still to lock. Where a crash comes in between it is counted with the project's next change."""
    transaction.on_commit(partial(request, project_id), robust=True)


def _key(project_id: int) -> str:
    return f"{JOB}:{project_id}"


def compute(project: Project, *, check: Callable[[], None] = lambda: None, now: datetime | None = None) -> None:
    """Count everything and keep it. ``check`` is called before each part and while rows are read.

    What one part raises keeps no other from being kept; it is raised in the end, and the project is not counted again
    before it changes.
    """
    now, start = now or timezone.now(), time.monotonic()
    mark = _last_position([project.pk])[project.pk]
    parts = (
        lambda: _compute_people(project, check, now),
        lambda: _compute_agreement(project, check),
        lambda: _compute_disputes(project, check),
    )
    problems = []
    for part in parts:
        check()
        try:
            part()
        except Exception as problem:
            # Where it was the job itself that was lost, this says so again.
            check()
            problems.append(problem)
    seconds = round(time.monotonic() - start, 2)
    _keep(project, COUNT, project.seq, {"seconds": seconds, "last_position": mark})
    if problems:
        raise problems[0]


def _compute_people(project: Project, check: Callable[[], None], now: datetime) -> None:
    from annotation.quality.pace import pace_of

    report = status(project)
    check()
    with transaction.atomic(using="snapshot"):
        seen = Project.objects.using("snapshot").get(pk=project.pk)
        pace = pace_of(seen, using="snapshot", now=now, check=check)
        ids = _ids_of(person.username for person in report.people)
        submitted = submitted_by_person(seen, using="snapshot")
        check()
        checked = checked_people(seen, using="snapshot")
        check()
        straight = straight_people(seen, using="snapshot", check=check)
    timed = {name: pace.people.get(pk) for name, pk in ids.items()}
    by_name = [(person.username, person) for person in report.people]
    right = {name: checked.get(pk) for name, pk in ids.items()}
    same = {name: straight.get(pk) for name, pk in ids.items()}
    rows = (_person(one, ids.get(name), timed.get(name), right.get(name), same.get(name)) for name, one in by_name)
    people = sorted(rows, key=_latest_first)
    progress = report.as_json()
    progress["without_steps"], progress["in_vain"] = left_out(project).count(), in_vain(project).count()
    skipped = Item.objects.filter(project=project).to_label().skipped_by_several([project.pk])
    progress["often_skipped"] = skipped.count()
    progress["filled_in_vain"] = Item.objects.filter(project=project).filled_in_vain([project.pk]).count()
    progress["for_nobody"] = groups.for_nobody(project)
    void = Assignment.State.VOID
    known_void = Gold.objects.filter(item__project=project, taken_from__state=void)
    progress["known_void"] = in_use(known_void).count()
    progress["out_of_reach"] = asdict(out_of_reach(project))
    progress["n_people"], progress["people"] = len(people), people[:PEOPLE]
    whole = pace.as_json()
    del whole["people"]
    _keep(project, PROGRESS, report.seq, progress)
    _keep(project, PACE, seen.seq, whole)
    _keep(project, SUBMITTED, seen.seq, {str(pk): count for pk, count in submitted.items()})


def _compute_disputes(project: Project, check: Callable[[], None]) -> None:
    with transaction.atomic(using="snapshot"):
        seen = Project.objects.using("snapshot").get(pk=project.pk)
        found = disputes_of(seen, using="snapshot", check=check)
        made = Assignment.objects.using("snapshot").deciding().delivered().counting().filter(project=seen)
        made = made.filter(item__in=Item.objects.using("snapshot").present().filter(project=seen))
        decided = set(made.values_list("item", flat=True))
        waiting = tie_breakers.waiting(seen, using="snapshot") - decided
    left = sum(one.item not in decided | waiting for one in found)
    _keep(project, DISPUTES, seen.seq, {"items": [list(one) for one in found], "waiting": sorted(waiting)})
    _keep(project, ADJUDICATION, seen.seq, {"to_decide": left, "decided": len(decided), "asked": len(waiting)})


def submitted_by_person(project: Project, using: str = "default") -> dict[int, int]:
    """User id → what they delivered of the project's work. Counted in indexes: no row is read."""
    delivered = Assignment.objects.using(using).delivered().filter(project=project)
    found = Counter(_by_person(delivered))
    # One after the other: each has an index of its own.
    for purpose in NOT_WORK:
        found -= Counter(_by_person(delivered.filter(purpose=purpose)))
    return dict(found)


def _by_person(assignments: QuerySet[Assignment]) -> dict[int, int]:
    return dict(assignments.values("annotator").annotate(done=Count("*")).values_list("annotator", "done"))


def _ids_of(names: Iterable[str]) -> dict[str, int]:
    users = get_user_model().objects.using("snapshot")
    found: dict[str, int] = {}
    wanted = list(names)
    for start in range(0, len(wanted), 500):
        found.update(users.filter(username__in=wanted[start : start + 500]).values_list("username", "pk"))
    return found


def _person(
    person: PersonStatus,
    pk: int | None,
    timed: PersonPace | None,
    checked: Checked | None,
    straight: Straight | None,
) -> dict[str, Any]:
    """A row of the table of people. (Their schemes are for the command.)"""
    from annotation.quality.pace import PersonPace

    row = {**asdict(person), **asdict(timed or PersonPace(0, 0, None)), "submitted": person.submitted}
    row["user"] = pk
    row["checked"] = asdict(checked) if checked else None
    row["straight"] = asdict(straight) if straight else None
    del row["schemes"]
    return row


def _latest_first(row: dict[str, Any]) -> tuple[bool, Any, str]:
    """Who was here last first, then the others by name."""
    seen = row["last_seen_at"]
    return (not seen, -datetime.fromisoformat(seen).timestamp() if seen else 0, row["username"])


def _compute_agreement(project: Project, check: Callable[[], None]) -> None:
    with transaction.atomic(using="snapshot"):
        seen = Project.objects.using("snapshot").get(pk=project.pk)
        ratings = ratings_of(seen, using="snapshot", check=check)
    for metric, kind in KIND_OF.items():
        report = agreement_of(seen, ratings, metric, check=check).as_json()
        more = {"pairs": _pairs(ratings)} if kind == AGREEMENT else {}
        _keep(project, kind, seen.seq, {**report, **more})


def _pairs(ratings: list[Ratings]) -> list[dict[str, Any]]:
    """Of the most telling measure of each scheme, who agrees with whom, by name."""
    from annotation.quality.pairs import pairs_of

    leading: dict[str, Ratings] = {}
    for one in ratings:
        leading.setdefault(one.scheme, one)
    found = {name: pairs_of(one) for name, one in leading.items()}
    names = _names_of(pair for pairs in found.values() for pair in pairs)
    return [
        {
            "scheme": name,
            "measure": leading[name].measure.name,
            "pairs": [{**asdict(pair), "first": names[pair.first], "second": names[pair.second]} for pair in pairs],
        }
        for name, pairs in found.items()
        if pairs
    ]


def _names_of(pairs: Iterable[Pair]) -> dict[int, str]:
    ids = {pk for pair in pairs for pk in (pair.first, pair.second)}
    return dict(get_user_model().objects.filter(pk__in=ids).values_list("pk", "username"))


def _keep(project: Project, kind: str, seq: int, payload: dict[str, Any]) -> None:
    Statistic.objects.update_or_create(project=project, kind=kind, defaults={"seq": seq, "payload": payload})


# --- When it is counted again --------------------------------------------------------------------------------


def due(now: datetime | None = None) -> list[int]:
    """The projects whose numbers are behind, and that were not counted just now or are being counted.

    One that could not be counted rests for an hour (potato_site.jobs.again)."""
    now = now or timezone.now()
    counted = {row.project_id: row for row in Statistic.objects.filter(kind=COUNT)}
    behind = [
        project.pk
        for project in _with_last_position(_counted()).order_by("pk")
        if _is_behind(project, counted.get(project.pk), now)
    ]
    free = askable([_key(project_id) for project_id in behind])
    return [project_id for project_id in behind if _key(project_id) in free]


def _counted() -> QuerySet[Project]:
    return Project.objects.exclude(revision=None).exclude(state=Project.State.PURGING)


def _is_behind(project: Any, counted: Statistic | None, now: datetime) -> bool:
    if counted is None:
        return True
    if (counted.seq, counted.payload["last_position"]) == (project.seq, project.last_position):
        return False
    return now - counted.computed_at >= max(EVERY, rest_of(counted.payload))


def _with_last_position(projects: QuerySet[Project]) -> QuerySet[Any]:
    """Items come without a change of ``seq``; the last one's position tells, and an index answers."""
    last = Item.objects.filter(project=OuterRef("pk")).order_by("-position").values("position")[:1]
    return projects.annotate(last_position=Subquery(last)).only("pk", "seq")


def _last_position(ids: list[int]) -> dict[int, int | None]:
    found = _with_last_position(Project.objects.filter(pk__in=ids))
    return dict(found.values_list("pk", F("last_position")))
