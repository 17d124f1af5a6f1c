"""Who could be given another item of a project now, as far as that depends on the person."""

from __future__ import annotations

from typing import NamedTuple

from django.db.models import Count, QuerySet

from annotation.assignments import screening
from annotation.models import Assignment, Membership, Project, Recruit, Visit
from annotation.models.querysets import NOT_DELIVERED
from annotation.projects.config import ProjectConfig
from annotation.projects.revisions import current


class Room(NamedTuple):
    """``left``: how many items more this person may have; None without a limit."""

    group: str
    left: int | None


def comes_from_outside(config: ProjectConfig) -> bool:
    """Whether people begin who are no members yet."""
    return config.recruitment.platform != "none" or config.allow_all_users


def at_work(project: Project, using: str = "default") -> QuerySet[Membership]:
    """The annotators who are handed out work, and whose labels count."""
    return Membership.objects.using(using).filter(
        project=project,
        role=Membership.Role.ANNOTATOR,
        state=Membership.State.ACTIVE,
        stage=Membership.Stage.PRODUCTION,
        is_excluded=False,
    )


def with_room(project: Project, using: str = "default") -> dict[int, str]:
    """User id → group, of who could be given another item."""
    return {user: room.group for user, room in rooms(project, using).items()}


def rooms(project: Project, using: str = "default") -> dict[int, Room]:
    """User id → room, of the annotators at work who are within their limit and did not fail the screening; of those
    whom a crowd platform sent, the ones who are at it now."""
    usual = current(project).instances_per_annotator
    rows = list(at_work(project, using).values_list("user_id", "group", "caps"))
    limits = {user: caps.get("items", usual) for user, _, caps in rows}
    taken = dict[int, int]()
    if any(limit is not None for limit in limits.values()):
        had = Assignment.objects.using(using).working().filter(project=project).exclude(state__in=NOT_DELIVERED)
        taken = dict(had.order_by().values_list("annotator").annotate(Count("pk")))
    sent = set(Recruit.objects.using(using).filter(project=project).values_list("user", flat=True))
    at_it = set(
        Visit.objects.using(using).under_way().filter(recruit__project=project).values_list("recruit__user", flat=True)
    )
    left = {user: None if limit is None else limit - taken.get(user, 0) for user, limit in limits.items()}
    able = {user for user, number in left.items() if number is None or number > 0}
    able -= (sent - at_it) | screening.failed_people(project, using)
    return {user: Room(group, left[user]) for user, group, _ in rows if user in able}
