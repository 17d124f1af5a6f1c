"""Who could be given another item of a project now, as far as that depends on the person."""

from __future__ import annotations

from django.db.models import Count

from annotation.assignments import screening
from annotation.models import Assignment, Membership, Project, Recruit, Visit
from annotation.models.querysets import NOT_DELIVERED
from annotation.projects.revisions import current


def with_room(project: Project, using: str = "default") -> dict[int, str]:
    """User id → group, of the annotators at work whose labels count, who are within their limit and did not fail the
    screening; of those whom a crowd platform sent, the ones who are at it now."""
    members = Membership.objects.using(using).filter(
        project=project,
        role=Membership.Role.ANNOTATOR,
        state=Membership.State.ACTIVE,
        stage=Membership.Stage.PRODUCTION,
        is_excluded=False,
    )
    usual = current(project).instances_per_annotator
    rows = list(members.values_list("user_id", "group", "caps"))
    limits = {user: caps.get("items", usual) for user, _, caps in rows}
    taken = dict[int, int]()
    if any(limit is not None for limit in limits.values()):
        had = Assignment.objects.using(using).working().filter(project=project).exclude(state__in=NOT_DELIVERED)
        taken = dict(had.order_by().values_list("annotator").annotate(Count("pk")))
    sent = set(Recruit.objects.using(using).filter(project=project).values_list("user", flat=True))
    at_it = set(
        Visit.objects.using(using).under_way().filter(recruit__project=project).values_list("recruit__user", flat=True)
    )
    able = {user for user, limit in limits.items() if limit is None or taken.get(user, 0) < limit}
    able -= (sent - at_it) | screening.failed_people(project, using)
    return {user: group for user, group, _ in rows if user in able}
