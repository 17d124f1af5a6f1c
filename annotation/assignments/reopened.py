"""What was submitted and is open for changes: a manager reopened it, or the person did. Nobody is given it: whoever it
is of finds it in the list of what is to be changed, and goes from one to the next."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from annotation.assignments import shares, states
from annotation.models import Assignment, Membership, Project


def to_change(project: Project, user: Any) -> QuerySet[Assignment]:
    """What waits for ``user`` in a project, what ends first before the others. Decisions wait elsewhere."""
    mine = Assignment.objects.labeling().filter(project=project, annotator=user, state=states.State.REOPENED)
    came = Membership.objects.filter(project=project, user=user, source=Membership.Source.PLATFORM).exists()
    if came:
        # What somebody had under the same name who need not be the same.
        mine = mine.filter(opened_at__gte=shares.own_from(project, user.pk))
    return mine.order_by("lease_until", "pk")


def until(assignment: Assignment, now: datetime) -> datetime | None:
    """When one that a manager reopened is over. None: by the person, and it is theirs as long as they are at it."""
    ends = assignment.lease_until
    return ends if ends is not None and ends - now > states.LEASE else None
